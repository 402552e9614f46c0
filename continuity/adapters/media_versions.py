"""A versioned media bucket: the history of its keys as a stream, and acts that delete no version of any object."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlencode
from xml.etree import ElementTree as ET

from botocore.exceptions import ClientError

from continuity.adapters.media import translated
from continuity.domain.media_rollback import KeyHistory, Version
from continuity.errors import UnsafeOperation

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_COPIED_BYTES = 5 * 1024**3
"""What one CopyObject takes (S3 API); more is copied in parts."""

PART_BYTES = 512 * 1024**2
LOOKED_AT = 20
"""Entries of one key that are read before and after it is changed: what matters is on top."""

HEADERS = ("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl", "Metadata")
"""What a file is served with: a copy in parts has to be given it, and it tells copies apart where ETags do not."""

GRANTS = {
    "FULL_CONTROL": "GrantFullControl",
    "READ": "GrantRead",
    "READ_ACP": "GrantReadACP",
    "WRITE_ACP": "GrantWriteACP",
}
NO_SUCH_CALL = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
KINDS = frozenset({"Version", "DeleteMarker"})
ENTRIES = "ContinuityEntries"
_Entry = tuple[str, bool, Version]
"""Key, whether it is the current one, and the entry."""
_Told = tuple[str, bool, Version, bool]
"""The same, and whether the store has told its place among the others."""


class VersionedBucket:
    """A bucket that keeps what is overwritten and deleted. Safe to use from several threads.

    Raises MediaError where the store refuses or cannot be reached.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self.name = bucket
        self._client = client
        client.meta.events.register("before-parse.s3.ListObjectVersions", _read_entries, unique_id=ENTRIES)

    def histories(self, prefix: str) -> Iterator[KeyHistory]:
        """Stream the history of each key, in the order of the keys (UTF-8 bytes), in flat memory."""
        return grouped(entry for page in self._pages(prefix) for entry in in_order(page[ENTRIES]))

    def history(self, key: str) -> KeyHistory | None:
        """Return the newest entries of one key, or None where there is none."""
        with translated(self.name):
            page: Mapping[str, Any] = self._client.list_object_versions(Bucket=self.name, Prefix=key, MaxKeys=LOOKED_AT)
        # Longer keys that begin with this one come after it.
        return next(grouped(entry for entry in in_order(page[ENTRIES]) if entry[0] == key), None)

    def copy_forward(self, key: str, version: Version) -> str:
        """Make a version the current one by copying it, with all that it has; return the copy's id, "" if not to be found.

        It has its metadata, tags, storage class and access list; the default key of the bucket encrypts it. Twice makes two.

        Raises:
            MediaGone: the version is gone.
            UnsafeOperation: the bucket keeps no versions any more.

        """
        source = {"Bucket": self.name, "Key": key, "VersionId": version.id}
        storage = {"StorageClass": version.storage} if version.storage not in {"", "STANDARD"} else {}
        with translated(self.name):
            # By itself S3 gives a copy the standard storage class, and to its owner alone.
            more: dict[str, Any] = storage | (self._grants(source) if self._has_acls else {})
            if version.size_bytes > MOST_COPIED_BYTES:
                self._copy_in_parts(source, more)
            else:
                answer = self._client.copy_object(Bucket=self.name, Key=key, CopySource=source, **more)  # type: ignore[arg-type]
                return self._kept(answer, key)
        # The transfer does not tell what it has made.
        found = self.history(key)
        copies = [each for each in found.versions if each.id != version.id] if found else []
        return next((each.id for each in copies if self.same_file(key, each, version)), "")

    @cached_property
    def _has_acls(self) -> bool:
        """Whether objects have access lists of their own: not where the bucket's owner owns all, nor in stores without them."""
        try:
            rules = self._client.get_bucket_ownership_controls(Bucket=self.name)["OwnershipControls"]["Rules"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "OwnershipControlsNotFoundError":
                return True
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in NO_SUCH_CALL:
                return False
            raise
        return all(rule["ObjectOwnership"] != "BucketOwnerEnforced" for rule in rules)

    def _grants(self, source: dict[str, str]) -> dict[str, str]:
        """Return the access list of a version as a copy is given it; nothing where it is its owner's alone."""
        found = self._client.get_object_acl(**source)  # type: ignore[arg-type]
        lists: dict[str, list[str]] = {}
        for grant in found["Grants"]:
            grantee = grant["Grantee"]
            named = f'id="{grantee["ID"]}"' if "ID" in grantee else f'uri="{grantee["URI"]}"'
            lists.setdefault(GRANTS[grant["Permission"]], []).append(named)
        owners = [f'id="{found["Owner"]["ID"]}"']
        return {} if lists == {"GrantFullControl": owners} else {name: ", ".join(each) for name, each in lists.items()}

    def _copy_in_parts(self, source: dict[str, str], more: dict[str, str]) -> None:
        from boto3.s3.transfer import TransferConfig, create_transfer_manager

        head = self._client.head_object(**source)  # type: ignore[arg-type]
        given = _headers(head) | more | {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
        if tags := self._client.get_object_tagging(**source)["TagSet"]:  # type: ignore[arg-type]
            given["Tagging"] = urlencode({tag["Key"]: tag["Value"] for tag in tags})
        config = TransferConfig(multipart_threshold=1, multipart_chunksize=PART_BYTES)
        with create_transfer_manager(self._client, config) as manager:
            manager.copy(source, self.name, source["Key"], extra_args=given).result()

    def add_marker(self, key: str) -> str:
        """Hide a key behind a delete marker, and return its id. Twice makes two markers.

        Raises:
            UnsafeOperation: the bucket keeps no versions any more.

        """
        with translated(self.name):
            return self._kept(self._client.delete_object(Bucket=self.name, Key=key), key)

    def _kept(self, answer: Mapping[str, Any], key: str) -> str:
        """Return the id of what was made, and stop where it has no id of its own: it may have replaced something."""
        made = str(answer.get("VersionId", ""))
        if made in {"", "null"}:
            raise UnsafeOperation(
                f"bucket {self.name} has stopped to keep versions: what was written to {key} has no id of its own",
                hint="Somebody has suspended versioning during the run: switch it on again, then look at this key.",
            )
        return made

    def remove_marker(self, key: str, marker: Version) -> None:
        """Remove a delete marker; one that is gone is a success."""
        if not marker.marker:
            raise ValueError(f"{marker.id} is a version of an object, which is never deleted")
        with translated(self.name):
            self._client.delete_object(Bucket=self.name, Key=key, VersionId=marker.id)

    def same_file(self, key: str, one: Version, other: Version) -> bool:
        """Tell whether two versions are the same file: by size and ETag, or by size and headers where an ETag is no digest."""
        if one.marker or other.marker or one.size_bytes != other.size_bytes:
            return False
        if one.etag == other.etag:
            return True
        with translated(self.name):
            heads = [self._client.head_object(Bucket=self.name, Key=key, VersionId=each.id) for each in (one, other)]
        return any(map(_etag_is_no_digest, heads)) and _headers(heads[0]) == _headers(heads[1])

    def _pages(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        pages = iter(self._client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix))
        while True:
            with translated(self.name):
                page = next(pages, None)
            if page is None:
                return
            yield page


def in_order(entries: Sequence[_Entry]) -> list[_Told]:
    """Return the entries of a page by key, newest first, and of each whether the store has told so.

    A page with a marker before a version is in the order of the store, as S3 documents it. One that has all versions first
    may come from a store that sorts by kind: there moments decide, and the current entry comes first.
    """
    kinds = [version.marker for _, _, version in entries]
    if not any(kinds) or False in kinds[kinds.index(True) :]:
        return [(*entry, True) for entry in entries]
    merged = sorted(entries, key=lambda entry: (entry[0], not entry[1], -entry[2].modified.timestamp()))
    return [(*entry, False) for entry in merged]


def grouped(entries: Iterator[_Told]) -> Iterator[KeyHistory]:
    """Gather entries, which stand in the order of their keys, into histories."""
    for key, group in groupby(entries, key=lambda entry: entry[0]):
        of_key = list(group)
        yield KeyHistory(key=key, versions=tuple(each[2] for each in of_key), ordered=all(each[3] for each in of_key))


def _read_entries(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Read the entries of a listing in place of the SDK, which is left with the rest.

    The SDK parses versions and markers into two lists, and with it goes the order in which the store has told them; it also
    takes seven times as long, most of it over the moments.
    """
    if response_dict["status_code"] != HTTPStatus.OK:
        return
    root = ET.fromstring(response_dict["body"])  # noqa: S314 -- what the SDK does with the same bytes
    encoded = next((each.text for each in root if _tag(each) == "EncodingType"), "") == "url"
    found = [each for each in root if _tag(each) in KINDS]
    root[:] = [each for each in root if _tag(each) not in KINDS]
    response_dict["body"] = ET.tostring(root)
    customized_response_dict[ENTRIES] = [_entry(each, encoded=encoded) for each in found]


def _entry(element: ET.Element, *, encoded: bool) -> _Entry:
    told = {_tag(each): each.text or "" for each in element}
    version = Version(
        id=told["VersionId"],
        modified=datetime.fromisoformat(told["LastModified"]),
        marker=_tag(element) == "DeleteMarker",
        size_bytes=int(told.get("Size", 0)),
        etag=told.get("ETag", "").strip('"'),
        storage=told.get("StorageClass", ""),
    )
    return unquote_plus(told["Key"]) if encoded else told["Key"], told["IsLatest"] == "true", version


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _headers(head: Mapping[str, Any]) -> dict[str, Any]:
    return {name: head[name] for name in HEADERS if head.get(name)}


def _etag_is_no_digest(head: Mapping[str, Any]) -> bool:
    """Whether an ETag is other than the MD5 of the content: of parts, or encrypted by a key of KMS (S3 API, Object)."""
    return "-" in head["ETag"] or str(head.get("ServerSideEncryption", "")).startswith("aws:kms")
