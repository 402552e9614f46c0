"""Confirmations by people, beside the journals and not in them: a journal has ended when somebody looks."""

from continuity.adapters.documents import read_document, write_document
from continuity.adapters.vault import Vault
from continuity.domain.confirmation import Confirmation
from continuity.domain.run import RunId, application_of_run
from continuity.errors import AlreadyStored, NotStored

FORM, VERSION = "continuity/confirmation", 1


def store_confirmation(vault: Vault, confirmation: Confirmation) -> Confirmation:
    """Keep a confirmation, and return the one that is kept: the first one of a run stands."""
    key = _key(confirmation.run)
    try:
        vault.create(key, write_document(confirmation, form=FORM, version=VERSION))
    except AlreadyStored:
        return read_document(vault.read(key), Confirmation, form=FORM, version=VERSION, key=key)
    return confirmation


def find_confirmation(vault: Vault, run: RunId) -> Confirmation | None:
    """Read a run's confirmation, None while there is none."""
    key = _key(run)
    try:
        return read_document(vault.read(key), Confirmation, form=FORM, version=VERSION, key=key)
    except NotStored:
        return None


def _key(run: RunId) -> str:
    return f"{application_of_run(run)}/confirmations/{run}.json"
