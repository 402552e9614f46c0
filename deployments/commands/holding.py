"""Stop an application now, and put back exactly what was."""

from datetime import UTC, datetime

from deployments.commands.where import HERE, Where


def hold(application: str, *, where: Where = HERE) -> int:
    """Stop traffic and writes now, without a plan. Exactly reversible: `release` puts back what was."""
    from continuity.domain.plan import Verb

    return _at_once(application, Verb.HOLD, where)


def release(application: str, *, where: Where = HERE) -> int:
    """Put back exactly what a hold has stopped."""
    from continuity.domain.plan import Verb

    return _at_once(application, Verb.RELEASE, where)


def _at_once(application: str, verb, where: Where) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
    from continuity.domain.holds import plan_hold, plan_release
    from continuity.domain.plan import Verb
    from continuity.procedures.live import observe_live
    from continuity.procedures.runs import carry_out_at_once
    from deployments.commands.carrying import hands
    from deployments.telling.runs import tell_run
    from expectations.validator import Validator

    terminal, (protected, environment) = where.terminal(), where.load(application)
    plan = plan_hold if verb is Verb.HOLD else plan_release
    with Validator() as validator:
        report = carry_out_at_once(
            protected,
            environment,
            verb,
            make=lambda: plan(protected, observe_live(protected, environment), now=datetime.now(UTC)),
            hands=hands(terminal, environment, validator),
        )
    return tell_run(terminal, report, environment)
