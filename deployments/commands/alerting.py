"""The receiver of alerts as a process, and what a person says and sees of alerts."""

from datetime import UTC, datetime
from getpass import getuser
from typing import Annotated

from cyclopts import Parameter

from deployments.commands.where import HERE, Where


def webhooks(*, host: str = "", port: int = 0, where: Where = HERE) -> int:
    """Take alerts from Alertmanager, Grafana and signed posts, until a signal ends it. Default address: the environment's."""
    import logging

    from deployments.webhooks import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    serve(where.load_environment(), host=host, port=port)
    return 0


def alerts(
    application: str,
    *,
    off: Annotated[bool, Parameter(negative="")] = False,
    on: Annotated[bool, Parameter(negative="")] = False,
    because: str = "",
    where: Where = HERE,
) -> int:
    """Show the newest accepted alerts and what became of them; with --off or --on, switch automatic starts for all receivers."""
    from continuity.errors import ConfigurationRefused
    from continuity.procedures.alert_switch import recent_alerts, switch_alerts
    from deployments.telling.alerts import tell_alerts

    terminal, (protected, environment) = where.terminal(), where.load(application)
    if off and on:
        raise ConfigurationRefused("both --off and --on are given", hint="Give one of them.")
    if off or on:
        switch_alerts(environment, protected.name, on=on, by=getuser(), because=because, now=datetime.now(UTC))
    return tell_alerts(terminal, protected.name, recent_alerts(environment, protected.name))
