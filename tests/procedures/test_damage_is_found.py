"""Each kind of damage to a restored database is found by the finding that claims it, and by no silence."""

import psycopg
import pytest

from continuity.domain.verdict import Judgement, Outcome

DAMAGES = {
    "a missing table": ("drop table public.contact_requests cascade", "tables"),
    "an extra table": ("create table public.intruder (id int)", "tables"),
    "rows of an extra table": ("create table public.intruder as select 1 as id", "every table compared"),
    "a missing column": ("alter table public.users drop column bio", "columns"),
    "another type": ("alter table public.users alter column bio type varchar", "columns"),
    "a lost default": ("alter table public.users alter column created_at drop default", "columns"),
    "a lost key": ("alter table public.tag_tattoos drop constraint {primary_key}", "keys and checks"),
    "a lost reference": ("alter table public.appointments drop constraint {reference}", "references"),
    "a lost index": ("drop index public.{index}", "indexes"),
    "one changed byte": (
        "update public.users set email = overlay(email placing 'X' from 1 for 1) where id = (select min(id) from public.users)",
        "rows and digest of public.users",
    ),
    "one missing row": (
        "delete from public.contact_requests where id = (select id from public.contact_requests order by id limit 1)",
        "rows and digest of public.contact_requests",
    ),
    "one row more": (
        "insert into public.adonis_schema (name, batch, migration_time) values ('intruder', 99, now())",
        "rows and digest of public.adonis_schema",
    ),
    "a lost grant": ("revoke select on public.cities from public", "grants"),
    "a changed owner": ("alter table public.cities owner to postgres", "owners"),
    "a changed comment": ("comment on table public.cities is 'other'", "comments"),
    "a sequence behind": ("select setval('public.users_id_seq', 1, false)", "sequences not behind"),
    "an invalid index": (
        "update pg_index set indisvalid = false where indexrelid = 'public.{index}'::regclass",
        "indexes valid",
    ),
    "a lost view": ("drop view public.{view} cascade", "views"),
    "a disabled trigger": ("alter table public.users disable trigger user", "triggers"),
    "a lost function": ("drop function public.{function} cascade", "functions"),
    "a changed setting": ("alter database {database} set work_mem = '7MB'", "database properties"),
    "a changed connection limit": ("alter database {database} connection limit 77", "database properties"),
    "a large object": ("select lo_from_bytea(0, 'x')", "contents of large objects"),
    "an enabled row security": ("alter table public.cities enable row level security", "tables"),
    "a new policy": ("create policy p on public.cities using (true)", "row security policies"),
    "a new schema": ("create schema intruder", "schemas"),
    "a new type": ("create type public.intruder as enum ('a')", "types"),
    "a new extension": ("create extension pg_trgm", "extensions"),
}

FACTS = """
select (select conname from pg_constraint where contype = 'p' and conrelid = 'public.tag_tattoos'::regclass) as primary_key,
 (select min(conname) from pg_constraint where contype = 'f' and conrelid = 'public.appointments'::regclass) as reference,
 (select min(c.relname) from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = 'public.appointments'::regclass
   and not i.indisunique) as index,
 (select min(viewname) from pg_views where schemaname = 'public') as view,
 (select min(oid::regprocedure::text) from pg_proc where pronamespace = 'public'::regnamespace) as function
"""


