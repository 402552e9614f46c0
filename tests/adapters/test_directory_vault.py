"""A vault in a directory: one winner, nothing half written, and errors that say what to do."""

import io
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from continuity.adapters.directory_vault import DirectoryVault
from continuity.errors import AlreadyStored, UnsafeOperation, VaultError

REPOSITORY = Path(__file__).parents[2]
PROCESSES = 16
SLOTS = 10
MIB = 1 << 20

UPLOAD_AND_DIE = """
import os, pathlib, sys
from continuity.adapters.directory_vault import DirectoryVault
def chunks():
    yield b"half"
    os.kill(os.getpid(), 9)
class Source:
    left = chunks()
    def read(self, size):
        return next(self.left)
DirectoryVault(pathlib.Path(sys.argv[1])).upload("points/a/dump", Source())
"""


@pytest.fixture
def vault(tmp_path: Path) -> DirectoryVault:
    """Make an empty vault."""
    return DirectoryVault(tmp_path)


def names(root: Path) -> list[str]:
    """Every file below a directory, half-written ones too."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def race(root: Path, name: str, start: Barrier, won: SimpleQueue[tuple[str, int]]) -> None:
    """Try to create every slot, at the same time as the others, and tell which were won."""
    vault = DirectoryVault(root)
    for slot in range(SLOTS):
        start.wait()
        try:
            vault.create(f"journal/{slot}", name.encode())
        except AlreadyStored:
            continue
        won.put((name, slot))


def test_of_sixteen_processes_one_creates_each_key(tmp_path: Path) -> None:
    context = get_context("spawn")
    start, won = context.Barrier(PROCESSES), context.SimpleQueue()
    contenders = [context.Process(target=race, args=(tmp_path, f"process {number}", start, won)) for number in range(PROCESSES)]

    for process in contenders:
        process.start()
    for process in contenders:
        process.join()

    assert [process.exitcode for process in contenders] == [0] * PROCESSES
    winners = {}
    while not won.empty():
        name, slot = won.get()
        assert slot not in winners
        winners[slot] = name
    vault = DirectoryVault(tmp_path)
    assert {slot: vault.read(f"journal/{slot}").decode() for slot in range(SLOTS)} == winners
    assert len(names(tmp_path)) == SLOTS


def test_nobody_else_can_read_what_is_stored(vault: DirectoryVault) -> None:
    before = os.umask(0)
    try:
        vault.create("points/a/dump", b"x")
    finally:
        os.umask(before)

    modes = {path.relative_to(vault.root).parts[-1]: path.stat().st_mode & 0o777 for path in vault.root.rglob("*")}
    assert modes == {"points": 0o700, "a": 0o700, "dump": 0o600, ".unfinished": 0o700}


def test_tells_the_room_on_its_file_system(vault: DirectoryVault) -> None:
    assert vault.room_bytes() == pytest.approx(shutil.disk_usage(vault.root).free, abs=64 * MIB)


def test_follows_no_symbolic_link(vault: DirectoryVault, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("x")
    (vault.root / "file").symlink_to(outside / "secret")
    (vault.root / "folder").symlink_to(outside)

    for use in (
        lambda: vault.read("file"),
        lambda: vault.read("folder/secret"),
        lambda: vault.create("folder/new", b""),
        lambda: vault.delete("folder/secret"),
        lambda: list(vault.list("")),
    ):
        with pytest.raises(VaultError, match="symbolic link"):
            use()
    assert names(outside) == ["secret"]


def test_an_object_cannot_be_a_directory_of_others(vault: DirectoryVault) -> None:
    vault.create("a", b"1")

    with pytest.raises(VaultError, match="not a directory") as caught:
        vault.create("a/b", b"2")

    assert "another key" in caught.value.hint
    assert names(vault.root) == ["a"]


def test_a_link_whose_reply_was_lost_is_a_success(vault: DirectoryVault, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = os.link

    def link_twice(source: Path, target: Path) -> None:
        genuine(source, target)
        genuine(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", link_twice)
        vault.upload("dump", io.BytesIO(b"x"))

    assert vault.read("dump") == b"x"


@pytest.mark.parametrize("lie", [os.replace, lambda _source, _target: None])
def test_a_file_system_whose_link_lies_is_refused(vault: DirectoryVault, monkeypatch: pytest.MonkeyPatch, lie: object) -> None:
    vault.check_honest()
    monkeypatch.setattr(os, "link", lie)

    with pytest.raises(UnsafeOperation, match=r"link\(\)"):
        vault.check_honest()


def test_discards_only_what_is_old_and_of_the_prefix(vault: DirectoryVault) -> None:
    vault.create("points/a", b"")
    unfinished = vault.root / ".unfinished"
    for label in ("points%2Fold.1", "points%2Fnew.2", "journal%2Fold.3"):
        (unfinished / label).write_text("half")
    week_ago = (datetime.now(UTC) - timedelta(days=7)).timestamp()
    for label in ("points%2Fold.1", "journal%2Fold.3"):
        os.utime(unfinished / label, (week_ago, week_ago))

    discarded = vault.discard_unfinished("points/", before=datetime.now(UTC) - timedelta(days=1))

    assert discarded == 1
    assert names(vault.root) == [".unfinished/journal%2Fold.3", ".unfinished/points%2Fnew.2", "points/a"]


def test_what_a_killed_process_leaves_is_not_listed_and_can_be_discarded(vault: DirectoryVault) -> None:
    subprocess.run([sys.executable, "-c", UPLOAD_AND_DIE, str(vault.root)], cwd=REPOSITORY, check=False)

    assert list(vault.list("")) == []
    assert vault.discard_unfinished("points/", before=datetime.now(UTC) + timedelta(seconds=5)) == 1
    vault.upload("points/a/dump", io.BytesIO(b"whole"))
    assert names(vault.root) == ["points/a/dump"]
