"""The demonstration: a proven backup, a bad release, and the way back, told on real parts in about a minute."""

import os
import shutil
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyrage

from continuity.adapters.application_files import load_application
from continuity.adapters.postgres import connect
from continuity.adapters.swap import MAINTENANCE, allow_connections
from continuity.domain import reports
from continuity.domain.recovery_point import Manifest
from continuity.domain.verdict import Judgement, Trouble, Verdict, judge
from continuity.procedures.drill import DrillReport
from continuity.procedures.validation import validate_live
from continuity.settings import Environment, load_environment
from continuity.steps.operation import perform_plainly
from continuity.steps.restoring import RestoredDatabase, drop_restored
from deployments.console import Terminal
from deployments.local.demo_chapters import Chapters
from deployments.local.demo_rollback import equality, release_badly, roll_back, serving, undo_is_possible
from deployments.local.demo_scene import Scene
from deployments.local.samples import bring_up
from deployments.local.server_account import reachable_temporary_directory
from deployments.local.stack import stop_stack
from deployments.local.throwaway import throwaway_directory
from deployments.telling.runs import Progress
from expectations.validator import Validator


def tell_story(terminal: Terminal) -> int:
    """Play the story on a throw-away stack and return 0 when every chapter came out as claimed."""
    with ExitStack() as parts:
        directory = parts.enter_context(throwaway_directory(reachable_temporary_directory(), stop_stack))
        terminal.note("a throw-away PostgreSQL, a folder as vault, stand-ins for S3 and Kubernetes; nothing outside is touched")
        stack = bring_up(directory, report=terminal.note, with_prefect=False)
        parts.callback(_forget, tuple(stack.variables))
        environment = _encrypted(load_environment(stack.environment), directory)
        application = load_application(environment.applications, "blottr")
        validator = parts.enter_context(Validator())
        validator.prepare()
        scene = Scene(
            application=application,
            environment=environment,
            validator=validator,
            address=stack.urls["blottr"],
            observe=Progress(terminal),
        )
        chapters = _chapters(scene, terminal)
    return chapters.close()


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


def _chapters(scene: Scene, terminal: Terminal) -> Chapters:
    chapters = Chapters(terminal)
    tell = chapters.tell
    first = scene.back_up()
    facts = reports.point_facts(first)
    tell("a recovery point is stored: streamed, compressed, encrypted", lambda: (True, f"{first.id}: {facts['stored']}"))
    proof = scene.drill(first.id, keep=True)
    tell("restored beside the live database and compared: proven", lambda: _judged(proof.verdict, Judgement.SOUND))
    tell("one changed character in one restored row is found", lambda: _tampered(scene, proof))
    tell("one flipped bit of the stored dump is found before pg_restore reads it", lambda: _flipped(scene, first))
    tell("a bad release goes live and corrupts data", lambda: release_badly(scene))
    tell("the live database is examined: the double bookings are found", lambda: _examined(scene))
    ran, said, report = roll_back(scene)
    tell("everything goes back to the proven point: release, configuration, flags, database", lambda: (ran, said))
    tell("the application serves the former release", lambda: serving(scene.address))
    tell("the live database equals the point", lambda: equality(scene, first))
    tell("what was replaced is kept, and the rollback can be undone", lambda: undo_is_possible(scene, report))
    return chapters


def _judged(verdict: Verdict, wanted: Judgement) -> tuple[bool, str]:
    return verdict.judgement is wanted, reports.headline(verdict, subject="the restore")


def _tampered(scene: Scene, proof: DrillReport) -> tuple[bool, str]:
    dsn = scene.environment.drill_dsn
    with connect(dsn, MAINTENANCE) as connection:
        allow_connections(connection, proof.database, allowed=True)
    with connect(dsn, proof.database) as connection:
        connection.execute("update public.cities set name = name || '.' where id = (select min(id) from public.cities)")
    validated = scene.validator.restored(dsn, proof.database, proof.manifest, scene.application)
    drop_restored(RestoredDatabase(name=proof.database, seconds=0, errors=()), scene.environment)
    verdict = judge(validated.findings, now=datetime.now(UTC))
    wrong = [finding for finding in verdict.findings if not finding.passed]
    found = any(finding.name == "rows and digest of public.cities" for finding in wrong)
    return found, "; ".join(f"{finding.name}: {finding.detail}" for finding in wrong)


def _flipped(scene: Scene, point: Manifest) -> tuple[bool, str]:
    """Flip a bit in a copy of the vault: a drill's verdict stays with its point, and the real one is still needed."""
    vault = Path(scene.environment.vault.url.removeprefix("file://"))
    copy = vault.with_name("vault-copy")
    shutil.copytree(vault, copy)
    with (copy / point.dump.key).open("r+b") as stored:
        stored.seek(point.dump.size_bytes // 2)
        byte = stored.read(1)[0]
        stored.seek(-1, os.SEEK_CUR)
        stored.write(bytes([byte ^ 1]))
    section = scene.environment.vault.model_copy(update={"url": copy.as_uri()})
    verdict = replace(scene, environment=scene.environment.model_copy(update={"vault": section})).drill(point.id).verdict
    return verdict.trouble is Trouble.BYTES, reports.headline(verdict, subject=point.id)


def _examined(scene: Scene) -> tuple[bool, str]:
    report = validate_live(scene.application, scene.environment, perform=perform_plainly, validate=scene.validator)
    return report.verdict.judgement is Judgement.UNHEALTHY, reports.headline(report.verdict, subject="the live database")
