"""An application counts as healthy after enough good answers in a row, whatever else its server does."""

import socket
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from continuity.adapters.http import LARGEST_BODY_BYTES, visiting
from continuity.domain.answers import Answer, Expected
from continuity.domain.health import HealthCheck, Seen, judge_health
from continuity.errors import CheckFailed, ConfigurationRefused
from continuity.settings import TrafficSection
from continuity.steps.health import CHECK_HEALTH
from tests.fixtures.model_world import a_world
from tests.fixtures.scripted_http import BAD, Reply, ok, scripted

CHECK = HealthCheck(expected=Expected(values={"status": "ok"}), interval_seconds=0.02, answer_seconds=1.0, deadline_seconds=5.0)


def check(url: str, **changes):
    world = a_world()
    asked = replace(world.application, health=replace(CHECK, **changes))
    traffic = world.environment.model_copy(update={"traffic": TrafficSection(url=url)})
    return CHECK_HEALTH.do(replace(world, application=asked, environment=traffic), {})


def ask(url: str, *, answer_seconds: float = 1.0) -> Answer:
    with visiting(url) as visitor:
        return visitor.ask("/health-check", answer_seconds=answer_seconds)


def test_three_good_answers_in_a_row_are_healthy_and_what_was_seen_is_recorded():
    with scripted(BAD, BAD, ok()) as script:
        facts = check(script.url)

    assert facts["answers"] == len(script.requests) == 5
    assert 0.04 <= facts["first good answer seconds"] < 5
    assert facts["slowest seconds"] >= 0
    assert facts["noted"] == []


def test_one_bad_answer_between_good_ones_starts_the_count_anew_and_is_noted():
    with scripted(ok(), ok(), BAD, ok()) as script:
        facts = check(script.url)

    assert facts["answers"] == 6
    assert facts["flaps"] == 1
    assert "flapping: 5 of 6" in facts["noted"][0]


def test_an_application_that_goes_on_flapping_is_not_healthy_and_is_called_so():
    with scripted(*[ok(), ok(), BAD] * 200) as script, pytest.raises(CheckFailed, match=r"flapping: .* were good") as failed:
        check(script.url, deadline_seconds=1.5)

    assert "answered 503, not 200" in failed.value.message


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (ok(status="degraded"), 'status is "degraded", not "ok"'),
        (Reply(body=b"all is well"), "without JSON"),
        (ok(state="ok"), "status is missing"),
        (ok(status=True), 'status is true, not "ok"'),
        (Reply(status=302, headers=(("Location", "https://elsewhere.example/"),)), "a redirect to https://elsewhere"),
        (Reply(body=b'{"status": "ok"}', cut=True), "broke off"),
        (Reply(body=b'{"status": "ok"}', delay_seconds=3), "no whole answer within 1 s"),
        (Reply(body=b'{"status": "ok"}', drip_seconds=0.2), "no whole answer within 1 s"),
        (Reply(body=b'{"status": "ok"' + b" " * LARGEST_BODY_BYTES + b"}"), "more than 1,048,576 bytes"),
    ],
    ids=["degraded", "no JSON", "other key", "other type", "redirect", "cut off", "hangs", "drips", "endless"],
)
def test_an_answer_that_is_not_exactly_good_is_bad(reply, said):
    with scripted(reply) as script, pytest.raises(CheckFailed) as failed:
        check(script.url, deadline_seconds=0.5)

    assert said in failed.value.message
    assert "none of" in failed.value.message


def test_a_redirect_is_not_followed():
    with scripted(ok()) as other, scripted(Reply(status=307, headers=(("Location", other.url),))) as script:
        assert ask(script.url).status == 307

    assert other.requests == []


def test_an_answer_that_drips_ends_at_the_deadline_of_the_whole_answer():
    with scripted(Reply(body=b"x" * 1000, drip_seconds=0.1)) as script:
        began = time.monotonic()
        answer = ask(script.url)

    assert answer.trouble == "gave no whole answer within 1 s"
    assert time.monotonic() - began < 5


def test_a_port_on_which_nobody_listens_is_an_answer_too():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert "could not be reached" in ask(f"http://127.0.0.1:{port}").trouble


def test_plain_http_behind_an_https_address_is_no_answer():
    with scripted(ok()) as script:
        assert "could not be reached" in ask(script.url.replace("http:", "https:")).trouble


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate for this machine that nobody has signed."""
    private, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, private.public_key(), 1, now - timedelta(minutes=5), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(private, hashes.SHA256())
    )
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def test_a_certificate_is_verified_and_one_of_ones_own_can_be_trusted(certificate):
    context, trusted = certificate
    with scripted(ok(), tls=context) as script:
        assert "CERTIFICATE_VERIFY_FAILED" in ask(script.url).trouble
        with visiting(script.url, ca_file=trusted) as visitor:
            assert visitor.ask("/", answer_seconds=2).status == 200


def test_an_answer_that_drips_over_tls_ends_at_its_deadline_too(certificate):
    context, trusted = certificate
    with (
        scripted(Reply(body=b"x" * 1000, drip_seconds=0.1), tls=context) as script,
        visiting(script.url, ca_file=trusted) as visitor,
    ):
        began = time.monotonic()
        assert visitor.ask("/", answer_seconds=1.0).trouble == "gave no whole answer within 1 s"
        assert time.monotonic() - began < 5


def test_no_proxy_of_the_process_environment_stands_between_us_and_this_machine(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    with scripted(ok()) as script:
        assert ask(script.url).status == 200


def test_a_long_body_is_never_quoted_whole():
    secret = "x" * 50 + "password of ada"

    with scripted(Reply(body=secret.encode())) as script, pytest.raises(CheckFailed) as failed:
        check(script.url, deadline_seconds=0.1)

    assert "password of ada" not in failed.value.message


def test_without_an_address_of_the_application_the_check_is_refused():
    with pytest.raises(ConfigurationRefused, match="does not say where users reach the application"):
        CHECK_HEALTH.do(a_world(), {})


def seen(*good: bool) -> list[Seen]:
    return [Seen(after_seconds=at, seconds=0.1, wrong="" if each else "answered 503") for at, each in enumerate(good)]


@pytest.mark.parametrize(
    ("answers", "healthy", "flaps", "because"),
    [
        ((), False, 0, "nothing was asked"),
        ((True, True), False, 0, "only 2 of 3 good answers in a row"),
        ((True, True, True), True, 0, "3 good answers in a row"),
        ((False, True, True, True), True, 0, "3 good answers in a row"),
        ((True, True, True, False), False, 1, "flapping"),
        ((True, False, True, False, True), False, 2, "2 times a bad one followed a good one"),
        ((False, False), False, 0, "none of 2 answers was good"),
    ],
)
def test_only_a_row_of_good_answers_at_the_end_is_healthy(answers, healthy, flaps, because):
    judged = judge_health(seen(*answers), good_answers=3)

    assert (judged.healthy, judged.flaps) == (healthy, flaps)
    assert because in judged.because
