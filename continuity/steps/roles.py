"""The step that makes the roles that a restored database needs, as they were, with the passwords that the environment has."""

import io

from psycopg import sql

from continuity.adapters.postgres import Connection, connect, parse_dsn, translated
from continuity.adapters.privileges import missing_roles
from continuity.adapters.sealing import load_identities, unseal_to
from continuity.adapters.secrets import read_secrets
from continuity.adapters.swap import MAINTENANCE
from continuity.domain.plan import Facts
from continuity.domain.recovery_point import Manifest
from continuity.domain.roles import RoleStatements, needed_roles, role_statements
from continuity.settings import Environment
from continuity.steps.operation import PATIENT
from continuity.steps.places import vault_of
from continuity.steps.servers import on_server
from continuity.steps.shadow import read_planned
from continuity.steps.step import Probe, Step, World


def read_missing_roles(manifest: Manifest, environment: Environment) -> RoleStatements:
    """Read from the point what makes the roles that the server lacks. Changes nothing.

    Raises:
        DamagedObject: the stored roles are not the ones that were written.
        DatabaseError: the server does not answer.

    """
    text = _globals(manifest, environment)
    needed = needed_roles(text, manifest.roles)
    with connect(environment.rollback_dsn, MAINTENANCE) as connection:
        missing = missing_roles(connection, needed)
    return role_statements(text, missing, needed)


def read_all_roles(manifest: Manifest, environment: Environment) -> RoleStatements:
    """Read from the point what makes all of its roles, for a server that is not there yet. Changes nothing.

    The role that will make them is there by then: it is the one that signs in.

    Raises:
        DamagedObject: the stored roles are not the ones that were written.

    """
    text = _globals(manifest, environment)
    needed = needed_roles(text, manifest.roles)
    own = parse_dsn(environment.rollback_dsn).get("user")
    return role_statements(text, [role for role in needed if role != own], needed)


def _globals(manifest: Manifest, environment: Environment) -> str:
    text = io.BytesIO()
    identities = load_identities(environment.vault.identity_file)
    unseal_to(vault_of(environment), manifest.globals, text, identities=identities)
    return text.getvalue().decode()


def _facts(world: World, arguments: Facts) -> Facts:
    """Record which roles are missing before any is made: those are ours to make, and to take back."""
    missing = read_missing_roles(read_planned(world, arguments), world.environment)
    return {**arguments, "roles": list(missing.roles)}


def _probe(world: World, facts: Facts) -> Probe:
    with on_server(world, facts) as connection:
        return Probe.NOT_DONE if missing_roles(connection, facts["roles"]) else Probe.DONE


def _make(world: World, facts: Facts) -> Facts:
    """Make them in one transaction: all of them are there with everything, or none."""
    manifest = read_planned(world, facts)
    text = _globals(manifest, world.environment)
    made = role_statements(text, facts["roles"], needed_roles(text, manifest.roles))
    places = world.environment.recovery.passwords
    passwords = read_secrets(places, [role for role in made.sign_in if role in places])
    with on_server(world, facts) as connection, connection.transaction():
        with translated("roles"):
            for statement in made.statements:
                connection.execute(sql.SQL(statement.replace("{", "{{").replace("}", "}}")).format())
        for role, password in passwords.items():
            _give_password(connection, role, password)
    noted = [f"not given, since it belongs to something else: the membership of {each}" for each in made.left_out]
    return {"without password": list(made.without_password(passwords)), "noted": noted}


def _give_password(connection: Connection, role: str, password: str) -> None:
    # Hashed here: the server, its log and its statistics never see the password.
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    with translated(f"the password of role {role}"):
        connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), hashed))


def _drop(world: World, facts: Facts) -> None:
    with on_server(world, facts) as connection, connection.transaction():
        if missing_roles(connection, facts["roles"]):
            # They are made all at once or not at all: those that are there alone are somebody else's.
            return
        for role in facts["roles"]:
            with translated(f"role {role}"):
                connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


RESTORE_ROLES = Step(kind="make the roles", facts=_facts, probe=_probe, do=_make, undo=_drop, retry=PATIENT)
