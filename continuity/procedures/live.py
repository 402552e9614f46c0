"""Observes an application as it is now: its database, its workloads, and the hold that is in force."""

from continuity.adapters.activity import read_activity
from continuity.adapters.cluster import cluster_uid, open_cluster
from continuity.adapters.cluster_workloads import read_workload
from continuity.adapters.postgres import connect, fetch_value
from continuity.adapters.swap import MAINTENANCE, find_database, sessions_on, system_identifier
from continuity.domain.activity import TableActivity
from continuity.domain.application import Application
from continuity.domain.live import Held, LiveState, held_by
from continuity.domain.workloads import WorkloadState
from continuity.errors import DatabaseError
from continuity.journal import read_history
from continuity.procedures.runs import active_hold
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Operation
from continuity.steps.places import journals_of


def observe_live(application: Application, environment: Environment) -> LiveState:
    """Read the identities of everything live, who is connected, and how much has been written. Changes nothing.

    Raises:
        DatabaseError: the server cannot be reached, or has no such database.
        ClusterError: the cluster cannot be reached, or a workload is not there.

    """
    name, dsn = application.database.name, environment.rollback_dsn
    with connect(dsn, MAINTENANCE) as connection:
        state = find_database(connection, name)
        if state is None:
            raise DatabaseError(f"there is no database {name}", hint="Check `[database] name` in application.toml.")
        cluster, workloads = _observe_workloads(application, environment)
        return LiveState(
            database=state.name,
            oid=state.oid,
            system_identifier=system_identifier(connection),
            size_bytes=int(fetch_value(connection, "select pg_catalog.pg_database_size(%s::oid)", state.oid)),
            sessions=tuple(map(str, sessions_on(connection, state.oid))),
            # A hold may have closed the database: then nothing is written, and nothing can be read.
            activity=_read_activity(dsn, name) if state.allows_connections else (),
            cluster_uid=cluster,
            workloads=workloads,
            held=_held(application, environment),
        )


def _observe_workloads(application: Application, environment: Environment) -> tuple[str, tuple[WorkloadState, ...]]:
    if not application.workloads:
        return "", ()
    with open_cluster(environment.cluster) as cluster:
        return cluster_uid(cluster), tuple(read_workload(cluster, ref) for ref in application.workloads)


def _read_activity(dsn: str, name: str) -> tuple[TableActivity, ...]:
    with connect(dsn, name) as connection:
        return read_activity(connection)


def _held(application: Application, environment: Environment) -> Held | None:
    journals = journals_of(environment)
    run = active_hold(journals, application.name)
    return held_by(read_history(journals, run)) if run else None


OBSERVE = Operation(name="observe what is live", run=observe_live, retry=PATIENT)
