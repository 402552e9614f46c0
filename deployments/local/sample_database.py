"""What the sample blottr asks its database, and the connections that it keeps open for it."""

import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

POOL_SIZE = 2
CONNECT_SECONDS = 3
Row = dict[str, Any]

MIGRATION_HEAD = "select name from public.adonis_schema order by id desc limit 1"
ARTISTS = "select id, stage_name, slug, average_rating from public.artists where is_active order by stage_name limit 50"
SALONS = "select id, name, currency from public.salons where is_active order by name limit 50"
# What a flag hides, no query of what is left may name: the tables and columns of its phase may be set aside meanwhile.
APPOINTMENTS = """
select appointment.id, artist.stage_name, appointment.starts_at, appointment.ends_at, appointment.status, appointment.price
from public.appointments appointment join public.artists artist on artist.id = appointment.artist_id
where appointment.status in ('requested', 'confirmed') order by appointment.starts_at desc, appointment.id desc limit 20
"""
APPOINTMENTS_ALONE = """
select id, null as stage_name, starts_at, ends_at, status, price from public.appointments
where status in ('requested', 'confirmed') order by starts_at desc, id desc limit 20
"""
USER = "select id, full_name, user_type from public.users where lower(email) = lower(%(email)s)"
USER_WITHOUT_ROLE = "select id, full_name, 'client' as user_type from public.users where lower(email) = lower(%(email)s)"
PICTURES = "select id, artist_id, title, media_key from public.portfolio order by published_at desc, id limit 20"
UPLOAD = """
insert into public.tattoos (artist_id, title, slug) values (%(artist_id)s, %(title)s, %(slug)s) returning id, status
"""
WRITE_LETTER = """
insert into public.contact_requests (artist_id, name, email, subject, message)
values (%(artist_id)s, %(name)s, %(email)s, %(subject)s, %(message)s) returning id
"""
# A chair promised twice is what a booking platform must never do: the artist's row is locked while it is looked at.
LOCK_ARTIST = "select id from public.artists where id = %(artist_id)s for update"
BOOK = """
insert into public.appointments (artist_id, client_id, starts_at, ends_at, price, notes)
select %(artist_id)s, %(client_id)s, %(starts_at)s::timestamptz, %(ends_at)s::timestamptz, %(price)s, %(notes)s
where not exists (
    select from public.appointments taken
    where taken.artist_id = %(artist_id)s and taken.status <> 'cancelled'
    and taken.starts_at < %(ends_at)s::timestamptz and taken.ends_at > %(starts_at)s::timestamptz)
returning id
"""
DOUBLE_BOOK = """
insert into public.appointments (artist_id, client_id, starts_at, ends_at, status, price, notes)
select artist_id, client_id, starts_at, ends_at, 'confirmed', price, 'booked twice by a bad release'
from public.appointments where status = 'confirmed' order by random() limit 3
"""
LOSE_PRICES = """
update public.appointments set price = null, deposit = 0
where id in (select id from public.appointments where price is not null order by random() limit 5)
"""


class Pool:
    """A few connections that stay open between requests, as real applications keep them."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._idle: queue.LifoQueue[psycopg.Connection[Row]] = queue.LifoQueue()

    def warm(self) -> None:
        """Open the connections that are kept."""
        for _ in range(POOL_SIZE):
            self._idle.put(self._connect())

    def close(self) -> None:
        """Close the connections that are kept."""
        while not self._idle.empty():
            self._idle.get().close()

    def run(self, *statements: LiteralString, values: Mapping[str, Any] | None = None) -> list[Row]:
        """Run statements in one transaction and give the rows of the last; a connection that was cut is replaced once."""
        with self._borrowed() as connection:
            try:
                return _rows(connection, statements, values)
            except psycopg.OperationalError:
                if not connection.closed:
                    raise
        # What was cut did not commit, or its answer was lost; the statements here are safe to repeat in either case.
        with self._connect() as fresh:
            return _rows(fresh, statements, values)

    def _connect(self) -> psycopg.Connection[Row]:
        return psycopg.connect(self._dsn, row_factory=dict_row, connect_timeout=CONNECT_SECONDS, application_name="blottr")

    @contextmanager
    def _borrowed(self) -> Iterator[psycopg.Connection[Row]]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
        try:
            yield connection
        finally:
            if connection.closed or self._idle.qsize() >= POOL_SIZE:
                connection.close()
            else:
                self._idle.put(connection)


def _rows(
    connection: psycopg.Connection[Row], statements: tuple[LiteralString, ...], values: Mapping[str, Any] | None
) -> list[Row]:
    with connection.transaction(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
