"""The demonstration: what a proven backup is, and what it finds, told on real parts in about a minute."""

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyrage

from continuity.adapters.application_files import load_application
from continuity.adapters.postgres import connect
from continuity.domain import reports
from continuity.domain.application import Application
from continuity.domain.recovery_point import Manifest
from continuity.domain.verdict import Judgement, Trouble, Verdict, judge
from continuity.procedures.backup import take_backup
from continuity.procedures.drill import DrillReport, drill_point
from continuity.procedures.validation import validate_live
from continuity.settings import Environment, load_environment
from continuity.steps.operation import perform_plainly
from continuity.steps.restoring import RestoredDatabase, drop_restored
from deployments.console import Terminal
from deployments.local.samples import bring_up
from deployments.local.server_account import reachable_temporary_directory
from deployments.local.stack import stop_stack
from deployments.local.throwaway import throwaway_directory
from expectations.validator import Validator

DOUBLE_BOOKING = """
insert into public.appointments
select (jsonb_populate_record(a, jsonb_build_object('id', nextval(
pg_get_serial_sequence('public.appointments', 'id')))))
.* from public.appointments a where a.status = 'confirmed' order by a.id limit 1
"""


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One claim of the story, whether it came out as claimed, and the evidence."""

    name: str
    held: bool
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The parts on which the story is played."""

    application: Application
    environment: Environment
    validator: Validator

    def back_up(self) -> Manifest:
        """Make a recovery point."""
        moment = datetime.now(UTC)
        return take_backup(self.application, self.environment, created=moment, perform=perform_plainly).manifest

    def drill(self, point: str, *, keep: bool = False) -> DrillReport:
        """Prove a point."""
        return drill_point(
            self.application, self.environment, wanted=point, keep=keep, perform=perform_plainly, validate=self.validator
        )


def tell_story(terminal: Terminal) -> int:
    """Play the story on a throw-away stack and return 0 when every chapter came out as claimed."""
    with ExitStack() as parts:
        directory = parts.enter_context(throwaway_directory(reachable_temporary_directory(), stop_stack))
        terminal.note("a throw-away PostgreSQL, a folder as vault, moto as stand-in for S3; nothing outside is touched")
        stack = bring_up(directory, report=terminal.note, with_prefect=False)
        parts.callback(_forget, tuple(stack.variables))
        environment = _encrypted(load_environment(stack.environment), directory)
        application = load_application(environment.applications, "blottr")
        validator = parts.enter_context(Validator())
        validator.prepare()
        chapters = _chapters(Scene(application=application, environment=environment, validator=validator), terminal)
    held = all(chapter.held for chapter in chapters)
    steps = [{"name": chapter.name, "held": chapter.held, "evidence": chapter.evidence} for chapter in chapters]
    closing = "every claim held" if held else "a claim did not hold: see ✗ above"
    terminal.result({"verdict": "sound" if held else "unfaithful", "steps": steps}, [f"\n{closing}"])
    return 0 if held else 1


def _forget(variables: tuple[str, ...]) -> None:
    for name in variables:
        os.environ.pop(name, None)


def _encrypted(environment: Environment, directory: Path) -> Environment:
    """Give the vault a key pair of its own, as an operator would with age-keygen."""
    identity = pyrage.x25519.Identity.generate()
    file = directory / "identity.txt"
    file.touch(mode=0o600)
    file.write_text(f"{identity}\n", encoding="utf-8")
    vault = environment.vault.model_copy(update={"recipients": (str(identity.to_public()),), "identity_file": file})
    return environment.model_copy(update={"vault": vault})


def _chapters(scene: Scene, terminal: Terminal) -> list[Chapter]:
    told: list[Chapter] = []

    def tell(name: str, play: Callable[[], tuple[bool, str]]) -> None:
        terminal.note(f"… {name}")
        held, evidence = play()
        told.append(Chapter(name=name, held=held, evidence=evidence))
        if not terminal.as_json:
            terminal.result({}, [f"{'✓' if held else '✗'} {name}\n    {evidence}"])

    first = scene.back_up()
    facts = reports.point_facts(first)
    tell("a recovery point is stored: streamed, compressed, encrypted", lambda: (True, f"{first.id}: {facts['stored']}"))
    proof = scene.drill(first.id, keep=True)
    tell("restored beside the live database and compared: proven", lambda: _judged(proof.verdict, Judgement.SOUND))
    tell("one changed character in one restored row is found", lambda: _tampered(scene, proof))
    tell("one flipped bit of the stored dump is found before pg_restore reads it", lambda: _flipped(scene, first))
    tell("a double booking in the live database is found", lambda: _double_booked(scene))
    tell("a backup of it is faithful, and says that the data is unhealthy", lambda: _unhealthy(scene))
    return told


def _judged(verdict: Verdict, wanted: Judgement) -> tuple[bool, str]:
    return verdict.judgement is wanted, reports.headline(verdict, subject="the restore")


def _tampered(scene: Scene, proof: DrillReport) -> tuple[bool, str]:
    dsn = scene.environment.drill_dsn
    with connect(dsn, proof.database) as connection:
        connection.execute("update public.cities set name = name || '.' where id = (select min(id) from public.cities)")
    validated = scene.validator.restored(dsn, proof.database, proof.manifest, scene.application)
    drop_restored(RestoredDatabase(name=proof.database, seconds=0, errors=()), scene.environment)
    verdict = judge(validated.findings, now=datetime.now(UTC))
    wrong = [finding for finding in verdict.findings if not finding.passed]
    found = any(finding.name == "rows and digest of public.cities" for finding in wrong)
    return found, "; ".join(f"{finding.name}: {finding.detail}" for finding in wrong)


def _flipped(scene: Scene, point: Manifest) -> tuple[bool, str]:
    path = Path(scene.environment.vault.url.removeprefix("file://")) / point.dump.key
    kept = path.with_suffix(".kept")
    shutil.copy2(path, kept)
    with path.open("r+b") as stored:
        stored.seek(point.dump.size_bytes // 2)
        byte = stored.read(1)[0]
        stored.seek(-1, os.SEEK_CUR)
        stored.write(bytes([byte ^ 1]))
    verdict = scene.drill(point.id).verdict
    kept.replace(path)
    return verdict.trouble is Trouble.BYTES, reports.headline(verdict, subject=point.id)


def _double_booked(scene: Scene) -> tuple[bool, str]:
    with connect(scene.environment.database.dsn.get_secret_value(), scene.application.database.name) as connection:
        connection.execute(DOUBLE_BOOKING)
    report = validate_live(scene.application, scene.environment, perform=perform_plainly, validate=scene.validator)
    return _judged(report.verdict, Judgement.UNHEALTHY)


def _unhealthy(scene: Scene) -> tuple[bool, str]:
    return _judged(scene.drill(scene.back_up().id).verdict, Judgement.UNHEALTHY)
