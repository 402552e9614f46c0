"""Takes a connection string apart, so that its password stands in a passfile and nowhere else."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import conninfo

from continuity.adapters.postgres import Connection, parse_dsn

_PLACE = ("host", "port", "user", "dbname", "password", "passfile", "application_name", "client_encoding")


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a server was reached: its place, what else the connection string said, and the password that was given."""

    host: str
    port: str
    """One for every host, or one for all, as libpq has it."""
    user: str
    others: Mapping[str, str]
    passfile: str
    password: str = field(repr=False)

    def dsn(self, *, passfile: Path | None) -> str:
        """Return the connection string without the password and without a database, which each application names."""
        named = str(passfile) if passfile else self.passfile
        parts = {"host": self.host, "port": self.port, "user": self.user, **self.others}
        return conninfo.make_conninfo(**parts, **({"passfile": named} if named else {}))

    def passfile_lines(self) -> str:
        """Return the password as libpq looks it up ("The Password File" in PostgreSQL's manual).

        For a Unix socket in its build's default folder libpq looks for "localhost", and builds differ in that folder.
        """
        hosts, ports = self.host.split(","), self.port.split(",")
        places = list(zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True))
        places += [("localhost", port) for host, port in places if host.startswith(("/", "@"))]
        return "".join(
            ":".join([*map(_escaped, place), "*", _escaped(self.user), _escaped(self.password)]) + "\n" for place in places
        )


def access_of(connection: Connection, dsn: str) -> Access:
    """Tell how a session came about. What libpq took from the environment is in it, its own passfile's content is not."""
    given = parse_dsn(dsn)
    reached = connection.info
    return Access(
        host=str(given.get("host") or reached.host),
        port=str(given.get("port") or reached.port),
        user=reached.user,
        others={key: str(value) for key, value in given.items() if key not in _PLACE and value is not None},
        passfile=str(given.get("passfile") or ""),
        password=str(given.get("password") or os.environ.get("PGPASSWORD", "")),
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")
