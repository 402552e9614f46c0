"""The corruption campaign: random damages to vaults, each with the answer that it must have, and the same on bare tools.

    python -m tests.faults.campaign [--damages 300] [--seed N] [--output FILE]

Ends with 1 if any damage had another answer than the required one.
"""

import argparse
import logging
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from moto.server import ThreadedMotoServer

from deployments.local.postgres import running_postgres
from deployments.local.stack import load_application
from expectations.validator import Validator
from tests.faults.bare_tools import Bare, build_bareness
from tests.faults.corruption import Answer, How, Kind, required
from tests.faults.scenes import build_scene
from tests.fixtures.postgres import ROOT

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "campaign", "AWS_SECRET_ACCESS_KEY": "campaign", "AWS_DEFAULT_REGION": "us-east-1"}


def main() -> int:
    """Run the campaign, write the table, print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--damages", type=int, default=300)
    parser.add_argument("--seed", type=int, default=Random().randrange(2**32))
    parser.add_argument("--output", type=Path, default=ROOT / ".continuity/campaign.md")
    asked = parser.parse_args()
    _say(f"{asked.damages} damages, seed {asked.seed}")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto tells every request
    os.environ.update(CREDENTIALS)
    suffered, bare = _campaign(asked.damages, asked.seed)
    wrong = [each for each in suffered if each["answer"] is not each["required"]]
    silent = sum(each["answer"] is Answer.SILENT for each in suffered)
    lines = [
        f"# Corruption campaign: {asked.damages} damages, seed {asked.seed}",
        "",
        *_table(Counter((each["kind"].value, each["answer"].value) for each in suffered), "object", "damage to a vault"),
        "",
        *_table(Counter((each["how"].value, each["answer"].value) for each in suffered), "how", "damage to a vault"),
        "",
        *_table(Counter((how.value, came.value) for how, came in bare), "how", "`pg_dump -Fc`, then `pg_restore`"),
        "",
        f"Vaults: {silent} of {len(suffered)} damages passed silently; {len(wrong)} had another answer than the required one.",
        f"Bare tools: {sum(came is Bare.SILENT for _, came in bare)} of {len(bare)} damages passed silently.",
        *(f"- {each['vault']} {each['key']} {each['how'].value}: {each['answer'].value}" for each in wrong),
    ]
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _say("\n".join([*lines[2:], str(asked.output)]))
    return 1 if wrong else 0


def _campaign(damages: int, seed: int) -> tuple[list[dict[str, Any]], list[tuple[How, Bare]]]:
    suffered: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory(prefix="continuity-campaign-") as temporary,
        running_postgres() as server,
        _media_server() as media_url,
        Validator() as validator,
    ):
        folder = Path(temporary)
        for number, vault in enumerate(("plain", "encrypted")):
            load_application(server, ROOT / "applications/guestbook", megabytes=1, database=f"guestbook_{vault}")
            scene = build_scene(
                dsn=server.dsn(f"guestbook_{vault}"),
                database=f"guestbook_{vault}",
                folder=folder / vault,
                validator=validator,
                media_url=media_url,
                encrypted=vault == "encrypted",
            )
            random = Random(f"{seed} {vault}")
            for _ in range((damages + number) // 2):
                damage, answer = scene.suffer(random)
                facts = {"vault": vault, "key": damage.target.key, "kind": damage.target.kind, "how": damage.how}
                suffered.append({**facts, "answer": answer, "required": required(damage.target.kind, damage.how)})
                _tell(len(suffered), damages, "damages to vaults")
        load_application(server, ROOT / "applications/guestbook", megabytes=1, database="guestbook_bare")
        bareness = build_bareness(server, "guestbook_bare", folder / "bare")
        random, bare = Random(f"{seed} bare"), []
        for number in range(damages):
            bare.append(bareness.suffer(random))
            _tell(number + 1, damages, "damages to bare dumps")
    return suffered, bare


def _tell(done: int, of: int, what: str) -> None:
    if done % 25 == 0 or done == of:
        _say(f"{done} of {of} {what}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def _media_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def _table(counted: Mapping[tuple[str, str], int], left: str, top: str) -> Iterator[str]:
    answers = sorted({answer for _, answer in counted})
    order = [each.value for each in (*Kind, *How)]
    yield f"| {top}: {left} | {' | '.join(answers)} |"
    yield "|---|" + "---|" * len(answers)
    for row in sorted({row for row, _ in counted}, key=order.index):
        yield f"| {row} | {' | '.join(str(counted.get((row, answer), 0)) for answer in answers)} |"


if __name__ == "__main__":
    sys.exit(main())
