"""The step that decides: the proven database takes the live one's name."""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, fields

from continuity.adapters.pooler import held_back
from continuity.adapters.postgres import connect
from continuity.adapters.swap import MAINTENANCE, carries, find_database, swap_databases, system_identifier
from continuity.domain.plan import Facts
from continuity.domain.swap import Swap
from continuity.errors import UnsafeOperation
from continuity.steps.operation import Retry
from continuity.steps.pooling import open_entrances
from continuity.steps.step import Probe, Step, World

JUDGED_BEFORE = ("verdict", "activity")
"""What a drill has found of a database that it kept, recorded as the judging of a restore would record it."""


def _facts(world: World, arguments: Facts) -> Facts:
    """Record the identities of both databases: the live one's from the plan, the shadow's as it is now."""
    with connect(world.environment.rollback_dsn, MAINTENANCE) as connection:
        shadow = find_database(connection, arguments["shadow"])
        if shadow is None:
            raise UnsafeOperation(f"there is no database {arguments['shadow']}", hint="Make a new plan.")
        if "shadow_oid" in arguments and shadow.oid != arguments["shadow_oid"]:
            raise UnsafeOperation(
                f"database {shadow.name} has OID {shadow.oid}, the plan is for {arguments['shadow_oid']}", hint="Make a new plan."
            )
        if (found := system_identifier(connection)) != arguments["system_identifier"]:
            raise UnsafeOperation(
                f"this is cluster {found}, the plan is for {arguments['system_identifier']}",
                hint="Another server answers at this address: check `[rollback] dsn`.",
            )
    swap = Swap(
        system_identifier=arguments["system_identifier"],
        live=arguments["live"],
        live_oid=arguments["live_oid"],
        shadow=shadow.name,
        shadow_oid=shadow.oid,
        replaced=arguments["replaced"],
    )
    return asdict(swap) | {name: arguments[name] for name in JUDGED_BEFORE if name in arguments}


def _swap_of(facts: Facts) -> Swap:
    return Swap(**{field.name: facts[field.name] for field in fields(Swap)})


def _probe(world: World, facts: Facts) -> Probe:
    swap = _swap_of(facts)
    found = carries(world.environment.rollback_dsn, swap)
    if found == swap.shadow_oid:
        return Probe.DONE
    return Probe.NOT_DONE if found == swap.live_oid else Probe.FOREIGN


def _swap(world: World, facts: Facts) -> Facts:
    """Swap while clients of the pooler wait, where there is one. The wait counts as downtime: nobody is served."""
    swap = _swap_of(facts)
    pooler = world.environment.pooler_dsn
    waiting: AbstractContextManager[float | None] = held_back(pooler, swap.live) if pooler else nullcontext()
    with waiting as since:
        seconds = swap_databases(world.environment.rollback_dsn, swap)
        if since is not None:
            seconds = time.monotonic() - since
    result = {"downtime_seconds": round(seconds, 3)}
    return result | {"clients waited": since is not None} if pooler else result


def _let_through(world: World, facts: Facts) -> None:
    """Let clients of a pooler through: there is nothing to rename back, but they may have been made to wait."""
    open_entrances(world, facts)


SWAP = Step(
    kind="swap",
    facts=_facts,
    probe=_probe,
    do=_swap,
    undo=_let_through,
    pivot=True,
    retry=Retry(attempts=5, first_wait_seconds=0.5, longest_wait_seconds=5.0),
)
