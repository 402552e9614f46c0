"""Figures at /metrics: what is known is told, what is not is absent, and a vault that is gone is said."""

import math
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from continuity.domain.alerts import Begun
from continuity.domain.verdict import Judgement
from continuity.settings import load_environment
from deployments.receiving.metrics import exposition
from deployments.receiving.watching import OVERDUE, WHOLE, Watch
from tests.fixtures.cluster import eventually
from tests.fixtures.receivers import Place, firing, group

RULES = Path(__file__).parents[2] / "deployments/prometheus/continuity.rules.yml"
CASES = Path(__file__).with_name("continuity.rules.test.yml")


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def told(readings, now) -> dict[tuple[str, ...], float]:
    """Return the samples by name and labels, as Prometheus reads them."""
    families = text_string_to_metric_families(exposition(readings, now).decode())
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watch(shop, tmp_path, clock):
    return Watch(load_environment(shop.write_files(tmp_path)), now=clock)


def test_how_an_application_stands_is_told_in_seconds_bytes_and_verdicts(shop, watch, clock):
    proven = shop.add(age_days=1)
    shop.add(age_days=0.5, judgement=Judgement.UNFAITHFUL, size_bytes=4321)
    watch.read_all()
    clock.now += timedelta(seconds=30)
    seen = told(watch.readings(), clock.now)

    age = (clock.now - proven.created).total_seconds()
    assert seen["continuity_last_proven_age_seconds", "shop"] == pytest.approx(age)
    assert seen["continuity_recovery_point_objective_seconds", "shop"] == 86400
    assert seen["continuity_recovery_time_objective_seconds", "shop"] == 4 * 3600
    assert seen["continuity_recovery_predicted_seconds", "shop"] > 0
    assert seen["continuity_newest_point_bytes", "shop"] == 4321
    assert seen["continuity_open_runs", "shop"] == seen["continuity_alerts_pending", "shop"] == 0
    newest = {key[2]: value for key, value in seen.items() if key[0] == "continuity_newest_point_verdict"}
    assert newest == {"sound": 0, "unhealthy": 0, "unfaithful": 1, "not proven": 0, "distrusted": 0}
    assert seen["continuity_last_drill_verdict", "shop", "unfaithful"] == 1
    assert seen["continuity_objectives_read_success", "shop"] == 1
    assert seen["continuity_objectives_read_timestamp_seconds", "shop"] == pytest.approx(clock.now.timestamp() - 30)


def test_nothing_proven_is_an_infinite_age_and_no_prediction(shop, watch, clock):
    shop.add(age_days=1, judgement=None)
    watch.read_all()
    seen = told(watch.readings(), clock.now)

    assert seen["continuity_last_proven_age_seconds", "shop"] == math.inf
    assert seen["continuity_newest_point_verdict", "shop", "not proven"] == 1
    assert not {"continuity_recovery_predicted_seconds", "continuity_last_drill_seconds"} & {key[0] for key in seen}


def test_a_vault_that_is_gone_is_said_and_no_figure_of_it_is_told_until_it_is_back(shop, watch, clock):
    shop.add(age_days=1)
    watch.read_all()
    read = clock.now.timestamp()
    away = shop.folder.rename(shop.folder.with_name("away"))
    clock.now += timedelta(minutes=1)
    watch.read_all()
    seen = told(watch.readings(), clock.now)

    assert {key: value for key, value in seen.items() if key[1] == "shop"} == {
        ("continuity_objectives_read_success", "shop"): 0,
        ("continuity_objectives_read_errors_total", "shop"): 1,
        ("continuity_objectives_read_timestamp_seconds", "shop"): pytest.approx(read),
    }

    away.rename(shop.folder)
    clock.now += timedelta(minutes=1)
    watch.read_all()
    assert told(watch.readings(), clock.now)["continuity_usable_points", "shop"] == 1
    # A thread that hangs in its reading says nothing new: what it said last is not told for ever.
    late = told(watch.readings(), clock.now + OVERDUE + timedelta(seconds=1))
    assert late["continuity_objectives_read_success", "shop"] == 0
    assert ("continuity_usable_points", "shop") not in late


def test_points_are_read_again_where_something_was_written_and_once_an_hour(shop, watch, clock):
    shop.add(age_days=1)
    wholes = []
    for change in (lambda: None, lambda: None, lambda: shop.add(age_days=0.5), lambda: None):
        change()
        clock.now += timedelta(minutes=1)
        watch.read_all()
        wholes.append((watch.readings()["shop"].whole, watch.readings()["shop"].figures.points))
    assert [points for _, points in wholes] == [1, 1, 2, 2]
    assert wholes[0] == wholes[1]
    assert wholes[1][0] < wholes[2][0]
    assert wholes[2] == wholes[3]

    clock.now += WHOLE
    watch.read_all()
    assert watch.readings()["shop"].whole == clock.now


def test_a_receiver_tells_figures_without_secrets_and_without_the_text_of_an_alert(tmp_path, receive):
    place = Place(folder=tmp_path)
    receiving = receive(place)
    accepted = receiving.alertmanager(group(firing(table="appointments_of_a_customer")))
    assert accepted.status_code == 202
    [name] = place.accepted()
    eventually(lambda: httpx.get(f"{receiving.url}/metrics").text.count('read_success{application="shop"} 1.0'), seconds=20)

    answer = httpx.get(f"{receiving.url}/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'continuity_last_proven_age_seconds{application="shop"} +Inf' in answer.text
    for word in ("DatabaseCorruption", "double bookings", "customer", "a-bearer-token", name):
        assert word not in answer.text
    assert place.records.noted(name, Begun) is None


def test_every_figure_of_the_alert_file_is_told():
    rules = [rule for each in yaml.safe_load(RULES.read_text())["groups"] for rule in each["rules"]]
    used = set(re.findall(r"continuity_\w+", " ".join(rule["expr"] for rule in rules)))
    source = (Path(__file__).parents[2] / "deployments/receiving/metrics.py").read_text()

    assert len(rules) == 10
    assert used <= set(re.findall(r"continuity_\w+", source))
    runbook = (Path(__file__).parents[2] / "docs/runbooks/objectives.md").read_text()
    for rule in rules:
        assert rule["alert"] in runbook


def test_prometheus_takes_the_alert_file_and_fires_what_it_promises(tmp_path):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on this machine: apt-get install prometheus")
    cases = tmp_path / "cases.yml"
    cases.write_text(CASES.read_text().replace("RULES", str(RULES)))

    for argv in (["check", "rules", RULES], ["test", "rules", cases]):
        done = subprocess.run([promtool, *argv], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
