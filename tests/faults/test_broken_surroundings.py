"""What breaks around a backup, by the command line: the message has the values, the remedy, and what was changed."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from continuity.adapters import s3_errors
from continuity.domain.verdict import Judgement
from continuity.errors import VaultError
from tests.fixtures.fault_proxy import Fault
from tests.fixtures.object_stores import make_bucket

COMMAND = Path(sys.executable).with_name("continuity")
FOREVER = 1000


@pytest.fixture
def seat(protect, tmp_path):
    """An application protected by files, whose environment a test may spoil, and the command as a process."""

    class Seat:
        def __init__(self) -> None:
            self.protected = protect("guestbook")
            self.environment = self.protected.write_files(tmp_path)
            self.description = tmp_path / "applications/guestbook/application.toml"

        def spoil(self, old: str, new: str, *, file: Path | None = None) -> None:
            file = file or self.environment
            assert old in file.read_text()
            file.write_text(file.read_text().replace(old, new, 1))

        def run(self, *words: str, limit_bytes: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
            def limit() -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

            return subprocess.run(
                [COMMAND, *words],
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
                env={**os.environ, "CONTINUITY_ENVIRONMENT": str(self.environment), **variables},
                preexec_fn=limit if limit_bytes else None,
            )

        def points(self):
            return self.protected.points.listing().points

        def stored(self) -> list[str]:
            return [path.name for path in self.protected.vault_folder.rglob("*.zst*")]

    return Seat()


def refused(done: subprocess.CompletedProcess[str], *words: str, code: int = 3) -> None:
    """Expect an exit code and a message that says what, what was changed, and what next; never a traceback."""
    assert done.returncode == code, done.stderr
    for word in (*words, "Next: "):
        assert word in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"host": "no-such-host.invalid"}, "no-such-host.invalid"),
        ({"port": "1"}, "Connection refused"),
        ({"user": "nobody_of_that_name"}, "authentication failed"),
        ({"password": "wrong"}, "authentication failed"),
    ],
)
def test_a_database_that_cannot_be_reached(seat, part, why):
    dsn = psycopg.conninfo.make_conninfo(seat.protected.dsn, **part)

    refused(seat.run("backup", "guestbook", CONTINUITY_DATABASE_DSN=dsn), why, "Check ", "Nothing was changed")
    assert seat.points() == ()


def test_a_database_of_another_name(seat):
    seat.spoil(seat.protected.application.database.name, "no_such_database", file=seat.description)

    refused(seat.run("backup", "guestbook"), 'database "no_such_database" does not exist', "Check the database's name")


def test_a_password_that_is_asked_for_and_not_given_is_no_matter_of_waiting(seat):
    from continuity.adapters.postgres import connect
    from continuity.errors import DatabaseError

    parts = {**psycopg.conninfo.conninfo_to_dict(seat.protected.dsn), "passfile": "/nonexistent"}
    parts.pop("password")

    with pytest.raises(DatabaseError, match="no password supplied") as caught, connect(psycopg.conninfo.make_conninfo(**parts)):
        pass

    assert not caught.value.transient
    assert "passfile" in caught.value.hint


@pytest.fixture
def on_s3(seat, moto_endpoint):
    """The same application with a vault on S3; gives a function that sets bucket and endpoint."""

    def put(bucket: str, endpoint: str) -> None:
        url = seat.protected.environment.vault.url
        seat.spoil(f'url = "{url}"', f'url = "s3://{bucket}/v"\nendpoint_url = "{endpoint}"')

    return put


def test_a_bucket_that_is_missing(seat, on_s3, moto_endpoint):
    on_s3("no-such-bucket-here", moto_endpoint)

    refused(seat.run("backup", "guestbook"), "NoSuchBucket", "Make the bucket, versioned", "Nothing was changed")


def test_credentials_that_have_expired(seat, on_s3, s3_proxy, s3_bucket):
    on_s3(s3_bucket, s3_proxy.url)
    s3_proxy.add(Fault(status=400, code="ExpiredToken", times=FOREVER))

    refused(seat.run("backup", "guestbook"), "ExpiredToken", "Renew the session's credentials", "Nothing was changed")


def test_credentials_that_expire_in_the_middle_of_a_backup(seat, on_s3, s3_proxy, s3_bucket):
    on_s3(s3_bucket, s3_proxy.url)
    s3_proxy.add(Fault(match=r"PUT .*database\.dump", status=400, code="ExpiredToken", times=FOREVER))

    refused(seat.run("backup", "guestbook"), "ExpiredToken", "Renew the session's credentials", code=1)
    assert json.loads(seat.run("points", "guestbook", "--json").stdout)["points"] == []


def test_a_store_that_is_slow_overloaded_broken_and_cut_off_in_the_middle_delays_a_backup_and_no_more(
    seat, on_s3, s3_proxy, s3_bucket
):
    on_s3(s3_bucket, s3_proxy.url)
    for fault in (
        Fault(match=r"PUT .*database\.dump", status=503, times=2),
        Fault(match=r"PUT .*database\.dump", status=500),
        Fault(match=r"PUT .*database\.dump", delay_seconds=2.0, reset_after_bytes=0),
        Fault(match=r"PUT .*globals\.sql", drop_response=True),
        Fault(match=r"PUT .*manifest\.json", drop_response=True),
        Fault(match=r"GET .*database\.dump", reset_after_bytes=20_000),
    ):
        s3_proxy.add(fault)

    done = seat.run("backup", "guestbook", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "sound"
    assert s3_proxy._waiting == []
    assert len(json.loads(seat.run("points", "guestbook", "--json").stdout)["points"]) == 1


def test_a_store_that_stays_down_in_the_middle_fails_the_backup_and_the_next_one_goes_through(
    protect, s3_proxy, moto_endpoint, monkeypatch
):
    monkeypatch.setattr(s3_errors, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr("continuity.steps.operation.tenacity.wait_exponential_jitter", lambda **_: lambda _state: 0.0)
    protected = protect("guestbook", vault_url=f"s3://{make_bucket(moto_endpoint)}/v", endpoint_url=s3_proxy.url)
    down = Fault(match=r"PUT .*database\.dump", status=503, times=FOREVER)
    s3_proxy.add(down)

    with pytest.raises(VaultError, match="SlowDown") as caught:
        protected.back_up()

    assert caught.value.transient
    assert caught.value.hint == "The store is overloaded or down: repeat later."
    assert protected.points.listing().points == ()
    s3_proxy._waiting.clear()
    protected.back_up()
    assert protected.drill().verdict.judgement is Judgement.SOUND


def test_a_file_past_the_limit_of_the_process(seat):
    done = seat.run("backup", "guestbook", "--no-drill", limit_bytes=10_000)

    refused(done, "file too large", "ulimit -f", code=1)
    assert seat.points() == ()
    assert seat.stored() == []
    assert seat.run("backup", "guestbook", "--no-drill").returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def test_a_disk_without_room_is_refused_beforehand_with_both_figures(seat, small_disk):
    seat.spoil(seat.protected.environment.vault.url, small_disk.as_uri())

    refused(seat.run("backup", "guestbook"), "vault room: 0 MB free, about", "Make room", "Nothing was changed")


def client_that_calls_itself(folder: Path, version: str, binaries: Path) -> Path:
    """The real tools, but for what they say of their version."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore", "pg_dumpall"):
        program = folder / name
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "{name} (PostgreSQL) {version}" && exit\nexec {binaries / name} "$@"\n'
        )
        program.chmod(0o755)
    return folder


