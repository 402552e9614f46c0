"""Drills as the role that the environment names: without superuser where the dump allows, on another server if named."""

from dataclasses import replace

import psycopg
import pytest
from pydantic import SecretStr

from continuity.domain.verdict import Judgement
from continuity.errors import DrillFailed, UnsafeOperation
from continuity.settings import DrillSection
from deployments.local.postgres import running_postgres


@pytest.fixture
def as_restorer(postgres_server):
    """A role that may make databases and is no superuser; `member_of` are the roles that it may act for."""
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        connection.execute("create role restorer login createdb password 'restorer'")

        def give(protected, *member_of):
            for role in member_of:
                connection.execute(f'grant "{role}" to restorer')
            dsn = psycopg.conninfo.make_conninfo(protected.dsn, user="restorer", password="restorer", dbname="postgres")
            drill = DrillSection(dsn=SecretStr(dsn), work_directory=protected.environment.drill.work_directory)
            return replace(protected, environment=protected.environment.model_copy(update={"drill": drill}))

        yield give
        connection.execute("drop role restorer")


def test_a_role_without_superuser_restores_what_its_memberships_allow(protect, as_restorer):
    protected = as_restorer(protect("guestbook"), "guestbook")
    protected.back_up()

    report = protected.drill()

    assert report.verdict.judgement is Judgement.SOUND, report.verdict.because
    assert not any("superuser" in warning for warning in report.warnings)


def test_restoring_as_a_superuser_is_warned_of(protect):
    protected = protect("guestbook")
    protected.back_up()

    assert any("superuser" in warning for warning in protected.drill().warnings)


def test_a_missing_membership_is_named_beforehand(protect, as_restorer):
    protected = as_restorer(protect("guestbook"))
    protected.back_up()

    with pytest.raises(UnsafeOperation) as refused:
        protected.drill()

    assert "guestbook own objects, and the restore role is no member" in refused.value.detail


def test_what_needs_a_superuser_is_named_beforehand(protect, as_restorer):
    protected = as_restorer(protect("awkward"))
    protected.back_up()

    with pytest.raises(UnsafeOperation) as refused:
        protected.drill()

    assert "event trigger" in refused.value.detail
    assert "need a superuser" in refused.value.detail


@pytest.mark.parametrize("kind", ["blottr", "guestbook", "awkward"])
def test_another_server_takes_the_restore_with_roles_made_there(protect, kind):
    protected = protect(kind)
    protected.back_up()
    with running_postgres() as server:
        drill = DrillSection(dsn=SecretStr(server.dsn("postgres")), work_directory=protected.environment.drill.work_directory)
        elsewhere = replace(protected, environment=protected.environment.model_copy(update={"drill": drill}))

        verdict = elsewhere.drill().verdict

        with psycopg.connect(server.dsn("postgres")) as connection:
            logins = connection.execute(
                "select count(*) from pg_roles where rolcanlogin and rolname !~ '^(pg_|postgres)'"
            ).fetchone()
    assert verdict.proven, verdict.because
    assert logins == (0,)


def test_a_failing_drill_machine_is_named_as_that_and_says_nothing_of_the_point(protect):
    protected = protect("guestbook")
    manifest = protected.back_up()
    # As on a drill server whose C library lacks the locale of the protected one.
    listed = protected.points.read_manifest(manifest.id)
    strange = replace(listed, shape=replace(listed.shape, collate="xx_XX.UTF-8"))
    (protected.vault_folder / f"{protected.points.folder(manifest.id)}manifest.json").unlink()
    protected.points.write_manifest(strange)

    with pytest.raises(DrillFailed, match="the drill's machine failed: ") as failed:
        protected.drill()

    assert "Nothing was recorded" in failed.value.detail
    assert protected.points.listing().points[0].drills == ()


def test_a_full_work_directory_is_the_machine_and_not_the_bytes(protect, tmp_path):
    protected = protect("guestbook")
    protected.back_up()
    gone = protected.environment.drill.model_copy(update={"work_directory": tmp_path / "gone"})
    elsewhere = replace(protected, environment=protected.environment.model_copy(update={"drill": gone}))

    with pytest.raises(UnsafeOperation) as refused:
        elsewhere.drill()

    assert "work directory" in refused.value.detail
    assert protected.points.listing().points[0].drills == ()
