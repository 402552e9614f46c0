"""People are told over real HTTP: within a limit, all at once, over the next channel where one refuses, and nothing is lost."""

import json
import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from continuity.adapters.channels import check_channel
from continuity.domain.alerts import Level
from continuity.domain.application import ApplicationName
from continuity.domain.incident import Chain, IncidentId, MessageKind
from continuity.domain.notice import Notice
from continuity.domain.people import Audience, ChainStep, Escalation, People, Promise, Role
from continuity.notice_settings import NoticesSection
from continuity.procedures.notices import announce
from continuity.settings import Environment
from tests.fixtures.scripted_http import Reply, scripted

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECRET = "T0K3N-in-the-path"
TAKEN = Reply(body=b"{}")


@contextmanager
def silent() -> Iterator[str]:
    """Listen, take connections, and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def json_address(url: str) -> str:
    return f"{url.replace('http://', 'json://')}/hooks/{SECRET}"


@pytest.fixture
def environment(monkeypatch):
    """Make an environment of channels by their addresses."""

    def make(attempt_seconds: float = 5, attempts: int = 2, **addresses: str) -> Environment:
        for name, address in addresses.items():
            monkeypatch.setenv(f"CHANNEL_{name}", address)
        return Environment.model_validate(
            {
                "database": {"dsn": "postgresql://app:sesame-open@db/shop"},
                "vault": {"url": "file:///nowhere"},
                "notices": {
                    "channels": {name: f"env:CHANNEL_{name}" for name in addresses},
                    "attempt_seconds": attempt_seconds,
                    "attempts": attempts,
                },
            }
        )

    return make


def make_people(**roles: tuple[str, ...]) -> People:
    reads = {name: Audience.STAKEHOLDERS if name == "boss" else Audience.OPERATORS for name in roles}
    return People(
        application=ApplicationName("shop"),
        roles={name: Role(name=name, audience=reads[name], channels=channels) for name, channels in roles.items()},
        levels={Level.CRITICAL: Promise(roles=tuple(roles), deadline=NOON - NOON, wakes=True)},
        chains={Chain.TECHNICAL: Escalation(steps=(ChainStep(role=next(iter(roles)), wait=NOON - NOON),))},
    )


def make_notice(**changes) -> Notice:
    facts = {
        "incident": IncidentId("shop-incident-20261123T115500Z-3f2a9c0d4b5e6f70"),
        "application": ApplicationName("shop"),
        "message": MessageKind.OPENED,
        "level": Level.CRITICAL,
        "chain": Chain.TECHNICAL,
        "title": "half of all requests fail",
        "began": NOON,
        "at": NOON,
    }
    return Notice(**{**facts, **changes})


def seen(told):
    return [(each.to, each.channel, each.delivered, each.because) for each in told]


def test_each_audience_gets_its_words_over_the_first_channel_and_a_shared_channel_gets_them_once(environment):
    with scripted(TAKEN) as chat, scripted(TAKEN) as mail:
        people = make_people(dev=("chat",), lead=("chat",), boss=("mail",))
        told = announce(make_notice(), people, environment(chat=json_address(chat.url), mail=json_address(mail.url)))

    assert seen(told) == [("dev", "chat", True, ""), ("lead", "chat", True, ""), ("boss", "mail", True, "")]
    [to_chat], [to_mail] = ([json.loads(each.body) for each in script.requests] for script in (chat, mail))
    assert to_chat["title"] == "CRITICAL: shop: half of all requests fail"
    assert "- level: critical" in to_chat["message"]
    assert "How bad: critical" in to_mail["message"]
    assert not any(each.text for each in told)


def test_a_channel_that_hangs_is_left_after_its_limit_and_holds_up_nobody_else(environment):
    with silent() as hanging, scripted(TAKEN) as chat, scripted(TAKEN) as mail:
        people = make_people(dev=("pager", "chat"), boss=("mail",))
        started = time.monotonic()
        told = announce(
            make_notice(),
            people,
            environment(attempt_seconds=1, pager=json_address(hanging), chat=json_address(chat.url), mail=json_address(mail.url)),
            clock=lambda: datetime.now(UTC),
        )
        taken_seconds = time.monotonic() - started

    assert seen(told) == [
        ("dev", "pager", False, "gave no answer within 1 s"),
        ("dev", "chat", True, ""),
        ("boss", "mail", True, ""),
    ]
    assert 1 <= taken_seconds < 2
    assert told[2].at < told[0].at


def test_whoever_cannot_wait_is_held_up_for_two_seconds_at_the_most(environment):
    with silent() as hanging, scripted(TAKEN) as mail:
        people = make_people(dev=("pager", "chat"), boss=("mail",))
        started = time.monotonic()
        told = announce(
            make_notice(),
            people,
            environment(attempt_seconds=30, pager=json_address(hanging), mail=json_address(mail.url)),
            patience_seconds=0.7,
        )

    assert time.monotonic() - started < 2
    assert seen(told) == [("dev", "pager", False, "not known to have arrived after 0.7 s"), ("boss", "mail", True, "")]
    assert "half of all requests fail" in told[0].text


def test_a_process_ends_although_a_channel_hangs():
    program = """
