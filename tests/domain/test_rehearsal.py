"""What of a directory of manifests can be rehearsed without anything of it reaching outside."""

from dataclasses import replace

from continuity.domain.manifests import Manifest
from continuity.domain.rehearsal import rehearsed_deployment
from tests.fixtures.point_builders import make_manifest

VERSIONS = {
    "Deployment": "apps/v1",
    "DaemonSet": "apps/v1",
    "CronJob": "batch/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "Certificate": "cert-manager.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
}


def manifest(kind: str, name: str, *, namespace: str = "shop", version: str = "", annotations=None, **spec) -> Manifest:
    metadata = {"name": name, "namespace": namespace, **({"annotations": annotations} if annotations else {})}
    content = {"metadata": metadata, "spec": {"template": {"spec": {"containers": []}}, **spec}}
    version = version or VERSIONS.get(kind, "v1")
    return Manifest(api_version=version, kind=kind, name=name, namespace=namespace, content=content)


def rehearsed(*manifests: Manifest) -> tuple[set[str], str]:
    """Return the objects that are applied, and what the first step says."""
    made = rehearsed_deployment(make_manifest(), manifests, directory="/manifests", namespace="scratch").make
    return {each for step in made for each in step.arguments.get("objects", ())}, made[0].target


def test_what_acts_outside_of_its_namespace_or_cannot_stand_still_is_left_out_and_named():
    outside = [
        manifest("DaemonSet", "agent"),
        manifest("Service", "public", type="LoadBalancer"),
        manifest("Service", "named", annotations={"external-dns.alpha.kubernetes.io/hostname": "shop.example"}),
        manifest("Service", "elsewhere", version="serving.knative.dev/v1"),
        manifest("PersistentVolumeClaim", "disk"),
        manifest("Certificate", "shop"),
    ]

    applied, said = rehearsed(manifest("Service", "web"), manifest("Deployment", "web", replicas=3), *outside)

    assert applied == {"Namespace scratch", "Service scratch/web", "Deployment scratch/web"}
    assert all(str(each) in said for each in outside)


def test_routes_and_what_stands_in_no_namespace_are_no_part_of_it():
    applied, said = rehearsed(manifest("HTTPRoute", "shop"), replace(manifest("ClusterRole", "admin"), namespace=""))

    assert applied == {"Namespace scratch"}
    assert said == "namespace scratch, new"


def test_all_that_runs_stands_still():
    made = rehearsed_deployment(
        make_manifest(),
        [manifest("Deployment", "web"), manifest("CronJob", "mail")],
        directory="/manifests",
        namespace="scratch",
    ).make

    [adjustments] = {str(step.arguments["adjustments"]["at_zero"]) for step in made if "adjustments" in step.arguments}
    assert adjustments == "['shop/web', 'shop/mail']"
