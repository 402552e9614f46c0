"""The deployments of applications, put into a Prefect server that exists."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.where import HERE, Where


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Runs:
    """What the processes of runs are given; nothing of it is a secret's value."""

    env_secret: Annotated[
        tuple[str, ...], Parameter(negative="", help="VARIABLE=BLOCK: a run's variable, from Prefect's Secret block.")
    ] = ()
    job_variable: Annotated[
        tuple[str, ...], Parameter(negative="", help="NAME=VALUE: a variable of the work pool; never a secret's value.")
    ] = ()
    run_environment: Annotated[str, Parameter(help="Where the environment file is, as runs see it.")] = ""


AS_THE_POOL_SAYS = Runs()


def deploy(
    *names: str,
    pool: Annotated[str, Parameter(help="Work pool of any type, which has to exist.")],
    prefix: Annotated[str | None, Parameter(help="What names begin with; default: `[prefect] prefix`.")] = None,
    runs: Runs = AS_THE_POOL_SAYS,
    automations: Annotated[bool, Parameter(negative="", help="Create or change the automations too.")] = False,
    remove: Annotated[bool, Parameter(negative="", help="Remove what is no longer offered.")] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="Tell what would change, and change nothing.")] = False,
    where: Where = HERE,
) -> int:
    """Create the deployments of all applications, or of those named, in a work pool that exists. Again: only what differs."""
    from deployments.deploying import Wish
    from deployments.deploying import deploy as put
    from deployments.telling.deploying import tell_deployed

    terminal, environment = where.terminal(), where.load_environment()
    wish = Wish(
        pool=pool,
        prefix=environment.prefect.prefix if prefix is None else prefix,
        names=names,
        secrets=_pairs(runs.env_secret, "--env-secret"),
        job_variables=_pairs(runs.job_variable, "--job-variable"),
        run_environment=runs.run_environment,
        automations=automations,
        remove=remove,
        dry_run=dry_run,
    )
    return tell_deployed(terminal, put(environment, wish), wish, environment)


def _pairs(given: Iterable[str], option: str) -> dict[str, str]:
    from continuity.errors import ConfigurationRefused

    pairs = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not (name and sign and value):
            # What was given may be a secret: it is not shown.
            raise ConfigurationRefused(f"{option} takes NAME=VALUE", hint="See `continuity deploy --help`.")
        pairs[name] = value
    return pairs
