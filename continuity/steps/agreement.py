"""Compares a database with media: a restore with its point's own map, the live database with the live bucket."""

import json
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from continuity.adapters.media import current_keys
from continuity.adapters.media_references import read_references
from continuity.adapters.postgres import connect
from continuity.adapters.sealing import load_identities, unseal_to
from continuity.domain.agreement import COMPARE, compare, findings_of, not_compared
from continuity.domain.application import Application
from continuity.domain.plan import Facts
from continuity.domain.recovery_point import Manifest
from continuity.domain.verdict import Finding
from continuity.errors import ContinuityError, DatabaseError, MediaError
from continuity.settings import Environment
from continuity.steps.operation import Retry
from continuity.steps.places import dsn_of, media_of, vault_of
from continuity.steps.step import Step, World


def compare_with_map(
    application: Application, environment: Environment, manifest: Manifest, database: str
) -> tuple[Finding, ...]:
    """Compare a restored database with the media map of its point; () where no column is named. Changes nothing.

    The rows are of the snapshot, the map was taken after it. What was uploaded in between is an orphan; a row and its file
    that both were deleted in between show as a missing file. Two of that kind are no damage, and nobody can tell them from it.
    """
    if application.media is None or not application.media.references:
        return ()
    if manifest.media is None:
        return not_compared(f"{manifest.id} has no map of media: it was taken before a bucket was described")
    try:
        with tempfile.TemporaryFile(dir=environment.drill.work_directory) as mapped:
            identities = load_identities(environment.vault.identity_file)
            unseal_to(vault_of(environment), manifest.media.versions, mapped, identities=identities)
            mapped.seek(0)
            with connect(environment.drill_dsn, database) as connection:
                found = compare(read_references(connection, application.media.references), _keys(mapped))
    except (ContinuityError, OSError) as error:
        if isinstance(error, ContinuityError) and error.transient:
            raise
        return not_compared(error.message if isinstance(error, ContinuityError) else f"the map cannot be read: {error.strerror}")
    return findings_of(found, where=f"the media map of {manifest.id}")


def _keys(mapped: BinaryIO) -> Iterator[str]:
    return (json.loads(line)["key"] for line in mapped)


def compare_live(application: Application, environment: Environment, database: str = "") -> tuple[Finding, ...]:
    """Compare a live database with the live bucket; () where no column is named. Changes nothing.

    What is uploaded or deleted while it looks may show as missing or as an orphan.

    Raises:
        DatabaseError, MediaError: one of the two cannot be read.

    """
    opened = media_of(environment, application)
    if opened is None or not opened[1].references:
        return ()
    client, media = opened
    with connect(dsn_of(environment), database or application.database.name) as connection:
        found = compare(read_references(connection, media.references), current_keys(client, media))
    return findings_of(found, where=f"bucket {media.bucket}")


def _compare(world: World, _facts: Facts) -> Facts:
    """Look, and note what is missing: it was missing before, or the other half has to follow; no run mends it by failing."""
    try:
        findings = compare_live(world.application, world.environment)
    except (DatabaseError, MediaError) as error:
        if error.transient:
            raise
        findings = not_compared(error.message)
    noted = [f"{each.name}: {each.detail}" for each in findings if not each.passed]
    return {"findings": {each.name: each.detail for each in findings}, "noted": noted}


COMPARE_MEDIA = Step(kind=COMPARE, do=_compare, observes=True, retry=Retry(attempts=3, first_wait_seconds=1.0))
