"""The PostgreSQL server of the embedded stack and of the tests."""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from continuity.errors import ConfigurationRefused, ContinuityError
from deployments.local import processes
from deployments.local.postgres import PostgresServer, running_postgres, start_postgres, stop_postgres
from deployments.local.postgres_binaries import VARIABLE, WHEEL
from deployments.local.processes import ProcessIdentity, ServiceRecord
from deployments.local.server_account import reachable_temporary_directory
from deployments.local.throwaway import throwaway_directory


@pytest.fixture
def place() -> Iterator[Path]:
    with throwaway_directory(reachable_temporary_directory(), stop_postgres) as directory:
        yield directory


def ask(server: PostgresServer, query: str) -> object:
    with psycopg.connect(server.dsn("postgres")) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def is_alive(pid: int) -> bool:
    return processes.identify(pid) is not None


def test_up_twice_is_one_server(place: Path) -> None:
    first = start_postgres(place, durable=False)

    second = start_postgres(place, durable=False)

    assert second == first


def test_a_stopped_server_comes_back_on_its_port_with_its_data(place: Path) -> None:
    first = start_postgres(place, durable=True)
    with psycopg.connect(first.dsn("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 41 + 1 AS answer")
    stop_postgres(place)

    second = start_postgres(place, durable=True)

    assert second.pid != first.pid
    assert second.dsn("postgres") == first.dsn("postgres")
    assert ask(second, "SELECT answer FROM kept") == 42


def test_another_port_is_taken_where_a_stranger_listens_on_the_former_one(place: Path) -> None:
    first = start_postgres(place, durable=False)
    stop_postgres(place)

    with socket.create_server((processes.LOCALHOST, first.port)):
        second = start_postgres(place, durable=False)

    assert second.port != first.port
    assert ask(second, "SELECT 1") == 1


def test_stop_leaves_no_process_and_may_be_repeated(place: Path) -> None:
    server = start_postgres(place, durable=False)

    stop_postgres(place)
    stop_postgres(place)

    assert not is_alive(server.pid)
    assert not list(server.socket_directory.glob(".s.PGSQL.*"))


def test_stopping_what_never_was_started_does_nothing(tmp_path: Path) -> None:
    stop_postgres(tmp_path / "nowhere")

    assert not (tmp_path / "nowhere").exists()


def test_a_server_whose_pid_went_to_somebody_else_is_not_killed_but_started_anew(place: Path) -> None:
    server = start_postgres(place, durable=False)
    stop_postgres(place)
    stranger = subprocess.Popen(["sleep", "60"])
    record = processes.read_record(place / "server.json")
    assert record is not None
    stale = ServiceRecord(
        port=record.port, process=ProcessIdentity(pid=stranger.pid, started="in another life"), facts=record.facts
    )
    processes.write_record(place / "server.json", stale)

    stop_postgres(place)
    processes.write_record(place / "server.json", stale)
    again = start_postgres(place, durable=False)

    assert stranger.poll() is None
    assert again.pid not in {server.pid, stranger.pid}
    stranger.kill()
    stranger.wait()


def test_a_throw_away_server_does_not_wait_for_the_disk_and_a_lasting_one_does(place: Path) -> None:
    with running_postgres() as throw_away:
        assert ask(throw_away, "SHOW fsync") == "off"

    assert ask(start_postgres(place, durable=True), "SHOW fsync") == "on"


def test_a_throw_away_server_leaves_nothing() -> None:
    with running_postgres() as server:
        pass

    assert not is_alive(server.pid)
    assert not server.directory.exists()


def test_a_throw_away_server_whose_process_was_killed_is_removed_by_the_next_one(place: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from deployments.local.postgres import running_postgres\n"
        "with running_postgres(parent=pathlib.Path(sys.argv[1])) as server:\n"
        "    print(server.pid, server.directory, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as victim:  # fmt: skip
        assert victim.stdout is not None
        pid, directory = victim.stdout.readline().split()
        victim.kill()

    assert is_alive(int(pid))
    with running_postgres(parent=place):
        assert not is_alive(int(pid))
        assert not Path(directory).exists()


def test_the_throw_away_server_of_a_living_neighbour_is_left_alone(place: Path) -> None:
    with running_postgres(parent=place) as neighbour, running_postgres(parent=place):
        assert ask(neighbour, "SELECT 1") == 1


def test_it_speaks_english_and_utf_8_and_listens_on_this_machine_only(postgres_server: PostgresServer) -> None:
    settings = {
        name: ask(postgres_server, f"SHOW {name}")
        for name in ("server_encoding", "lc_messages", "timezone", "listen_addresses", "data_checksums")
    }

    assert settings == {
        "server_encoding": "UTF8",
        "lc_messages": "C",
        "timezone": "UTC",
        "listen_addresses": "127.0.0.1",
        "data_checksums": "on",
    }


@pytest.mark.parametrize("host", ["127.0.0.1", "socket"])
def test_nobody_enters_without_the_password(postgres_server: PostgresServer, host: str) -> None:
    where = str(postgres_server.socket_directory) if host == "socket" else host

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=where, port=postgres_server.port, user="postgres", password="wrong", dbname="postgres")


def test_the_socket_works_too(postgres_server: PostgresServer) -> None:
    with psycopg.connect(
        host=str(postgres_server.socket_directory), port=postgres_server.port, user="postgres",
        password=postgres_server.password(), dbname="postgres",
    ) as connection:  # fmt: skip
        assert connection.execute("SELECT inet_server_addr()").fetchone() == (None,)


def test_a_long_path_gets_a_socket_in_a_short_one_that_goes_with_the_server(place: Path) -> None:
    server = start_postgres(place / ("long" * 30), durable=False)

    assert list(server.socket_directory.glob(".s.PGSQL.*"))
    stop_postgres(server.directory)
    assert not server.socket_directory.exists()


def test_the_password_is_in_a_private_file_and_nowhere_else(postgres_server: PostgresServer) -> None:
    password = postgres_server.password()

    command_lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]

    assert (postgres_server.directory / "password").stat().st_mode & 0o777 == 0o600
    assert password not in repr(postgres_server)
    assert not [each for each in command_lines if password.encode() in each]
    assert password not in (postgres_server.directory / "server.json").read_text()
    assert password not in (postgres_server.directory / "server.log").read_text()


