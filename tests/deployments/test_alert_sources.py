"""How each source is known and read: its signature, its time, its body; and what is no body at all."""

import asyncio
import base64
import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from continuity.adapters.alert_files import load_routes
from continuity.domain.alerts import Action, Source
from continuity.errors import ConfigurationRefused
from continuity.settings import load_environment
from deployments.offers import OFFERS, SAMPLES
from deployments.receiving import alertmanager, generic, grafana, starting
from deployments.receiving.bodies import Body, Budget, Refused, parse_json
from deployments.receiving.signatures import UNAUTHORIZED
from deployments.webhooks import open_receiver
from tests.fixtures.receivers import OLD_TOKEN, PASSWORD, TOKEN, Place, by_grafana, by_standard, firing, group

NOW = datetime.now(UTC)
BODY = json.dumps(group(firing(), version="1")).encode()


@pytest.fixture(scope="module")
def doors(alert_place: Place):
    section = load_environment(alert_place.environment).webhooks
    return {
        "alertmanager": alertmanager.door(section.alertmanager),
        "grafana": grafana.door(section.grafana),
        "generic": generic.door(section.generic),
    }


def knows(door, headers: dict[str, str] | list[tuple[bytes, bytes]], body: bytes = BODY) -> bool:
    made = Headers(raw=headers) if isinstance(headers, list) else Headers(headers)
    try:
        door.verify(made, body, datetime.now(UTC))
    except Refused as refused:
        return refused.status != UNAUTHORIZED
    return True


