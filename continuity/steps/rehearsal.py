"""Where a rehearsal acts: the server of drills, a database and a namespace of its own, no traffic, and nothing of production."""

from dataclasses import replace

from pydantic import SecretStr

from continuity.domain.application import Application
from continuity.settings import Environment

REHEARSAL = "rehearsal"
"""The option by which a plan says that it is one."""
_SUFFIX = "_rehearsal"
_LONGEST_NAME_BYTES = 63


def rehearsing(application: Application, environment: Environment) -> tuple[Application, Environment]:
    """Return both as a rehearsal sees them."""
    name = application.database.name.encode()[: _LONGEST_NAME_BYTES - len(_SUFFIX)].decode(errors="ignore") + _SUFFIX
    scratch = environment.model_copy(
        update={
            "database": environment.database.model_copy(update={"dsn": SecretStr(environment.drill_dsn)}),
            "rollback": environment.rollback.model_copy(update={"dsn": None, "pooler_dsn": None}),
            "recovery": environment.recovery.model_copy(update={"old_dsn": None}),
            "traffic": None,
            "shift": None,
            "terraform": None,
        }
    )
    own = replace(
        application,
        database=replace(application.database, name=name),
        workloads=(),
        flags=None,
        tests=(),
        health=None,
        media=None,
    )
    return own, scratch
