"""Runs suites through Great Expectations and reads findings from its results; fails closed."""

from collections.abc import Sequence
from typing import Any

import great_expectations as gx
from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig

from continuity.domain.verdict import Axis, Finding, Outcome, Severity
from expectations.suites import Claim


def run_suite(name: str, claims: Sequence[Claim]) -> tuple[tuple[Finding, ...], dict[str, Any]]:
    """Validate the database that libpq's environment names; return the findings and Great Expectations' own result.

    A claim without a result, or with one that raised, is "not proven": Great Expectations logs and drops an expectation
    that it does not understand, and reports an exception as an ordinary failure.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_sql(name, connection_string="postgresql+psycopg://", create_temp_table=False)
    batch = source.add_query_asset("database", query="select 1 as one").add_batch_definition_whole_table("now")
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=[claim.expectation for claim in claims]))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    try:
        result = definition.run(result_format="COMPLETE")
    finally:
        # A pooled session would keep the database from being renamed or dropped.
        source.get_execution_engine().close()
        source.get_engine().dispose()
    return findings_of(claims, result), _without_tracebacks(result.to_json_dict())


def findings_of(claims: Sequence[Claim], result: ExpectationSuiteValidationResult) -> tuple[Finding, ...]:
    """Match every claim with its result, in the order of the claims."""
    by_name: dict[tuple[str, str], Any] = {}
    for each in result.results:
        meta = (each.expectation_config.meta if each.expectation_config else None) or {}
        by_name[meta.get("finding", ""), meta.get("axis", "")] = each
    return tuple(_finding(claim, by_name.get((claim.finding, claim.axis.value))) for claim in claims)


def _finding(claim: Claim, result: Any) -> Finding:
    if result is None:
        return _not_proven(claim, "Great Expectations dropped this check")
    if raised := _raised(result.exception_info):
        return _not_proven(claim, raised)
    observed = (result.result or {}).get("observed_value")
    if observed is None:
        return _not_proven(claim, "the check observed nothing")
    return Finding(
        name=claim.finding,
        axis=claim.axis,
        severity=claim.severity,
        outcome=Outcome.PASSED if result.success is True else Outcome.FAILED,
        detail=str(observed),
    )


def _not_proven(claim: Claim, why: str) -> Finding:
    return Finding(
        name=claim.finding,
        axis=claim.axis,
        severity=Severity.CRITICAL if claim.axis is Axis.FAITHFUL else claim.severity,
        outcome=Outcome.NOT_PROVEN,
        detail=why,
    )


def _raised(information: Any) -> str:
    if not information:
        return ""
    if "raised_exception" in information:
        return str(information["exception_message"]) if information["raised_exception"] else ""
    return "; ".join(text for each in information.values() if isinstance(each, dict) and (text := _raised(each)))


def _without_tracebacks(result: Any) -> Any:
    if isinstance(result, dict):
        return {key: _without_tracebacks(value) for key, value in result.items() if key != "exception_traceback"}
    if isinstance(result, list):
        return [_without_tracebacks(each) for each in result]
    return result
