"""Marks that tell by which process something was made."""

import subprocess
import sys

import pytest

from continuity.adapters.processes import mark, marks_gone_process

MARK = "from continuity.adapters.processes import mark; print(mark())"


def test_a_living_process_is_not_gone_and_an_ended_one_is():
    ended = subprocess.run([sys.executable, "-c", MARK], capture_output=True, text=True, check=True).stdout.strip()

    assert not marks_gone_process(mark())
    assert marks_gone_process(ended)
    assert mark() != mark()


@pytest.mark.parametrize("change", [lambda text: "0" * 8 + text[8:], lambda text: text.split(".")[-1], lambda _: "drills"])
def test_of_another_machine_or_another_name_nothing_is_known(change):
    ended = subprocess.run([sys.executable, "-c", MARK], capture_output=True, text=True, check=True).stdout.strip()

    assert not marks_gone_process(change(ended))


def test_a_number_that_was_given_to_a_later_process_is_no_sign_of_life():
    machine, number, start, nonce = mark().split(".")

    assert marks_gone_process(f"{machine}.{number}.{int(start) - 1}.{nonce}")
