"""The whole path on real parts: back up, restore beside, compare, judge. Every application and every awkward database."""

import json
import subprocess
from pathlib import Path

import psycopg
import pyrage
import pytest

from continuity.domain.verdict import Judgement, Outcome, Trouble
from continuity.errors import ConfigurationRefused, ContinuityError, UnsafeOperation
from tests.fixtures.object_stores import make_bucket

EVERY_KIND = ("blottr", "guestbook", "awkward", "pgbench", "empty", "real")


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_restore_of_a_backup_is_proven_faithful(protect, kind):
    protected = protect(kind)
    manifest = protected.back_up()

    report = protected.drill()

    wrong = {finding.name: finding.detail for finding in report.verdict.findings if not finding.passed}
    expected = {"no orphans behind unchecked keys", "sequences ahead of their columns"} if kind == "awkward" else set()
    assert set(wrong) == expected, wrong
    assert report.verdict.proven
    assert report.manifest == manifest
    assert protected.points.listing().points[0].proven


def test_a_drill_leaves_no_database_and_no_file_behind(protect, postgres_server, tmp_path):
    protected = protect("guestbook")
    protected.back_up()

    protected.drill()

    with psycopg.connect(postgres_server.dsn("postgres")) as connection:
        left = connection.execute("select datname from pg_database where datname like 'continuity\\_%'").fetchall()
    assert left == []
    assert [path.name for path in tmp_path.iterdir()] == ["vault"]


def test_a_kept_drill_leaves_its_database_until_a_person_drops_it(protect, postgres_server):
    protected = protect("guestbook")
    protected.back_up()

    report = protected.drill(keep=True)
    protected.drill()

    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as connection:
        assert connection.execute("select 1 from pg_database where datname = %s", [report.database]).fetchone()
        connection.execute(f'drop database "{report.database}" with (force)')


def test_the_same_moment_makes_the_same_point_once(protect):
    from datetime import UTC, datetime

    from continuity.procedures.backup import take_backup
    from continuity.steps.operation import perform_plainly

    protected = protect("guestbook")
    moment = datetime(2026, 11, 23, 2, tzinfo=UTC)
    first = take_backup(protected.application, protected.environment, created=moment, perform=perform_plainly)

    second = take_backup(protected.application, protected.environment, created=moment, perform=perform_plainly)

    assert first.made
    assert not second.made
    assert second.manifest == first.manifest
    assert len(list(protected.vault_folder.rglob("database.dump*"))) == 1


def test_an_encrypted_backup_is_proven_and_its_dump_is_unreadable_without_the_key(protect, tmp_path):
    protected = protect("blottr")
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "vault" / "x").unlink(missing_ok=True)
    key_file = tmp_path / "key.txt"
    key_file.write_text(f"# created by a test\n{identity}\n")
    vault = protected.environment.vault.model_copy(update={"recipients": (str(identity.to_public()),), "identity_file": key_file})
    environment = protected.environment.model_copy(update={"vault": vault})
    manifest = protected.back_up(vault=vault)
    without_key = environment.model_copy(update={"vault": vault.model_copy(update={"identity_file": None})})

    with_key = type(protected)(
        application=protected.application, environment=environment, dsn=protected.dsn, validator=protected.validator
    )
    assert with_key.drill().verdict.judgement is Judgement.SOUND
    assert manifest.dump.key.endswith(".zst.age")
    assert (protected.vault_folder / manifest.dump.key).read_bytes().startswith(b"age-encryption.org/v1")
    with pytest.raises(UnsafeOperation, match="preconditions"):
        type(protected)(
            application=protected.application, environment=without_key, dsn=protected.dsn, validator=protected.validator
        ).drill()


def test_a_vault_on_s3_holds_points_that_are_proven(protect, moto_endpoint):
    bucket = make_bucket(moto_endpoint)
    protected = protect("guestbook", vault_url=f"s3://{bucket}/production", endpoint_url=moto_endpoint)

    protected.back_up()

    assert protected.drill().verdict.judgement is Judgement.SOUND


