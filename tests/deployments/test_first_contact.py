"""First contact as a new user makes it: init, check, backup and its drill, by the command line and the files alone."""

import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

COMMAND = Path(sys.executable).with_name("continuity")
CANARY = "canary:5e1f\\password"
AWKWARD_NAMES = (
    "Café Größe データ",
    "say \"what\" 'now' \\ $HOME %n ; x=1",
    "postgresql://host/db",
    "line\nbreak",
)


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment}
    )


def document(done: subprocess.CompletedProcess[str], code: int = 0):
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def protect_as_told(dsn: str, folder: Path):
    """Follow what init says to the letter; return its document and what the backup said."""
    said = document(run("init", "--dsn", dsn, "--output", folder, "--json"))
    exported, checking, backing = said["next"]
    variable, _, value = exported.removeprefix("export ").partition("=")
    environment = {variable: value.strip("'")}
    assert checking == f"continuity check {said['application']}"
    document(run("check", said["application"], "--json", **environment))
    backed = document(run("backup", said["application"], "--json", **environment))
    assert backing == f"continuity backup {said['application']}"
    return said, backed


@pytest.mark.parametrize("kind", ["blottr", "guestbook", "real"])
def test_from_nothing_to_a_proven_backup(make_database, tmp_path, kind):
    said, backed = protect_as_told(make_database(kind), tmp_path / "new")

    assert backed["verdict"] == "sound"
    assert backed["warnings"] == [] or "restore" not in " ".join(backed["warnings"])
    assert {Path(path).name for path in said["files"]} >= {"application.toml", "environment.toml", "age.key"}


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_whatever_the_database_is_called(make_database, tmp_path, name):
    dsn = make_database("guestbook", name=name)

    said, backed = protect_as_told(dsn, tmp_path / "new folder")

    assert backed["verdict"] == "sound"
    assert tomllib.loads(_application(said).read_text())["database"]["name"] == name


def _application(said) -> Path:
    return next(Path(path) for path in said["files"] if path.endswith("application.toml"))


def _environment(said) -> Path:
    return next(Path(path) for path in said["files"] if path.endswith("environment.toml"))


def test_the_last_lines_are_the_commands_to_run_next(make_database, tmp_path):
    done = run("init", "--dsn", make_database("guestbook"), "--output", tmp_path / "new", "--name", "shop")

    assert [line.strip() for line in done.stdout.splitlines()[-2:]] == ["continuity check shop", "continuity backup shop"]
    assert "Losing it is losing every point" in done.stdout


@pytest.fixture
def canary_dsn(make_database):
    dsn = make_database("guestbook")
    with psycopg.connect(dsn, autocommit=True) as connection:
        role = psycopg.sql.SQL("create role first_contact superuser login password {}").format(CANARY)
        connection.execute(role)
        yield make_conninfo(dsn, user="first_contact", password=CANARY)
        connection.execute("drop role first_contact")


def test_the_password_goes_into_a_passfile_for_this_user_alone(canary_dsn, tmp_path):
    folder = tmp_path / "new"
    done = run("init", "--output", folder, "--json", CONTINUITY_DATABASE_DSN=canary_dsn)

    said = document(done)

    passfile = folder / "private/pgpass"
    assert CANARY not in done.stdout + done.stderr
    holding = [path for path in folder.rglob("*") if path.is_file() and "5e1f" in path.read_text()]
    assert holding == [passfile]
    assert "password" not in conninfo_to_dict(tomllib.loads(_environment(said).read_text())["database"]["dsn"])
    for path in (passfile, folder / "private/age.key", _environment(said)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "private").stat().st_mode) == 0o700
    assert document(run("backup", said["application"], "--environment", _environment(said), "--json"))["verdict"] == "sound"


