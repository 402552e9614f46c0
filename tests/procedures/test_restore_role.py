"""Drills as the role that the environment names: without superuser where the dump allows, on another server if named."""

from dataclasses import replace

import psycopg
import pytest
from pydantic import SecretStr

from continuity.adapters.postgres import connect
from continuity.adapters.privileges import PARAMETER_GRANTS
from continuity.domain.verdict import Judgement
from continuity.errors import DrillFailed, UnsafeOperation
from continuity.settings import DrillSection
from continuity.steps.restoring_sessions import foreign_messages, restoring_settings
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


def test_a_restore_has_messages_in_english_wherever_its_role_may_choose(make_database, as_restorer):
    dsn = make_database("guestbook")
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with connect(dsn, name) as superuser, psycopg.connect(dsn, autocommit=True) as session:
        # As if German: a language that this machine lacks cannot be set, and POSIX is told from C here.
        session.execute(f"alter database \"{name}\" set lc_messages = 'POSIX'")
        options = " ".join(f"-c {setting}={value}" for setting, value in restoring_settings(superuser).items())
        with psycopg.connect(dsn, options=options) as restoring:
            assert restoring.execute("show lc_messages").fetchone() == ("C",)

        as_role = psycopg.conninfo.make_conninfo(dsn, user="restorer", password="restorer")
        with connect(as_role, name) as plain:
            assert "lc_messages" not in restoring_settings(plain)
            assert foreign_messages(plain) == ""
        if superuser.info.server_version >= PARAMETER_GRANTS:
            session.execute("grant set on parameter lc_messages to restorer")
            with connect(as_role, name) as granted:
                assert restoring_settings(granted)["lc_messages"] == "C"
            session.execute("revoke set on parameter lc_messages from restorer")


def test_a_full_disk_in_another_language_is_warned_of_beforehand(monkeypatch):
    from continuity.steps import restoring_sessions

    monkeypatch.setattr(restoring_sessions.privileges, "may_set", lambda *_: False)
    for language, foreign in (("de_DE.UTF-8", True), ("en_GB.UTF-8", False), ("C.utf8", False), ("", False)):
        monkeypatch.setattr(restoring_sessions, "fetch_value", lambda *_, said=language: said)
        assert foreign_messages(None) == (language if foreign else "")


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
