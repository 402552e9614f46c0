"""The manifests for a cluster: what they grant is what the code asks for, and nothing in them is loose. No cluster is needed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.utilities.templating import find_placeholders

from continuity.settings import load_environment
from deployments.offers import JOB_ENVIRONMENT
from tests.fixtures.cluster_rights import BY_REQUEST, adapter_functions, granted, rights_of, unread_calls, users_of_the_cluster
from tests.fixtures.kubernetes_manifests import FOLDER, job_configuration, job_of_a_run, manifests, recovered, template, workloads

READERS = ("continuity/steps/release_capture.py",)
HOLDERS = (*READERS, "continuity/steps/traffic.py", "continuity/procedures/live.py")
RECOVERERS = {
    "continuity/steps/manifests.py",
    "continuity/steps/meeting.py",
    "continuity/steps/shifting.py",
    "continuity/procedures/recovery.py",
    "continuity/steps/preconditions/recovery.py",
}

REHEARSERS = {"continuity/steps/rehearsed.py"}
"""What makes and deletes a namespace: no account here may, since such a right holds for every namespace of a cluster."""


def rights_of_account(name: str) -> set[tuple[str, str, str]]:
    """Give what all the roles grant that are bound to an account."""
    found = [each for path in FOLDER.rglob("*.yaml") for each in yaml.safe_load_all(path.read_text()) if each]
    roles = {(each["kind"], each["metadata"]["name"]): each for each in found if each["kind"] in {"Role", "ClusterRole"}}
    bindings = [each for each in found if each["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    bound = [each["roleRef"] for each in bindings if name in {subject["name"] for subject in each["subjects"]}]
    assert bound, name
    return granted(roles[each["kind"], each["name"]] for each in bound)


def rights_on_manifests() -> set[tuple[str, str, str]]:
    """Give what applying the sample's manifests of a recovery asks for: looked at, tried, applied, taken back."""
    kinds = {(each.api_version.rpartition("/")[0], each.kind) for each in recovered()}
    verbs = {("", "Namespace"): ("get", "patch")}
    return {
        (group, f"{kind.lower()}s", verb)
        for group, kind in kinds
        for verb in verbs.get((group, kind), ("create", "delete", "get", "patch"))
    }


# Rights


def test_backups_may_read_what_they_read_and_nothing_else():
    assert rights_of_account("continuity-reading") == rights_of(READERS)
    assert {verb for _, _, verb in rights_of(READERS)} == {"get", "list"}


def test_the_receiver_may_do_what_a_hold_does_and_nothing_else():
    assert rights_of_account("continuity-webhooks") == rights_of(HOLDERS)


def test_runs_that_act_may_do_what_the_adapters_call_and_what_a_recovery_applies_and_nothing_else():
    acting = users_of_the_cluster() - REHEARSERS

    assert rights_of_account("continuity-acting") == rights_of(acting) | rights_on_manifests()


def test_no_account_may_make_or_delete_a_namespace():
    making = {("", "namespaces", "create"), ("", "namespaces", "delete")}

    assert making < rights_of(REHEARSERS)
    assert rights_of_account("continuity-acting").isdisjoint(making)


def test_a_rollback_alone_touches_neither_secrets_nor_accounts():
    rollback = rights_of(users_of_the_cluster() - RECOVERERS - REHEARSERS)

    assert users_of_the_cluster() >= {*HOLDERS, *RECOVERERS}
    assert {resource for _, resource, _ in rollback}.isdisjoint({"secrets", "serviceaccounts", "roles", "rolebindings"})


def test_every_place_that_puts_a_path_together_itself_is_known():
    asking = {place for place, function in adapter_functions().items() if function.asks}

    assert asking == set(BY_REQUEST)
    # The one door through which such paths go.
    assert unread_calls() == {"call_api"}