def test_client_tools_older_than_the_server(seat, tmp_path, postgres_server):
    tools = client_that_calls_itself(tmp_path / "old", "13.22", postgres_server.binaries)
    seat.spoil("[database]\n", f'[database]\nclient_binaries = "{tools}"\n')

    refused(seat.run("backup", "guestbook"), "client tools on this machine (found: 13.22)", "Install postgresql-client-")


def test_client_tools_with_known_holes_are_named_or_refused_as_the_environment_says(seat, tmp_path, postgres_server):
    with psycopg.connect(seat.protected.dsn) as connection:
        major = connection.info.server_version // 10000
    tools = client_that_calls_itself(tmp_path / "unpatched", f"{major}.1", postgres_server.binaries)
    seat.spoil("[database]\n", f'[database]\nclient_binaries = "{tools}"\n')

    warned = seat.run("backup", "guestbook", "--no-drill", "--json")
    seat.spoil("[database]\n", '[database]\nvulnerable_clients = "refuse"\n')

    assert warned.returncode == 0, warned.stderr
    assert any("CVE-" in each for each in json.loads(warned.stdout)["warnings"])
    refused(seat.run("backup", "guestbook"), f"client {major}.1 lacks the fixes of", "CVE-", "Update the PostgreSQL client")
    assert len(seat.points()) == 1


@pytest.mark.parametrize("name", ["../../etc", "Guestbook", "a b", "guestbook/../x", "-x", "a" * 41])
def test_a_name_that_is_no_applications(seat, name):
    refused(seat.run("backup", "--", name), "no application", code=2)

    shutil.copytree(seat.description.parent, seat.description.parents[1] / "other")
    refused(seat.run("backup", "other"), "names the application 'guestbook'", code=2)


@pytest.mark.parametrize(
    "point", ["../../x", "guestbook-../../../etc/passwd", "guestbook-20260101T000000Z/../x", "a\nb", "'; --"]
)
def test_an_id_that_is_no_points(seat, point):
    seat.protected.back_up()
    before = sorted(seat.protected.vault_folder.rglob("*"))

    refused(seat.run("drill", "guestbook", "--point", point), "no recovery point", code=2)
    refused(seat.run("distrust", "--because", "x", "--", point), "is not the id of a recovery point", code=2)
    assert sorted(seat.protected.vault_folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["", "a" * 64, "ä" * 32, "a\\u0000b"])
def test_a_database_name_that_the_server_would_cut_or_not_take(seat, name):
    # 32 letters of two bytes: PostgreSQL counts bytes, and cuts in silence.
    seat.spoil(f'"{seat.protected.application.database.name}"', f'"{name}"', file=seat.description)

    refused(seat.run("backup", "guestbook"), "database.name: ", "1 to 63 bytes without NUL", code=2)


def test_a_key_that_is_not_known_in_the_applications_file(seat):
    seat.spoil("[database]\n", '[database]\nmigration_haed = "select 1"\n', file=seat.description)

    refused(seat.run("backup", "guestbook"), "database.migration_haed is not known, did you mean 'migration_head'?", code=2)
