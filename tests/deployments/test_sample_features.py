"""blottr and its four flags: what each hides, switched from a terminal, and that no query names what a flag has hidden."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest

from deployments.local.kubernetes import service
from deployments.local.sample_application import KNOWN_FLAGS, Blottr
from deployments.local.sample_cluster import CONTAINER, DEPLOYMENT, FLAGS, NAMESPACE, deploy_sample, sample_images
from deployments.local.sample_database import Pool
from deployments.local.services import stop_service

APPOINTMENT = {"artist_id": "a2b7c7a0-0000-4000-8000-000000000000", "client_id": 1, "starts_at": "2031-01-01T10:00:00Z"}
PHASES = {
    "roleBasedAuth": ("cities",),
    "businessEntities": ("artist_directory", "artist_salons", "artists", "salons", "shops"),
    "portfolioUploads": ("portfolio", "tag_tattoos", "tags", "tattoos"),
    "bookingSystem": ("agenda", "appointments", "contact_requests"),
}
ROLES = ("user_type", "phone", "bio", "city_id", "email_verified_at", "avatar_url")


@pytest.fixture
def dsn(make_database) -> str:
    return make_database("blottr")


def set_aside(dsn: str, flag: str) -> None:
    """Take away what the flag's phase has brought, as a rollback of that phase does.

    Keys onto it stay in force, and are checked by the tables' owner, who may therefore look into the schema.
    """
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("create schema aside; grant usage on schema aside to public")
        for name in PHASES[flag]:
            session.execute(f"alter table public.{name} set schema aside")
        for column in ROLES if flag == "roleBasedAuth" else ():
            session.execute(f"alter table public.users rename {column} to aside_{column}")


def answers(dsn: str, *off: str) -> dict[str, int]:
    """Ask for every page, and give the statuses."""
    blottr = Blottr(release="1.4.1", flags={flag: flag not in off for flag in KNOWN_FLAGS}, pool=Pool(dsn))
    with psycopg.connect(dsn) as session:
        artist, email = session.execute("select gen_random_uuid()::text, email from public.users order by id limit 1").fetchone()
    letter = {"name": "A", "email": "a@blottr.example", "subject": "s", "message": "m"}
    asked = {
        "health": ("GET", "/health-check", {}),
        "front": ("GET", "/", {}),
        "login": ("POST", "/login", {"email": email}),
        "artists": ("GET", "/artists", {}),
        "salons": ("GET", "/salons", {}),
        "pictures": ("GET", "/tattoos", {}),
        "upload": ("POST", "/tattoos", {"artist_id": artist, "title": "t", "slug": "of nobody"}),
        "appointments": ("GET", "/appointments", {}),
        "booking": ("POST", "/appointments", APPOINTMENT | {"artist_id": artist, "ends_at": "2031-01-01T12:00:00Z"}),
        "letter": ("POST", "/contact", letter | {"artist_id": artist}),
    }
    with closing(blottr.pool):
        return {page: blottr.answer(*request).status for page, request in asked.items()}


ALL_ON = {
    "health": 200, "front": 200, "login": 200, "artists": 200, "salons": 200, "pictures": 200, "appointments": 200,
    # Of an artist whom nobody knows.
    "upload": 422, "booking": 422, "letter": 422,
}  # fmt: skip
HIDDEN = {
    "roleBasedAuth": {},
    "businessEntities": {"artists": 404, "salons": 404, "booking": 404},
    "portfolioUploads": {"upload": 404},
    "bookingSystem": {"appointments": 404, "booking": 404},
}
KEPT_BY_THE_FLAG_AND_GONE_WITH_THE_PHASE = {"portfolioUploads": {"pictures": 503}, "bookingSystem": {"letter": 503}}


@pytest.mark.parametrize("flag", KNOWN_FLAGS)
def test_with_a_flag_off_no_page_asks_for_what_its_phase_has_brought(dsn, flag):
    assert answers(dsn) == ALL_ON
    assert answers(dsn, flag) == ALL_ON | HIDDEN[flag]

    set_aside(dsn, flag)

    assert answers(dsn, flag) == ALL_ON | HIDDEN[flag] | KEPT_BY_THE_FLAG_AND_GONE_WITH_THE_PHASE.get(flag, {})


@pytest.fixture
def deployed(at_terminal, tmp_path: Path) -> Iterator[tuple]:
    seat = at_terminal("blottr")
    cluster = service.start_cluster(tmp_path, images=sample_images())
    described = tmp_path / "applications/blottr/application.toml"
    described.write_text(
        f"{described.read_text()}"
        f'[[workload]]\nname = "{DEPLOYMENT}"\nnamespace = "{NAMESPACE}"\ncontainers = ["{CONTAINER}"]\n'
        f'[flags]\nconfig_map = "{FLAGS}"\nnamespace = "{NAMESPACE}"\n'
    )
    seat.environment.write_text(seat.environment.read_text() + f'[cluster]\nkubeconfig = "{cluster.kubeconfig}"\n')
    yield seat, deploy_sample(cluster, seat.protected.dsn, replicas=1)
    stop_service(tmp_path, service.NAME)


def test_each_flag_is_switched_off_and_on_from_a_terminal_and_the_application_follows(deployed):
    seat, address = deployed

    def shown() -> dict[str, bool]:
        return httpx.get(f"{address}/health-check").json()["flags"]

    *first, last = KNOWN_FLAGS
    for to in ("off", "on"):
        for flag in first:
            seat.json("feature", "blottr", flag, to, "--yes", "--no-restart", code=4)
        assert set(shown().values()) == {to == "off"}
        seat.json("feature", "blottr", last, to, "--yes")
        assert set(shown().values()) == {to == "on"}
        assert httpx.get(f"{address}/appointments").status_code == (404 if to == "off" else 200)
