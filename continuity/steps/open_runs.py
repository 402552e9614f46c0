"""Which runs of an application are open, and which recovery points they rely on."""

import re
from collections.abc import Mapping

from continuity.adapters.documents import read_document
from continuity.domain.application import Application
from continuity.domain.recovery_point import RecoveryPointId
from continuity.domain.run import Entry, EntryKind, RunId
from continuity.journal import FORM, VERSION, plan_of, read_history, runs_prefix
from continuity.settings import Environment
from continuity.steps.places import journals_of

_ENTRY = re.compile(r"(?P<run>[^/]+)/\d{6}\.json")


def open_runs(application: Application, environment: Environment) -> tuple[RunId, ...]:
    """Name the runs whose journal has no end, by the last entry of each. Changes nothing.

    Every journal is looked at, and not only the one that the lease names: a point must not go because a lease is lost.

    Raises:
        DamagedObject: an entry cannot be read.

    """
    vault, prefix = journals_of(environment), runs_prefix(application.name)
    last: dict[RunId, str] = {}
    for listed in vault.list(prefix):
        if entry := _ENTRY.fullmatch(listed.key.removeprefix(prefix)):
            last[RunId(entry["run"])] = listed.key
    return tuple(
        run
        for run, key in last.items()
        if read_document(vault.read(key), Entry, form=FORM, version=VERSION, key=key).kind is not EntryKind.END
    )


def points_in_use(application: Application, environment: Environment) -> Mapping[RecoveryPointId, str]:
    """Return the points that the plans of open runs name, each with the run. Changes nothing.

    Raises:
        DamagedObject: a journal cannot be read, so nobody knows which point it needs.

    """
    journals = journals_of(environment)
    plans = {run: plan_of(read_history(journals, run)) for run in open_runs(application, environment)}
    return {plan.point: run for run, plan in plans.items() if plan.point}
