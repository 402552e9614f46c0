"""Puts what the infrastructure is called in the place of what the environment says, once it is known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from psycopg import conninfo
from pydantic import SecretStr

from continuity.adapters.postgres import parse_dsn
from continuity.domain.infrastructure import READ_OUTPUTS
from continuity.domain.outputs import told_by
from continuity.settings import Environment
from continuity.steps.step import World


def at_its_place(world: World) -> World:
    """Return the world as the steps behind the infrastructure see it: where it is, is what an earlier step has read.

    Nothing is read here: what the run has once recorded holds for all of its steps, and after a kill.
    """
    terraform, read = world.environment.terraform, world.done.get(READ_OUTPUTS)
    if terraform is None or read is None or not terraform.outputs.named:
        return world
    return replace(world, environment=bound(world.environment, told_by(read["outputs"], terraform.outputs.named)))


def bound(environment: Environment, told: Mapping[str, Any]) -> Environment:
    """Return an environment whose server, bucket and cluster are those that are `told`; all else stays, credentials too."""
    if not told:
        return environment
    server = {"host": told.get("database_host"), "port": told.get("database_port")}
    cluster = {name: told[name] for name in ("context",) if name in told}
    if "kubeconfig" in told and environment.terraform is not None:
        cluster["kubeconfig"] = environment.terraform.directory / Path(told["kubeconfig"])
    own = environment.rollback.dsn
    return environment.model_copy(
        update={
            "database": environment.database.model_copy(update={"dsn": _moved(environment.database.dsn, server)}),
            "rollback": environment.rollback.model_copy(update={"dsn": _moved(own, server) if own else None}),
            "cluster": environment.cluster.model_copy(update=cluster),
            "media": environment.media.model_copy(update={"bucket": told["media_bucket"]} if "media_bucket" in told else {}),
        }
    )


def _moved(dsn: SecretStr, server: Mapping[str, Any]) -> SecretStr:
    """Return a connection string to another host or port; an address that would go before the host is left out."""
    parts = parse_dsn(dsn.get_secret_value())
    if server["host"] is not None:
        parts.pop("hostaddr", None)
    return SecretStr(conninfo.make_conninfo(**{**parts, **{name: value for name, value in server.items() if value is not None}}))