def test_a_server_that_does_not_come_up_shows_the_end_of_its_log(place: Path) -> None:
    with pytest.raises(ContinuityError) as refused:
        start_postgres(place, durable=False, settings={"shared_buffers": "a lot"})

    assert 'invalid value for parameter "shared_buffers": "a lot"' in refused.value.detail
    assert "server.log" in refused.value.hint


def test_data_of_a_version_that_is_not_installed_are_refused_by_that_version(place: Path) -> None:
    start_postgres(place, durable=False)
    stop_postgres(place)
    (place / "data" / "PG_VERSION").write_text("9\n")

    with pytest.raises(ConfigurationRefused, match="no programs of PostgreSQL 9 were found"):
        start_postgres(place, durable=False)


def test_a_directory_without_programs_is_refused_with_the_variable(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(place))

    with pytest.raises(ConfigurationRefused, match=f"{VARIABLE}={place}") as refused:
        start_postgres(place, durable=False)

    assert "initdb" in refused.value.hint


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are read the way Linux shows them")
def test_the_server_is_never_root_and_has_none_of_roots_groups(postgres_server: PostgresServer) -> None:
    owner = Path(f"/proc/{postgres_server.pid}").stat().st_uid
    groups = Path(f"/proc/{postgres_server.pid}/status").read_text().partition("Groups:")[2].splitlines()[0].split()

    assert owner == os.geteuid() or pwd.getpwuid(owner).pw_name in {"postgres", "nobody"}
    assert owner != 0
    assert "0" not in groups


def test_a_directory_that_the_server_cannot_enter_is_refused_by_name(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir()
    closed.chmod(0o700 if os.geteuid() == 0 else 0o000)

    with pytest.raises(ConfigurationRefused, match=f"{closed}") as refused:
        start_postgres(closed / "server", durable=False)

    closed.chmod(0o700)
    assert "Choose a directory" in refused.value.hint
    assert not (closed / "server" / "data").exists()


@pytest.mark.skipif(importlib.util.find_spec(WHEEL) is None, reason="the wheel is not made for this Python")
def test_the_wheel_serves_where_no_postgresql_is_installed_also_from_a_closed_home(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.find_spec(WHEEL)
    assert spec is not None
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    site = Path(spec.origin or "").parents[1]
    for part in site.glob(f"{WHEEL}*"):
        shutil.copytree(part, home / part.name, symlinks=True)
    monkeypatch.syspath_prepend(str(home))
    monkeypatch.setenv(VARIABLE, "wheel")

    server = start_postgres(place, durable=False)

    expected = place if os.geteuid() == 0 else home
    assert expected in server.binaries.parents
    assert ask(server, "SHOW server_version_num") == str(ask(server, "SELECT current_setting('server_version_num')"))
    tools = [subprocess.run([server.binaries / each, "--version"], check=True) for each in ("pg_dump", "pg_restore")]
    assert [each.returncode for each in tools] == [0, 0]
