"""An application's own tests: commands as real processes, journeys as real HTTP, and no secret in what they tell."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from kubernetes import client

from continuity.adapters.application_files import load_application
from continuity.adapters.programs import Ended
from continuity.domain.answers import Expected
from continuity.domain.application import WorkloadRef
from continuity.domain.application_tests import ApplicationTest, JourneyRequest, RunsIn
from continuity.domain.stages import Stage
from continuity.errors import CheckFailed, ConfigurationRefused
from continuity.settings import ClusterSection, TrafficSection
from continuity.steps.application_tests import run_in_cluster, running_tests, try_out
from tests.fixtures.cluster import eventually, make_deployment
from tests.fixtures.model_world import a_world
from tests.fixtures.scripted_http import BAD, Reply, ok, scripted

PASSWORD = "hunter2/é&more"


def no_job(_world, _test) -> Ended:
    raise AssertionError


def a_test(**parts) -> ApplicationTest:
    return ApplicationTest(**{"name": "the test", "stage": Stage.VALIDATION, "deadline_seconds": 5.0, **parts})


def world_of(*tests: ApplicationTest, url: str = "http://127.0.0.1:9", secrets=None):
    world = a_world()
    traffic = TrafficSection(url=url, secrets=secrets or {})
    return replace(
        world,
        application=replace(world.application, tests=tests),
        environment=world.environment.model_copy(update={"traffic": traffic}),
    )


def tried(test: ApplicationTest, *, in_job=no_job, **place):
    return try_out(world_of(test, **place), test, in_job=in_job)


def shell(script: str, **parts) -> ApplicationTest:
    return a_test(command=("/bin/sh", "-c", script), **parts)


def has_ended(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


@pytest.fixture
def password(monkeypatch) -> dict[str, str]:
    monkeypatch.setenv("PROBE_PASSWORD", PASSWORD)
    return {"password": "env:PROBE_PASSWORD"}


def test_a_command_passes_when_it_ends_with_zero():
    said = tried(shell('test "$APPLICATION_URL" = http://127.0.0.1:9'))

    assert (said.passed, said.detail) == (True, "")


def test_a_command_that_fails_tells_its_code_and_the_end_of_what_it_said():
    said = tried(shell("yes noise | head -c 200000; echo 'expected 3 artists'; exit 7"))

    assert not said.passed
    assert said.detail.startswith("ended with 7: ")
    assert said.detail.endswith("expected 3 artists")
    assert len(said.detail) < 2100


def test_a_command_past_its_deadline_is_ended_with_everything_that_it_has_started(tmp_path):
    children = tmp_path / "children"

    began = time.monotonic()
    said = tried(shell(f"sleep 300 & echo $! > {children}; wait", deadline_seconds=0.5))

    assert said.detail == "sh did not end within 0.5 s"
    assert time.monotonic() - began < 3
    eventually(lambda: has_ended(int(children.read_text())))


def test_a_command_that_leaves_something_running_ends_nevertheless_and_what_it_left_is_ended(tmp_path):
    children = tmp_path / "children"

    began = time.monotonic()
    assert tried(shell(f"sleep 300 & echo $! > {children}")).passed

    assert time.monotonic() - began < 3
    eventually(lambda: has_ended(int(children.read_text())))


def test_a_command_that_closes_its_output_is_waited_for():
    assert tried(shell("exec >&- 2>&-; sleep 0.3; exit 3")).detail == "ended with 3: it said nothing"


def test_control_characters_of_a_command_do_not_reach_the_terminal():
    assert tried(shell(r"printf '\033[2Jred\377'; exit 1")).detail == "ended with 1: [2Jred�"


def test_a_command_gets_its_secrets_by_variables_and_they_are_hidden_in_what_it_says(password):
    test = shell('echo "signed in with $SECRET"; exit 1', variables={"SECRET": "{secret:password}"})

    assert tried(test, secrets=password).detail == "ended with 1: signed in with •••"


def test_a_command_knows_nothing_else_of_this_processs_environment(monkeypatch):
    monkeypatch.setenv("CONTINUITY_DATABASE_DSN", "postgresql://root:secret@db/")

    assert tried(shell('test -z "$CONTINUITY_DATABASE_DSN"')).passed


def test_a_program_that_is_not_there_is_no_result():
    with pytest.raises(ConfigurationRefused, match="/no/such/program cannot be run"):
        tried(a_test(command=("/no/such/program",)))


def test_a_command_for_a_job_is_handed_to_the_cluster():
    handed = []

    def run_job(_world, test) -> Ended:
        handed.append(test.command)
        return Ended(code=1, said="no such route")

    said = tried(a_test(command=("node", "ace", "test"), runs_in=RunsIn.JOB), in_job=run_job)

    assert handed == [("node", "ace", "test")]
    assert said.detail == "ended with 1: no such route"


def test_a_journey_keeps_cookies_and_values_between_its_requests(password, tmp_path):
    (tmp_path / "user").write_text("ada@example.org\n")
    signing_in = Reply(body=b'{"user": {"id": 7}}', headers=(("Set-Cookie", "XSRF=abc; Path=/"),))
    requests = (
        JourneyRequest(
            path="/login",
            method="POST",
            form={"email": "{secret:user}", "password": "{secret:password}"},
            keep={"user": "user.id"},
        ),
        JourneyRequest(path="/users/{kept:user}", method="POST", json={"by": "{kept:user}"}, headers={"X-XSRF": "{cookie:XSRF}"}),
    )

    with scripted(signing_in, ok()) as script:
        said = tried(a_test(requests=requests), url=script.url, secrets={**password, "user": f"file:{tmp_path / 'user'}"})

    assert said.passed, said.detail
    first, second = script.requests
    assert first.body == b"email=ada%40example.org&password=hunter2%2F%C3%A9%26more"
    assert (second.path, json.loads(second.body)) == ("/users/7", {"by": "7"})
    assert second.headers["Cookie"] == "XSRF=abc"
    assert second.headers["X-XSRF"] == "abc"


def test_a_journey_ends_at_the_first_wrong_answer_and_names_it():
    requests = (
        JourneyRequest(path="/"),
        JourneyRequest(path="/artists", expected=Expected(text="Ada")),
        JourneyRequest(path="/appointments"),
    )

    with scripted(ok(), Reply(body=b"[]"), ok()) as script:
        said = tried(a_test(requests=requests), url=script.url)

    assert said.detail == "request 2 of 3, GET /artists: answered 200 without 'Ada': '[]'"
    assert len(script.requests) == 2


def test_a_secret_that_the_application_answers_is_hidden_in_every_form_even_where_it_would_be_cut(password):
    padding = "x" * (60 - 5)
    for body in (PASSWORD, json.dumps({"was": PASSWORD}), padding + PASSWORD):
        with scripted(Reply(status=200, body=body.encode())) as script:
            expected = Expected(values={"status": "ok"})
            requests = (JourneyRequest(path="/?p={secret:password}", expected=expected),)
            said = tried(a_test(requests=requests), url=script.url, secrets=password)

        assert not said.passed
        assert "hunter" not in said.detail
        assert "hunte" not in said.detail


def test_what_is_put_into_a_path_cannot_become_another_path():
    requests = (JourneyRequest(path="/", keep={"id": "id"}), JourneyRequest(path="/users/{kept:id}"))

    with scripted(ok(id="../admin?x"), ok()) as script:
        tried(a_test(requests=requests), url=script.url)

    assert script.requests[1].path == "/users/..%2Fadmin%3Fx"


def test_a_value_that_is_not_in_the_answer_fails_the_journey():
    with scripted(ok(artists=[])) as script:
        said = tried(a_test(requests=(JourneyRequest(path="/", keep={"artist": "artists.0.id"}),)), url=script.url)

    assert said.detail == "request 1 of 1, GET /: nothing stands at 'artists.0.id'"


def test_a_journey_has_a_deadline_as_a_whole():
    slow = replace(ok(), delay_seconds=0.25)
    requests = (JourneyRequest(path="/"),) * 20

    with scripted(slow) as script:
        said = tried(a_test(requests=requests, deadline_seconds=0.6), url=script.url)

    assert not said.passed
    assert said.seconds < 1.5


def test_a_secret_without_a_place_is_no_result():
    test = a_test(requests=(JourneyRequest(path="/", headers={"Authorization": "Bearer {secret:token}"}),))

    with pytest.raises(ConfigurationRefused, match="secret 'token' has no place"):
        tried(test)


def carried_out(test: ApplicationTest, url: str, definition: str = ""):
    step = running_tests(no_job)
    return step.do(world_of(test, url=url), {"test": test.name, "definition": definition or test.definition})


def test_a_critical_test_that_fails_is_an_error_and_another_is_noted():
    test = a_test(requests=(JourneyRequest(path="/"),))

    with scripted(BAD) as script:
        with pytest.raises(CheckFailed, match="test 'the test' failed: request 1 of 1"):
            carried_out(test, script.url)
        facts = carried_out(replace(test, critical=False), script.url)

    assert facts["passed"] is False
    assert facts["noted"] == ["test 'the test' failed: request 1 of 1, GET /: answered 503, not 200"]


def test_a_test_that_has_become_another_since_it_was_planned_is_not_run(tmp_path):
    ran = tmp_path / "ran"

    with pytest.raises(ConfigurationRefused, match="is not the one that was planned"):
        carried_out(shell(f"touch {ran}"), "http://127.0.0.1:9", definition="0" * 16)

    assert not ran.exists()


def described(tmp_path, text: str):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "application.toml").write_text(f'name = "shop"\n[database]\nname = "shop"\n{text}')
    return load_application(tmp_path, "shop")


def test_health_and_tests_are_read_from_the_applications_file(tmp_path):
    application = described(
        tmp_path,
        """
        [health]
        path = "/up"
        body = { status = "ok" }
        [[test]]
        name = "sign in"
        stage = "confirmation"
        critical = false
        [[test.requests]]
        method = "POST"
        path = "/login"
        json = { email = "{secret:user}" }
        expect_status = [200, 201]
        keep = { me = "id" }
        [[test.requests]]
        path = "/me"
        expect_body = "ada"
        [[test]]
        name = "unit tests"
        stage = "validation"
        command = ["node", "ace", "test"]
        runs_in = "job"
        """,
    )

    assert application.health.expected == Expected(values={"status": "ok"})
    signing_in, unit = application.tests
    assert (signing_in.stage, signing_in.critical, signing_in.secrets) == (Stage.CONFIRMATION, False, {"user"})
    assert signing_in.requests[0].expected.status == (200, 201)
    assert (unit.runs_in, unit.command, unit.critical) == (RunsIn.JOB, ("node", "ace", "test"), True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('command = ["a"]\nrequests = [{ path = "/" }]', "either a command or requests"),
        ("", "either a command or requests"),
        ('command = ["curl", "{secret:token}"]', "never in the command"),
        ('command = ["a"]\nrun_in = "job"', "did you mean 'runs_in'"),
        ('requests = [{ path = "artists" }]', "path"),
        ('requests = [{ path = "/", expect = 200 }]', "expect"),
        ('requests = [{ path = "/", expect_body = "{secret:token}" }]', "holds no secret"),
        ('requests = [{ path = "/", json = {}, form = { a = "b" } }]', "not both"),
    ],
)
def test_a_test_that_is_described_wrongly_is_refused(tmp_path, text, said):
    with pytest.raises(ConfigurationRefused) as refused:
        described(tmp_path, f'[[test]]\nname = "the test"\nstage = "validation"\n{text}\n')

    assert said in refused.value.message


def test_two_tests_of_one_name_are_refused(tmp_path):
    one = '[[test]]\nname = "the test"\nstage = "validation"\ncommand = ["true"]\n'

    with pytest.raises(ConfigurationRefused, match="two tests of the name 'the test'"):
        described(tmp_path, one + one)


def test_python_is_a_command_like_any_other():
    assert tried(a_test(command=(sys.executable, "-c", "print('hello')"))).passed


def test_a_job_in_the_applications_own_image_has_its_environment_and_tells_what_it_said(kubernetes_api, local_cluster, namespace):
    client.AppsV1Api(kubernetes_api).create_namespaced_deployment(namespace, make_deployment("shop"))
    test = a_test(command=("/bin/sh", "-c", 'echo "$GREETING from a job"; exit 3'), runs_in=RunsIn.JOB, deadline_seconds=20.0)
    world = world_of(test)
    workload = WorkloadRef(name="shop", namespace=namespace, containers=("app",))
    world = replace(
        world,
        application=replace(world.application, workloads=(workload,)),
        environment=world.environment.model_copy(update={"cluster": ClusterSection(kubeconfig=local_cluster.kubeconfig)}),
    )

    said = try_out(world, test, in_job=run_in_cluster)

    assert not said.passed
    assert "hello from a job" in said.detail


def test_without_a_workload_a_job_is_no_result():
    test = a_test(command=("true",), runs_in=RunsIn.JOB)

    with pytest.raises(ConfigurationRefused, match="has no workload"):
        try_out(world_of(test), test, in_job=run_in_cluster)
