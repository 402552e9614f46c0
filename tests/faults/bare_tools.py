"""The same damages on a bare `pg_dump -Fc` file: does `pg_restore` notice, and if not, is what it restored right?"""

import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

import psycopg
from psycopg import sql

from continuity.adapters import catalog, fingerprints
from continuity.adapters.postgres import connect
from continuity.domain.catalog import Kind
from deployments.local.postgres import PostgresServer
from tests.faults.corruption import How, damage

TARGET = "bare_restored"
PROGRAM_SECONDS = 120


class Bare(StrEnum):
    """What came of a restore from a damaged file."""

    TOLD = "an error before anything was written"
    TOLD_LATE = "an error after the database was written to"
    HARMLESS = "exit code 0, and all contents are right"
    SILENT = "exit code 0, and contents are wrong or missing"


@dataclass(frozen=True, kw_only=True)
class Bareness:
    """A server, and two dumps of one database: the one that is damaged, and a former one."""

    server: PostgresServer
    dump: Path
    former: Path
    other: Path
    contents: frozenset[object]

    def suffer(self, random: Random) -> tuple[How, Bare]:
        """Draw a damage, restore the damaged file, and compare what came with what was dumped."""
        whole = self.dump.read_bytes()
        while True:
            how = random.choice(list(How))
            data = damage(random, whole, how, same=[self.former], other=[self.other])
            if data != whole:
                return how, self.restore(data)

    def restore(self, data: bytes | None) -> Bare:
        """Restore an archive of these bytes into an empty database."""
        with psycopg.connect(self.server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(TARGET)))
            connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(TARGET)))
        damaged = self.dump.with_suffix(".damaged")
        damaged.unlink(missing_ok=True)
        if data is not None:
            damaged.write_bytes(data)
        argv = [self.server.binaries / "pg_restore", f"--dbname={TARGET}", damaged]
        environment = self.server.client_environment(TARGET)
        code = subprocess.run(argv, env=environment, capture_output=True, check=False, timeout=PROGRAM_SECONDS).returncode
        if code != 0:
            return Bare.TOLD_LATE if _written_to(self.server) else Bare.TOLD
        return Bare.HARMLESS if contents_of(self.server, TARGET) == self.contents else Bare.SILENT


def _written_to(server: PostgresServer) -> bool:
    with psycopg.connect(server.dsn(TARGET)) as connection:
        return connection.execute("select 1 from pg_class where oid >= 16384 limit 1").fetchone() is not None


def contents_of(server: PostgresServer, database: str) -> frozenset[object]:
    """Return rows and digest of every table, where every sequence stands, and the catalog, as values to compare."""
    dsn = server.dsn(database)
    with connect(dsn, settings=fingerprints.SETTINGS) as connection:
        entries = {
            (entry.kind, entry.name, tuple(sorted(entry.properties.items())))
            for entry in catalog.read_catalog(connection)
            if entry.kind is not Kind.DATABASE
        }
        sequences = catalog.read_sequences(connection)
    return frozenset([*fingerprints.read_fingerprints(dsn, database), *sequences, *entries])


def build_bareness(server: PostgresServer, database: str, folder: Path) -> Bareness:
    """Dump a database twice with the bare tool, with a change between.

    Raises:
        RuntimeError: the undamaged file does not restore to equal contents: the comparison would mean nothing.

    """
    folder.mkdir()
    for name in ("former", "newest"):
        with psycopg.connect(server.dsn(database)) as connection:
            connection.execute(f"create table public.bare_{name} as select generate_series(1, 100) as id")
        argv = [server.binaries / "pg_dump", "--format=custom", f"--file={folder / name}.dump"]
        subprocess.run(argv, env=server.client_environment(database), check=True, timeout=PROGRAM_SECONDS)
    other = folder / "globals.sql"
    argv = [server.binaries / "pg_dumpall", "--globals-only", "--no-role-passwords", f"--file={other}"]
    subprocess.run(argv, env=server.client_environment(database), check=True, timeout=PROGRAM_SECONDS)
    dump = folder / "newest.dump"
    bare = Bareness(server=server, dump=dump, former=folder / "former.dump", other=other, contents=contents_of(server, database))
    if bare.restore(dump.read_bytes()) is not Bare.HARMLESS:
        raise RuntimeError("an undamaged dump does not restore to equal contents")
    return bare
