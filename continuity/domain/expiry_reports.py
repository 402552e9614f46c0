"""What a person is told of an expiry: how much goes, then each point with its reason."""

from collections.abc import Sequence

from continuity.domain.reports import markdown_table, size
from continuity.domain.retention import Decision


def expiry_line(decisions: Sequence[Decision], *, carried_out: bool) -> str:
    """Say in one line how much goes and how much stays."""
    going = [each for each in decisions if not each.keep]
    freed = sum(each.state.manifest.stored_bytes for each in going)
    verb = "expired" if carried_out else "would expire"
    return f"{len(going)} of {len(decisions)} points {verb} ({size(freed)}), {len(decisions) - len(going)} stay"


def decision_row(decision: Decision) -> dict[str, str]:
    """Return a decision as a row of a table, in words."""
    manifest = decision.state.manifest
    return {
        "recovery point": manifest.id,
        "decision": "stays" if decision.keep else "goes",
        "because": decision.because,
        "verdict": decision.state.verdict,
        "size": size(manifest.stored_bytes),
    }


def expiry_markdown(decisions: Sequence[Decision], *, carried_out: bool, remarks: Sequence[str]) -> str:
    """Write the report of an expiry: what needs a look before the points themselves."""
    parts = [f"# {expiry_line(decisions, carried_out=carried_out)}"]
    if not carried_out:
        parts.append("**Nothing was changed:** this was a dry run. Start it again with *carry out* ticked.")
    if remarks:
        parts += ["## To look at", "\n".join(f"- {each}" for each in remarks)]
    going = {str(each.point): each.because for each in decisions if not each.keep}
    if going:
        parts += ["## What goes", markdown_table(going)]
    return "\n\n".join(parts)
