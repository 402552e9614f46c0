"""Steps that switch a feature: set exactly one flag, start anew what has read the flags already, and see who has it."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from continuity.adapters.cluster import Cluster, cluster_uid, open_cluster
from continuity.adapters.cluster_flags import change_flag, flag_in, flag_use, read_flag_document
from continuity.adapters.cluster_pods import list_pods, wait_until_ready
from continuity.adapters.cluster_workloads import read_workload, restarted_at, set_restarted_at
from continuity.adapters.flag_table import OpenFlags, change_row, open_flags, read_row, read_rows
from continuity.domain.application import Application, FlagSource, FlagTable
from continuity.domain.feature import LOOK, RESTART, SET, FlagReader, FlagsSeen, FlagUse
from continuity.domain.flags import read_definitions, same, says
from continuity.domain.live import workload_of
from continuity.domain.plan import Facts
from continuity.domain.workloads import PodState
from continuity.errors import ConfigurationRefused, UnsafeOperation
from continuity.settings import Environment
from continuity.steps.operation import PATIENT, Retry
from continuity.steps.step import Probe, Step, World
from continuity.steps.traffic import READY_SECONDS, read_planned, ref_of

logger = logging.getLogger(__name__)

_PATIENT = Retry(attempts=6, first_wait_seconds=0.5, longest_wait_seconds=10.0)


@dataclass(frozen=True, kw_only=True)
class _Present:
    """A flag as it was read, and the version of what holds it ("" for a row, which has none)."""

    definition: str
    version: str = ""


def observe_flags(application: Application, environment: Environment) -> FlagsSeen:
    """Read the flags, the identity of what holds them, and who reads them. Changes nothing.

    Of a ConfigMap only the cluster is asked: a feature can be switched off while the database is away.

    Raises:
        ConfigurationRefused: the application does not say where its flags live, or says it wrongly.
        ClusterError, DatabaseError: they cannot be read; transient where they may be later.

    """
    match application.flags:
        case FlagSource() as source:
            return _observe_config_map(application, environment, source)
        case FlagTable() as source:
            return _observe_table(application, environment, source)
    raise ConfigurationRefused(
        f"{application.name} does not say where its flags live",
        hint="Name them in `[flags]` of application.toml: `config_map` and `namespace`, or `table`.",
    )


def _observe_config_map(application: Application, environment: Environment, source: FlagSource) -> FlagsSeen:
    with open_cluster(environment.cluster) as cluster:
        found = read_flag_document(cluster, source)
        readers = []
        for ref in application.workloads:
            use, paused = flag_use(cluster, ref, source)
            readers.append(FlagReader(state=read_workload(cluster, ref), use=use, paused=paused))
        in_words = f"configmap {source.namespace}/{source.config_map}"
        targets = {"cluster": f"uid {cluster_uid(cluster)}", "flags": f"{in_words} (uid {found.uid}), key {source.key}"}
    targets |= {f"workload {each.state.ref.name}": _reader_in_words(each) for each in readers}
    notes = (f"{found.kept_by} keeps {in_words}, and may write its own version over it",) if found.kept_by else ()
    return FlagsSeen(
        place={"namespace": source.namespace, "config map": source.config_map, "key": source.key, "uid": found.uid},
        in_words=in_words,
        targets=targets,
        definitions=read_definitions(found.document),
        readers=tuple(readers),
        notes=notes,
    )


def _reader_in_words(reader: FlagReader) -> str:
    uses = {
        FlagUse.START: "reads the flags when a container starts",
        FlagUse.FILE: "reads the flags from a mounted file",
        FlagUse.NONE: "does not name the flags' ConfigMap: flagd, or a client of its own, brings them",
    }
    return f"deployment {reader.state.ref} (uid {reader.state.uid}), {uses[reader.use]}"


def _observe_table(application: Application, environment: Environment, source: FlagTable) -> FlagsSeen:
    name = application.database.name
    with open_flags(environment.rollback_dsn, name, source) as flags:
        database = flags.database
        return FlagsSeen(
            place={
                "table": source.table,
                "name column": source.name_column,
                "value column": source.value_column,
                "database": name,
                "identity": _identity(flags),
            },
            in_words=f"table {flags.name}",
            targets={
                "server": f"system identifier {database.system_identifier}",
                "database": f"database {name} (OID {database.oid})",
                "flags": f"table {flags.name} (OID {flags.oid}), column {source.value_column}",
            },
            definitions=read_rows(flags),
        )


def _identity(flags: OpenFlags) -> str:
    return f"{flags.database.system_identifier}/{flags.database.oid}/{flags.oid}"


def _read(world: World, facts: Facts) -> _Present:
    if "table" in facts:
        with _open_planned(world, facts) as flags:
            return _Present(definition=read_row(flags, facts["flag"]))
    with open_cluster(world.environment.cluster) as cluster:
        found = read_flag_document(cluster, _config_map(facts))
    if found.uid != facts["uid"]:
        raise UnsafeOperation(
            f"{facts['place']} has uid {found.uid}, the plan is for {facts['uid']}",
            hint="It was made anew, or this is another cluster: make a new plan.",
        )
    return _Present(definition=flag_in(found.document, facts["flag"]), version=found.version)


def _write(world: World, facts: Facts, *, expected: str, wanted: str) -> None:
    if "table" in facts:
        with _open_planned(world, facts) as flags:
            change_row(flags, facts["flag"], expected=expected, wanted=wanted)
        return
    with open_cluster(world.environment.cluster) as cluster:
        change_flag(cluster, _config_map(facts), uid=facts["uid"], flag=facts["flag"], expected=expected, wanted=wanted)


def _config_map(facts: Facts) -> FlagSource:
    return FlagSource(namespace=facts["namespace"], config_map=facts["config map"], key=facts["key"])


def _facts(world: World, arguments: Facts) -> Facts:
    """Record the flag as it is now, and who had read it: which containers, and by which word they were started."""
    present = _read(world, arguments)
    return {
        **arguments,
        "former": present.definition,
        "version": present.version,
        "pods": _read_by(world, arguments["readers"]),
        "restarted at": _restarted_at(world, arguments["readers"]),
    }


def _probe(world: World, facts: Facts) -> Probe:
    present = _read(world, facts).definition
    if same(present, facts["wanted"]):
        return Probe.DONE
    as_planned = same(present, facts["former"]) and same(facts["former"], facts["found"])
    return Probe.NOT_DONE if as_planned else Probe.FOREIGN


def _set(world: World, facts: Facts) -> Facts:
    """Set the flag, and record the containers that run right after it: they may have read the former value."""
    _write(world, facts, expected=facts["found"], wanted=facts["wanted"])
    logger.info("set flag=%s to=%s", facts["flag"], says(facts["wanted"]).value)
    return {"pods": _read_by(world, facts["readers"])}


def _put_back(world: World, facts: Facts) -> None:
    """Put the former definition back, and then start anew what may have read the other one.

    A flag that somebody else has changed meanwhile is theirs, and stays; to refuse would leave the run open for ever.
    """
    present = _read(world, facts).definition
    if same(present, facts["wanted"]):
        _write(world, facts, expected=facts["wanted"], wanted=facts["former"])
    elif not same(present, facts["former"]):
        logger.warning("left as somebody else has changed it flag=%s says=%s", facts["flag"], says(present).value)
    restarts = [each for each in facts["readers"] if each["restart"]]
    if not restarts:
        return
    with open_cluster(world.environment.cluster) as cluster:
        for each in restarts:
            _start_anew(cluster, each, former=facts["restarted at"][workload_of(each)], known=facts["pods"][workload_of(each)])


def _start_anew(cluster: Cluster, reader: Facts, *, former: str | None, known: Sequence[str]) -> None:
    """Bring the pods of a workload back to its former template, or, where that has stayed, replace those that are new."""
    ref = ref_of(reader)
    replicas = read_planned(cluster, reader).replicas
    if restarted_at(cluster, ref) != former:
        set_restarted_at(cluster, ref, uid=reader["uid"], moment=former)
    elif not set(_starts(list_pods(cluster, ref))) <= set(known):
        # A container has started in between, by itself: which value it has read is not known.
        set_restarted_at(cluster, ref, uid=reader["uid"], moment=_now())
    else:
        return
    wait_until_ready(cluster, ref, replicas=replicas, deadline_seconds=READY_SECONDS)


def _read_by(world: World, readers: Sequence[Facts]) -> dict[str, list[str]]:
    """Name the starts of containers by workload, of those that read the flags when they start."""
    reading = [each for each in readers if each["use"] == FlagUse.START]
    if not reading:
        return {}
    with open_cluster(world.environment.cluster) as cluster:
        return {workload_of(each): _starts(list_pods(cluster, ref_of(each))) for each in reading}


def _restarted_at(world: World, readers: Sequence[Facts]) -> dict[str, str | None]:
    restarts = [each for each in readers if each["restart"]]
    if not restarts:
        return {}
    with open_cluster(world.environment.cluster) as cluster:
        return {workload_of(each): restarted_at(cluster, ref_of(each)) for each in restarts}


def _starts(pods: Iterable[PodState]) -> list[str]:
    return [_start_of(pod) for pod in pods if not pod.terminating]


def _start_of(pod: PodState) -> str:
    """Name the latest start of a pod's containers. A container that is restarted reads its environment anew."""
    return f"{pod.uid}/{pod.restarts}"


