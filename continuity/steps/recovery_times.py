"""How long the stages of the last recovery took, or of its last rehearsal: what a prediction rests on."""

from collections.abc import Mapping

from continuity.adapters.leases import last_lease
from continuity.domain.application import ApplicationName
from continuity.domain.lease import Purpose
from continuity.domain.plan import Verb
from continuity.domain.run import Outcome, RunId, verb_of_run
from continuity.domain.run_report import summarize
from continuity.domain.stages import Stage
from continuity.errors import ConfigurationRefused
from continuity.journal import plan_of, read_history
from continuity.settings import Environment
from continuity.steps.places import journals_of

MEASURES = frozenset({Verb.RECOVERY, Verb.REHEARSAL})


def read_recovery_times(environment: Environment, application: ApplicationName) -> Mapping[Stage, float]:
    """Return the seconds of each stage, from the last runs that came to their end, the newer one first. Changes nothing.

    Raises:
        VaultError: the journals cannot be read.

    """
    journals = journals_of(environment)
    histories = []
    for purpose in (Purpose.REHEARSAL, Purpose.CHANGE):
        lease = last_lease(journals, application, purpose)
        if lease is None or not lease.journal or verb_of_run(lease.journal) not in MEASURES:
            continue
        try:
            history = read_history(journals, RunId(lease.journal))
        except ConfigurationRefused:
            # Announced and killed before its first entry: it has measured nothing.
            continue
        if history.outcome is Outcome.DONE:
            histories.append(history)
    measured: dict[Stage, float] = {}
    for history in sorted(histories, key=lambda each: each.started):
        # A rehearsal starts no pods and copies no files: what it takes for those says nothing of the real thing.
        told = {Stage.DEPLOYMENT} if plan_of(history).verb is Verb.REHEARSAL else set()
        stages = summarize(history, plan_of(history)).stages
        measured |= {stage.stage: stage.seconds for stage in stages if stage.stage not in told}
    return measured
