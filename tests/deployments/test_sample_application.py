"""blottr as it runs on the embedded stack: real HTTP, real SQL, and releases that behave as they are said to."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from kubernetes import client, config

from deployments.local.kubernetes import service
from deployments.local.sample_cluster import (
    BAD,
    CRASHING,
    DEPLOYMENT,
    NAMESPACE,
    STABLE,
    Release,
    deploy_sample,
    release_patch,
    sample_images,
)
from deployments.local.services import stop_service
from tests.fixtures.cluster import eventually

APPOINTMENT = {"starts_at": "2031-01-01T10:00:00Z", "ends_at": "2031-01-01T12:00:00Z", "price": "120.00"}
OVERLAPS = """
select count(*) from public.appointments one join public.appointments other
on one.artist_id = other.artist_id and one.id < other.id and one.status = 'confirmed' and other.status = 'confirmed'
and one.starts_at < other.ends_at and one.ends_at > other.starts_at
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[service.LocalCluster]:
    yield service.start_cluster(tmp_path, images=sample_images())
    stop_service(tmp_path, service.NAME)


@pytest.fixture
def apps(cluster: service.LocalCluster) -> Iterator[client.AppsV1Api]:
    api = config.new_client_from_config(str(cluster.kubeconfig))
    yield client.AppsV1Api(api)
    api.close()


@pytest.fixture
def dsn(make_database) -> str:
    return make_database("blottr")


@pytest.fixture
def address(cluster: service.LocalCluster, dsn: str) -> str:
    return deploy_sample(cluster, dsn)


def scalar(dsn: str, query: str):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchone()[0]


def status_of(url: str) -> int:
    """Ask; 0 when a pod that is ending cut the connection."""
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return 0


def release(apps: client.AppsV1Api, wanted: Release) -> None:
    apps.patch_namespaced_deployment(DEPLOYMENT, NAMESPACE, release_patch(wanted))


def test_it_shows_artists_takes_bookings_and_refuses_a_second_one_at_the_same_time(address, dsn) -> None:
    artist = httpx.get(f"{address}/artists").json()[0]
    email = scalar(dsn, "select email from public.users order by id limit 1")
    user = httpx.post(f"{address}/login", json={"email": email.upper()}).json()
    wanted = APPOINTMENT | {"artist_id": artist["id"], "client_id": user["id"]}

    booked, again = (httpx.post(f"{address}/appointments", json=wanted) for _ in range(2))

    assert artist["stage_name"] in httpx.get(address).text
    assert (booked.status_code, again.status_code) == (201, 409)
    assert httpx.get(f"{address}/appointments").json()[0]["id"] == booked.json()["id"]
    assert httpx.post(f"{address}/login", json={"email": "nobody@example.org"}).status_code == 401


def test_its_health_names_release_flags_and_migration_and_is_503_without_its_database(address, dsn) -> None:
    healthy = httpx.get(f"{address}/health-check")
    name = dsn.rpartition("/")[2]
    with psycopg.connect(dsn.rpartition("/")[0] + "/postgres", autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        cut = httpx.get(f"{address}/health-check")
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    assert healthy.status_code == 200
    assert healthy.json()["release"] == STABLE.version
    assert healthy.json()["flags"]["bookingSystem"] is True
    assert healthy.json()["migration_head"].endswith("create_agenda_view")
    assert (cut.status_code, cut.json()["database"]) == (503, "unreachable")
    assert httpx.get(f"{address}/health-check").status_code == 200


def test_scaled_to_zero_it_refuses_connections_and_holds_no_session(address, dsn, apps) -> None:
    sessions = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'blottr'"
    assert scalar(dsn, sessions) >= 1

    apps.patch_namespaced_deployment_scale(DEPLOYMENT, NAMESPACE, {"spec": {"replicas": 0}})

    eventually(lambda: scalar(dsn, sessions) == 0)
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_good_release_changes_nothing_on_its_own_and_a_bad_one_does(address, dsn, apps) -> None:
    prices = "select count(price) from public.appointments"
    before = (scalar(dsn, OVERLAPS), scalar(dsn, prices))
    time.sleep(1)
    assert (scalar(dsn, OVERLAPS), scalar(dsn, prices)) == before

    release(apps, BAD)

    eventually(lambda: scalar(dsn, OVERLAPS) > before[0])
    eventually(lambda: status_of(f"{address}/health-check") == 200)


def test_a_release_that_crashes_at_its_start_never_gets_traffic(address, apps) -> None:
    release(apps, CRASHING)

    eventually(lambda: (apps.read_namespaced_deployment(DEPLOYMENT, NAMESPACE).status.unavailable_replicas or 0) >= 1)
    time.sleep(1)

    assert {httpx.get(f"{address}/health-check").json()["release"] for _ in range(6)} == {STABLE.version}


def test_flags_are_read_from_their_config_map_at_the_start(address, cluster, apps) -> None:
    flags = '{"flags": {"bookingSystem": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}}}'
    core = client.CoreV1Api(apps.api_client)
    core.patch_namespaced_config_map("blottr-flags", NAMESPACE, {"data": {"flags.json": flags}})

    restart = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    apps.patch_namespaced_deployment(DEPLOYMENT, NAMESPACE, restart)

    eventually(lambda: status_of(f"{address}/appointments") == 404)
    eventually(lambda: status_of(f"{address}/artists") == 200)


def test_brought_up_again_it_keeps_its_release_its_replicas_and_its_address(address, cluster, apps, dsn) -> None:
    release(apps, BAD)
    apps.patch_namespaced_deployment_scale(DEPLOYMENT, NAMESPACE, {"spec": {"replicas": 1}})

    again = deploy_sample(cluster, dsn, release=STABLE)

    found = apps.read_namespaced_deployment(DEPLOYMENT, NAMESPACE)
    assert again == address
    assert (found.spec.replicas, found.spec.template.spec.containers[0].image) == (1, BAD.image)
