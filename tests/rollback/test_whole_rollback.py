"""Database, release, configuration and flags go back together; hold and release are exact; what fights back is named."""

import threading
import time

import psycopg
import pytest

from continuity.domain.rollback import Order, Scope
from continuity.domain.run import Outcome
from continuity.engine import Phase
from continuity.steps import traffic
from deployments.local.kubernetes.service import start_cluster
from tests.fixtures.cluster import CUSTOM, IMAGES
from tests.rollback.conftest import GOOD, OTHER, REPLICAS, flags


@pytest.fixture
def spoilt(stage):
    stage.prove()
    stage.spoil()
    return stage


def test_everything_goes_back_to_the_point_together(spoilt):
    plan = spoilt.json("rollback", "guestbook")["plan"]

    said = spoilt.json("rollback", "guestbook", "--approve", plan["hash"])

    assert (said["outcome"], said["verdict"]) == ("done", "sound")
    assert spoilt.spoilt() == 0
    assert spoilt.image() == GOOD
    assert spoilt.replicas() == REPLICAS
    assert spoilt.core.read_namespaced_config_map("settings", spoilt.namespace).data == {"MODE": "old"}
    assert spoilt.flags() == {"flags.json": flags("on"), "kept": "1"}
    spoilt.ready()


def test_undo_puts_release_configuration_flags_and_database_back_as_they_were(spoilt):
    run = spoilt.roll_back().run

    plan = spoilt.json("undo", run)["plan"]
    assert spoilt.json("undo", run, "--approve", plan["hash"])["outcome"] == "done"

    assert spoilt.spoilt() > 0
    assert spoilt.image() == OTHER
    assert spoilt.flags()["flags.json"] == flags("off")
    assert spoilt.core.read_namespaced_config_map("settings", spoilt.namespace).data == {"MODE": "new"}
    assert spoilt.replicas() == REPLICAS


def test_the_application_alone_goes_back_without_being_stopped(spoilt):
    report = spoilt.roll_back(scope=Scope.APPLICATION)

    assert report.ended.outcome is Outcome.DONE
    assert not any(step.startswith("stop") for step in spoilt.steps(report))
    assert spoilt.image() == GOOD
    assert spoilt.spoilt() > 0


def test_the_database_alone_goes_back_and_the_release_stays(spoilt):
    assert spoilt.roll_back(scope=Scope.DATABASE).ended.outcome is Outcome.DONE

    assert spoilt.spoilt() == 0
    assert spoilt.image() == OTHER
    assert spoilt.replicas() == REPLICAS


def test_prepared_first_the_application_serves_while_the_point_is_restored(spoilt):
    report = spoilt.roll_back(order=Order.PREPARE_FIRST)

    names = spoilt.steps(report)
    assert names.index("restore the point") < names.index("stop web") < names.index("swap the databases")
    assert report.ended.outcome is Outcome.DONE
    assert spoilt.spoilt() == 0


def test_hold_stops_within_seconds_and_release_puts_back_exactly_what_was(stage):
    stage.scale(3)
    stage.ready()

    started = time.monotonic()
    held = stage.json("hold", "guestbook")
    assert held["outcome"] == "done"
    assert time.monotonic() - started < 20  # a bound for slow machines; the promise of 5 s is measured by a benchmark
    assert stage.replicas() == 0
    assert "is held by" in stage.json("hold", "guestbook", code=3)["error"]

    assert stage.json("release", "guestbook")["outcome"] == "done"
    assert stage.replicas() == 3
    assert "is not held" in stage.json("release", "guestbook", code=3)["error"]


def test_a_rollback_takes_a_hold_over_and_ends_with_the_replicas_from_before_it(spoilt):
    held = spoilt.json("hold", "guestbook")["run"]

    plan = spoilt.json("rollback", "guestbook")["plan"]
    assert plan["targets"]["hold"] == f"{held} is taken over"
    assert spoilt.roll_back().ended.outcome is Outcome.DONE

    assert spoilt.replicas() == REPLICAS
    assert spoilt.spoilt() == 0
    assert "is not held" in spoilt.json("release", "guestbook", code=3)["error"]


def test_a_hold_closes_the_database_where_no_workload_is_known(at_terminal):
    seat = at_terminal("guestbook")
    with psycopg.connect(seat.protected.dsn) as session:
        assert seat.json("hold", "guestbook")["outcome"] == "done"
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(seat.protected.dsn)

    assert seat.json("release", "guestbook")["outcome"] == "done"
    psycopg.connect(seat.protected.dsn).close()


def test_an_autoscaler_comes_back_exactly_and_what_scales_back_meanwhile_is_named(spoilt):
    over = threading.Event()

    def fight() -> None:
        while not over.is_set():
            if spoilt.replicas() == 0:
                spoilt.scale(4)
            time.sleep(0.05)

    fighter = threading.Thread(target=fight)
    fighter.start()
    try:
        ended = spoilt.roll_back().ended
    finally:
        over.set()
        fighter.join()

    assert ended.outcome is Outcome.UNDONE
    assert "scales deployment" in ended.because
    assert spoilt.spoilt() > 0
    assert spoilt.image() == OTHER
    assert spoilt.replicas() > 0


