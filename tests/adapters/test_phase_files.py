"""phases.toml: what it may say, and that what the application does not have is refused."""

from pathlib import Path

import pytest

from continuity.adapters.application_files import load_application
from continuity.domain.phases import PhaseCode, PhaseService, find_phase
from continuity.errors import ConfigurationRefused

APPLICATIONS = Path(__file__).parents[2] / "applications"
DIGEST = f"sha256:{'a' * 64}"
APPLICATION = (
    'name = "shop"\n[database]\nname = "shop"\n[media]\nbucket = "shop-media"\n'
    '[[workload]]\nname = "web"\nnamespace = "shop"\ncontainers = ["app"]\n'
    '[flags]\nconfig_map = "flags"\nnamespace = "shop"\nnames = ["checkout", "search"]\n'
)


@pytest.fixture
def described(tmp_path: Path):
    def write(phases: str, application: str = APPLICATION):
        (tmp_path / "shop").mkdir(exist_ok=True)
        (tmp_path / "shop/application.toml").write_text(application)
        (tmp_path / "shop/phases.toml").write_text(phases)
        return load_application(tmp_path, "shop")

    return write


def test_blottr_was_built_in_four_phases_each_behind_its_flag() -> None:
    phases = load_application(APPLICATIONS, "blottr").phases

    assert {phase.name: phase.flags for phase in phases} == {
        "authentication": ("roleBasedAuth",),
        "business-core": ("businessEntities",),
        "content": ("portfolioUploads",),
        "booking": ("bookingSystem",),
    }
    assert find_phase(phases, "booking").code == PhaseCode(
        ref="v1.3.0", files=("app/services/booking_service.ts", "app/services/notification_service.ts")
    )
    assert find_phase(phases, "content").media == ("tattoos/",)
    assert "public.users.avatar_url" in find_phase(phases, "authentication").columns


def test_an_application_need_not_have_phases() -> None:
    assert load_application(APPLICATIONS, "guestbook").phases == ()
    with pytest.raises(ConfigurationRefused, match="no phase 'booking'"):
        find_phase((), "booking")


def test_a_service_is_an_image_or_replicas_of_a_workload(described) -> None:
    service = '[[phase]]\nname = "one"\n[[phase.service]]\nworkload = "web"\n'

    image = described(f'{service}container = "app"\nimage = "shop@{DIGEST}"\n').phases[0].services
    replicas = described(f"{service}replicas = 0\n").phases[0].services

    assert image == (PhaseService(workload="shop/web", container="app", image=f"shop@{DIGEST}"),)
    assert replicas == (PhaseService(workload="shop/web", replicas=0),)


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        ('table = ["a.b"]', "table is not known, did you mean 'tables'?"),
        ("", "it names nothing"),
        ('flags = ["chekout"]', "flag 'chekout', which the application does not have, did you mean 'checkout'?"),
        ('[[phase.service]]\nworkload = "wep"\nreplicas = 1', "workload 'wep', which the application does not have"),
        (f'[[phase.service]]\nworkload = "web"\ncontainer = "ap"\nimage = "x@{DIGEST}"', "container 'ap' of web"),
        ('[[phase.service]]\nworkload = "web"\ncontainer = "app"\nimage = "x:1"', "named by its digest"),
        ('[[phase.service]]\nworkload = "web"\n', "either an `image` or `replicas`"),
        ('[phase.code]\nref = "--output=x"\nfiles = ["a"]', "'--output=x' names no commit"),
        ('[phase.code]\nref = "v1"\nfiles = ["../a"]', "no path inside the repository"),
        ('[phase.code]\nref = "v1"\nfiles = ["-a"]', "looks like an option"),
        ('flags = ["search"]\n[[phase]]\nname = "one"\nflags = ["search"]', "two phases of the name 'one'"),
    ],
)
def test_a_phase_that_could_be_misread_is_refused(described, phase, message) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        described(f'[[phase]]\nname = "one"\n{phase}\n')

    assert message in refused.value.message + refused.value.detail


@pytest.mark.parametrize(
    ("phase", "section", "message"),
    [('flags = ["a"]', "[flags]", "switches flags off"), ('media = ["a/"]', "[media]", "the application no bucket")],
)
def test_a_phase_needs_what_the_application_describes(described, phase, section, message) -> None:
    parts = [part for part in APPLICATION.replace("\n[", "\n\n[").split("\n\n") if not part.startswith(section)]

    with pytest.raises(ConfigurationRefused, match=message):
        described(f'[[phase]]\nname = "one"\n{phase}\n', "\n".join(parts))
