"""people.toml: what it may say, and that whoever would never be told is found before the night."""

from pathlib import Path

import pytest

from continuity.adapters.people_files import load_people
from continuity.domain.people import Audience
from continuity.errors import ConfigurationRefused

GOOD = """
timezone = "Europe/Paris"
[[person]]
name = "ada"
channels = ["ada-phone"]
[[role]]
name = "dev"
reads = "operators"
channels = ["chat"]
persons = ["ada"]
[[role]]
name = "boss"
reads = "stakeholders"
persons = ["ada"]
[level.critical]
roles = ["boss", "dev"]
deadline_minutes = 15
[level.high]
roles = ["dev"]
deadline_minutes = 60
[level.medium]
roles = ["dev"]
deadline_minutes = 240
[level.low]
roles = ["boss"]
[chain]
technical = { steps = [{ role = "dev", wait_minutes = 5 }] }
business = { steps = [{ role = "boss", wait_minutes = 5 }], repeats = false }
security = { steps = [{ role = "dev", wait_minutes = 5 }] }
legal = { steps = [{ role = "boss", wait_minutes = 5 }] }
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str):
        (tmp_path / "shop").mkdir(exist_ok=True)
        (tmp_path / "shop/people.toml").write_text(text)
        return load_people(tmp_path, "shop")

    return write


def test_a_person_of_two_roles_is_told_once_and_gets_the_facts(written):
    told = written(GOOD).recipients(["boss", "dev"])

    assert [(each.name, each.audience, each.channels) for each in told] == [
        ("ada", Audience.OPERATORS, ("ada-phone",)),
        ("dev", Audience.OPERATORS, ("chat",)),
    ]


def test_a_chain_that_does_not_repeat_ends(written):
    people = written(GOOD)

    assert people.step("business", 0).role == "boss"
    assert people.step("business", 1) is None


def test_without_the_file_nobody_is_told(tmp_path):
    assert load_people(tmp_path, "shop") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('channels = ["chat"]', 'chanels = ["chat"]', "chanels is not known, did you mean 'channels'?"),
        ('channels = ["chat"]\npersons = ["ada"]', "", "nobody has the role 'dev'"),
        ('persons = ["ada"]\n[level', 'persons = ["ado"]\n[level', "'ado', which is not there; did you mean 'ada'?"),
        ('steps = [{ role = "dev", wait_minutes = 5 }] }\nbusiness', 'steps = [{ role = "deb", wait_minutes = 5 }] }\nbusiness',
         "chain technical names the role 'deb', which is not there; did you mean 'dev'?"),
        ('[level.low]\nroles = ["boss"]', "", "there is no level low"),
        ("legal =", "legel =", "legel"),
        ('legal = { steps = [{ role = "boss", wait_minutes = 5 }] }', "", "there is no chain legal"),
        ('name = "boss"', 'name = "dev"', "'dev' is the name of 2 roles or persons"),
        ('[[role]]\nname = "boss"', '[[role]]\nname = "cook"\nreads = "operators"\nchannels = ["chat"]\n[[role]]\nname = "boss"',
         "no level and no chain names the role 'cook': it would never be told"),
        ("[[person]]", '[[person]]\nname = "bob"\nchannels = ["x"]\n[[person]]', "the person 'bob' has no role"),
        ('timezone = "Europe/Paris"', 'waking = ["pone"]', "waking names the channel 'pone'"),
        ("Europe/Paris", "Europe/Lutetia", "knows no such time zone"),
        ("[level.low]", "[level.low]\nwakes = true", "weekly report alone"),
        ("wait_minutes = 5", "wait_minutes = 0", "greater than 0"),
        ('reads = "operators"', 'reads = "everybody"', "reads"),
    ],
)  # fmt: skip
def test_whatever_would_leave_somebody_untold_is_refused_by_name(written, old, new, message):
    assert old in GOOD

    with pytest.raises(ConfigurationRefused) as refused:
        written(GOOD.replace(old, new, 1))

    assert message in refused.value.detail
