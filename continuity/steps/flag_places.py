"""Where an application's flags live: observed by identity, and one of them read and changed where it was planned for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from continuity.adapters.cluster import cluster_uid, open_cluster
from continuity.adapters.cluster_flags import change_flag, flag_in, flag_use, read_flag_document
from continuity.adapters.cluster_workloads import read_workload
from continuity.adapters.flag_table import OpenFlags, change_row, open_flags, read_row, read_rows
from continuity.domain.application import Application, FlagSource, FlagTable
from continuity.domain.feature import FlagReader, FlagsSeen, FlagUse
from continuity.domain.flags import read_definitions
from continuity.domain.plan import Facts
from continuity.errors import ConfigurationRefused, UnsafeOperation
from continuity.settings import Environment
from continuity.steps.step import World


@dataclass(frozen=True, kw_only=True)
class PresentFlag:
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


def read_flag(world: World, facts: Facts) -> PresentFlag:
    """Read the flag that facts name, where it was planned for.

    Raises:
        UnsafeOperation: it is gone, or what holds it is another object now.
        ClusterError, DatabaseError: it cannot be read; transient where it may be later.

    """
    if "table" in facts:
        with _open_planned(world, facts) as flags:
            return PresentFlag(definition=read_row(flags, facts["flag"]))
    with open_cluster(world.environment.cluster) as cluster:
        found = read_flag_document(cluster, _config_map(facts))
    if found.uid != facts["uid"]:
        raise UnsafeOperation(
            f"{facts['place']} has uid {found.uid}, the plan is for {facts['uid']}",
            hint="It was made anew, or this is another cluster: make a new plan.",
        )
    return PresentFlag(definition=flag_in(found.document, facts["flag"]), version=found.version)


def write_flag(world: World, facts: Facts, *, expected: str, wanted: str) -> None:
    """Give the flag that facts name another definition, if it has the expected one. Run twice, it changes once.

    Raises:
        UnsafeOperation: somebody else has changed it, it is gone, or what holds it is another object now.
        ClusterError, DatabaseError: not done; transient where it may go through later.

    """
    if "table" in facts:
        with _open_planned(world, facts) as flags:
            change_row(flags, facts["flag"], expected=expected, wanted=wanted)
        return
    with open_cluster(world.environment.cluster) as cluster:
        change_flag(cluster, _config_map(facts), uid=facts["uid"], flag=facts["flag"], expected=expected, wanted=wanted)


def _config_map(facts: Facts) -> FlagSource:
    return FlagSource(namespace=facts["namespace"], config_map=facts["config map"], key=facts["key"])


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
