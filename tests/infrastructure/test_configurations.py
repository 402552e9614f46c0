"""The configurations that stand beside the sample application are formatted, and valid where their provider is at hand."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.terraform_places import needs_terraform

pytestmark = needs_terraform

BLOTTR = Path(__file__).parents[2] / "applications/blottr"
MIRRORS = [Path(os.environ.get("CONTINUITY_TEST_PROVIDERS", "/nowhere")), Path(os.environ.get("TF_PLUGIN_CACHE_DIR", "/nowhere"))]
MIRRORS += [
    Path.home() / ".terraform.d/plugins",
    Path("/usr/local/share/terraform/plugins"),
    Path("/usr/share/terraform/plugins"),
]


def terraform(folder, *words, **variables):
    return subprocess.run(
        ["terraform", f"-chdir={folder}", *words], env=os.environ | variables, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["terraform", "terraform-aws"])
def test_a_configuration_is_formatted(name):
    assert terraform(BLOTTR / name, "fmt", "-check", "-recursive", "-diff").stdout == ""


def test_the_configuration_for_aws_is_valid(tmp_path):
    mirror = next((each for each in MIRRORS if any(each.glob("registry.terraform.io/hashicorp/aws/*"))), None)
    if mirror is None:
        pytest.skip("no AWS provider on this machine: CONTINUITY_TEST_PROVIDERS names a folder with one")
    folder, own = tmp_path / "configuration", {"TF_DATA_DIR": str(tmp_path / "data"), "TF_CLI_ARGS_init": ""}
    shutil.copytree(BLOTTR / "terraform-aws", folder)

    prepared = terraform(folder, "init", "-backend=false", "-input=false", f"-plugin-dir={mirror}", **own)
    validated = terraform(folder, "validate", "-json", **own)

    assert prepared.returncode == 0, prepared.stderr
    assert '"valid": true' in validated.stdout
