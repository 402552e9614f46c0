"""Automations on a Prefect server: what it does by itself when runs stop, fail or do not come.

An open-source server can start a deployment and change a run's state by itself; webhooks and messages would need blocks with
secrets in them. So each of these leads to one of the two: what people are told comes from metrics and pings, which also
speak when this server is gone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, RunDeployment
from prefect.events.filters import AutomationFilter, AutomationFilterName
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from continuity.domain.incidents import State as Standing
from continuity.domain.run import Outcome
from continuity.domain.verdict import Judgement
from deployments.offers import HEARTBEAT_SECONDS, OFFERS, TAG
from deployments.serving import Change, ChangeKind

NOWHERE = UUID(int=0)
"""Stands for a deployment that is not there yet: in a dry run."""
HEARTBEAT = "prefect.flow-run.heartbeat"
CRASHED = "prefect.flow-run.Crashed"
RUNS = ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]})

UNSUCCESSFUL = ("Failed", "Crashed", "TimedOut", "Cancelled")
OWN = ("Stored", "Expired", "DryRun", "AsWanted", "NothingOpen", "Held")


def _state(word: str) -> str:
    """Return the name of the state that a flow ends in for a judgement or an outcome."""
    return word.title().replace(" ", "")


ENDINGS = frozenset({"Completed", *UNSUCCESSFUL, *OWN, *(_state(each.value) for each in (*Judgement, *Outcome, *Standing))})
"""Every name under which a run of ours ends: events are called by the name of a state, and not by its type."""
BACKED_UP = frozenset({"Completed", "Stored", _state(Judgement.SOUND), _state(Judgement.UNHEALTHY)})
DRILL_FAILED = frozenset({"Failed", "Crashed", "TimedOut", _state(Judgement.UNFAITHFUL), _state(Judgement.NOT_PROVEN)})


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long is waited before something is missing, and how often it is answered at most."""

    backup: timedelta = timedelta(hours=26)
    heartbeat: timedelta = timedelta(seconds=5 * HEARTBEAT_SECONDS)
    between_drills: timedelta = timedelta(hours=12)
    """A drill that fails again meanwhile leads to no further backup."""
    between_resumes: timedelta = timedelta(minutes=2)
    """A run that crashes at once whenever it is gone on with is not gone on with for ever."""


def name_of(prefix: str, application: str, automation: str) -> str:
    """Return what an application's automation is called on the server."""
    return f"{prefix}{application}-{automation}"


AUTOMATIONS = ("zombie-runs", "missed-backup", "failed-drill", "interrupted-run")


def automations_of(
    application: str, deployments: Mapping[str, UUID], *, prefix: str = "", patience: Patience | None = None
) -> tuple[AutomationCore, ...]:
    """Return the automations of an application, whose deployments are given by the names of their offers."""
    wait = patience or Patience()
    journaled = [deployments[offer.name] for offer in OFFERS if offer.journaled]
    zombies = EventTrigger(
        after={HEARTBEAT},
        expect={HEARTBEAT, *_events(ENDINGS)},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        within=wait.heartbeat,
        match=RUNS,
        match_related=_related_to(deployments.values()),
    )
    missed = EventTrigger(
        # The window begins anew with each backup; without `after` it would be a fixed one, and find the gap days later.
        after=_events(BACKED_UP),
        expect=_events(BACKED_UP),
        posture=Posture.Proactive,
        within=wait.backup,
        match=RUNS,
        match_related=_related_to([deployments["backup"]]),
    )
    failed = EventTrigger(
        expect=_events(DRILL_FAILED),
        posture=Posture.Reactive,
        within=wait.between_drills,
        match=RUNS,
        match_related=_related_to([deployments["drill"]]),
    )
    interrupted = EventTrigger(
        expect={CRASHED}, posture=Posture.Reactive, within=wait.between_resumes, match=RUNS, match_related=_related_to(journaled)
    )
    backup, resume = _run(deployments["backup"]), _run(deployments["resume"])
    silent = f"no sign of life for {wait.heartbeat.total_seconds():.0f} s"
    crash = ChangeFlowRunState(
        state=StateType.CRASHED, name=None, message=f"{silent}: its process or its machine is gone", force=False
    )
    described: dict[str, tuple[EventTrigger, ActionTypes, str]] = {
        "zombie-runs": (zombies, crash, f"A run that gives {silent} is shown as crashed."),
        "missed-backup": (missed, backup, f"No backup within {wait.backup}: another one is started."),
        "failed-drill": (failed, backup, "A drill that proves nothing is answered by a new point, which is proven at once."),
        "interrupted-run": (interrupted, resume, "A run that has crashed is gone on with, exactly as it was approved."),
    }
    return tuple(
        AutomationCore(
            name=name_of(prefix, application, name),
            description=said,
            enabled=True,
            tags=[TAG, application],
            trigger=trigger,
            actions=[action],
        )
        for name in AUTOMATIONS
        for trigger, action, said in [described[name]]
    )


def establish(client: SyncPrefectClient, wanted: Sequence[AutomationCore], *, dry_run: bool = False) -> list[Change]:
    """Make automations what they have to be, or with `dry_run` only tell what that would change.

    One that is as it has to be is left alone: a changed one begins its waiting anew. One that a person has paused stays paused.
    """
    there = _find(client, [each.name for each in wanted])
    changes = []
    for each in wanted:
        found = there.get(each.name)
        what = _differences(found, each) if found else ()
        kind = ChangeKind.CREATED if found is None else ChangeKind.CHANGED if what else ChangeKind.UNCHANGED
        key = found.id if found else None
        if kind is ChangeKind.CREATED and not dry_run:
            key = client.create_automation(each)
        elif found and kind is ChangeKind.CHANGED and not dry_run:
            # All of it is said, since the client leaves out what was not set.
            whole = AutomationCore.model_validate(each.model_dump() | {"enabled": found.enabled})
            client.update_automation(found.id, whole)
        changes.append(Change(name=each.name, kind=kind, what=what, id=key))
    return changes


def remove_automations(client: SyncPrefectClient, *, prefix: str, application: str) -> None:
    """Remove an application's automations. One that is not there is a success."""
    for found in _find(client, [name_of(prefix, application, each) for each in AUTOMATIONS]).values():
        client.delete_automation(found.id)


def _find(client: SyncPrefectClient, names: Sequence[str]) -> dict[str, Automation]:
    found: dict[str, Automation] = {}
    for first in range(0, len(names), 100):
        chosen = AutomationFilter(name=AutomationFilterName(any_=list(names[first : first + 100])))
        found |= {each.name: each for each in client.read_automations(automations=chosen)}
    return found


def _differences(found: Automation, wanted: AutomationCore) -> tuple[str, ...]:
    before, after = found.model_dump(), wanted.model_dump()
    return tuple(name for name in ("description", "tags", "trigger", "actions") if before[name] != after[name])


def _run(deployment: UUID) -> RunDeployment:
    """Run a deployment with its own parameters: nothing of an event becomes one."""
    return RunDeployment(source="selected", deployment_id=deployment, parameters=None, job_variables=None)


def _events(states: Iterable[str]) -> set[str]:
    return {f"prefect.flow-run.{state}" for state in states}


def _related_to(deployments: Iterable[UUID]) -> ResourceSpecification:
    """Mean the runs of these deployments, and of no other: the server may have runs that are not ours."""
    related: dict[str, str | list[str]] = {
        "prefect.resource.role": "deployment",
        "prefect.resource.id": [f"prefect.deployment.{each}" for each in deployments],
    }
    return ResourceSpecification(related)
