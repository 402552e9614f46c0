"""A drill whose point expires while it is read says so: it must not record that the backups are bad."""

from datetime import UTC, datetime

import pytest

from continuity.adapters.removal import bury, remove
from continuity.domain.recovery_point import Expired
from continuity.errors import DrillFailed
from continuity.procedures import drill
from continuity.steps.operation import perform_plainly


@pytest.mark.parametrize("before", [drill.FETCH, drill.VERIFY_OTHERS, drill.RESTORE])
def test_a_point_that_expires_while_it_is_drilled_is_not_called_unfaithful(protect, before):
    protected = protect("guestbook")
    manifest = protected.back_up()
    expired = Expired(
        point=manifest.id,
        created=manifest.created,
        because="older than 7 d",
        by="ada",
        at=datetime.now(UTC),
        keys=tuple(stored.key for stored in manifest.stored),
        stored_bytes=manifest.stored_bytes,
    )

    def expire_first(operation, *arguments, **options):
        if operation is before:
            assert bury(protected.points, expired)
            remove(protected.points, manifest.id)
        return perform_plainly(operation, *arguments, **options)

    with pytest.raises(DrillFailed, match=f"expired while it was drilled: {manifest.id} expired on"):
        drill.drill_point(
            protected.application,
            protected.environment,
            wanted=manifest.id,
            perform=expire_first,
            validate=protected.validator,
        )

    assert [path.name for path in protected.vault_folder.glob(f"guestbook/points/{manifest.id}/**/*") if path.is_file()] == [
        "expired.json"
    ]
