"""What the infrastructure tells the steps behind it: where the server, the bucket and the cluster are that it makes. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from continuity.domain.checks import Check
from continuity.domain.infrastructure import InfrastructurePlan
from continuity.errors import UnsafeOperation

SERVER = ("database_host", "database_port")
CLUSTER = ("kubeconfig", "context")
BUCKET = ("media_bucket",)
LAST_PORT = 65_535


@dataclass(frozen=True, kw_only=True)
class Made:
    """What of the places of a recovery the infrastructure says by now, and what only once it has been made."""

    known: Mapping[str, Any] = field(default_factory=dict)
    """Values by what they say: `database_host`, …"""
    awaited: Mapping[str, str] = field(default_factory=dict)
    """Names of outputs by what they will say."""

    def awaits(self, *settings: str) -> str:
        """Name the outputs that will say one of these, or "" where all of it is known already."""
        return " and ".join(self.awaited[each] for each in settings if each in self.awaited)


def made_by(plan: InfrastructurePlan, wanted: Mapping[str, str]) -> Made:
    """Divide the wanted outputs, by what they say, into those that are known and those that the plan has to make first.

    Known is what the state holds and the plan does not change: what it was made for can be looked at before anything is done.
    """
    return Made(
        known={setting: plan.settled[output] for setting, output in wanted.items() if output in plan.settled},
        awaited={setting: output for setting, output in wanted.items() if output not in plan.settled},
    )


def check_outputs(plan: InfrastructurePlan, wanted: Mapping[str, str]) -> Iterator[Check]:
    """Say which wanted outputs can never be used: those that the configuration does not have, and those that are secret."""
    absent = [output for output in wanted.values() if output not in plan.outputs]
    secret = [output for output in wanted.values() if plan.outputs.get(output)]
    if absent or secret:
        said = [f"there is no output {name}" for name in absent] + [f"output {name} is sensitive" for name in secret]
        yield Check(
            name="outputs of the infrastructure",
            passed=False,
            detail="; ".join(said),
            hint="Correct `[terraform.outputs]`: what is named there goes into the journal, so it must be no secret.",
        )


def told_by(outputs: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the wanted outputs, by what they say.

    Raises:
        UnsafeOperation: one says nothing, or nothing that can be a host, a port, or a name.

    """
    told = {setting: outputs.get(output) for setting, output in wanted.items()}
    wrong = [
        f"output {wanted[setting]} is no {setting.replace('_', ' ')}" for setting in told if not _fits(setting, told[setting])
    ]
    if wrong:
        raise UnsafeOperation(
            f"the infrastructure does not say where it is: {wrong[0]}",
            detail="\n".join(wrong),
            hint="Correct the configuration's outputs, or `[terraform.outputs]`; what was made stays.",
        )
    return told


def _fits(setting: str, value: Any) -> bool:
    if setting == "database_port":
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        return isinstance(number, int) and not isinstance(number, bool) and 0 < number <= LAST_PORT
    return isinstance(value, str) and value != "" and not any(each.isspace() or each == "\0" for each in value)