def test_nothing_is_written_over_a_file_that_is_there(make_database, tmp_path):
    dsn, folder = make_database("guestbook"), tmp_path / "new"
    document(run("init", "--dsn", dsn, "--output", folder, "--json"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    done = run("init", "--dsn", dsn, "--output", folder)

    assert done.returncode == 3
    assert "exists, and is never overwritten" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_cannot_be_written_whole_is_taken_back(make_database, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "applications").write_text("a file where a folder has to be")

    done = run("init", "--dsn", make_database("guestbook"), "--output", folder)

    assert done.returncode == 2
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["applications"]


MIGRATIONS = {
    "adonis": (
        "create table adonis_schema (id serial, name text)",
        "insert into adonis_schema (name) values ('1_a'), ('2_b')",
        "2_b",
    ),
    "rails": ("create table schema_migrations (version text)", "insert into schema_migrations values ('2024'), ('2026')", "2026"),
    "django": (
        "create table django_migrations (id serial, app text, name text)",
        "insert into django_migrations (app, name) values ('auth', '0001_initial')",
        "auth.0001_initial",
    ),
    "alembic": ("create table alembic_version (version_num text)", "insert into alembic_version values ('abc')", "abc"),
    "flyway": (
        "create table flyway_schema_history (installed_rank int, version text, success boolean)",
        "insert into flyway_schema_history values (1, '1', true), (2, '2', false)",
        "1",
    ),
    "knex": (
        "create schema app create table knex_migrations (id serial, name text)",
        "insert into app.knex_migrations (name) values ('first.js')",
        "first.js",
    ),
    "ef": (
        'create table "__EFMigrationsHistory" ("MigrationId" text)',
        """insert into "__EFMigrationsHistory" values ('2026_x')""",
        "2026_x",
    ),
}


@pytest.mark.parametrize("tool", MIGRATIONS)
def test_the_query_for_the_newest_migration_is_suggested_and_works(make_database, tmp_path, tool):
    dsn = make_database("empty")
    table, rows, head = MIGRATIONS[tool]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(table)
        connection.execute(rows)

        said = document(run("init", "--dsn", dsn, "--output", tmp_path / "new", "--json"))

        query = tomllib.loads(_application(said).read_text())["database"]["migration_head"]
        assert connection.execute(query).fetchone() == (head,)


def test_every_setting_stands_in_the_environment_with_its_meaning(make_database, tmp_path):
    from continuity.settings import Environment
    from continuity.steps.descriptions import _section, meanings

    def sections_of(described, within: str = ""):
        for name, field in described.model_fields.items():
            if section := _section(field.annotation):
                yield f"{within}{name}", section
                yield from sections_of(section, f"{within}{name}.")

    said = document(run("init", "--dsn", make_database("guestbook"), "--output", tmp_path / "new", "--json"))

    text = _environment(said).read_text()
    for name, section in sections_of(Environment):
        assert f"[{name}]" in text
        said_of = meanings(section)
        for setting, field in section.model_fields.items():
            if not _section(field.annotation):
                assert f"{setting} = " in text
                assert said_of[setting].split("\n")[0][:60] in text, f"{name}.{setting} says nothing about itself"


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ((), 2, "no database is named"),
        (("--dsn", "postgresql://nobody@127.0.0.1:1/x"), 1, "Check host and port"),
        (("--dsn", "host=no-such-host.invalid dbname=x"), 1, "Check host and port"),
        (("--dsn", "not a connection string"), 2, "cannot be parsed"),
        (("--dsn", "{dsn}?keepalives=0"), 2, "'keepalives' cannot be handed to PostgreSQL's tools"),
        (("--dsn", "{dsn}", "--name", "../x"), 2, "is no name of an application"),
        (("--dsn", "{dsn}", "--vault", "ftp://x"), 2, "is not known"),
        (("--dsn", "{server}/no_such_database"), 1, "does not exist"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_written(make_database, tmp_path, words, code, why):
    dsn = make_database("guestbook")

    done = run("init", "--output", tmp_path / "new", *(word.format(dsn=dsn, server=dsn.rpartition("/")[0]) for word in words))

    assert done.returncode == code, done.stderr
    assert why in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["blottr", "awkward"])
def test_the_role_that_the_environment_proposes_for_backups_suffices(make_database, tmp_path, kind):
    dsn = make_database(kind)
    said = document(run("init", "--dsn", dsn, "--output", tmp_path / "new", "--json"))
    [proposed] = [line for line in _environment(said).read_text().splitlines() if "create role continuity_backup" in line]
    statement = proposed.partition("create role")[2].rstrip(";")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"create role{statement} password 'least'")
        connection.execute(f'grant connect on database "{connection.info.dbname}" to continuity_backup')
        objects = [oid for (oid,) in connection.execute("select oid from pg_largeobject_metadata")]
        assert ("large objects" in _environment(said).read_text()) == bool(objects)
        for oid in objects:
            connection.execute(f"grant select on large object {oid} to continuity_backup")
        variables = {
            "CONTINUITY_ENVIRONMENT": str(_environment(said)),
            "CONTINUITY_DATABASE_DSN": make_conninfo(dsn, user="continuity_backup", password="least"),
        }
        try:
            checks = document(run("check", said["application"], "--only", "backup", "--json", **variables), code=0)["checks"]
            backed = document(run("backup", said["application"], "--no-drill", "--json", **variables))
        finally:
            connection.execute("drop owned by continuity_backup")
            connection.execute("drop role continuity_backup")

    assert all(each["passed"] for each in checks)
    assert backed["recovery_point"].startswith(said["application"])
