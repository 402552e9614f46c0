"""The tables of the environment that a recovery reads: infrastructure, what no point holds, and how visitors come back."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from continuity.sections import BaseUrl, Place, Section

_ObjectName = Annotated[str, Field(pattern=r"^([a-z0-9][-a-z0-9.]*/[a-z0-9][-a-z0-9.]*)?$")]


class RecoverySection(Section):
    """What standing an application up again takes, and no recovery point can hold."""

    passwords: dict[str, Place] = {}  # noqa: RUF012 -- as above
    """Where the passwords of roles are, by role: `env:VARIABLE` or `file:/path`."""
    without_password: tuple[str, ...] = ()
    """Roles that are made although no password of theirs is at hand: they sign in when somebody has given them one."""
    old_dsn: SecretStr | None = None
    """The server that served before: its database is closed before all traffic comes here, so that no two are written to."""
    manifests: Path | None = None
    """Folder with what the application is on a cluster, as YAML: applied wave by wave, with the point's images by digest."""
    rehearsal_namespace: Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")] = ""
    """Namespace that a rehearsal makes for the manifests, standing still, and deletes again; without it they are left out."""
    output: Path | None = None
    """Folder for what people work with meanwhile: lists for the manual fallback, the notice to customers."""


class OutputsSection(Section):
    """Which outputs of the configuration say where the steps behind it go. Each is the name of an output; none may be sensitive.

    What an output says takes the place of what the environment says; credentials stay those of the environment.
    """

    database_host: str = ""
    """The host of `[database] dsn` and `[rollback] dsn`."""
    database_port: str = ""
    """Their port."""
    media_bucket: str = ""
    """`[media] bucket`."""
    kubeconfig: str = ""
    """`[cluster] kubeconfig`: a path, relative to the configuration's folder."""
    context: str = ""
    """`[cluster] context`."""

    @property
    def named(self) -> dict[str, str]:
        """The outputs that are named, by what they say."""
        return {setting: output for setting, output in self.model_dump().items() if output}


class TerraformSection(Section):
    """How infrastructure is made: a configuration of terraform, whose binary is on the path.

    Secrets and the backend's settings are variables of this process (TF_VAR_…, AWS_…, TF_CLI_ARGS_init), never part of this file.
    """

    directory: Path
    """Folder with the root module. It has to be writable: terraform keeps there a state that it could not store."""
    var_file: Path | None = None
    """Values of variables, as given to `-var-file`; no secrets."""
    workspace: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "default"
    """Workspace of the state."""
    lock_wait_seconds: Annotated[int, Field(ge=0)] = 300
    """How long to wait for somebody else's lock of the state, which is never forced."""
    plan_minutes: Annotated[float, Field(gt=0)] = 15
    """How long init, plan and show may take each."""
    apply_minutes: Annotated[float, Field(gt=0)] = 90
    """How long an apply may take before it is asked to stop, as by Ctrl-C."""
    variables: tuple[str, ...] = ()
    """Names of further variables of this process that providers need; a final * stands for any ending."""
    outputs: OutputsSection = OutputsSection()
    """Which outputs say where the server, the bucket and the cluster are that this configuration makes."""
    work_directory: Path | None = None
    """Folder for plan files, which hold secrets, and for providers; default: below the user's state folder."""


class ShiftSection(Section):
    """What divides visitors between a recovered side and the rest: a route, a canary ingress, or a command of one's own."""

    route: _ObjectName = ""
    """HTTPRoute as `namespace/name`, in whose rules `backend` and others have weights (Gateway API)."""
    backend: str = ""
    """Service that is the recovered side, as the route names it."""
    ingress: _ObjectName = ""
    """Canary Ingress of ingress-nginx as `namespace/name`; what it points to is the recovered side."""
    set_command: tuple[str, ...] = ()
    """Program with its arguments that gives the recovered side `{percent}` of the visitors, by DNS weights for instance."""
    read_command: tuple[str, ...] = ()
    """Program with its arguments whose last line says the percentage that the recovered side gets now."""
    command_deadline_seconds: Annotated[float, Field(gt=0)] = 60
    """How long either program may take."""
    url: BaseUrl
    """Base address at which the recovered side alone is reached: through that of users the others would answer as well."""
    rungs: Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1)] = (10, 25, 50, 100)
    """Percentages by which traffic comes back."""
    hold_seconds: Annotated[float, Field(ge=0)] = 120
    """How long each of them is held and watched."""
    interval_seconds: Annotated[float, Field(gt=0)] = 10
    """How often it is looked at meanwhile: so long at the most until traffic is back at zero."""
    settle_seconds: Annotated[float, Field(ge=0)] = 30
    """For how long after a step a number may be missing; later that counts as bad."""
    most_latency_seconds: Annotated[float, Field(gt=0)] = 1
    """How long answers may take."""
    error_rate: str = ""
    """Query to Prometheus whose value is the part of its answers that are errors; by default that of `[prometheus]`."""
    latency: str = ""
    """Query to Prometheus whose value is its latency in seconds; by default our own requests tell it."""

    @model_validator(mode="after")
    def _one_way(self) -> "ShiftSection":
        ways = [name for name in ("route", "ingress", "set_command") if getattr(self, name)]
        if len(ways) != 1:
            raise ValueError(f"exactly one of route, ingress and set_command is to be set, not {len(ways)}")
        if bool(self.route) != bool(self.backend):
            raise ValueError("route and backend belong together")
        if bool(self.set_command) != bool(self.read_command):
            raise ValueError("set_command and read_command belong together")
        if list(self.rungs) != sorted(set(self.rungs)):
            raise ValueError("rungs have to rise")
        return self
