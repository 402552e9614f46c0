"""Read the figures of an application from the vault, and know cheaply whether anything has changed since."""

import hashlib
from datetime import datetime

from continuity.adapters.alert_records import AlertRecords
from continuity.domain.application import Application
from continuity.domain.figures import Figures, count_alerts, figures_of
from continuity.procedures.standing import assess_application
from continuity.settings import Environment
from continuity.steps.places import journals_of, vault_of


def read_figures(application: Application, environment: Environment, *, now: datetime) -> Figures:
    """Read what is watched of an application. Changes nothing.

    Raises:
        VaultError: it cannot be read.

    """
    assessed = assess_application(application, environment, now=now, with_runs=True)
    return figures_of(
        application.name,
        assessed.status,
        assessed.listing.points,
        damaged=len(assessed.listing.damaged),
        runs_known=not assessed.runs_unknown,
        alerts=count_alerts(AlertRecords(journals_of(environment)).list_ids(application.name)),
    )


def listing_digest(application: Application, environment: Environment) -> str:
    """Return a digest of the listing of all that an application has in the vaults: the same means that nothing was written.

    A listing costs one request a thousand objects; reading the points costs some requests each.

    Raises:
        VaultError: it cannot be listed.

    """
    digest = hashlib.sha256()
    vaults = {vault.url: vault for vault in (vault_of(environment), journals_of(environment))}
    for url, vault in vaults.items():
        digest.update(url.encode())
        for each in vault.list(f"{application.name}/"):
            digest.update(f"{each.key}\0{each.size_bytes}\0{each.modified.isoformat()}\n".encode())
    return digest.hexdigest()
