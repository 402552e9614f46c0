"""One run holds an application; others leave and name it, and a holder that is gone is succeeded."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from continuity.adapters import leases
from continuity.adapters.documents import write_document
from continuity.adapters.leases import holding, read_lease
from continuity.adapters.vaults import open_vault
from continuity.domain.application import ApplicationName
from continuity.domain.lease import Purpose
from continuity.errors import Busy, Overtaken

SHOP = ApplicationName("shop")

HOLDER = """
import sys, time
from continuity.adapters import leases
from continuity.adapters.vaults import open_vault
from continuity.domain.lease import Purpose
leases.LEASE_SECONDS, leases.RENEW_SECONDS, leases.MARGIN_SECONDS = 2.0, 0.3, 0.5
with leases.holding(open_vault(sys.argv[1]), "shop", Purpose.CHANGE, run="shop-first") as held:
    print("held", flush=True)
    sys.stdin.readline()
    try:
        held.check()
        print("still mine", flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


@pytest.fixture(params=["directory", "s3"])
def vault(request, tmp_path):
    if request.param == "directory":
        return open_vault(tmp_path.as_uri())
    bucket = request.getfixturevalue("s3_bucket")
    return open_vault(f"s3://{bucket}/v", endpoint_url=request.getfixturevalue("moto_endpoint"))


@pytest.fixture
def quick(monkeypatch):
    """Let leases last two seconds instead of sixty."""
    for name, seconds in (("LEASE_SECONDS", 2.0), ("RENEW_SECONDS", 0.3), ("MARGIN_SECONDS", 0.5), ("WATCH_SECONDS", 0.1)):
        monkeypatch.setattr(leases, name, seconds)


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds the application, and end it."""
    url = tmp_path.as_uri()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process, open_vault(url)
        process.kill()


def _elsewhere(vault, lease):
    """Make a lease look as if its holder were on a machine that we know nothing of."""
    key = leases.lease_key(lease)
    stranger = replace(lease, holder=replace(lease.holder, machine="elsewhere"))
    vault.replace(key, write_document(stranger, form=leases.FORM, version=1), version=vault.read_versioned(key).version)
    return stranger


def test_a_second_run_leaves_at_once_and_names_the_first(vault):
    with (
        holding(vault, SHOP, Purpose.CHANGE, run="shop-first"),
        pytest.raises(Busy, match="busy with shop-first, held by"),
        holding(vault, SHOP, Purpose.CHANGE, run="shop-second"),
    ):
        pass


def test_a_backup_and_a_change_do_not_exclude_each_other(vault):
    with holding(vault, SHOP, Purpose.BACKUP, run="a"), holding(vault, SHOP, Purpose.CHANGE, run="b"):
        assert read_lease(vault, SHOP, Purpose.BACKUP).run == "a"


def test_a_released_lease_is_taken_at_once_under_a_higher_epoch(vault):
    with holding(vault, SHOP, Purpose.CHANGE, run="first") as first:
        pass
    assert read_lease(vault, SHOP, Purpose.CHANGE) is None

    with holding(vault, SHOP, Purpose.CHANGE, run="second") as second:
        assert second.lease.epoch == first.lease.epoch + 1


def test_of_many_that_want_it_at_once_exactly_one_holds_it(vault):
    def want(number: int) -> int:
        try:
            with holding(vault, SHOP, Purpose.CHANGE, run=f"run-{number}"):
                time.sleep(1.5)
                return 1
        except Busy:
            return 0

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(want, range(12))) == 1


def test_a_killed_holder_on_this_machine_is_succeeded_at_once(holder):
    process, vault = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert read_lease(vault, SHOP, Purpose.CHANGE) is None

    started = time.monotonic()
    with holding(vault, SHOP, Purpose.CHANGE, run="next") as held:
        assert held.lease.epoch == 2
    assert time.monotonic() - started < leases.WATCH_SECONDS


def test_a_frozen_holder_is_succeeded_after_a_whole_lease_and_does_nothing_more_when_it_wakes(holder, quick):
    process, vault = holder
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)

    with holding(vault, SHOP, Purpose.CHANGE, run="next"):
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "Overtaken\n"


def test_a_holder_elsewhere_that_lives_is_recognized_by_its_renewal(vault, quick):
    with holding(vault, SHOP, Purpose.CHANGE, run="far") as far:
        far.release()
        lease = _elsewhere(vault, replace(far.lease, released=None))
        key = leases.lease_key(lease)

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: holding(vault, SHOP, Purpose.CHANGE, run="near").__enter__())
            time.sleep(0.5)
            beat = replace(lease, beat=lease.beat + 1)
            vault.replace(key, write_document(beat, form=leases.FORM, version=1), version=vault.read_versioned(key).version)
            with pytest.raises(Busy, match="far"):
                waiting.result()


def test_a_holder_elsewhere_without_a_sign_of_life_is_succeeded_after_a_whole_lease_and_not_before(vault, quick):
    with holding(vault, SHOP, Purpose.CHANGE, run="far") as far:
        far.release()
        _elsewhere(vault, replace(far.lease, released=None))

    started = time.monotonic()
    with holding(vault, SHOP, Purpose.CHANGE, run="near") as near:
        assert time.monotonic() - started >= leases.LEASE_SECONDS
        near.check()


def test_a_holder_that_was_overtaken_learns_of_it_before_its_next_effect(vault, quick):
    with holding(vault, SHOP, Purpose.CHANGE, run="first") as held:
        _elsewhere(vault, held.lease)
        time.sleep(1.0)

        with pytest.raises(Overtaken, match="first no longer holds shop"):
            held.check()
