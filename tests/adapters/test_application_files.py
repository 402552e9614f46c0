"""application.toml: what it may say, and that nothing else goes unnoticed."""

from pathlib import Path

import pytest

from continuity.adapters.application_files import load_application
from continuity.domain.application import FlagSource, FlagTable, WorkloadRef
from continuity.errors import ConfigurationRefused

APPLICATIONS = Path(__file__).parents[2] / "applications"
LEAST = 'name = "shop"\n[database]\nname = "shop"\n'
WORKLOAD = '[[workload]]\nname = "shop-web"\nnamespace = "shop"\ncontainers = ["web"]\n'


@pytest.fixture
def described(tmp_path: Path):
    def write(more: str):
        (tmp_path / "shop").mkdir(exist_ok=True)
        (tmp_path / "shop" / "application.toml").write_text(LEAST + more)
        return load_application(tmp_path, "shop")

    return write


def test_blottr_names_its_workload_its_flags_and_how_a_release_is_built() -> None:
    blottr = load_application(APPLICATIONS, "blottr")

    assert blottr.workloads == (WorkloadRef(namespace="blottr", name="blottr-app", containers=("blottr",)),)
    names = ("roleBasedAuth", "businessEntities", "portfolioUploads", "bookingSystem")
    assert blottr.flags == FlagSource(namespace="blottr", config_map="blottr-flags", names=names)
    assert "docker build --tag registry.example/blottr:{tag}" in blottr.release.build_command[-1]
    assert blottr.release.repository is None
    assert blottr.uses_cluster


def test_a_repository_is_named_relative_to_the_applications_folder(described, tmp_path) -> None:
    release = '[release]\ntag_pattern = "v*"\nrepository = "{}"\n'

    assert described(release.format("../source")).release.repository == tmp_path.resolve() / "source"
    assert described(release.format("/srv/shop")).release.repository == Path("/srv/shop")


def test_an_application_need_not_run_on_a_cluster(described) -> None:
    assert not described("").uses_cluster


def test_several_workloads_may_belong_to_an_application(described) -> None:
    worker = WORKLOAD.replace("shop-web", "shop-worker")

    assert [str(each) for each in described(WORKLOAD + worker).workloads] == ["shop/shop-web", "shop/shop-worker"]


def test_flags_in_a_table_need_no_cluster(described) -> None:
    shop = described('[flags]\ntable = "public.feature_flags"\nvalue_column = "on"\nnames = ["desk"]\n')

    assert shop.flags == FlagTable(table="public.feature_flags", value_column="on", names=("desk",))
    assert not shop.uses_cluster


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (WORKLOAD + "replica = 3\n", "replica is not known"),
        (WORKLOAD.replace('containers = ["web"]', "containers = []"), "containers"),
        (WORKLOAD.replace("shop-web", "Shop Web"), "name"),
        (WORKLOAD + WORKLOAD, "names the workload shop/shop-web twice"),
        ('[flags]\nconfig_map = "flags"\n', "configmap 'flags' needs its `namespace`"),
        ('[flags]\nconfig_map = "a"\nnamespace = "b"\ntable = "c"\n', "configmap 'a' or table 'c', not both"),
        ('[flags]\nkey = "flags.json"\n', "neither `config_map` (with its `namespace`) nor `table`"),
        ('[flags]\ntable = "flags"\nkey = "flags.json"\n', "`key` has no meaning for a table"),
        ('[flags]\nconfig_map = "a"\nnamespace = "b"\nname_column = "c"\n', "`name_column` has no meaning for a configmap"),
        ('[release]\ntag = "v*"\n', "tag_pattern"),
        ('[release]\ntag_pattern = "v*"\nrepository = "--upload-pack=x"\n', "repository"),
    ],
)
def test_a_description_that_could_be_misread_is_refused(described, more, message) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        described(more)

    assert message in refused.value.message + refused.value.detail