def test_a_store_that_ignores_conditional_writes_is_refused_by_name(protect, rclone_endpoint):
    bucket = make_bucket(rclone_endpoint, versioned=False)
    protected = protect("guestbook", vault_url=f"s3://{bucket}/production", endpoint_url=rclone_endpoint)

    with pytest.raises(UnsafeOperation) as refused:
        protected.back_up()

    assert "If-None-Match" in refused.value.detail


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing", "emptied"])
def test_damaged_bytes_are_found_before_anything_is_restored(protect, damage):
    protected = protect("guestbook")
    manifest = protected.back_up()
    path = protected.vault_folder / manifest.dump.key
    data = bytearray(path.read_bytes())
    match damage:
        case "flipped":
            data[len(data) // 2] ^= 4
            path.write_bytes(data)
        case "truncated":
            path.write_bytes(data[:-7])
        case "missing":
            path.unlink()
        case "emptied":
            path.write_bytes(b"")

    report = protected.drill()

    assert report.verdict.judgement is Judgement.UNFAITHFUL
    assert report.verdict.trouble is Trouble.BYTES
    assert [finding.name for finding in report.verdict.findings] == ["stored bytes"]
    assert not protected.points.listing().points[0].proven


def test_a_damaged_manifest_is_listed_as_damaged_and_hides_no_other_point(protect):
    protected = protect("guestbook")
    broken, whole = protected.back_up(), protected.back_up()
    path = protected.vault_folder / f"{protected.points.folder(broken.id)}manifest.json"
    document = json.loads(path.read_text())
    document["body"]["tables"][0]["rows"] += 1
    path.write_text(json.dumps(document))

    listing = protected.points.listing()

    assert [state.manifest.id for state in listing.points] == [whole.id]
    assert [damaged.key for damaged in listing.damaged] == [f"{protected.points.folder(broken.id)}manifest.json"]


def test_every_missing_precondition_is_named_at_once_and_nothing_is_stored(protect, tmp_path):
    protected = protect("guestbook")
    database = protected.environment.database.model_copy(update={"client_binaries": tmp_path})
    vault = protected.environment.vault.model_copy(update={"recipients": ("age1nonsense",)})

    with pytest.raises(UnsafeOperation) as refused:
        protected.back_up(database=database, vault=vault)

    assert "client tools" in refused.value.detail
    assert "recipients" in refused.value.detail
    assert "Nothing was changed" in refused.value.detail
    assert not list(protected.vault_folder.rglob("*.zst*"))


def test_row_level_security_that_hides_rows_from_the_backup_role_is_refused(protect, make_database):
    protected = protect("awkward")
    with psycopg.connect(protected.dsn, autocommit=True) as connection:
        connection.execute("drop role if exists reader_without_bypass")
        connection.execute("create role reader_without_bypass login password 'reader' in role pg_read_all_data")
        connection.execute(f"grant connect on database {connection.info.dbname} to reader_without_bypass")
    dsn = psycopg.conninfo.make_conninfo(protected.dsn, user="reader_without_bypass", password="reader")
    database = protected.environment.database.model_copy(update={"dsn": type(protected.environment.database.dsn)(dsn)})

    try:
        with pytest.raises(UnsafeOperation) as refused:
            protected.back_up(database=database)
    finally:
        with psycopg.connect(protected.dsn, autocommit=True) as connection:
            connection.execute("drop owned by reader_without_bypass")
            connection.execute("drop role reader_without_bypass")

    assert "row-level security" in refused.value.detail
    assert "BYPASSRLS" in refused.value.detail


def test_a_backup_past_its_snapshot_limit_stops_and_leaves_no_point(protect):
    protected = protect("blottr")
    database = protected.environment.database.model_copy(update={"snapshot_limit_seconds": 1})
    with psycopg.connect(protected.dsn) as blocker:
        blocker.execute("lock table public.users in access exclusive mode")

        with pytest.raises(ContinuityError):
            protected.back_up(database=database)

    assert protected.points.listing().points == ()
    assert not list(protected.vault_folder.rglob("database.dump*"))


def test_an_unknown_point_is_refused(protect):
    protected = protect("guestbook")

    with pytest.raises(ConfigurationRefused, match="no recovery point 'guestbook-20200101T000000Z'"):
        protected.drill("guestbook-20200101T000000Z")


def test_the_guide_in_the_vault_restores_a_point_with_postgresqls_own_tools(protect, make_database, postgres_server):
    protected = protect("guestbook")
    manifest = protected.back_up()
    guide = (protected.vault_folder / "RESTORE.md").read_text()
    assert "pg_restore --dbname=NAME_restored --jobs=2 --exit-on-error database.dump" in guide
    empty = make_database("empty")
    folder = protected.vault_folder / protected.points.folder(manifest.id)
    manifest_file = folder / "manifest.json"

    digest = _shell(f"jq -cS .body {manifest_file} | tr -d '\\n' | sha256sum").split()[0]
    checked = _shell(
        f"jq -r '.body.dump | \"\\(.sha256)  \\(.key)\"' {manifest_file} | sha256sum --check", cwd=protected.vault_folder
    )
    dump = protected.vault_folder / manifest.dump.key
    _shell(f"zstd --decompress --stdout {dump} > {folder}/database.dump")
    restore = postgres_server.binaries / "pg_restore"
    _shell(f"{restore} --dbname='{empty}' --jobs=2 --exit-on-error {folder}/database.dump")

    assert digest == json.loads(manifest_file.read_text())["sha256"]
    assert checked.strip().endswith("OK")
    with psycopg.connect(empty) as connection:
        for table in manifest.tables:
            assert connection.execute(f"select count(*) from {table.table}").fetchone() == (table.rows,)


def _shell(command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(["sh", "-ec", command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_rule_that_fails_in_the_source_too_never_makes_a_point_unusable(protect):
    protected = protect("blottr")
    with psycopg.connect(protected.dsn) as connection:
        connection.execute(
            "insert into public.appointments select (jsonb_populate_record(a, jsonb_build_object('id', nextval("
            "pg_get_serial_sequence('public.appointments', 'id'))))).* from public.appointments a"
            " where a.status = 'confirmed' order by a.id limit 1"
        )
    protected.back_up()

    verdict = protected.drill().verdict

    assert verdict.judgement is Judgement.UNHEALTHY
    assert verdict.proven
    broken = [finding.name for finding in verdict.findings if finding.outcome is Outcome.FAILED]
    assert set(broken) == {"appointments of an artist do not overlap", "appointments of a client do not overlap"}


def test_progress_tells_bytes_and_the_age_of_the_snapshot(protect):
    from datetime import UTC, datetime

    from continuity.procedures.backup import take_backup
    from continuity.steps.operation import perform_plainly

    protected = protect("guestbook")
    told = []

    take_backup(
        protected.application,
        protected.environment,
        created=datetime.now(UTC),
        perform=perform_plainly,
        report=lambda *words: told.append(words),
    )

    what, done_bytes, expected_bytes = told[-1]
    assert what.startswith("dump")
    assert done_bytes > 0
    assert expected_bytes > 0
    assert any("snapshot held for 0 s" in words[0] for words in told)