@pytest.fixture(scope="module")
def kept_restore(database_templates, validator, tmp_path_factory):
    """One restore of blottr for the module; each damage is done to a copy of it."""
    from dataclasses import replace
    from datetime import UTC, datetime
    from pathlib import Path

    from continuity.adapters.application_files import load_application
    from continuity.domain.application import ProtectedDatabase
    from continuity.procedures.backup import take_backup
    from continuity.procedures.drill import drill_point
    from continuity.settings import DatabaseSection, Environment, VaultSection
    from continuity.steps.operation import perform_plainly
    from tests.fixtures.protection import APPLICATIONS, Protected

    folder: Path = tmp_path_factory.mktemp("restore")
    name = database_templates.copy("blottr", "damage_source")
    dsn = database_templates.server.dsn(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("grant select on public.cities to public")
    described = load_application(APPLICATIONS, "blottr")
    application = replace(described, database=ProtectedDatabase(name=name), media=None, workloads=(), flags=None)
    environment = Environment(database=DatabaseSection(dsn=dsn), vault=VaultSection(url=f"file://{folder}"))
    protected = Protected(application=application, environment=environment, dsn=dsn, validator=validator)
    take_backup(application, environment, created=datetime.now(UTC), perform=perform_plainly)
    report = drill_point(application, environment, wanted="latest", keep=True, perform=perform_plainly, validate=validator)
    assert report.verdict.judgement is Judgement.SOUND
    with psycopg.connect(database_templates.server.dsn("postgres"), autocommit=True) as connection:
        # A proven restore that is kept is closed.
        connection.execute(f'alter database "{report.database}" with allow_connections true')
    yield protected, report
    with psycopg.connect(database_templates.server.dsn("postgres"), autocommit=True) as connection:
        for each in (report.database, name):
            connection.execute(f'drop database "{each}" with (force)')


@pytest.fixture
def damaged(kept_restore, database_templates):
    protected, report = kept_restore
    copies = []

    def damage(statement: str):
        copy = f"{report.database[:50]}_{len(copies)}x"
        with psycopg.connect(database_templates.server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'create database "{copy}" template "{report.database}"')
            copies.append(copy)
        from continuity.adapters.scratch import apply_database_properties

        apply_database_properties(protected.dsn, copy, report.manifest.catalog)
        with psycopg.connect(protected.dsn, dbname=copy, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            facts = connection.execute(FACTS).fetchone()
            connection.execute(statement.format(**facts, database=f'"{copy}"') if "{" in statement else statement)
        return protected.compare(copy, report.manifest)

    yield damage
    with psycopg.connect(database_templates.server.dsn("postgres"), autocommit=True) as connection:
        for copy in copies:
            connection.execute(f'drop database "{copy}" with (force)')


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_by_the_finding_that_claims_it(damaged, damage):
    statement, claimed = DAMAGES[damage]

    verdict = damaged(statement)

    assert verdict.judgement is Judgement.UNFAITHFUL
    assert claimed in {finding.name for finding in verdict.findings if finding.outcome is Outcome.FAILED}


def test_an_untouched_copy_shows_no_damage(damaged):
    assert damaged("select 1").judgement is Judgement.SOUND


def test_an_orphan_behind_an_unchecked_key_is_found_and_leaves_the_point_faithful(protect):
    protected = protect("blottr")
    with psycopg.connect(protected.dsn, autocommit=True) as connection:
        connection.execute("create table public.notes (id int primary key, city int)")
        connection.execute("insert into public.notes values (1, -5)")
        connection.execute(
            "alter table public.notes add constraint notes_city foreign key (city) references public.cities (id) not valid"
        )
    protected.back_up()

    verdict = protected.drill().verdict

    assert verdict.judgement is Judgement.UNHEALTHY
    wrong = {finding.name: finding.detail for finding in verdict.findings if not finding.passed}
    assert wrong == {"no orphans behind unchecked keys": "1 wrong: notes_city on public.notes: 1 rows refer to nothing"}


def test_findings_never_carry_the_contents_of_rows(damaged):
    verdict = damaged("update public.users set email = 'canary-4711@example.org' where id = (select min(id) from public.users)")

    assert "canary" not in repr(verdict.findings)


def test_a_rule_whose_sql_is_wrong_is_not_proven_and_the_point_stays_faithful(kept_restore):
    from dataclasses import replace

    from continuity.domain.application import Rule
    from continuity.domain.verdict import Severity

    protected, report = kept_restore
    rule = Rule(name="misspelt", severity=Severity.INFO, over=("users",), sql="select nothing_like_it from public.users")
    application = replace(protected.application, rules=(rule,))

    verdict = replace(protected, application=application).compare(report.database, report.manifest)

    assert verdict.judgement is Judgement.UNHEALTHY
    assert verdict.proven
    [finding] = [finding for finding in verdict.findings if not finding.passed]
    assert finding.outcome is Outcome.NOT_PROVEN
    assert 'column "nothing_like_it" does not exist' in finding.detail


def test_a_rule_over_a_table_that_lost_its_rows_is_not_proven(damaged):
    verdict = damaged("truncate public.appointments cascade")

    rule = next(each for each in verdict.findings if each.name == "appointments of an artist do not overlap")
    assert rule.outcome is Outcome.NOT_PROVEN
    assert verdict.judgement is Judgement.UNFAITHFUL
