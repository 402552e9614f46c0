"""Only a run that is done can be confirmed."""

from datetime import UTC, datetime

import pytest

from continuity.adapters.confirmations import find_confirmation
from continuity.domain.run import EntryKind, Outcome
from continuity.errors import UnsafeOperation
from continuity.journal import Journal, plan_facts
from continuity.procedures.confirmation import confirm_run
from continuity.settings import VaultSection
from continuity.steps.places import journals_of
from tests.fixtures.model_world import RUN, Cells, a_world


@pytest.mark.parametrize(("outcome", "said"), [(None, "has not ended"), (Outcome.UNDONE, "has come to 'undone'")])
def test_a_run_that_is_open_or_was_taken_back_is_not_confirmed(tmp_path, outcome, said):
    environment = a_world().environment.model_copy(update={"vault": VaultSection(url=tmp_path.as_uri())})
    world = Cells()
    world.start()
    journal = Journal(journals_of(environment), RUN, epoch=1)
    journal.append(EntryKind.PLAN, facts=plan_facts(world.engine().journal.plan))
    if outcome:
        journal.append(EntryKind.END, facts={"outcome": outcome.value})

    with pytest.raises(UnsafeOperation, match=said):
        confirm_run(environment, RUN, by="ada", because="", now=datetime.now(UTC))

    assert find_confirmation(journals_of(environment), RUN) is None
