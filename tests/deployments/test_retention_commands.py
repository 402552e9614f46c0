"""Expiry, pins, status and points as a person uses them: processes, exit codes, words and time."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from continuity.domain.catalog import CatalogEntry, Kind

COMMAND = Path(sys.executable).with_name("continuity")
CPU_SECONDS = 0.75
"""Half a second on an idle machine (0.39 s were measured, and 0.3 s since). Other tests may run beside: so CPU time counts."""


@pytest.fixture
def run(shop, tmp_path):
    environment = shop.write_files(tmp_path)

    def run(*words, code=0):
        argv = [COMMAND, *words, "--environment", environment]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code, done.stderr + done.stdout
        return json.loads(done.stdout) if "--json" in words else done.stdout

    return run


def test_a_dry_run_ends_with_the_command_that_carries_it_out(shop, run):
    for age in range(5):
        shop.add(age_days=age)
    before = shop.files()

    said = run("expire", "shop").rstrip().splitlines()

    assert said[0].startswith("2 of 5 points would expire")
    assert said[-1] == "nothing was changed; to carry it out: continuity expire shop --yes"
    assert shop.files() == before

    words = said[-1].rpartition("continuity ")[2].split()
    assert run(*words).startswith("2 of 5 points expired")
    assert len(shop.ids) == 3
    assert "nothing to carry out" in run("expire", "shop")


def test_the_command_of_a_dry_run_allows_many_where_it_has_to(shop, run):
    for age in range(9):
        shop.add(age_days=age)

    line = run("expire", "shop").rstrip().splitlines()[-1]
    assert line.endswith("continuity expire shop --yes --allow-many")
    run("expire", "shop", "--yes", code=3)

    said = run("expire", "shop", "--yes", "--allow-many", "--json")
    assert [each["keep"] for each in said["decisions"]] == [True] * 3 + [False] * 6
    assert all(each["because"] for each in said["decisions"])


def test_a_pin_is_shown_holds_and_can_be_taken_back(shop, run):
    for age in range(4):
        shop.add(age_days=age)
    oldest = shop.ids[-1]

    run("pin", oldest, "--because", "the auditors look at it")
    assert run("status", "shop", "--json")["pins"][0]["because"] == "the auditors look at it"
    assert run("points", "shop", "--json")["points"][-1]["pinned"] == "the auditors look at it"
    assert run("expire", "shop", "--json")["decisions"][-1]["because"] == "pinned: the auditors look at it"

    run("unpin", oldest)
    run("expire", "shop", "--yes")
    assert oldest not in shop.ids
    run("pin", oldest, "--because", "too late", code=2)
    run("pin", shop.ids[0], "--because", " ", code=2)


def test_status_tells_the_age_of_the_last_proven_point_first(shop, run):
    newest = shop.add(age_days=0.2)
    shop.add(age_days=1.2)

    said = run("status", "shop", "--json")

    assert said["proven"]["id"] == newest.id
    assert 4 * 3600 < said["proven"]["age_seconds"] < 5 * 3600
    assert said["objectives"]["recovery_point"]["met"]
    assert said["to_look"] == []
    assert said["next_drill"]["because"].startswith("the oldest point")
    first = run("status", "shop").splitlines()[0]
    assert first.startswith(f"last proven point {newest.id}, 4 h 48 min old, of 2; at most 1 d may be lost: met")
    assert run("points", "shop").splitlines()[0] == first


def test_what_is_piped_is_not_cut_off(shop, run):
    shop.add(age_days=88.1, rows={"public.orders": 1_234_567})

    assert f"{shop.ids[0]}  88 d 2 h  1.0 kB  1,234,567  sound" in run("points", "shop")


def test_status_leaves_with_four_when_something_needs_a_look(shop, run):
    for age in range(2, 9):
        shop.add(age_days=age, size_bytes=9_000_000)
    shop.add(age_days=1.5, size_bytes=2_000_000)

    said = run("status", "shop", "--json", code=4)

    assert not said["objectives"]["recovery_point"]["met"]
    assert [each.split(":")[0].split(" ")[0] for each in said["to_look"]] == ["the", "size"]
    assert "✗ size: 2,000,000 bytes, far below the usual 9,000,000" in run("status", "shop", code=4)
    assert "out of line: size" in run("points", "shop")


def test_a_damaged_journal_hides_no_last_proven_point(shop, run):
    newest = shop.add(age_days=0.2)
    journal = shop.folder / "shop/runs/shop-rollback-20261124T030000Z-1f2e/000001.json"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"{}")

    said = run("status", "shop", "--json", code=4)

    assert said["proven"]["id"] == newest.id
    assert said["to_look"][0].startswith("which runs are open is not known: shop/runs/")


def test_a_vault_without_points_needs_a_look(run):
    assert run("status", "shop", "--json", code=4)["proven"] is None


def test_a_refused_policy_names_the_key(shop, run, tmp_path):
    described = tmp_path / "applications/shop/application.toml"
    described.write_text(described.read_text().replace("proven_floor = 1", "proven_floor = 0"))

    run("expire", "shop", code=2)


def test_a_hundred_points_are_told_within_half_a_second(shop, run):
    catalog = tuple(make_column(f"public.table_{number}.note") for number in range(300))
    for age in range(100):
        shop.add(age_days=age + 0.1, catalog=catalog)

    for verb in ("points", "status"):
        assert min(_cpu_seconds(run, verb) for _ in range(5)) < CPU_SECONDS


def make_column(name):
    return CatalogEntry(kind=Kind.COLUMN, name=name, properties={"type": "text", "not_null": "true", "comment": ""})


def _cpu_seconds(run, verb):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(verb, "shop")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_showing_points_loads_nothing_that_touches_a_database():
    code = "import sys, deployments.telling.status; print([m for m in ('psycopg', 'boto3', 'prefect') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
