"""`continuity notices` and what check says of it, as processes on blottr's own file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from continuity.adapters.application_files import load_application
from continuity.adapters.people_files import load_people
from continuity.settings import Environment
from continuity.steps.preconditions.notices import check_notices
from tests.fixtures.scripted_http import Reply, scripted

COMMAND = Path(sys.executable).with_name("continuity")
APPLICATIONS = Path(__file__).parents[2] / "applications"
CHANNELS = load_people(APPLICATIONS, "blottr").channels
SECRET = "T0K3N-in-the-path"


@pytest.fixture
def run(tmp_path):
    """Run a command on blottr, with the `[notices]` given."""

    def run(*words: str, notices: str, code: int, **variables: str):
        environment = tmp_path / "environment.toml"
        environment.write_text(
            f'applications = "{APPLICATIONS}"\n[database]\ndsn = "dbname=x"\n[vault]\nurl = "file:///x"\n{notices}'
        )
        argv = [COMMAND, *words, "--environment", environment, "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **variables})
        assert done.returncode == code, done.stderr + done.stdout
        assert SECRET not in done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def channels(address: str, names=CHANNELS) -> str:
    return "[notices.channels]\n" + "".join(f'{name} = "env:{address}"\n' for name in names)


def test_shows_who_is_told_and_by_which_chain(run):
    shown = run("notices", "blottr", notices=channels("ADDRESS"), code=0, ADDRESS=f"json://127.0.0.1:1/{SECRET}")

    assert shown["levels"]["critical"]["deadline_seconds"] == 900
    assert shown["levels"]["low"]["deadline_seconds"] is None
    assert [step["role"] for step in shown["chains"]["technical"]["steps"]] == ["developer", "tech lead", "cto", "ceo"]
    assert shown["roles"]["developer"]["told"] == {"developer": ["on-call", "team-chat", "team-mail"]}


def test_a_channel_that_leads_nowhere_is_named_by_both_with_the_remedy(run):
    notices = channels("ADDRESS", [name for name in CHANNELS if name != "on-call"]) + 'on-cal = "env:ADDRESS"\n'

    shown = run("notices", "blottr", notices=notices, code=4, ADDRESS=f"nonsense://{SECRET}")
    checks = run("check", "blottr", "--only", "notices", notices=notices, code=3, ADDRESS="json://127.0.0.1:1")["checks"]

    wrong = {each["name"]: each["wrong"] for each in shown["channels"]}
    assert wrong["on-call"] == "the environment has no channel 'on-call'"
    assert wrong["team-chat"] == "its address is none that apprise knows"
    [failed] = [each for each in checks if not each["passed"]]
    assert (failed["name"], failed["detail"]) == ("channel on-call", "the environment has no channel 'on-call'")
    assert 'Add `on-call = "env:VARIABLE"`' in failed["hint"]


def test_a_trial_tells_what_each_channel_has_answered(run):
    with scripted(Reply(body=b"{}")) as chat:
        tried = run(
            "notices", "blottr", "--test", "developer", code=1, GOOD=f"{chat.url.replace('http', 'json', 1)}/{SECRET}",
            notices='[notices]\nattempts = 1\n[notices.channels]\nteam-chat = "env:GOOD"\non-call = "env:GONE"\n',
        )  # fmt: skip
        unknown = run("notices", "blottr", "--test", "nobody", notices=channels("GOOD"), code=2)

    assert tried["channels"] == [
        {"name": "on-call", "delivered": False, "because": "secret 'on-call' is not set: no variable GONE"},
        {"name": "team-chat", "delivered": True, "because": ""},
        {"name": "team-mail", "delivered": False, "because": "the environment has no channel 'team-mail'"},
    ]
    [sent] = [json.loads(each.body) for each in chat.requests]
    assert "Nothing has happened." in sent["message"]
    assert "nobody and no channel is called 'nobody'" in unknown["error"]


@pytest.mark.parametrize(
    ("application", "notices"),
    [("blottr", None), ("blottr", {"sink": "/tmp/messages"}), ("guestbook", None)],
    ids=["no channels", "a folder", "no people"],
)
def test_where_nobody_would_be_told_check_warns(application, notices):
    environment = Environment.model_validate(
        {"database": {"dsn": "x"}, "vault": {"url": "file:///x"}, "applications": APPLICATIONS, "notices": notices}
    )

    said = check_notices(load_application(APPLICATIONS, application), environment)[-1]

    assert said.passed
    assert said.detail.startswith("nobody is told of incidents")
    assert said.hint
