"""blottr on the stand-in for Kubernetes: its releases, as data, and the objects by which a cluster runs it."""

import base64
import hashlib
import json
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from deployments.local.kubernetes.service import LocalCluster
from deployments.local.postgres import PostgresServer
from deployments.local.processes import LOCALHOST, free_port
from deployments.local.sample_application import FLAG_OF, KNOWN_FLAGS

REPOSITORY = "registry.example/blottr"
NAMESPACE = "blottr"
DEPLOYMENT = "blottr-app"
CONTAINER = "blottr"
CONFIG_MAP = "blottr-config"
FLAGS = "blottr-flags"
SECRET = "blottr-database"  # noqa: S105 -- the name of an object
LOGIN_ROLE = "blottr_app"
REPLICAS = 3
READY_SECONDS = 60
REQUEST_SECONDS = 10
CONFLICT = 409


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release of blottr: its git tag, revision and image, and how the sample application behaves as it."""

    version: str
    behaviour: str
    without: tuple[str, ...] = ()
    """The phases that its code was built without."""

    @property
    def name(self) -> str:
        """Name it as people do."""
        return f"{self.version} without {', '.join(self.without)}" if self.without else self.version

    @property
    def revision(self) -> str:
        """Give the git commit that it was built from: invented, but always the same."""
        return hashlib.sha1(f"commit {self.version}".encode(), usedforsecurity=False).hexdigest()

    @property
    def digest(self) -> str:
        """Give the digest of its image: invented, but always the same."""
        return f"sha256:{hashlib.sha256(self.name.encode()).hexdigest()}"

    @property
    def image(self) -> str:
        """Give the reference of its image by digest."""
        return f"{REPOSITORY}@{self.digest}"

    @property
    def argv(self) -> tuple[str, ...]:
        """Give the local command that its image stands for."""
        return (sys.executable, "-m", "deployments.local.sample_application", self.name, self.behaviour, *self.without)


RELEASES = (
    Release(version="1.4.0", behaviour="good"),
    Release(version="1.4.1", behaviour="good"),
    Release(version="1.5.0", behaviour="corrupting"),
    Release(version="1.5.1", behaviour="crashing"),
)
PHASES = tuple(FLAG_OF)
STABLE, BAD, CRASHING = RELEASES[1], RELEASES[2], RELEASES[3]


def sample_images() -> list[dict[str, Any]]:
    """Give the stand-in's registry: each release by digest, and by its version as tag; and what a build can make of it."""
    images = [(each, [each.version]) for each in RELEASES]
    images += [(replace(STABLE, without=without), []) for without in _parts_of(PHASES)]
    return [{"repository": REPOSITORY, "digest": each.digest, "tags": tags, "argv": list(each.argv)} for each, tags in images]


def _parts_of(phases: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(phases, count) for count in range(1, len(phases) + 1))


def application_login(server: PostgresServer, directory: Path, database: str) -> str:
    """Make the role by which blottr reaches its database, a member of the owner, and give its connection URL.

    The password is made at the first call, kept in a file for its owner alone, and set anew at every start.
    """
    kept = directory / "application-password"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(24))
    password = kept.read_text()
    role, owner = sql.Identifier(LOGIN_ROLE), sql.Identifier(database)
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [LOGIN_ROLE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(role, owner))
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(password)))
    return f"postgresql://{LOGIN_ROLE}:{password}@{LOCALHOST}:{server.port}/{database}"


def flags_document() -> str:
    """Give the sample's feature flags in flagd's format, all of them on."""
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    return json.dumps({"flags": dict.fromkeys(KNOWN_FLAGS, flag)}, indent=2)


