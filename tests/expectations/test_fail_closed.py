"""What was not looked at is not proven: dropped checks, dead processes, exceptions, digests of another kind."""

import os
import signal
from dataclasses import replace

from great_expectations.core import ExpectationSuiteValidationResult

from continuity.domain.verdict import Judgement, Outcome
from expectations.runner import findings_of
from expectations.suites import suite_of_restore
from expectations.validator import Validator


def test_an_expectation_that_was_dropped_is_not_proven(protect):
    protected = protect("guestbook")
    claims = suite_of_restore(protected.back_up(), protected.application)
    nothing = ExpectationSuiteValidationResult(success=True, results=[], suite_name="x")

    findings = findings_of(claims, nothing)

    assert len(findings) == len(claims) > 0
    assert {finding.outcome for finding in findings} == {Outcome.NOT_PROVEN}


def test_a_validating_process_that_dies_proves_nothing(protect):
    protected = protect("guestbook")
    manifest = protected.back_up()
    with Validator() as validator:
        validator.prepare()
        os.kill(validator._child.pid, signal.SIGKILL)
        validator._child.wait()
        validator._child.poll = lambda: None  # it died after it was looked at

        verdict = replace(protected, validator=validator).compare(protected.application.database.name, manifest)

    assert verdict.judgement is Judgement.NOT_PROVEN
    assert "gave no answer" in verdict.findings[0].detail


def test_a_validation_past_its_limit_proves_nothing(protect):
    protected = protect("guestbook")
    manifest = protected.back_up()
    with Validator(limit_seconds=0.05) as validator:
        verdict = replace(protected, validator=validator).compare(protected.application.database.name, manifest)

    assert verdict.judgement is Judgement.NOT_PROVEN
    assert "did not end within" in verdict.findings[0].detail


def test_digests_of_another_major_do_not_compare(protect):
    protected = protect("guestbook")
    manifest = protected.back_up()
    older = replace(manifest, digests=replace(manifest.digests, major=manifest.digests.major - 1))

    verdict = protected.compare(protected.application.database.name, older)

    assert verdict.judgement is Judgement.NOT_PROVEN
    unproven = [finding for finding in verdict.findings if finding.outcome is Outcome.NOT_PROVEN]
    assert {finding.name for finding in unproven} == {f"rows and digest of {table.table}" for table in manifest.tables}


def test_a_manifest_of_nothing_is_not_proven_by_an_empty_database(protect, make_database):
    protected = protect("guestbook")
    manifest = protected.back_up()
    from psycopg.conninfo import conninfo_to_dict

    empty = conninfo_to_dict(make_database("empty"))["dbname"]

    assert protected.compare(empty, manifest).judgement is Judgement.UNFAITHFUL
