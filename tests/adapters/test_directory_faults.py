"""What the operating system refuses a vault in a directory: nothing half written stays, and the hint says what to do."""

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from continuity.adapters.directory_vault import DirectoryVault
from continuity.errors import NotStored, VaultError

REPOSITORY = Path(__file__).parents[2]
MIB = 1 << 20

UPLOAD_UNDER_A_LIMIT = """
import io, pathlib, resource, sys
from continuity.adapters.directory_vault import DirectoryVault
from continuity.errors import VaultError
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    DirectoryVault(pathlib.Path(sys.argv[1])).upload("dump", io.BytesIO(bytes(3 << 20)))
except VaultError as error:
    print(error, error.detail, error.hint, error.transient, sep="|")
"""

CREATE_AS_NOBODY = """
import os, pathlib, sys
from continuity.adapters.directory_vault import DirectoryVault
from continuity.errors import VaultError
if os.geteuid() == 0:
    os.setuid(65534)
try:
    DirectoryVault(pathlib.Path(sys.argv[1])).create("a", b"")
except VaultError as error:
    print(error, error.hint)
"""


@pytest.fixture
def vault(tmp_path: Path) -> DirectoryVault:
    """Make an empty vault."""
    return DirectoryVault(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Mount a file system of four mebibytes; where that is not permitted, let writing past it fail."""
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode == 0:
        yield tmp_path
        subprocess.run(["/bin/umount", "--lazy", str(tmp_path)], check=True)
        return
    left_bytes = 4 * MIB
    genuine = os.write

    def write(descriptor: int, data: bytes) -> int:
        nonlocal left_bytes
        left_bytes -= len(data)
        if left_bytes < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return genuine(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    yield tmp_path


def names(root: Path) -> list[str]:
    """Every file below a directory, half-written ones too."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_full_disk_leaves_nothing_and_says_what_to_do(small_disk: Path) -> None:
    vault = DirectoryVault(small_disk)

    with pytest.raises(VaultError, match="no space left on device") as caught:
        vault.upload("dump", io.BytesIO(bytes(8 * MIB)))

    assert not caught.value.transient
    assert "Free space" in caught.value.hint
    assert names(small_disk) == []


def test_a_disk_that_became_read_only_is_named(vault: DirectoryVault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.create("a", b"1")
    genuine = os.open

    def refuse_to_create(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return genuine(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse_to_create)

    with pytest.raises(VaultError, match="read-only file system") as caught:
        vault.create("b", b"2")

    assert "writable" in caught.value.hint
    assert vault.read("a") == b"1"


def test_a_file_past_the_limit_of_sizes_leaves_nothing(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", UPLOAD_UNDER_A_LIMIT, str(tmp_path)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )

    message, detail, hint, transient = child.stdout.strip().split("|")
    assert "cannot write dump: file too large" in message
    assert (detail, transient) == ("EFBIG", "False")
    assert "ulimit" in hint
    assert names(tmp_path) == []


@pytest.mark.parametrize("failing", ["fsync", "close"])
def test_bytes_that_may_not_be_on_the_disk_are_void_and_not_tried_again(
    vault: DirectoryVault, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    calls = []
    genuine = getattr(os, failing)

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            if failing == "close":
                genuine(descriptor)
            raise OSError(errno.EIO, "Input/output error")
        genuine(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        with pytest.raises(VaultError, match="input/output error") as caught:
            vault.create("manifest", b"facts")

    assert not caught.value.transient
    assert len(set(calls)) == len(calls)
    assert names(vault.root) == []


def test_a_name_that_may_not_be_on_the_disk_is_taken_back(vault: DirectoryVault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.create("points/other", b"")
    genuine = os.fsync

    def fail_on_directories(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(errno.EIO, "Input/output error")
        genuine(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_on_directories)
        with pytest.raises(VaultError, match="input/output error"):
            vault.create("points/manifest", b"facts")

    assert names(vault.root) == ["points/other"]


def test_a_vault_whose_disk_is_not_mounted_is_not_made_anew(tmp_path: Path) -> None:
    vault = DirectoryVault(tmp_path / "mnt")

    for use in (
        lambda: vault.create("a", b""),
        lambda: vault.upload("a", io.BytesIO(b"")),
        lambda: vault.read("a"),
        lambda: vault.delete("a"),
        lambda: list(vault.list("")),
        lambda: vault.discard_unfinished("", before=datetime.now(UTC)),
        vault.room_bytes,
        vault.check_honest,
    ):
        with pytest.raises(VaultError, match="is not there") as caught:
            use()
        assert not isinstance(caught.value, NotStored)
        assert "Mount" in caught.value.hint
    assert not (tmp_path / "mnt").exists()


def test_a_vault_of_another_user_is_refused_with_a_hint(vault: DirectoryVault) -> None:
    vault.root.chmod(0o500)

    child = subprocess.run(
        [sys.executable, "-c", CREATE_AS_NOBODY, str(vault.root)], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )

    assert "permission denied" in child.stdout
    assert "owner" in child.stdout
