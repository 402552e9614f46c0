"""An S3 server for benchmarks: it stores every byte in files, checks Content-MD5, honours conditions, and costs little CPU.

It answers what boto3 asks of a store in these measurements, with the same work for both sides of a comparison: MD5 of what
arrives (S3's ETag), a file for each part, and the parts one after another on the way out. It knows one bucket, checks no
credentials, and listens on this machine only. Never for bytes that matter.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape

BUCKET = "benchmarks"
CHUNK_BYTES = 1 << 20
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A file with a part of an object, or the whole of it."""

    path: Path
    size_bytes: int
    md5: str


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An object: its parts, its ETag and its user metadata."""

    parts: tuple[Part, ...]
    etag: str
    metadata: dict[str, str]

    @property
    def size_bytes(self) -> int:
        """Bytes of all parts."""
        return sum(part.size_bytes for part in self.parts)


@dataclass(kw_only=True)
class Store:
    """What the server keeps: objects by key, and uploads that are not complete."""

    folder: Path
    objects: dict[str, Kept] = field(default_factory=dict)
    uploads: dict[str, dict[int, Part]] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


class Handler(BaseHTTPRequestHandler):
    """One connection. The names of the methods are those of HTTP."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a head waits 40 ms for its body
    store: Store

    def log_message(self, *_: object) -> None:
        """Say nothing: a line a request is work that is not measured."""

    def do_PUT(self) -> None:
        """Store an object, a part of an upload, or the bucket."""
        key, query = self._asked()
        part = self._receive()
        if part is None:
            self._error(400, "BadDigest")
        elif "uploadId" in query:
            self.store.uploads[query["uploadId"][0]][int(query["partNumber"][0])] = part
            self._answer(200, headers={"ETag": f'"{part.md5}"'})
        elif key:
            self._keep(key, Kept(parts=(part,), etag=f'"{part.md5}"', metadata=self._user_metadata()))
        else:
            self._answer(200)

    def do_POST(self) -> None:
        """Begin an upload, or make an object of its parts."""
        key, query = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if "uploads" in query:
            upload = uuid4().hex
            self.store.uploads[upload], self.store.metadata[upload] = {}, self._user_metadata()
            self._answer(200, f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>")
            return
        upload = query["uploadId"][0]
        numbers = [int(number) for number in re.findall(r"<PartNumber>(\d+)<", body)]
        parts = tuple(self.store.uploads[upload][number] for number in numbers)
        digest = hashlib.md5(b"".join(bytes.fromhex(part.md5) for part in parts)).hexdigest()
        kept = Kept(parts=parts, etag=f'"{digest}-{len(parts)}"', metadata=self.store.metadata[upload])
        said = f"<CompleteMultipartUploadResult><ETag>{kept.etag}</ETag></CompleteMultipartUploadResult>"
        self._keep(key, kept, said)

    def do_GET(self) -> None:
        """Send an object, or list."""
        key, query = self._asked()
        if key:
            self._send(key, body=True)
        elif "uploads" in query:
            self._answer(200, "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
        else:
            self._list(query.get("prefix", [""])[0])

    def do_HEAD(self) -> None:
        """Tell of an object."""
        self._send(self._asked()[0], body=False)

    def do_DELETE(self) -> None:
        """Forget an object or an upload."""
        key, query = self._asked()
        parts = self.store.uploads.pop(query["uploadId"][0], {}).values() if "uploadId" in query else self._forget(key)
        for part in parts:
            part.path.unlink(missing_ok=True)
        self._answer(204)

    def _asked(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        return unquote(parts.path).removeprefix(f"/{BUCKET}").lstrip("/"), parse_qs(parts.query, keep_blank_values=True)

    def _user_metadata(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")}

    def _receive(self) -> Part | None:
        missing, digest = int(self.headers.get("Content-Length", 0)), hashlib.md5()
        size_bytes, path = missing, self.store.folder / uuid4().hex
        with path.open("wb", buffering=0) as file:
            while missing and (data := self.rfile.read(min(missing, CHUNK_BYTES))):
                digest.update(data)
                file.write(data)
                missing -= len(data)
        wanted = self.headers.get("Content-MD5")
        if missing or (wanted and wanted != b64encode(digest.digest()).decode()):
            path.unlink()
            return None
        return Part(path=path, size_bytes=size_bytes, md5=digest.hexdigest())

    def _keep(self, key: str, kept: Kept, said: str = "") -> None:
        with self.store.lock:
            found = self.store.objects.get(key)
            etag = self.headers.get("If-Match")
            if (found and self.headers.get("If-None-Match") == "*") or (etag and (found is None or found.etag != etag)):
                self._error(412, "PreconditionFailed")
                return
            self.store.objects[key] = kept
        self._answer(200, said, headers={"ETag": kept.etag})

    def _forget(self, key: str) -> tuple[Part, ...]:
        kept = self.store.objects.pop(key, None)
        return kept.parts if kept else ()

    def _send(self, key: str, *, body: bool) -> None:
        kept = self.store.objects.get(key)
        if not key or kept is None:
            self._answer(200) if not key else self._error(404, "NoSuchKey")
            return
        first, last = self._range(kept.size_bytes)
        self.send_response(206 if "Range" in self.headers else 200)
        for name, value in {**kept.metadata, "ETag": kept.etag, "Content-Length": str(last - first + 1)}.items():
            self.send_header(name, value)
        self.send_header("Last-Modified", formatdate(usegmt=True))
        self.send_header("Content-Range", f"bytes {first}-{last}/{kept.size_bytes}")
        self.end_headers()
        if body:
            self._send_bytes(kept, first, last)

    def _range(self, size_bytes: int) -> tuple[int, int]:
        match = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        return (int(match[1]), int(match[2] or size_bytes - 1)) if match else (0, size_bytes - 1)

    def _send_bytes(self, kept: Kept, first: int, last: int) -> None:
        self.wfile.flush()
        begins = 0
        for part in kept.parts:
            offset, end = max(first - begins, 0), min(last + 1 - begins, part.size_bytes)
            with part.path.open("rb") as file:
                while offset < end:
                    offset += os.sendfile(self.connection.fileno(), file.fileno(), offset, end - offset)
            begins += part.size_bytes

    def _list(self, prefix: str) -> None:
        found = sorted((key, kept) for key, kept in self.store.objects.items() if key.startswith(prefix))
        moment = "2026-01-01T00:00:00.000Z"
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{kept.size_bytes}</Size><LastModified>{moment}</LastModified></Contents>"
            for key, kept in found
        )
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>")

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")

    def _answer(self, status: int, text: str = "", *, headers: dict[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def object_sink(folder: Path) -> Iterator[tuple[str, int]]:
    """Run the server in a process of its own on an empty folder; give its address and its process id."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-m", __name__, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield (process.stdout.readline().strip() if process.stdout else ""), process.pid
        finally:
            process.kill()
            shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Serve the folder of the first argument until killed."""
    Handler.store = Store(folder=Path(sys.argv[1]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
