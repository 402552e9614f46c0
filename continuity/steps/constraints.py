"""The steps that take a constraint out of force, and put it back: each the other's inverse."""

from dataclasses import replace

from continuity.adapters.constraints import put_in, read_constraint, read_table_name, refuse_broken, take_out
from continuity.adapters.postgres import connect
from continuity.domain.application import Application
from continuity.domain.constraints import PUT_IN, TAKE_OUT, ConstraintState, constraint_facts, constraint_of
from continuity.domain.plan import Facts
from continuity.errors import UnsafeOperation
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation, Retry
from continuity.steps.quarantine import is_planned_database, limits_of, refuse_other_database
from continuity.steps.step import Probe, Step, World

_THRICE = Retry(attempts=3, first_wait_seconds=1.0, longest_wait_seconds=10.0)


def read_planned_constraint(application: Application, environment: Environment, table: int, name: str) -> ConstraintState:
    """Read a constraint with all that putting it back will take. Changes nothing.

    Raises:
        UnsafeOperation: it is gone.

    """
    with connect(environment.rollback_dsn, application.database.name) as connection:
        found = read_constraint(connection, table, name)
    if found is None:
        raise UnsafeOperation(f"constraint {name} is gone", detail="Nothing was changed.", hint="Make a new plan.")
    return found


def _found(world: World, facts: Facts) -> tuple[ConstraintState | None, bool]:
    """Return the constraint of that name as it is now, and whether its database and table are those that were recorded."""
    state = constraint_of(facts)
    with connect(world.environment.rollback_dsn, facts["live"]) as connection:
        if not is_planned_database(connection, facts):
            return None, False
        if read_table_name(connection, state.table_oid) != (state.schema, state.table):
            return None, False
        return read_constraint(connection, state.table_oid, state.name), True


def _out_facts(world: World, arguments: Facts) -> Facts:
    """Record the OID that it has now: putting it back has made it anew."""
    found, there = _found(world, arguments)
    state = constraint_of(arguments)
    if not there or found is None or not found.same(state):
        raise UnsafeOperation(f"{state.identity} is not as planned", detail="Nothing was changed.", hint="Make a new plan.")
    return {**arguments, "constraint": constraint_facts(replace(state, oid=found.oid))}


def _is_out(world: World, facts: Facts) -> Probe:
    found, there = _found(world, facts)
    if not there:
        return Probe.FOREIGN
    if found is None:
        return Probe.DONE
    return Probe.NOT_DONE if found.oid == constraint_of(facts).oid else Probe.FOREIGN


def _is_in(world: World, facts: Facts) -> Probe:
    """Whether it is back: one that is added and not validated yet is not done."""
    found, there = _found(world, facts)
    state = constraint_of(facts)
    if not there:
        return Probe.FOREIGN
    if found is None:
        return Probe.NOT_DONE
    if found.definition != state.definition:
        return Probe.FOREIGN
    return Probe.DONE if found.valid == state.valid else Probe.NOT_DONE


def _take_out(world: World, facts: Facts) -> Facts:
    held = take_out(world.environment.rollback_dsn, facts["live"], constraint_of(facts), limits=limits_of(world.environment))
    return {"locked seconds": round(held.seconds, 3), "tries": held.tries}


def _put_in(world: World, facts: Facts) -> Facts:
    held = put_in(world.environment.rollback_dsn, facts["live"], constraint_of(facts), limits=limits_of(world.environment))
    return {"locked seconds": round(held.seconds, 3), "tries": held.tries}


def _undo_taking_out(world: World, facts: Facts) -> None:
    """Put it back where it was taken out; where it never was, or is half back, there is the rest to do."""
    if _is_out(world, facts) is Probe.NOT_DONE:
        return
    _refuse_foreign(world, facts)
    _put_in(world, facts)


def _undo_putting_in(world: World, facts: Facts) -> None:
    found, _ = _found(world, facts)
    _refuse_foreign(world, facts)
    if found is not None:
        state = replace(constraint_of(facts), oid=found.oid, valid=found.valid)
        take_out(world.environment.rollback_dsn, facts["live"], state, limits=limits_of(world.environment))


def _refuse_foreign(world: World, facts: Facts) -> None:
    if _is_in(world, facts) is Probe.FOREIGN:
        raise UnsafeOperation(
            f"{constraint_of(facts).identity} is not as this run has left it: somebody else has acted on it, or on its table",
            detail="Nothing was changed.",
            hint="Find out who; what it was is in the run's journal.",
        )


def refuse_unless_put_in(environment: Environment, facts: Facts) -> None:
    """Make sure that a constraint can be put back. Changes nothing.

    Raises:
        UnsafeOperation: its table is another one now, a constraint of its name is there, or rows break it.

    """
    state = constraint_of(facts)
    with connect(environment.rollback_dsn, facts["live"]) as connection:
        refuse_other_database(connection, facts)
        name = read_table_name(connection, state.table_oid)
        if name != (state.schema, state.table) or read_constraint(connection, state.table_oid, state.name) is not None:
            raise UnsafeOperation(
                f"{state.identity} is there already, or its table is another one now",
                detail="Nothing was changed.",
                hint="Somebody else has acted on it: find out who.",
            )
    refuse_broken(environment.rollback_dsn, facts["live"], state)


TAKE_CONSTRAINT_OUT = Step(kind=TAKE_OUT, facts=_out_facts, probe=_is_out, do=_take_out, undo=_undo_taking_out, retry=_THRICE)
PUT_CONSTRAINT_IN = Step(kind=PUT_IN, probe=_is_in, do=_put_in, undo=_undo_putting_in, retry=_THRICE)

READ_CONSTRAINT = Operation(name="read the constraint", run=read_planned_constraint, retry=PATIENT)
CHECK_PUT_IN = Operation(name="check that the constraint can be put back", run=refuse_unless_put_in, retry=PATIENT)
