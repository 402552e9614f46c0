"""A database that the real application made: protected by its name alone, broken, and told of truly."""

import psycopg

from continuity.adapters.scratch import drop_scratch
from continuity.domain.verdict import Judgement


def test_each_change_of_a_real_database_after_its_backup_is_told_table_by_table(protect, postgres_server):
    protected = protect("real")
    manifest = protected.back_up()
    report = protected.drill(keep=True)
    assert report.verdict.judgement is Judgement.SOUND
    with psycopg.connect(protected.dsn, autocommit=True) as connection:
        connection.execute(f'alter database "{report.database}" with allow_connections true')
    with psycopg.connect(protected.dsn, dbname=report.database) as connection:
        connection.execute("update cities set slug = slug || '-' where id = (select min(id) from cities)")
        connection.execute("delete from tag_tattoos where id = (select min(id) from tag_tattoos)")
        connection.execute("drop index users_email_index" if _has_index(connection) else "drop index cities_is_active_index")

    verdict = protected.compare(report.database, manifest)

    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        drop_scratch(connection, report.database)
    wrong = {finding.name for finding in verdict.findings if not finding.passed}
    assert wrong == {"rows and digest of public.cities", "rows and digest of public.tag_tattoos", "indexes"}


def _has_index(connection) -> bool:
    return bool(connection.execute("select to_regclass('users_email_index')").fetchone()[0])


def test_an_emptied_table_of_a_real_database_is_found_live(protect):
    protected = protect("real")
    manifest = protected.back_up()
    with psycopg.connect(protected.dsn) as connection:
        connection.execute("truncate tag_tattoos")

    finding = protected.examine(manifest)["no table emptied"]

    assert not finding.passed
    assert "public.tag_tattoos is empty" in finding.detail
