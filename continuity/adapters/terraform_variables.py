"""Which variables of this process terraform may see, and which are ours to set."""

import logging
import os
import shlex
from fnmatch import fnmatchcase
from pathlib import Path

from continuity.adapters.programs import child_environment
from continuity.errors import ConfigurationRefused
from continuity.recovery_settings import TerraformSection

logger = logging.getLogger(__name__)

PASSED_VARIABLES = (
    *("TF_VAR_*", "TF_HTTP_*", "TF_TOKEN_*", "TF_CLI_ARGS_init", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"),
    *("AWS_*", "GOOGLE_*", "CLOUDSDK_*", "ARM_*", "AZURE_*", "CONSUL_*", "VAULT_*", "KUBE_*", "KUBECONFIG", "PG*"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""Variables of this process that terraform, its backends and its providers may see. TF_LOG is none: it would write secrets."""


def variables_for(section: TerraformSection, folder: Path) -> dict[str, str]:
    """Return the variables of terraform's process. Of its own arguments only the backend's settings come from outside.

    Raises:
        ConfigurationRefused: TF_CLI_ARGS_init says more than these.

    """
    passed = (*PASSED_VARIABLES, *section.variables)
    given = {name: value for name, value in os.environ.items() if any(fnmatchcase(name, each) for each in passed)}
    for word in shlex.split(given.get("TF_CLI_ARGS_init", "")):
        if not word.startswith("-backend-config="):
            raise ConfigurationRefused(
                "TF_CLI_ARGS_init says more than the backend's settings", hint="Only -backend-config=NAME=VALUE is taken there."
            )
    if dropped := sorted(name for name in os.environ if name.startswith("TF_CLI_ARGS") and name != "TF_CLI_ARGS_init"):
        logger.warning("not passed to terraform, whose arguments are ours alone: %s", ", ".join(dropped))
    ours = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
    return child_environment(given | ours | {"TF_WORKSPACE": section.workspace, "TF_DATA_DIR": str(folder / "data")})
