"""An expiry killed with a real signal before any of its writes leaves each point whole or gone, and the next one finishes it."""

import signal
import subprocess
import sys

import pytest

KILLED_BEFORE_A_WRITE = """
import os, signal, sys
from pathlib import Path

from continuity.adapters.application_files import load_application
from continuity.adapters.directory_vault import DirectoryVault
from continuity.procedures.expiry import expire
from continuity.settings import load_environment
from continuity.steps.operation import perform_plainly

left = int(sys.argv[2])

def counted(name):
    call = getattr(DirectoryVault, name)
    def perhaps(self, key, *rest):
        global left
        if "/points/" in key:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return call(self, key, *rest)
    setattr(DirectoryVault, name, perhaps)

counted("create")
counted("delete")
environment = load_environment(Path(sys.argv[1]))
application = load_application(environment.applications, "shop")
expire(application, environment, carry_out=True, allow_many=True, by="ada", perform=perform_plainly)
"""

WRITES_OF_A_POINT = 6
"""Tombstone, manifest, dump, globals, drill and its result."""


@pytest.mark.parametrize("writes", range(2 * WRITES_OF_A_POINT + 1))
def test_a_killed_expiry_leaves_whole_points_and_the_next_one_finishes(shop, tmp_path, writes):
    for age in range(5):
        shop.add(age_days=age)
    staying, going = shop.ids[:3], shop.ids[3:]
    whole = {point: shop.files(point) for point in shop.ids}
    argv = [sys.executable, "-c", KILLED_BEFORE_A_WRITE, shop.write_files(tmp_path), str(writes)]

    done = subprocess.run(argv, check=False, capture_output=True, text=True)

    finished = writes == 2 * WRITES_OF_A_POINT
    assert done.returncode == (0 if finished else -signal.SIGKILL), done.stderr
    listing = shop.points.listing()
    assert not listing.damaged
    for state in listing.points:
        assert shop.files(state.manifest.id) == whole[state.manifest.id]
    assert set(staying) <= set(shop.ids)

    shop.expire(allow_many=True)

    assert shop.ids == staying
    assert shop.points.listing().leftovers == ()
    for point in going:
        assert set(shop.files(point)) == {f"shop/points/{point}/expired.json"}