from continuity.adapters.channels import send
from continuity.domain.notice import Message
from continuity.notice_settings import NoticesSection
section = NoticesSection(channels={"pager": "env:PAGER"}, attempt_seconds=0.3)
print(send("pager", Message(subject="s", text="t", html=""), section).refused)
"""
    with silent() as hanging:
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PAGER": f"{json_address(hanging)}?rto=60", "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )

    assert done.stdout == "gave no answer within 0.3 s\n"
    assert done.stderr == ""
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("replies", "because", "requests"),
    [
        ((Reply(status=503), TAKEN), "", 2),
        ((Reply(status=429),), "answered 429, 2 times", 2),
        ((Reply(status=403),), "answered 403", 1),
    ],
)
def test_what_may_pass_is_tried_again_and_what_may_not_is_left_for_the_next_channel(environment, replies, because, requests):
    with scripted(*replies) as chat:
        told = announce(make_notice(), make_people(dev=("chat",)), environment(chat=json_address(chat.url)))

    assert seen(told) == [("dev", "chat", not because, because)]
    assert len(chat.requests) == requests


def test_where_all_refuse_each_attempt_has_its_reason_without_an_address_and_the_text_is_kept(environment, caplog):
    caplog.set_level(logging.DEBUG)
    with scripted(Reply(status=403, body=SECRET.encode())) as chat:
        made = environment(chat=json_address(chat.url), pager=f"nonsense://{SECRET}", phone=f"json://127.0.0.1:1/{SECRET}")
        told = announce(make_notice(), make_people(dev=("chat", "pager", "phone", "fax")), made)

    assert seen(told) == [
        ("dev", "chat", False, "answered 403"),
        ("dev", "pager", False, "its address is none that apprise knows"),
        ("dev", "phone", False, "could not be reached, 2 times"),
        ("dev", "fax", False, "the environment has no channel 'fax'"),
    ]
    assert [bool(each.text) for each in told] == [False, False, False, True]
    assert "half of all requests fail" in told[-1].text
    assert SECRET not in repr(told) + repr(made) + caplog.text
    assert "127.0.0.1" not in repr(told)


def test_options_in_an_address_do_not_make_a_failure_look_like_a_success(environment):
    with scripted(Reply(status=500)) as chat:
        made = environment(attempts=1, chat=f"{json_address(chat.url)}?optional=yes&retry=3&wait=0")
        told = announce(make_notice(), make_people(dev=("chat",)), made)

    assert seen(told) == [("dev", "chat", False, "answered 500")]
    assert len(chat.requests) == 1


def test_a_chat_is_called_by_no_text_and_shows_no_password_of_the_environment(environment):
    evil = "<!channel> @all [x](https://evil.example) sesame-open"
    with scripted(TAKEN) as chat, scripted(TAKEN) as old:
        told = announce(
            make_notice(title=evil, summary=evil),
            make_people(dev=("chat",), boss=("old",)),
            environment(
                chat=f"{chat.url.replace('http://', 'mmost://')}/3ccdd113474722377935511fc85d3dd4",
                old=f"{old.url.replace('http://', 'xml://')}/",
            ),
        )

    assert all(each.delivered for each in told)
    for script in (chat, old):
        [sent] = [each.body.decode() for each in script.requests]
        assert "evil.example" in sent
        assert not re.search(r"@all|<!channel|\]\(|sesame-open", sent)


def test_a_sink_takes_every_channel_and_sends_nothing(tmp_path):
    made = Environment.model_validate(
        {"database": {"dsn": "x"}, "vault": {"url": "file:///x"}, "notices": {"sink": str(tmp_path / "messages")}}
    )

    told = announce(make_notice(), make_people(dev=("pager",), boss=("mail",)), made)

    assert all(each.delivered for each in told)
    files = sorted((tmp_path / "messages").iterdir())
    assert sorted(json.loads(each.read_text())["channel"] for each in files if each.suffix == ".json") == ["mail", "pager"]
    assert all(each.stat().st_mode & 0o077 == 0 for each in files)
    assert any("How bad: critical" in each.read_text() for each in files)


def test_an_environment_without_channels_loses_no_message():
    made = Environment.model_validate({"database": {"dsn": "x"}, "vault": {"url": "file:///x"}})

    [told] = announce(make_notice(), make_people(dev=("pager",)), made)

    assert (told.delivered, told.because) == (False, "the environment has no channel 'pager'")
    assert told.text


@pytest.mark.parametrize(
    "scheme", ["slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "mailto://u:p@example.com", "syslog://"]
)
def test_an_address_is_checked_without_sending(monkeypatch, scheme):
    monkeypatch.setenv("GOOD", scheme)
    section = NoticesSection(channels={"good": "env:GOOD", "gone": "file:/no/such/file"})

    assert check_channel("good", section) == ""
    assert check_channel("gone", section) == "secret 'gone' cannot be read from /no/such/file: FileNotFoundError"