def test_a_session_that_does_not_leave_is_named_and_everything_is_put_back(spoilt):
    text = spoilt.seat.environment.read_text()
    spoilt.seat.environment.write_text(text + "[rollback]\ndrain_seconds = 1\n")

    with psycopg.connect(spoilt.dsn, application_name="night report") as session:
        ended = spoilt.roll_back().ended
        session.execute("select 1")

    assert ended.outcome is Outcome.UNDONE
    assert "night report" in ended.because
    assert spoilt.replicas() == REPLICAS
    assert spoilt.image() == OTHER


def test_an_image_that_cannot_be_pulled_is_found_before_anything_is_stopped(stage, local_cluster):
    stage.prove()
    stage.deploy(OTHER)
    stage.ready()
    state = local_cluster.kubeconfig.parents[1]
    start_cluster(state, images=[image for image in IMAGES if image["digest"] not in GOOD], custom_resources=CUSTOM)
    try:
        ended = stage.roll_back(scope=Scope.APPLICATION).ended
    finally:
        start_cluster(state, images=IMAGES, custom_resources=CUSTOM)

    assert ended.outcome is Outcome.UNDONE
    assert "cannot be run on the cluster" in ended.because
    assert stage.replicas() == REPLICAS
    assert all(pod.status.phase == "Running" for pod in stage.pods())


def test_an_image_that_was_marked_as_bad_is_never_gone_back_to_and_the_next_good_point_is_taken(stage):
    stage.prove()
    good = stage.json("points", "guestbook")["points"][0]["id"]
    stage.deploy(OTHER)
    stage.ready()
    stage.prove()
    bad = stage.json("points", "guestbook")["points"][0]["id"]

    stage.json("distrust", OTHER, "--because", "loses bookings", "--application", "guestbook")

    refused = stage.json("rollback", "guestbook", "--point", bad, code=3)
    assert "marked as bad: loses bookings" in refused["error"]
    assert good in refused["hint"]
    assert stage.json("rollback", "guestbook")["plan"]["recovery_point"] == good
    assert "marked as bad" in stage.json("rollback", "guestbook", "--image", OTHER, code=3)["error"]
    assert stage.json("rollback", "guestbook", "--scope", "database")["plan"]["recovery_point"] == bad


def test_a_person_may_name_another_image_by_digest_and_never_by_a_tag(spoilt):
    refused = spoilt.json("rollback", "guestbook", "--image", "nginx:latest", code=2)
    assert "is a tag that moves" in refused["error"]

    plan = spoilt.json("rollback", "guestbook", "--image", OTHER)["plan"]

    assert spoilt.json("rollback", "guestbook", "--approve", plan["hash"])["outcome"] == "done"
    assert spoilt.image() == OTHER
    assert spoilt.spoilt() == 0


def test_a_workload_that_is_not_described_cannot_be_chosen(spoilt):
    assert "no workload 'worker'" in spoilt.json("rollback", "guestbook", "--workload", "worker", code=2)["error"]


def test_a_point_that_is_damaged_between_plan_and_restore_leaves_everything_as_it_was(spoilt):
    plan = spoilt.json("rollback", "guestbook")["plan"]
    [dump] = spoilt.seat.protected.vault_folder.glob("guestbook/points/*/*/database.dump.zst")
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 1
    dump.write_bytes(data)

    said = spoilt.json("rollback", "guestbook", "--approve", plan["hash"], code=1)

    assert said["outcome"] == "undone"
    assert "sha256" in said["because"]
    assert (spoilt.replicas(), spoilt.image(), spoilt.spoilt() > 0) == (REPLICAS, OTHER, True)
    assert spoilt.databases() == [""]


def test_pods_that_never_come_up_leave_the_proven_data_and_a_run_to_resume(spoilt, local_cluster, monkeypatch):
    monkeypatch.setattr(traffic, "READY_SECONDS", 3)
    state = local_cluster.kubeconfig.parents[1]

    def lose_the_image(step, phase) -> None:
        if (step.name, phase) == ("swap the databases", Phase.DONE):
            start_cluster(state, images=[image for image in IMAGES if image["digest"] not in GOOD], custom_resources=CUSTOM)

    try:
        report = spoilt.roll_back_watched(lose_the_image)
    finally:
        start_cluster(state, images=IMAGES, custom_resources=CUSTOM)

    assert report.ended.outcome is Outcome.INCOMPLETE
    assert report.ended.failed == "start web"
    assert spoilt.spoilt() == 0
    monkeypatch.setattr(traffic, "READY_SECONDS", 60)
    assert spoilt.json("resume", report.run)["outcome"] == "done"
    assert spoilt.replicas() == REPLICAS