def test_no_role_grants_everything_of_anything():
    for path in FOLDER.rglob("*.yaml"):
        for role in (each for each in yaml.safe_load_all(path.read_text()) if each and each["kind"].endswith("Role")):
            for rule in role["rules"]:
                assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], path
                assert set(rule["verbs"]).isdisjoint({"escalate", "bind", "impersonate", "deletecollection"}), path
                # A Secret's name has to be said: there is no right to its metadata alone.
                assert "secrets" not in rule["resources"] or rule["resourceNames"], path


def test_the_worker_makes_and_follows_jobs_in_its_own_namespace_alone():
    roles = [each for each in manifests() if each["metadata"]["name"] == "continuity-worker" and each["kind"] == "Role"]

    assert {resource for _, resource, _ in granted(roles)} == {"jobs", "pods", "pods/log", "events"}
    assert not [each for each in manifests() if each["kind"] == "ClusterRoleBinding" and "worker" in json.dumps(each)]


# Pods


def containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (*pod.get("initContainers", []), *pod["containers"])


@pytest.fixture(params=["job", *(each["metadata"]["name"] for each in workloads())])
def pod(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give the pod of each workload in turn, and that of a run."""
    if request.param == "job":
        return job_of_a_run()["spec"]["template"]["spec"]
    return next(each for each in workloads() if each["metadata"]["name"] == request.param)["spec"]["template"]["spec"]


def test_no_container_runs_as_root_or_can_become_it_or_can_write_to_its_image(pod):
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    for each in containers(pod):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert all(set(volume) - {"name"} <= {"emptyDir", "secret", "configMap"} for volume in pod.get("volumes", []))


def test_every_container_says_what_it_needs_and_where_it_ends(pod):
    for each in containers(pod):
        assert {"cpu", "memory", "ephemeral-storage"} <= set(each["resources"]["requests"])
        assert {"cpu", "memory"} <= set(each["resources"]["limits"])
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume)


def test_no_value_of_a_secret_stands_in_a_pod(pod):
    for each in containers(pod):
        plain = {item["name"] for item in each.get("env", []) if "value" in item and "_SECRET_" not in item["name"]}
        assert not {name for name in plain if re.search(r"PASSWORD|DSN|KEY$|AUTH_STRING$|CONNECTION", name)}
        assert "password" not in json.dumps(each.get("args", [])).lower()


def test_images_are_pinned_to_a_version_and_the_jobs_is_that_of_the_receiver(pod):
    for each in containers(pod):
        tag = re.fullmatch(r"[\w./-]+:(?P<tag>[\w.-]+)(@sha256:[0-9a-f]{64})?", each["image"])
        assert tag, each["image"]
        assert re.match(r"\d+\.\d+\.\d+", tag["tag"]), each["image"]
    receiver = next(each for each in workloads() if each["metadata"]["name"] == "continuity-webhooks")
    assert job_of_a_run()["spec"]["template"]["spec"]["containers"][0]["image"] in json.dumps(receiver)


def test_what_serves_is_probed_and_what_is_wanted_always_runs_twice():
    serving = [each for each in workloads() if "ports" in json.dumps(each["spec"]["template"])]
    budgets = {each["metadata"]["name"] for each in manifests() if each["kind"] == "PodDisruptionBudget"}

    for each in serving:
        for container in each["spec"]["template"]["spec"]["containers"]:
            assert {"readinessProbe", "livenessProbe"} <= set(container), each["metadata"]["name"]
    assert {each["metadata"]["name"] for each in serving if each["spec"]["replicas"] > 1} == budgets
    assert budgets >= {"continuity-webhooks", "prefect-server"}


def test_only_accounts_that_ask_the_cluster_carry_a_token():
    silent = {each["metadata"]["name"] for each in manifests() if each.get("automountServiceAccountToken") is False}

    assert silent == {"continuity-nothing"}
    for each in workloads():
        spec = each["spec"]["template"]["spec"]
        assert (spec["serviceAccountName"] in silent) == (spec.get("automountServiceAccountToken") is False)


def test_nothing_talks_to_anything_unless_a_policy_says_so():
    policies = [each for each in manifests() if each["kind"] == "NetworkPolicy"]
    closed = next(each["spec"] for each in policies if each["metadata"]["name"] == "nothing")
    chosen = [each["spec"]["podSelector"].get("matchLabels", {}) for each in policies]

    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for each in [*workloads(), job_of_a_run()]:
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert any(labels.items() >= wanted.items() for wanted in chosen if wanted), labels


# The folder


def test_every_file_is_in_the_kustomization_or_says_when_it_is_wanted():
    for folder in (FOLDER, FOLDER / "application"):
        named = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
        there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml", "argo-cd.yaml"}

        assert set(named) == there


def test_the_dockerfile_pins_what_it_takes_and_the_clients_carry_the_known_fixes():
    from continuity.domain.client_versions import PATCHED_MINORS, Version, vulnerable

    text = (FOLDER / "Dockerfile").read_text()
    clients = {
        int(major): Version(major=int(major), minor=int(minor))
        for major, minor in re.findall(r"=(\d\d)\.(\d+)$", text, re.MULTILINE)
    }

    assert set(clients) == set(PATCHED_MINORS)
    assert not [reason for each in clients.values() if (reason := vulnerable(each))]
    assert re.search(r"^ARG BASE=\S+:\d+\.\d+\.\d+-slim-\w+", text, re.MULTILINE)
    assert text.count("--require-hashes") == 3
    assert ":latest" not in text
    final = text.rpartition("FROM base AS continuity")[2]
    assert final.rindex("USER 10001") > final.rindex("USER root")


# The work pool


def test_the_work_pools_template_is_one_that_prefect_takes():
    pool = WorkPoolCreate(name="continuity", type="kubernetes", base_job_template=template())
    variables = set(template()["variables"]["properties"])
    placeholders = {each.name for each in find_placeholders(template()["job_configuration"])}

    assert pool.base_job_template["variables"]["properties"]
    assert placeholders == variables


def test_a_run_chooses_its_account_and_its_size_and_neither_image_nor_command():
    variables = set(template()["variables"]["properties"])
    chosen = job_of_a_run(service_account_name="continuity-acting", work_size="200Gi", image="evil.example/x:1", command="sh")
    pod = chosen["spec"]["template"]["spec"]

    assert variables.isdisjoint({"image", "command", "namespace", "cluster_config", "volumes"})
    assert pod["serviceAccountName"] == "continuity-acting"
    assert {"name": "work", "emptyDir": {"sizeLimit": "200Gi"}} in pod["volumes"]
    assert pod["containers"][0]["image"].startswith("registry.example/continuity:")
    assert "evil" not in json.dumps(chosen)


def test_what_the_deployments_set_reaches_the_run():
    env = job_configuration(env=JOB_ENVIRONMENT)["env"]

    assert env == JOB_ENVIRONMENT


def test_prefects_own_worker_makes_a_job_of_it():
    worker = pytest.importorskip("prefect_kubernetes.worker", reason="no prefect-kubernetes in this environment")
    configuration = worker.KubernetesWorkerJobConfiguration(**job_configuration())

    configuration._populate_command_if_not_present()
    manifest = configuration.job_manifest

    assert set(template()["job_configuration"]) <= set(worker.KubernetesWorkerJobConfiguration.model_fields)
    assert manifest["spec"]["template"]["spec"]["containers"][0]["args"]


def test_the_example_of_an_environment_is_one(tmp_path: Path):
    example = tmp_path / "environment.toml"
    example.write_text((FOLDER / "environment.example.toml").read_text())

    environment = load_environment(example)

    assert environment.webhooks
    assert environment.webhooks.dry_run
    assert environment.drill.work_directory == Path("/var/lib/continuity")
