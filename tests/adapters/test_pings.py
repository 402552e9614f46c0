"""A dead-man's switch over real HTTP: told in order, held up by nothing, and its address never printed."""

import logging
import time

import pytest

from continuity.adapters import pings
from continuity.adapters.pings import Pinger
from continuity.errors import Busy, DrillFailed
from continuity.ping_settings import PingsSection
from continuity.procedures.pinging import Job, pinging
from deployments.local.processes import free_port
from tests.fixtures.cluster import eventually
from tests.fixtures.scripted_http import BAD, Reply, ok, scripted
from tests.fixtures.terminal import Seat

SECRET = "3f2a9c0d-4b5e-6f70-8192-a3b4c5d6e7f8"


@pytest.fixture
def section(tmp_path):
    """Name a base address, in a file as secrets are."""

    def name(url: str) -> PingsSection:
        (tmp_path / "base").write_text(f"{url}/{SECRET}\n")
        return PingsSection(base=f"file:{tmp_path}/base")

    return name


@pytest.fixture
def environment(shop, section):
    return lambda url: shop.environment.model_copy(update={"pings": section(url)})


def test_a_job_is_told_from_its_beginning_to_its_end_and_its_address_is_in_no_log(shop, environment, caplog):
    caplog.set_level(logging.DEBUG)
    with scripted(ok()) as switch:
        with pinging(shop.application, environment(switch.url), Job.DRILL) as told:
            told.said = "sound: shop-1 ✓" + "x" * 20_000
        with pytest.raises(DrillFailed), pinging(shop.application, environment(switch.url), Job.BACKUP):
            raise DrillFailed("the drill's machine failed", detail="row 7: a customer's name")
        with pytest.raises(ZeroDivisionError), pinging(shop.application, environment(switch.url), Job.EXPIRY):
            raise ZeroDivisionError("a value that may be a secret")
        with pytest.raises(Busy), pinging(shop.application, environment(switch.url), Job.BACKUP):
            raise Busy("another backup is under way")

    asked = [(each.method, each.path.removeprefix(f"/{SECRET}"), each.body[:26]) for each in switch.requests]
    assert asked[:6] == [
        ("POST", "/shop-drill/start", b""),
        ("POST", "/shop-drill", b"sound: shop-1 \xe2\x9c\x93xxxxxxxxx"),
        ("POST", "/shop-backup/start", b""),
        ("POST", "/shop-backup/fail", b"the drill's machine failed"),
        ("POST", "/shop-expiry/start", b""),
        ("POST", "/shop-expiry/fail", b"ZeroDivisionError"),
    ]
    assert {path for _, path, _ in asked[6:]} <= {"/shop-backup/start"}
    assert max(len(each.body) for each in switch.requests) == 10_000
    assert "pinged check=shop-drill host=127.0.0.1" in caplog.text
    assert SECRET not in caplog.text


def test_a_switch_that_is_busy_is_asked_three_times_and_one_that_goes_on_refusing_is_given_up_with_a_line(section, caplog):
    with scripted(ok(), BAD, BAD, ok()) as switch:
        pinger = Pinger(section(switch.url), "shop-backup")
        pinger.start()
        pinger.succeed("stored")
        assert [each.path.rpartition("/")[2] for each in switch.requests] == ["start", *["shop-backup"] * 3]

    with scripted(Reply(status=301, headers=(("Location", f"/{SECRET}/elsewhere"),))) as moved:
        Pinger(section(moved.url), "shop-backup").fail("x")
    assert len(moved.requests) == pings.TRIES
    assert "not pinged check=shop-backup/fail host=127.0.0.1 because=it answered 301" in caplog.text
    assert SECRET not in caplog.text


def test_no_switch_that_hangs_or_is_gone_or_misnamed_holds_a_job_up_or_fails_it(section, caplog, monkeypatch, tmp_path):
    monkeypatch.setattr(pings, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(pings, "PATIENCE_SECONDS", 0.6)
    with scripted(Reply(delay_seconds=20)) as hanging:
        began = time.monotonic()
        pinger = Pinger(section(hanging.url), "shop-backup")
        pinger.start()
        assert time.monotonic() - began < 0.2
        pinger.succeed("stored")
        assert time.monotonic() - began < 1.5

        Pinger(section(f"http://127.0.0.1:{free_port()}"), "shop-backup").succeed("stored")
        (tmp_path / "odd").write_text(f"ftp://host/{SECRET}")
        for place in ("env:NOBODY_SET_IT", f"file:{tmp_path}/missing", f"file:{tmp_path}/odd"):
            Pinger(PingsSection(urls={"shop-backup": place}), "shop-backup").succeed("stored")
        Pinger(PingsSection(), "shop-backup").succeed("stored")

        eventually(lambda: caplog.text.count("not pinged check=shop-backup host=127.0.0.1 because=") == 2, seconds=10)
    assert "no variable NOBODY_SET_IT" in caplog.text
    assert "is no address of http or https" in caplog.text
    assert SECRET not in caplog.text


def test_by_hand_as_by_schedule_a_command_tells_what_it_came_to(shop, tmp_path):
    shop.add(age_days=0)
    file = shop.write_files(tmp_path)
    with scripted(ok()) as switch:
        (tmp_path / "expiry").write_text(f"{switch.url}/{SECRET}")
        with file.open("a") as appended:
            appended.write(f'[pings.urls]\n"shop-expiry" = "file:{tmp_path}/expiry"\n')
        done = Seat(None, file).run("expire", "shop")

    assert done.returncode == 0, done.stderr
    assert [each.path for each in switch.requests] == [f"/{SECRET}/start", f"/{SECRET}"]
    assert switch.requests[-1].body == b"0 of 1 points would expire (0 B), 1 stay"
    assert SECRET not in done.stdout + done.stderr
