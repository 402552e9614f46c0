"""What every vault does, asked of a directory and of S3 in the same words."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuity.adapters.vault import Vault, Versioned
from continuity.adapters.vaults import open_vault
from continuity.errors import AlreadyStored, ConfigurationRefused, NotStored, Overtaken, VaultError

TOMORROW = datetime.now(UTC) + timedelta(days=1)


class Breaking:
    """A source that delivers some bytes and then raises."""

    def __init__(self, size_bytes: int) -> None:
        self.left_bytes = size_bytes
        self.failure = OSError("the dump failed")

    def read(self, size: int, /) -> bytes:
        """Return zeros, until none are left."""
        if not self.left_bytes:
            raise self.failure
        count = min(size, self.left_bytes)
        self.left_bytes -= count
        return bytes(count)


class Dripping:
    """A source that returns a few bytes at a time, like a pipe."""

    def __init__(self, data: bytes) -> None:
        self.stream = io.BytesIO(data)

    def read(self, size: int, /) -> bytes:
        """Return less than was asked for."""
        return self.stream.read(min(size, 4_321))


@pytest.fixture(params=["directory", "s3"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Vault:
    """Make an empty vault of either kind."""
    if request.param == "directory":
        return open_vault(tmp_path.as_uri())
    bucket = request.getfixturevalue("s3_bucket")
    return open_vault(f"s3://{bucket}/some/where", endpoint_url=request.getfixturevalue("moto_endpoint"))


def keys(vault: Vault, prefix: str = "") -> list[str]:
    """Return what the vault lists."""
    return [found.key for found in vault.list(prefix)]


def test_returns_the_bytes_that_were_created(vault: Vault) -> None:
    vault.create("points/a/manifest", b"facts")

    assert vault.read("points/a/manifest") == b"facts"


@pytest.mark.parametrize("size_bytes", [0, 1, 70_000, 8 << 20, (16 << 20) + 1])
def test_returns_the_bytes_that_were_uploaded(vault: Vault, size_bytes: int) -> None:
    data = (bytes(range(251)) * (size_bytes // 251 + 1))[:size_bytes]

    written = vault.upload("points/a/dump", io.BytesIO(data))

    assert written == size_bytes
    with vault.open("points/a/dump") as stream:
        assert stream.read() == data


def test_takes_a_source_that_returns_less_than_was_asked_for(vault: Vault) -> None:
    data = bytes(range(256)) * 40_000

    vault.upload("dump", Dripping(data))

    assert vault.read("dump") == data


def test_creating_the_same_bytes_again_is_a_success(vault: Vault) -> None:
    vault.create("journal/1", b"intent")

    vault.create("journal/1", b"intent")

    assert vault.read("journal/1") == b"intent"


def test_refuses_to_create_other_bytes_under_a_key_that_exists(vault: Vault) -> None:
    vault.create("journal/1", b"first")

    with pytest.raises(AlreadyStored, match="journal/1"):
        vault.create("journal/1", b"other")

    assert vault.read("journal/1") == b"first"


@pytest.mark.parametrize("size_bytes", [5, 9 << 20])
def test_refuses_to_upload_to_a_key_that_exists(vault: Vault, size_bytes: int) -> None:
    vault.create("dump", b"first")

    with pytest.raises(AlreadyStored, match="dump"):
        vault.upload("dump", io.BytesIO(bytes(size_bytes)))

    assert vault.read("dump") == b"first"
    assert vault.discard_unfinished("", before=TOMORROW) == 0


@pytest.mark.parametrize("size_bytes", [0, 1_000, 20 << 20])
def test_a_source_that_raises_leaves_nothing_and_its_error_passes_unchanged(vault: Vault, size_bytes: int) -> None:
    source = Breaking(size_bytes)

    with pytest.raises(OSError, match="the dump failed") as caught:
        vault.upload("points/a/dump", source)

    assert caught.value is source.failure
    assert keys(vault) == []
    assert vault.discard_unfinished("", before=TOMORROW) == 0


@pytest.mark.parametrize("ask", [lambda vault: vault.read("no/such"), lambda vault: vault.open("no/such").__enter__()])
def test_says_that_a_key_is_not_stored(vault: Vault, ask: Callable[[Vault], object]) -> None:
    with pytest.raises(NotStored, match="no/such"):
        ask(vault)


def test_a_prefix_of_keys_is_not_itself_an_object(vault: Vault) -> None:
    vault.create("points/a/dump", b"x")

    with pytest.raises(NotStored):
        vault.read("points/a")


def test_lists_in_the_order_of_the_keys_with_size_and_time(vault: Vault) -> None:
    wanted = ["a-b", "a/b", "a/b-", "a/c/d", "a0", "b", "é/x"]
    for key in reversed(wanted):
        vault.create(key, key.encode())

    listed = list(vault.list(""))

    assert [found.key for found in listed] == wanted
    assert [found.size_bytes for found in listed] == [len(key.encode()) for key in wanted]
    assert all(abs(datetime.now(UTC) - found.modified) < timedelta(minutes=5) for found in listed)


@pytest.mark.parametrize(
    ("prefix", "wanted"),
    [("points/a/", ["points/a/x", "points/a/y"]), ("points/a", ["points/a/x", "points/a/y", "points/ab/z"]), ("q", [])],
)
def test_lists_by_the_start_of_the_key(vault: Vault, prefix: str, wanted: list[str]) -> None:
    for key in ("points/a/x", "points/a/y", "points/ab/z", "pins"):
        vault.create(key, b"")

    assert keys(vault, prefix) == wanted


def test_a_deleted_object_is_gone_and_deleting_it_again_is_a_success(vault: Vault) -> None:
    vault.create("points/a/x", b"1")
    vault.create("points/y", b"2")

    vault.delete("points/a/x")
    vault.delete("points/a/x")

    assert keys(vault) == ["points/y"]


def test_a_deleted_key_can_be_created_again(vault: Vault) -> None:
    vault.create("points/a/x", b"1")
    vault.delete("points/a/x")

    vault.create("points/a/x", b"2")

    assert vault.read("points/a/x") == b"2"


def test_an_honest_vault_passes_and_passes_again(vault: Vault) -> None:
    vault.check_honest()
    vault.check_honest()

    assert keys(vault) == ["probe/create-once"]


def test_a_stream_can_be_read_in_pieces(vault: Vault) -> None:
    data = bytes(range(256)) * 5_000
    vault.create("dump", data)

    with vault.open("dump") as stream:
        pieces: Iterator[bytes] = iter(lambda: stream.read(99_999), b"")
        assert b"".join(pieces) == data


ESCAPES = ["", "/", "/etc/passwd", "a//b", "a/", "../x", "a/../../x", "a/./b", "..", "a\x00b", "a\\b", "a\nb", "a\x7fb"]
ESCAPES += [".unfinished/x", "x" * 300, "a/" * 300 + "b", "\ud800"]


@pytest.mark.parametrize("key", ESCAPES)
def test_refuses_a_key_that_is_none(vault: Vault, key: str) -> None:
    for use in (
        lambda: vault.create(key, b""),
        lambda: vault.upload(key, io.BytesIO(b"")),
        lambda: vault.read(key),
        lambda: vault.delete(key),
    ):
        with pytest.raises(ConfigurationRefused):
            use()


PARTS = st.sampled_from(["..", ".", "", "a", "b", "\\", "\x00", "\n", "~", "%2e%2e", "..\\", ".unfinished", "é", " "])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(PARTS | st.text(max_size=8), min_size=1, max_size=6))
def test_whatever_the_key_nothing_appears_outside_the_directory(tmp_path: Path, parts: list[str]) -> None:
    root = tmp_path / "below" / "root"
    root.mkdir(parents=True, exist_ok=True)
    vault = open_vault(root.as_uri())
    key = "/".join(parts)

    try:
        vault.create(key, b"x")
    except (VaultError, ConfigurationRefused):
        stored = []
    else:
        stored = [key]

    assert sorted(tmp_path.iterdir()) == [tmp_path / "below"]
    assert sorted((tmp_path / "below").iterdir()) == [root]
    assert keys(vault) == stored
    for created in stored:
        vault.delete(created)


@pytest.mark.usefixtures("aws_environment")
@pytest.mark.parametrize(
    ("url", "kind", "address"),
    [
        ("s3://bucket", "S3Vault", "s3://bucket"),
        ("s3://bucket/a/b/", "S3Vault", "s3://bucket/a/b"),
        ("file:///srv", "DirectoryVault", "file:///srv"),
        ("file:///srv/a%20b", "DirectoryVault", "file:///srv/a%20b"),
    ],
)
def test_opens_the_vault_that_an_address_names(url: str, kind: str, address: str) -> None:
    vault = open_vault(url)

    assert (type(vault).__name__, vault.url) == (kind, address)


@pytest.mark.parametrize(
    ("url", "endpoint_url"),
    [
        ("", None),
        ("/srv/vault", None),
        ("file://host/tmp", None),
        ("file:///", None),
        ("file:relative", None),
        ("file:///srv", "http://127.0.0.1:9"),
        ("gs://bucket/x", None),
        ("s3://", None),
        ("s3://b", None),
        ("s3://bucket/../x", None),
        ("s3://key:hunter2@bucket/x", None),
        ("s3://bucket?secret=hunter2", None),
        ("s3://bucket", "http://key:hunter2@127.0.0.1:9"),
        ("s3://bucket", "ftp://127.0.0.1"),
    ],
)
def test_refuses_other_addresses_without_repeating_a_secret(url: str, endpoint_url: str | None) -> None:
    with pytest.raises(ConfigurationRefused) as caught:
        open_vault(url, endpoint_url=endpoint_url)

    assert "hunter2" not in f"{caught.value} {caught.value.detail} {caught.value.hint}"


def test_replaces_exactly_the_version_that_was_read(vault: Vault) -> None:
    vault.create("lease", b"first")
    first = vault.read_versioned("lease")

    second = vault.replace("lease", b"second", version=first.version)

    assert vault.read_versioned("lease") == Versioned(data=b"second", version=second)
    with pytest.raises(Overtaken):
        vault.replace("lease", b"third", version=first.version)
    assert vault.read("lease") == b"second"


def test_a_replacement_whose_reply_was_lost_is_a_success_when_repeated(vault: Vault) -> None:
    vault.create("lease", b"first")
    first = vault.read_versioned("lease").version
    second = vault.replace("lease", b"second", version=first)

    assert vault.replace("lease", b"second", version=first) == second


def test_of_many_replacements_of_one_version_one_wins(vault: Vault) -> None:
    vault.create("lease", b"free")
    version = vault.read_versioned("lease").version

    def replace(number: int) -> int:
        try:
            vault.replace("lease", str(number).encode(), version=version)
        except Overtaken:
            return 0
        return 1

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(replace, range(16))) == 1


def test_what_is_not_there_is_not_replaced(vault: Vault) -> None:
    vault.create("other", b"x")

    with pytest.raises(NotStored):
        vault.replace("lease", b"mine", version=vault.read_versioned("other").version)


def test_looking_writes_nothing_and_tells_whether_the_vault_was_tried(vault: Vault) -> None:
    assert vault.look() is False
    assert list(vault.list("")) == []

    vault.check_honest()

    assert vault.look() is True
