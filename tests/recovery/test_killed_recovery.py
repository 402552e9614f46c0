"""A whole recovery, terraform, server, cluster and visitors together, is killed wherever it can be and ends as undisturbed.

In every run of the tests some of its points are drawn, by a seed that is printed; all of them, and taking it back, by

    make recovery-campaign [SEED=N]
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from kubernetes import client

from continuity.domain.given_out import GivenOut
from continuity.domain.run import Outcome
from continuity.engine import Phase
from tests.fixtures.campaigns import Campaign
from tests.fixtures.killing import Kill, KillEverywhere, start_run, undo_run
from tests.fixtures.recovering import without_objects, write_manifests
from tests.fixtures.scripted_http import ok, scripted
from tests.fixtures.terraform_places import needs_terraform
from tests.recovery.conftest import ROLE, Disaster, by_terraform

pytestmark = needs_terraform

KILLED = -9
SAMPLED = 0.08
"""The share of the points at which every run of the tests kills: about ten of them."""
GATEWAY = ("gateway.networking.k8s.io", "v1")
NAME = "give the database its name"
DESCRIBED = """
[health]
path = "/"
good_answers = 1
[errors]
window_seconds = 1
[[workload]]
name = "web"
namespace = "{namespace}"
containers = ["app"]
"""
PLACES = """
[cluster]
kubeconfig = "{kubeconfig}"
[shift]
route = "{namespace}/shop"
backend = "new"
url = "{url}"
rungs = [50, 100]
hold_seconds = 0.1
interval_seconds = 0.05
settle_seconds = 0
"""
WISH = GivenOut(values=50, sessions=True)


@dataclass(frozen=True, kw_only=True)
class Everything:
    """A disaster of all that an application is made of, and the API of the cluster that takes it."""

    disaster: Disaster
    namespace: str
    api: client.ApiClient
    last: int

    @property
    def folder(self) -> Path:
        return self.disaster.seat.environment.parent

    def begin(self, plan: str, kill: Kill | KillEverywhere | None) -> int:
        return start_run(self.disaster.seat.environment, "guestbook", plan, kill)

    def infrastructure(self) -> list[str]:
        state = self.folder / "infrastructure/terraform.tfstate"
        return [each["name"] for each in json.loads(state.read_text())["resources"]] if state.exists() else []

    def weights(self) -> list[int]:
        route = client.CustomObjectsApi(self.api).get_namespaced_custom_object(*GATEWAY, self.namespace, "httproutes", "shop")
        return [each.get("weight") for each in route["spec"]["rules"][0]["backendRefs"]]

    def ready(self) -> int:
        return client.AppsV1Api(self.api).read_namespaced_deployment("web", self.namespace).status.ready_replicas

    def seen(self) -> dict[str, object]:
        """Tell the world as a recovery has left it, from every system that it acts on."""
        return {
            "outcome": self.disaster.outcome(),
            "infrastructure": self.infrastructure(),
            "databases": self.disaster.databases(),
            "roles": self.disaster.roles(),
            "next id": self.disaster.ask("select last_value from public.guest_numbers"),
            "signed in": self.disaster.ask("select count(*) from public.signed_in"),
            "weights": self.weights(),
            "pods": self.ready(),
        }

    @property
    def undisturbed(self) -> dict[str, object]:
        return {
            "outcome": Outcome.DONE,
            "infrastructure": ["database"],
            "databases": [""],
            "roles": [ROLE],
            "next id": self.last + WISH.values,
            "signed in": 0,
            "weights": [100, 0],
            "pods": 1,
        }


@pytest.fixture
def everything(disaster, kubernetes_api, local_cluster) -> Iterator[Everything]:
    namespace = f"shop-{uuid4().hex[:6]}"
    folder = disaster.seat.environment.parent
    write_manifests(folder / "manifests", namespace)
    by_terraform(disaster)
    last = disaster.ask_old("select last_value from public.guest_numbers")
    with scripted(ok()) as script, without_objects(kubernetes_api, namespace):
        places = PLACES.format(namespace=namespace, kubeconfig=local_cluster.kubeconfig, url=script.url)
        environment = disaster.seat.environment
        manifests = f'[recovery]\nmanifests = "{folder}/manifests"\n'
        environment.write_text(environment.read_text().replace("[recovery]\n", manifests) + places)
        disaster.write(DESCRIBED.format(namespace=namespace), within="applications/guestbook/application.toml")
        yield Everything(disaster=disaster, namespace=namespace, api=kubernetes_api, last=last)


def kill_and_resume(everything: Everything, everywhere: KillEverywhere) -> int:
    """Carry a recovery out, killed at every point that is drawn; return how many processes that took."""
    plan, _ = everything.disaster.plan(given_out=WISH)
    processes = 1
    while (code := everything.begin(plan, everywhere)) == KILLED:
        processes += 1
    assert code == 0, everything.disaster.story()
    return processes


def test_killed_where_a_seed_says_and_resumed_it_ends_as_undisturbed(everything, tmp_path):
    everywhere = KillEverywhere(fired=tmp_path / "fired", share=SAMPLED, seed=Random().randrange(2**32))
    print(f"seed {everywhere.seed}")  # noqa: T201 -- shown where it fails, so that it can be repeated

    processes = kill_and_resume(everything, everywhere)

    assert len(everywhere.points()) >= processes - 1
    assert everything.seen() == everything.undisturbed, "\n".join([*everywhere.points(), *everything.disaster.story()])


@pytest.mark.campaign
def test_recovery_campaign(everything, campaign: Campaign, tmp_path):
    """Kill everywhere and resume; before that, kill at each step before the name is given, and take it back."""
    disaster = everything.disaster
    campaign.say(f"# Recovery campaign, seed {campaign.seed}\n")
    _, steps = disaster.plan(given_out=WISH)
    undone = 0
    for step in steps[: steps.index(NAME)]:
        for kill in (*(Kill(step=step, phase=phase) for phase in (Phase.AFTER_INTENT, Phase.ACTED, Phase.DONE)),):
            plan, now = disaster.plan(given_out=WISH)
            if step not in now or everything.begin(plan, kill) != KILLED:
                # What the run makes is made by now, and is not made again.
                disaster.clear()
                continue
            assert undo_run(disaster.seat.environment, "guestbook", disaster.run(), None) == 0
            assert disaster.outcome() is Outcome.UNDONE, f"{kill}: {disaster.story()}"
            assert (disaster.databases(), disaster.roles()) == ([], []), str(kill)
            undone += 1
    campaign.say(f"{undone} times killed before the name was given, and taken back: nothing left but the infrastructure")

    everywhere = KillEverywhere(fired=tmp_path / "fired")
    processes = kill_and_resume(everything, everywhere)
    campaign.say(f"{processes - 1} kills at {len(everywhere.points())} points, resumed each time")
    assert everything.seen() == everything.undisturbed