def deploy_sample(cluster: LocalCluster, dsn: str, *, release: Release = STABLE, replicas: int = REPLICAS) -> str:
    """Make what runs blottr where it is not there yet, wait until it is ready, and give its address.

    Objects that are there stay as they are: a stack that is brought up again keeps its release and its replicas.

    Raises:
        TimeoutError: no pod became ready within a minute.

    """
    from kubernetes import client, config

    api = config.new_client_from_config(str(cluster.kubeconfig))  # type: ignore[no-untyped-call]
    core, apps, scaling = client.CoreV1Api(api), client.AppsV1Api(api), client.AutoscalingV2Api(api)
    limit: dict[str, Any] = {"_request_timeout": REQUEST_SECONDS}

    def ensure(make: Any, *arguments: Any) -> None:
        try:
            make(*arguments, **limit)
        except client.ApiException as error:
            if error.status != CONFLICT:
                raise

    ensure(core.create_namespace, {"metadata": {"name": NAMESPACE}})
    ensure(core.create_namespaced_config_map, NAMESPACE, _named(CONFIG_MAP, data={"PORT": str(free_port())}))
    ensure(core.create_namespaced_config_map, NAMESPACE, _named(FLAGS, data={"flags.json": flags_document()}))
    encoded = {"DATABASE_URL": base64.b64encode(dsn.encode()).decode()}
    ensure(core.create_namespaced_secret, NAMESPACE, _named(SECRET, data=encoded))
    core.patch_namespaced_secret(SECRET, NAMESPACE, {"data": encoded}, **limit)
    port = int((core.read_namespaced_config_map(CONFIG_MAP, NAMESPACE, **limit).data or {})["PORT"])
    ensure(apps.create_namespaced_deployment, NAMESPACE, deployment(release, port=port, replicas=replicas))
    ensure(scaling.create_namespaced_horizontal_pod_autoscaler, NAMESPACE, autoscaler(replicas))
    deadline = time.monotonic() + READY_SECONDS
    while True:
        found = apps.read_namespaced_deployment(DEPLOYMENT, NAMESPACE, **limit)
        if not found.spec.replicas or (found.status and found.status.ready_replicas):
            api.close()
            return f"http://{LOCALHOST}:{port}"
        if time.monotonic() > deadline:
            message = f"no pod of {DEPLOYMENT} became ready within {READY_SECONDS} s"
            raise TimeoutError(message)
        time.sleep(0.1)


def deployment(release: Release, *, port: int, replicas: int) -> dict[str, Any]:
    """Give the Deployment of a release."""
    labels = {"app.kubernetes.io/name": "blottr"}
    described = {"app.kubernetes.io/version": release.version}
    container = {
        "name": CONTAINER,
        "image": release.image,
        "envFrom": [{"configMapRef": {"name": CONFIG_MAP}}, {"secretRef": {"name": SECRET}}],
        "env": [
            {"name": "FLAGS", "valueFrom": {"configMapKeyRef": {"name": FLAGS, "key": "flags.json"}}},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "readinessProbe": {"httpGet": {"path": "/health-check", "port": port}, "periodSeconds": 2, "timeoutSeconds": 2},
    }
    template = {
        "metadata": {"labels": labels | described, "annotations": {"org.opencontainers.image.revision": release.revision}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 10},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return _named(DEPLOYMENT, spec=spec, labels=labels)


def release_patch(release: Release) -> dict[str, Any]:
    """Give the strategic merge patch that rolls a release out, as a deployment pipeline would."""
    described = {
        "labels": {"app.kubernetes.io/version": release.version},
        "annotations": {"org.opencontainers.image.revision": release.revision},
    }
    containers = [{"name": CONTAINER, "image": release.image}]
    return {"spec": {"template": {"metadata": described, "spec": {"containers": containers}}}}


def autoscaler(replicas: int) -> dict[str, Any]:
    """Give the HorizontalPodAutoscaler of the sample; the stand-in keeps it and does nothing by it."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT}
    return _named(DEPLOYMENT, spec={"minReplicas": replicas, "maxReplicas": replicas * 2, "scaleTargetRef": target})


def _named(name: str, *, labels: dict[str, str] | None = None, **parts: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels or {}}, **parts}