def _restart_facts(world: World, arguments: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        read_planned(cluster, arguments)
    return {**arguments, "at": _now()}


def _restarted(world: World, facts: Facts) -> Probe:
    with open_cluster(world.environment.cluster) as cluster:
        read_planned(cluster, facts)
        return Probe.DONE if restarted_at(cluster, ref_of(facts)) == facts["at"] else Probe.NOT_DONE


def _restart(world: World, facts: Facts) -> Facts:
    with open_cluster(world.environment.cluster) as cluster:
        set_restarted_at(cluster, ref_of(facts), uid=facts["uid"], moment=facts["at"])
    return {}


def _look(world: World, facts: Facts) -> Facts:
    """Tell of each pod whether it has the flag as it is now; note those that have it not."""
    setting = world.done[facts["set by"]]
    flag = f"{facts['flag']} {says(setting['wanted'])}"
    if not facts["readers"]:
        return {"seen": [f"every pod has {flag} with its next look into the table; one that remembers flags, when it forgets"]}
    seen: list[str] = []
    noted: list[str] = []
    with open_cluster(world.environment.cluster) as cluster:
        for each in facts["readers"]:
            workload = workload_of(each)
            before: Sequence[str] = setting["pods"].get(workload, ())
            for pod in list_pods(cluster, ref_of(each)):
                if pod.terminating:
                    continue
                lacks = _start_of(pod) in before
                line = f"pod {pod.name} of {workload}: {_told(flag, FlagUse(each['use']), lacks=lacks)}"
                seen.append(line)
                noted += [line] if lacks else []
    logger.info("seen flag=%s pods=%d without=%d", facts["flag"], len(seen), len(noted))
    return {"seen": seen, "noted": noted}


def _told(flag: str, use: FlagUse, *, lacks: bool) -> str:
    match use:
        case FlagUse.FILE:
            return f"reads a mounted file, and has {flag} within two minutes of {datetime.now(UTC):%H:%M:%S} UTC"
        case FlagUse.NONE:
            return f"has {flag} as soon as flagd, or the client of its own that brings the flags"
        case FlagUse.START:
            return (
                f"still has what was before {flag}, until it is restarted" if lacks else f"has {flag}, started after the change"
            )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


@contextmanager
def _open_planned(world: World, facts: Facts) -> Iterator[OpenFlags]:
    """Open the table that was planned for.

    Raises:
        UnsafeOperation: another database or table has its name now.

    """
    source = FlagTable(table=facts["table"], name_column=facts["name column"], value_column=facts["value column"])
    with open_flags(world.environment.rollback_dsn, facts["database"], source) as flags:
        if _identity(flags) != facts["identity"]:
            raise UnsafeOperation(
                f"{facts['place']} of database {facts['database']} is another one than the plan is for",
                detail=f"It is {_identity(flags)}, and was {facts['identity']} (server/database/table).",
                hint="A rollback has brought up another database, or the table was made anew: make a new plan.",
            )
        yield flags


SET_FLAG = Step(kind=SET, facts=_facts, probe=_probe, do=_set, undo=_put_back, retry=_PATIENT)
RESTART_WORKLOAD = Step(kind=RESTART, facts=_restart_facts, probe=_restarted, do=_restart, retry=_PATIENT)
"""Taken back with the flag that it makes known, and not before: its pods would read that flag again."""
SEE_WHO_HAS_IT = Step(kind=LOOK, do=_look, observes=True, retry=PATIENT)