def test_every_live_secret_of_a_source_is_good(doors):
    basic = base64.b64encode(PASSWORD.encode()).decode()

    assert knows(doors["alertmanager"], {"Authorization": f"Bearer {TOKEN}"})
    assert knows(doors["alertmanager"], {"authorization": f"bearer {OLD_TOKEN}"})
    assert knows(doors["alertmanager"], {"Authorization": f"Basic {basic}"})
    assert knows(doors["grafana"], by_grafana(BODY))
    assert knows(doors["generic"], by_standard(BODY))
    two = by_standard(BODY)
    assert knows(doors["generic"], two | {"webhook-signature": f"v1,AAAA v1a,BBBB {two['webhook-signature']}"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Digest {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer "},
        [(b"authorization", b"Bearer " + TOKEN.encode()), (b"authorization", b"Bearer x")],
        [(b"authorization", b"Bearer \xff\xfe" + b"\x00" * 999)],
    ],
)
def test_a_stranger_with_a_token_that_is_none_is_not_known(doors, headers):
    assert not knows(doors["alertmanager"], headers)


@pytest.mark.parametrize(("source", "sign"), [("grafana", by_grafana), ("generic", by_standard)])
def test_what_is_signed_by_another_or_for_another_moment_is_not_known(doors, source, sign):
    door, good = doors[source], sign(BODY)
    now = time.time()

    assert not knows(door, {})
    for name in good:
        assert not knows(door, {each: value for each, value in good.items() if each != name}), name
        assert not knows(door, good | {name: ""}), name
        assert not knows(door, good | {name: "é"}), name
    assert not knows(door, sign(BODY, at=now - 310))
    assert not knows(door, sign(BODY, at=now + 310))
    assert knows(door, sign(BODY, at=now - 280))
    moment = next(name for name in good if name.lower().endswith("timestamp"))
    for odd in ("-5", "1e9", "²", " 5", "NaN", "9" * 40, str(int(now) - 1)):
        assert not knows(door, good | {moment: odd}), odd
    stranger = by_grafana(BODY, secret="another-secret-entirely") if source == "grafana" else by_standard(BODY, key=b"x" * 32)
    assert not knows(door, stranger)


@given(st.data())
def test_no_changed_byte_of_body_or_signature_is_taken(doors, data):
    source, sign = data.draw(st.sampled_from([("grafana", by_grafana), ("generic", by_standard)]))
    headers, body = sign(BODY), bytearray(BODY)
    name = "webhook-signature" if source == "generic" else "X-Grafana-Alerting-Signature"
    if data.draw(st.booleans()):
        body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        signature = bytearray(headers[name].encode())
        # The last character of base64 holds bits that mean nothing; compared as text, they count all the same.
        signature[data.draw(st.integers(0, len(signature) - 1))] ^= 1 << data.draw(st.integers(0, 6))
        headers = {**headers, name: signature.decode("latin-1")}

    assert not knows(doors[source], headers, bytes(body))


def test_a_group_is_read_alert_by_alert_whatever_newer_versions_add(doors):
    post = doors["alertmanager"].read(
        group(
            firing(pod="a", started=datetime(2026, 11, 23, 19, 15, 15, 378090, UTC)),
            firing(pod="b", status="resolved"),
            truncatedAlerts=3,
            notification_reason="repeat interval elapsed",
            routeLabels={"team": "x"},
        )
    )

    assert [(each.name, each.firing, each.source) for each in post.alerts] == [
        ("DatabaseCorruption", True, Source.ALERTMANAGER),
        ("DatabaseCorruption", False, Source.ALERTMANAGER),
    ]
    assert post.alerts[0].started == datetime(2026, 11, 23, 19, 15, 15, 378090, UTC)
    assert post.left_out == 3


def test_grafana_has_the_same_shape_with_its_own_version(doors):
    assert doors["grafana"].read(group(firing(), version="1", orgId=1, state="alerting")).alerts[0].source is Source.GRAFANA
    with pytest.raises(Refused, match="'version' does not fit"):
        doors["grafana"].read(group(firing()))


def test_foreign_text_is_kept_as_one_bounded_line_without_control_characters(doors):
    alert = firing()
    alert["annotations"] = {"summary": "down\n\x1b[31m2026 INFO all is well\u202e" + "x" * 9999}

    summary = doors["alertmanager"].read(group(alert)).alerts[0].summary

    assert len(summary) <= 300
    assert not any(ord(each) < 32 for each in summary)


@pytest.mark.parametrize(
    "change",
    [
        {"startsAt": "yesterday"},
        {"startsAt": "2026-11-23T19:15:15"},
        {"startsAt": "0001-01-01T00:00:00+05:00"},
        {"startsAt": "9999-12-31T23:59:59-05:00"},
        {"startsAt": 1e300},
        {"status": "pending"},
        {"labels": {"alertname": 7}},
        {"labels": None},
        {"labels": {"alertname": {"__prefect_kind": "jinja"}}},
        {"fingerprint": ""},
        {"fingerprint": "x" * 201},
        {"fingerprint": "\ud800"},
    ],
)
def test_an_alert_that_does_not_fit_is_refused_and_not_quoted(doors, change):
    with pytest.raises(Refused) as refused:
        doors["alertmanager"].read(group(firing() | change))

    assert refused.value.status == 400
    assert "jinja" not in refused.value.because


@pytest.mark.parametrize(
    ("body", "because"),
    [
        (b"", "not JSON"),
        (b"\xff{}", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        ('{"a": "x"}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'[{"x": {"a": 1, "\\u0061": 2}}]', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "NaN"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 5000 + b"]", "not JSON"),
        (b"[" * 17, "deeper"),
        (b'{"a":' * 500_000, "deeper"),
        (b"[" * 1_000_000, "deeper"),
        (b'{"a": "' + b"[" * 100 + b'"', "not JSON"),
        (b'"' + b'\\"' * 500_000, "not JSON"),
        (b"{}{}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
    ],
)
def test_what_two_readers_could_understand_in_two_ways_is_no_body(body, because):
    started = time.monotonic()
    with pytest.raises(Refused) as refused:
        parse_json(body)

    assert refused.value.status == 400
    assert because in refused.value.because
    assert time.monotonic() - started < 1


def test_brackets_inside_strings_nest_nothing():
    assert parse_json(b'{"a": "\\"' + b"[{" * 99 + b'"}') == {"a": '"' + "[{" * 99}


async def _chunks(*chunks: bytes, pause: float = 0.0):
    for chunk in chunks:
        await asyncio.sleep(pause)
        yield chunk


@pytest.mark.parametrize(
    ("chunks", "budget", "seconds", "pause", "status"),
    [((b"x" * 60, b"x" * 60), 1000, 5, 0, 413), ((b"x" * 60,), 50, 5, 0, 503), ((b"x",), 50, 0.01, 0.1, 408)],
)
def test_a_body_that_is_too_long_too_much_or_too_slow_is_cut_off_and_let_go(chunks, budget, seconds, pause, status):
    kept = Budget(budget)
    body = Body(kept)

    with pytest.raises(Refused) as refused:
        asyncio.run(body.read(_chunks(*chunks, pause=pause), limit_bytes=100, seconds=seconds))
    body.let_go()

    assert refused.value.status == status
    kept.take(budget)


@pytest.mark.parametrize(
    ("name", "content", "because"),
    [
        ("token", "short\n", "has 5 characters, 16 are the least"),
        ("token", "", "has 0 characters"),
        ("grafana", "", "has 0 characters"),
        ("generic", "whsec_c2hvcnQ=\n", "is not whsec_ and 24 to 64 bytes"),
        ("generic", "a-secret-that-is-not-in-base64!!\n", "is not whsec_"),
        ("basic", None, "cannot be read"),
    ],
)
def test_without_a_secret_that_is_one_the_receiver_refuses_to_start(tmp_path, name, content, because):
    place = Place(folder=tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)

    with pytest.raises(ConfigurationRefused, match=because):
        open_receiver(load_environment(place.environment))


@pytest.mark.parametrize("section", ["", "[webhooks.alertmanager]\n", "[webhooks.grafana]\nsecrets = []\n"])
def test_a_source_without_any_secret_and_a_receiver_without_any_source_are_refused(tmp_path, section):
    place = Place(folder=tmp_path)
    text = place.environment.read_text()
    place.environment.write_text(text[: text.index("[webhooks.alertmanager]")] + section)

    with pytest.raises(ConfigurationRefused, match="webhooks"):
        load_environment(place.environment)


@pytest.mark.parametrize(
    ("line", "because"),
    [
        ('action = "destroy"', "action"),
        ('action = "drill"\napproval = "automatic"', "needs nobody"),
        ('action = "drill"\nhold = true', "goes with action"),
        ('action = "rollback"\ncooldown_minutes = 0', "is 1 at the least"),
        ('action = "rollback"\npoint = "blottr-1"', "point is not known"),
    ],
)
def test_a_route_that_could_mean_harm_is_refused(tmp_path, line, because):
    place = Place(folder=tmp_path, routes=f'[[alert]]\nname = "x"\nseverity = "low"\n{line}\n')

    with pytest.raises(ConfigurationRefused, match=because):
        load_routes(place.environment.parent / "applications")


def test_two_routes_of_which_the_second_is_never_tried_are_refused(tmp_path):
    route = '[[alert]]\nname = "x"\nseverity = "low"\naction = "none"\n'
    place = Place(folder=tmp_path, routes=route * 2)

    with pytest.raises(ConfigurationRefused, match="two routes for 'x'"):
        load_routes(place.environment.parent / "applications")


def test_the_samples_routes_are_read_and_every_action_has_its_deployment():
    assert {route.alert: route.action for route in load_routes(SAMPLES)}["DatabaseCorruption"] is Action.ROLLBACK
    flows = {offer.name: offer.entrypoint for offer in OFFERS}
    for action, name in starting.DEPLOYMENTS.items():
        flow, _, deployment = name.format(prefix="", application="x").partition("/")
        module, _, function = flows[deployment.removeprefix("x-")].partition(":")
        imported = getattr(__import__(module, fromlist=[function]), function)
        assert imported.name == flow, action
