"""The vault that a corruption campaign damages: two drilled, distrusted points with media maps, two acceptances, two journals."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import psycopg
import pyrage

from continuity.adapters.application_files import load_application
from continuity.adapters.s3_vault import s3_client
from continuity.domain.application import MediaBucket
from continuity.domain.plan import Verb
from continuity.domain.recovery_point import Distrust
from continuity.domain.run import EntryKind, run_id
from continuity.domain.verdict import Acceptance
from continuity.journal import Journal
from continuity.settings import DatabaseSection, DrillSection, Environment, MediaSection, VaultSection
from expectations.validator import Validator
from tests.faults.corruption import ACCEPTED, Answer, Damage, Target, answer_to, damaged_vault, draw, targets_of
from tests.fixtures.object_stores import make_bucket
from tests.fixtures.protection import APPLICATIONS, Protected


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A protected application whose vault is a directory."""

    protected: Protected
    targets: tuple[Target, ...]

    def suffer(self, random: Random) -> tuple[Damage, Answer]:
        """Draw a damage, do it, ask what an operator would ask, and put the vault right again."""
        folder = self.protected.vault_folder
        damage = draw(random, folder, self.targets)
        with damaged_vault(folder, damage):
            return damage, answer_to(damage, self.protected, self.protected.drill)


def build_scene(*, dsn: str, database: str, folder: Path, validator: Validator, media_url: str, encrypted: bool) -> Scene:
    """Back up a database twice, with a change between, drill both points, and let a person speak."""
    (folder / "vault").mkdir(parents=True)
    described = load_application(APPLICATIONS, "guestbook")
    bucket = MediaBucket(bucket=make_bucket(media_url), prefix="")
    application = replace(described, database=replace(described.database, name=database), media=bucket)
    vault = VaultSection(url=f"file://{folder}/vault")
    if encrypted:
        identity = pyrage.x25519.Identity.generate()
        (folder / "key.txt").write_text(f"{identity}\n")
        vault = VaultSection(url=vault.url, recipients=(str(identity.to_public()),), identity_file=folder / "key.txt")
    environment = Environment(
        database=DatabaseSection(dsn=dsn),
        vault=vault,
        drill=DrillSection(work_directory=folder),
        media=MediaSection(endpoint_url=media_url),
    )
    protected = Protected(application=application, environment=environment, dsn=dsn, validator=validator)
    client = s3_client(endpoint_url=media_url)
    for number in range(2):
        client.put_object(Bucket=bucket.bucket, Key=f"picture-{number}.jpg", Body=b"picture")
        with psycopg.connect(dsn) as connection:
            connection.execute(f"create table public.between_{number} as select generate_series(1, 100) as id")
        point = protected.back_up().id
        protected.drill(point)
        said = Distrust(point=point, because="a campaign says so", by="campaign", at=datetime.now(UTC))
        protected.points.distrust(said)
    for finding in ACCEPTED:
        now = datetime.now(UTC)
        said_yes = Acceptance(finding=finding, until=now + timedelta(days=1), because="known", by="campaign")
        protected.points.accept(said_yes, at=now)
    for nonce in ("aaaa", "bbbb"):
        journal = Journal(
            protected.points.vault, run_id(application.name, Verb.ROLLBACK, datetime.now(UTC), nonce=nonce), epoch=1
        )
        for kind in (EntryKind.PLAN, EntryKind.INTENT, EntryKind.DONE, EntryKind.END):
            journal.append(kind, step="a step", facts={"campaign": True})
    return Scene(protected=protected, targets=targets_of(protected))
