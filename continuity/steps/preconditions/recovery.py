"""What a disaster recovery would need, looked at before there is one. What is lacking is a warning: there is time to add it."""

import io
from collections.abc import Iterator

from continuity.adapters.cluster_traffic import quieted
from continuity.adapters.manifest_files import read_manifests
from continuity.adapters.sealing import load_identities, unseal_to
from continuity.adapters.secrets import read_secrets
from continuity.domain.application import Application
from continuity.domain.checks import Check
from continuity.domain.media_replica import unprotected
from continuity.domain.recovery_point import Manifest
from continuity.domain.redeployment import deployment_steps
from continuity.domain.roles import needed_roles, role_statements
from continuity.settings import Environment
from continuity.steps.places import vault_of
from continuity.steps.preconditions.answers import guarded


def check_recovery(point: Manifest, application: Application, environment: Environment) -> tuple[Check, ...]:
    """Look at what standing the application up from this point would need. Changes nothing."""
    return (
        guarded("passwords of roles", lambda: _passwords(point, environment)),
        *_cluster(point, application, environment),
        _old_primary(environment),
        *_media(point, application, environment),
    )


def _passwords(point: Manifest, environment: Environment) -> Check:
    """Whether every role that signs in has its password at hand; the places are read, and what is in them is let go."""
    text = io.BytesIO()
    unseal_to(vault_of(environment), point.globals, text, identities=load_identities(environment.vault.identity_file))
    globals_sql = text.getvalue().decode()
    needed = needed_roles(globals_sql, point.roles)
    roles = role_statements(globals_sql, needed, needed)
    section = environment.recovery
    read_secrets(section.passwords, section.passwords)
    lacking = roles.without_password((*section.passwords, *section.without_password))
    return Check(
        name="passwords of roles",
        passed=True,
        detail=f"lacking for {', '.join(lacking)}" if lacking else f"at hand for {len(roles.sign_in)} roles that sign in",
        hint="No point holds them: name their places in `[recovery.passwords]`." if lacking else "",
    )


def _cluster(point: Manifest, application: Application, environment: Environment) -> Iterator[Check]:
    if not application.workloads:
        return
    directory = environment.recovery.manifests
    if directory is None:
        detail = f"nothing says how {len(application.workloads)} workloads are made"
        yield Check(name="manifests", passed=True, detail=detail, hint="Name their folder in `[recovery] manifests`.")
    else:
        yield guarded("manifests", lambda: _manifests(point, application, environment))
    shift = environment.shift
    yield Check(
        name="visitors",
        passed=True,
        detail=f"come back by {', '.join(map(str, shift.rungs))} %" if shift else "nothing says how they come back",
        hint="" if shift else "Describe in `[shift]` what divides them, so that they come back by rungs that are watched.",
    )


def _manifests(point: Manifest, application: Application, environment: Environment) -> Check:
    directory = str(environment.recovery.manifests)
    manifests = read_manifests(environment.recovery.manifests or environment.applications)
    steps = deployment_steps(application, point, manifests, directory=directory, quiet=quieted(environment.shift))
    return Check(name="manifests", passed=True, detail=f"{len(manifests)} objects in {directory}, in {len(steps)} steps")


def _old_primary(environment: Environment) -> Check:
    named = environment.recovery.old_dsn is not None
    return Check(
        name="old primary",
        passed=True,
        detail="is closed before all visitors are back" if named else "is not named: nothing would keep it from being written to",
        hint="" if named else "In the environment of the new place, name the old server in `[recovery] old_dsn`.",
    )


def _media(point: Manifest, application: Application, environment: Environment) -> Iterator[Check]:
    if application.media is None:
        return
    said = unprotected(application, point, replica=environment.media.replica_bucket)
    yield Check(
        name="media",
        passed=True,
        detail=said or "every file of the point stands in the replica",
        hint="Set `[media] replica_bucket`; the next backup fills it." if said else "",
    )
