"""The disk fills up while a point is restored beside the live database: the application serves as before, and it is said."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.errors import DrillFailed
from tests.rollback.conftest import OTHER, REPLICAS

ROOM_BYTES = 5 * 1024**2 // 2
"""What a new database may take. Made by copying files, or on PostgreSQL 16 and newer, an empty one is more; by WAL with 15,
its files have holes, it takes 2 MB, and the guestbook's rows are what does not fit (both seen)."""
WORK_BYTES = 32 * 1024**2


@contextmanager
def small_disk(folder: Path, size_bytes: int, *, like: Path) -> Iterator[Path]:
    """Mount a small disk at `folder`, of the owner that `like` has."""
    folder.mkdir()
    owner = like.stat()
    options = f"size={size_bytes},mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    command = ["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@contextmanager
def new_databases_on(session: psycopg.Connection, folder: Path) -> Iterator[None]:
    """Put `template0` onto a disk, and so what is made of it."""
    session.execute(sql.SQL("create tablespace small location {}").format(str(folder)))
    session.execute("alter database template0 set tablespace small")
    try:
        yield
    finally:
        session.execute("alter database template0 set tablespace pg_default")
        session.execute("drop tablespace small")


@pytest.fixture
def small_server_disk(postgres_server) -> Iterator[None]:
    """Leave the server no room for what is restored; its other databases have all they need."""
    directory = postgres_server.directory
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as session:
        (empty_bytes,) = session.execute("select pg_database_size('template0')").fetchone()
        size_bytes = empty_bytes + ROOM_BYTES
        with small_disk(directory / "small", size_bytes, like=directory / "data") as folder, new_databases_on(session, folder):
            yield


@pytest.fixture
def work_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk for a work directory."""
    with small_disk(tmp_path / "work", WORK_BYTES, like=tmp_path) as folder:
        yield folder


@pytest.fixture
def spoilt(stage):
    stage.prove()
    stage.spoil()
    return stage


def serves_as_before(stage) -> bool:
    stage.ready()
    found = (stage.replicas(), stage.image(), stage.spoilt() > 0, stage.databases())
    return found == (REPLICAS, OTHER, True, [""])


def test_a_server_without_room_for_the_restore_leaves_everything_as_it_was(spoilt, small_server_disk):
    ended = spoilt.roll_back().ended

    assert ended.outcome is Outcome.UNDONE
    assert ended.failed == "restore the point"
    assert "has no room for the restore" in ended.because
    assert "Make room" in ended.hint
    assert serves_as_before(spoilt)


def test_once_there_is_room_the_same_rollback_goes_through(spoilt, small_server_disk, postgres_server):
    assert spoilt.roll_back().ended.outcome is Outcome.UNDONE
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as session:
        session.execute("alter database template0 set tablespace pg_default")

    assert spoilt.roll_back().ended.outcome is Outcome.DONE

    assert spoilt.spoilt() == 0
    assert spoilt.replicas() == REPLICAS


def test_a_drill_server_without_room_says_nothing_against_the_point(protect, small_server_disk):
    protected = protect("guestbook")
    protected.back_up()

    with pytest.raises(DrillFailed, match="has no room for the restore") as caught:
        protected.drill()

    assert "Make room" in caught.value.hint
    [point] = protected.points.listing().points
    assert not point.proven
    assert point.drills == ()


def test_a_work_directory_that_fills_up_before_the_dump_is_fetched_leaves_everything_as_it_was(spoilt, work_disk):
    text = spoilt.seat.environment.read_text()
    lines = [f'work_directory = "{work_disk}"' if line.startswith("work_directory") else line for line in text.splitlines()]
    spoilt.seat.environment.write_text("\n".join(lines) + "\n")

    def fill(step, phase) -> None:
        if (step.name, phase) == ("restore the point", Phase.AFTER_INTENT):
            with suppress(OSError), (work_disk / "somebody's").open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

    ended = spoilt.roll_back_watched(fill).ended

    assert ended.outcome is Outcome.UNDONE
    assert ended.failed == "restore the point"
    assert "the dump does not fit into" in ended.because
    assert "No space left on device" in ended.because
    assert "work_directory" in ended.hint
    assert [path.name for path in work_disk.iterdir()] == ["somebody's"]
    assert serves_as_before(spoilt)
