"""What infrastructure says of the places behind it: known, awaited, or of no use."""

import json

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from continuity.adapters.terraform_documents import read_plan
from continuity.domain.infrastructure import InfrastructurePlan, StateIdentity
from continuity.domain.outputs import CLUSTER, SERVER, check_outputs, made_by, told_by
from continuity.errors import UnsafeOperation
from continuity.recovery_settings import TerraformSection
from continuity.settings import DatabaseSection, Environment, MediaSection, RollbackSection, VaultSection
from continuity.steps.outputs import bound

STATE = StateIdentity(lineage="5feaa217", serial=3)
WANTED = {"database_host": "host", "database_port": "port"}


def planned(outputs, before):
    """Read a plan with these outputs, over a state with those."""
    document = {
        "format_version": "1.2",
        "planned_values": {"outputs": outputs},
        "prior_state": {"format_version": "1.0", "values": {"outputs": before}},
    }
    return read_plan(json.dumps(document), sha256="0" * 64, state=STATE)


def test_known_is_what_the_state_holds_and_the_plan_leaves_alone_and_never_a_secret():
    plan = planned(
        {
            "same": {"sensitive": False, "value": "db"},
            "moves": {"sensitive": False, "value": "new"},
            "unknown yet": {"sensitive": False},
            "first": {"sensitive": False, "value": "db"},
            "secret": {"sensitive": True, "value": "canary"},
        },
        {
            "same": {"sensitive": False, "value": "db"},
            "moves": {"sensitive": False, "value": "old"},
            "unknown yet": {"sensitive": False, "value": "old"},
            "secret": {"sensitive": True, "value": "canary"},
        },
    )

    assert plan.settled == {"same": "db"}
    assert "canary" not in str(plan.settled) + repr(plan)


def test_a_server_is_awaited_as_long_as_one_of_its_outputs_is():
    plan = InfrastructurePlan(sha256="", state=STATE, changes=(), outputs={"host": False, "port": False}, settled={"port": 5432})

    made = made_by(plan, WANTED)

    assert (made.known, made.awaits(*SERVER), made.awaits(*CLUSTER)) == ({"database_port": 5432}, "host", "")


def test_outputs_that_are_not_there_or_secret_are_told_at_once():
    plan = InfrastructurePlan(sha256="", state=STATE, changes=(), outputs={"port": True})

    [check] = check_outputs(plan, WANTED)

    assert not check.passed
    assert check.detail == "there is no output host; output port is sensitive"


@pytest.mark.parametrize("port", [None, 0, 65536, True, "5432x", "", 5432.5])
def test_what_can_be_no_port_is_refused(port):
    with pytest.raises(UnsafeOperation, match="output port is no database port"):
        told_by({"host": "db.internal", "port": port}, WANTED)


@pytest.mark.parametrize("host", [None, "", "db internal", 7, ["db"]])
def test_what_can_be_no_host_is_refused(host):
    with pytest.raises(UnsafeOperation, match="output host is no database host"):
        told_by({"host": host, "port": "5432"}, WANTED)


def test_the_environment_keeps_its_credentials_and_goes_elsewhere(tmp_path):
    environment = Environment(
        database=DatabaseSection(dsn=SecretStr("postgresql://ada:s3cret@here:1/app?sslmode=require&hostaddr=10.0.0.1")),
        vault=VaultSection(url="file:///vault"),
        rollback=RollbackSection(dsn=SecretStr("host=here port=1 user=owner")),
        media=MediaSection(bucket="old"),
        terraform=TerraformSection(directory=tmp_path),
    )

    moved = bound(
        environment,
        {"database_host": "there", "database_port": 5433, "media_bucket": "new", "kubeconfig": "out/kube", "context": "dr"},
    )

    assert conninfo_to_dict(moved.database.dsn.get_secret_value()) == {
        "user": "ada",
        "password": "s3cret",
        "dbname": "app",
        "host": "there",
        "port": "5433",
        "sslmode": "require",
    }
    assert conninfo_to_dict(moved.rollback.dsn.get_secret_value()) == {"host": "there", "port": "5433", "user": "owner"}
    assert moved.media.bucket == "new"
    assert (moved.cluster.kubeconfig, moved.cluster.context) == (tmp_path / "out/kube", "dr")
    assert bound(environment, {}) == environment
