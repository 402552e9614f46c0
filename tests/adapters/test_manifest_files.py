"""Manifests are read as the cluster's own tools read them, and what is wrong is named without its content."""

import pytest

from continuity.adapters.manifest_files import read_manifests
from continuity.errors import ConfigurationRefused

CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {SINCE: 2026-01-01, MODE: "on"}
"""


def written(directory, **files: str):
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text)
    return read_manifests(directory)


def test_documents_lists_and_folders_are_read_in_order_and_a_day_stays_a_text(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "more.yml").write_text("---\n# nothing\n---\n" + CONFIG.replace("settings", "more"))
    service = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}}"

    manifests = written(tmp_path, app=f"{CONFIG}---\n{{apiVersion: v1, kind: List, items: [{service}]}}")

    assert [(str(each), each.source) for each in manifests] == [
        ("ConfigMap shop/settings", "app.yaml, document 1"),
        ("Service shop/web", "app.yaml, document 2"),
        ("ConfigMap shop/more", "base/more.yml, document 2"),
    ]
    assert manifests[0].content["data"] == {"SINCE": "2026-01-01", "MODE": "on"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data: [canary-7f3a", r"app\.yaml, line \d+ is not valid YAML"),
        ("data: {x: canary-7f3a, x: 1}", "line 1 is not valid YAML"),
        ("!!python/object/apply:os.system [canary-7f3a]", "line 1 is not valid YAML"),
        ("just canary-7f3a", "document 1 is no object of Kubernetes"),
        ("{apiVersion: v1, kind: Secret, metadata: {generateName: canary-7f3a}}", "document 1 is no object of Kubernetes"),
        ("{apiVersion: v1, kind: Secret, metadata: {name: x}, data: !!set {canary-7f3a}}", "document 1 holds what is no JSON"),
        (f"{CONFIG}---\n{CONFIG}", "ConfigMap shop/settings stands twice, in app.yaml, document 1 and app.yaml, document 2"),
        ("", "holds no manifests"),
    ],
)
def test_what_cannot_be_applied_is_named_by_its_place_alone(tmp_path, text, said):
    with pytest.raises(ConfigurationRefused, match=said) as refused:
        written(tmp_path, app=text)

    assert "canary-7f3a" not in f"{refused.value.message}{refused.value.detail}"


def test_a_kustomization_has_to_be_built_first(tmp_path):
    with pytest.raises(ConfigurationRefused, match="holds a kustomization"):
        written(tmp_path, app=CONFIG, kustomization="resources: [app.yaml]")
