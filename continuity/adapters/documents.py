"""Documents of the vault: versioned JSON that carries its own hash, readable with jq and sha256sum alone."""

import hashlib
import json
from collections.abc import Collection
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from continuity.errors import ConfigurationRefused, DamagedObject

T = TypeVar("T")

EXACT_INTEGER = 2**53
"""Above this a JSON reader may round (RFC 8259, section 6), so larger integers are written as text."""


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Build an adapter once a type: it takes milliseconds, and a listing reads hundreds of documents."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def write_document(body: object, *, form: str, version: int) -> bytes:
    """Write a value as a document: `{"format", "version", "sha256", "body"}`, the hash over the canonical body."""
    plain = _exact(_adapter(type(body)).dump_python(body, mode="json"))
    document = {"format": form, "version": version, "sha256": _digest(plain), "body": plain}
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def read_document(data: bytes, kind: type[T], *, form: str, version: int, key: str, leave_out: Collection[str] = ()) -> T:
    """Read a document back. The lists that `leave_out` names are verified like the rest, and come back empty.

    Raises:
        DamagedObject: it is not such a document, or its body is not the one that was written.
        ConfigurationRefused: a newer release wrote it.

    """
    document = _swiftly(data)
    verified = document is not None
    try:
        document = document or json.loads(data)
        found, written, body = document["format"], document["version"], document["body"]
        digest = document["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedObject(f"{key} is not a document of ours: {type(error).__name__}") from error
    if found != form or not isinstance(written, int) or written < 1:
        raise DamagedObject(f"{key} says that it is {found!r} {written!r}, expected {form!r}")
    if not verified and _digest(body) != digest:
        raise DamagedObject(f"the body of {key} has sha256 {_digest(body)}, the document says {digest}")
    if written > version:
        raise ConfigurationRefused(
            f"{key} is {form} version {written}, this release reads up to {version}", hint="Use the release that wrote it."
        )
    try:
        value: T = _adapter(kind).validate_python({**body, **dict.fromkeys(leave_out, ())} if leave_out else body)
    except ValidationError as error:
        raise DamagedObject(f"{key} is not a valid {form}: {error.error_count()} errors") from error
    return value


def _swiftly(data: bytes) -> dict[str, Any] | None:
    """Parse a document and verify its hash in a quarter of the time that the standard library takes.

    None decides nothing: the two write some values otherwise, such as 1e16, and then the bytes that `canonical` returns do.
    """
    try:
        document: dict[str, Any] = orjson.loads(data)
        text = orjson.dumps(document["body"], option=orjson.OPT_SORT_KEYS).replace(b"\x7f", b"\\u007f")
        return document if hashlib.sha256(text).hexdigest() == document["sha256"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _digest(body: Any) -> str:
    return hashlib.sha256(canonical(body)).hexdigest()


def canonical(body: Any) -> bytes:
    """Return the bytes that the hash covers: what `jq -cS .body` prints, without the newline."""
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f").encode()


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _exact(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_exact(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT_INTEGER:
        return str(value)
    return value
