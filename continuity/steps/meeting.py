"""Steps that look whom a recovery has before it: the server and the cluster that it has made, or that it was planned for."""

from collections.abc import Sequence

from continuity.adapters.cluster import cluster_uid, open_cluster
from continuity.adapters.cluster_config import has_secret
from continuity.adapters.postgres import connect, read_version
from continuity.adapters.recovery_place import count_objects
from continuity.adapters.swap import MAINTENANCE, find_database, system_identifier
from continuity.domain.checks import Check
from continuity.domain.plan import Facts
from continuity.domain.recovery_place import MEET_CLUSTER, MEET_SERVER, RecoveryPlace, check_another, check_empty
from continuity.domain.redeployment import check_secrets
from continuity.errors import UnsafeOperation
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Retry
from continuity.steps.preconditions.drill import check_restore_beside
from continuity.steps.shadow import read_planned
from continuity.steps.step import Step, World

_STARTING = Retry(attempts=8, first_wait_seconds=1.0, longest_wait_seconds=30.0)
"""What was made a moment ago may still be on its way up."""


def observe_place(environment: Environment, database: str) -> RecoveryPlace:
    """Look at the server that is to take the application. Changes nothing."""
    with connect(environment.rollback_dsn, MAINTENANCE) as connection:
        there = find_database(connection, database)
        return RecoveryPlace(
            system_identifier=system_identifier(connection),
            version=str(read_version(connection)),
            database=database,
            oid=there.oid if there else None,
            objects=count_objects(environment.rollback_dsn, database) if there else 0,
        )


def find_secrets(environment: Environment, wanted: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return those Secrets that are there, by namespace and name. Changes nothing."""
    with open_cluster(environment.cluster) as cluster:
        return tuple(each for each in wanted if has_secret(cluster, *each))


def observe_cluster(environment: Environment) -> str:
    """Return the uid of the cluster that is to take the application. Changes nothing."""
    with open_cluster(environment.cluster) as cluster:
        return cluster_uid(cluster)


def _meet_server(world: World, facts: Facts) -> Facts:
    """Record which server was made. It has to be empty, and another than the one that served before.

    Raises:
        UnsafeOperation: it is not, or lacks what the restore needs; nothing was done to it.

    """
    place = observe_place(world.environment, facts["live"])
    checks = (
        check_empty(place),
        *check_another(place, facts["old_system_identifier"]),
        *check_restore_beside(read_planned(world, facts), world.environment),
    )
    _refuse(checks, f"the server that was made (system identifier {place.system_identifier})")
    noted = [f"{each.name}: {each.detail}" for each in checks if each.hint]
    return {
        "system_identifier": place.system_identifier,
        "version": place.version,
        "empty_oid": place.oid,
        "warnings": noted,
    }


def _meet_cluster(world: World, facts: Facts) -> Facts:
    """Record which cluster it is, or make sure that it is the planned one, and that no Secret is lacking."""
    uid = observe_cluster(world.environment)
    if facts["uid"] and uid != facts["uid"]:
        raise UnsafeOperation(
            f"the cluster has uid {uid}, the plan is for {facts['uid']}",
            detail="Nothing was changed on it.",
            hint="Check `[cluster] kubeconfig` and `context`.",
        )
    needed = [(namespace, name) for namespace, name in facts["secrets"]]
    _refuse(tuple(check_secrets(needed, find_secrets(world.environment, needed))), f"the cluster (uid {uid})")
    return {"uid": uid}


def _refuse(checks: Sequence[Check], what: str) -> None:
    if failed := [each for each in checks if not each.passed]:
        lines = [f"✗ {each.name}: {each.detail}" + (f"\n    {each.hint}" if each.hint else "") for each in failed]
        raise UnsafeOperation(
            f"{what} cannot take the application: {failed[0].name}: {failed[0].detail}",
            detail="\n".join([*lines, "Nothing was changed on it."]),
            hint="Mend what is marked, then make a new plan: what was made stays.",
        )


MEET_THE_SERVER = Step(kind=MEET_SERVER, do=_meet_server, observes=True, retry=_STARTING)
MEET_THE_CLUSTER = Step(kind=MEET_CLUSTER, do=_meet_cluster, observes=True, retry=PATIENT)
