"""Expiry on a real vault: what goes, what stays, what refuses, and that a refusal changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from continuity.adapters.directory_vault import DirectoryVault
from continuity.adapters.leases import holding
from continuity.adapters.points import PointStore
from continuity.domain.lease import Purpose
from continuity.domain.plan import Plan, Verb
from continuity.domain.recovery_point import Distrust, KeptDatabase
from continuity.domain.run import EntryKind, Outcome, run_id
from continuity.domain.verdict import Judgement
from continuity.errors import Busy, ConfigurationRefused, DamagedObject, NotStored, UnsafeOperation, VaultError
from continuity.journal import Journal, plan_facts
from continuity.procedures import trust
from continuity.procedures.backup import find_point
from continuity.procedures.expiry import EXPIRE
from continuity.settings import DatabaseSection
from continuity.steps.attempts import tidy_vault
from continuity.steps.operation import perform_plainly
from continuity.steps.places import journals_of
from tests.fixtures.point_builders import make_drill


@pytest.fixture
def aged(shop):
    """Six proven points of six days: the three newest fill the slots, three are to go."""
    for age in range(6):
        shop.add(age_days=age)
    return shop


def pin(shop, point):
    trust.pin_point(shop.environment, point, because="audit", by="ada", now=datetime.now(UTC))


def test_what_the_policy_lets_go_is_gone_but_for_its_tombstone_and_the_rest_is_untouched(aged):
    before = aged.files()
    newest, oldest = aged.ids[:3], aged.ids[3:]

    report = aged.expire()

    assert [decision.point for decision in report.going] == oldest
    assert aged.ids == newest
    after = aged.files()
    assert {key for key in after if key not in before} == {f"shop/points/{point}/expired.json" for point in oldest}
    assert {key for key in after if key in before} == {key for key in before if key.split("/")[2] in newest}
    assert aged.points.listing().leftovers == ()
    said = aged.points.read_expired(oldest[0])
    assert str(said).endswith("by ada: older than 2 d, and the newest of no period that is kept")


def test_a_dry_run_decides_the_same_and_changes_nothing(aged):
    before = aged.files()

    report = aged.expire(carry_out=False)

    assert len(report.going) == 3
    assert not report.carried_out
    assert aged.files() == before
    assert sorted(path.name for path in aged.folder.iterdir()) in (["shop"], [".unfinished", "shop"])


def test_a_second_expiry_finds_nothing_to_do(aged):
    aged.expire()
    before = aged.files()

    report = aged.expire()

    assert (report.going, report.unfinished) == ((), ())
    assert aged.files() == before


def test_a_pinned_point_stays_until_it_is_unpinned(aged):
    point = aged.ids[-1]
    pin(aged, point)

    aged.expire()
    assert point in aged.ids

    trust.unpin_point(aged.environment, point)
    aged.expire()
    assert point not in aged.ids


def test_a_pin_set_after_the_decision_is_seen_before_the_tombstone(aged):
    point = aged.ids[-1]

    def pin_first(operation, *arguments, **options):
        if operation is EXPIRE and arguments[2].point == point:
            pin(aged, point)
        return perform_plainly(operation, *arguments, **options)

    before = aged.files(point)

    report = _expire(aged, pin_first)

    assert report.spared == ((point, "pinned meanwhile"),)
    assert {key: data for key, data in aged.files(point).items() if not key.endswith("pin.json")} == before


def test_a_pin_set_in_the_very_moment_of_the_tombstone_has_it_withdrawn(aged, monkeypatch):
    point = aged.ids[-1]
    create = DirectoryVault.create

    def pin_first(vault, key, data):
        if key == aged.points.tombstone(point):
            pin(aged, point)
        create(vault, key, data)

    monkeypatch.setattr(DirectoryVault, "create", pin_first)

    assert aged.expire().spared == ((point, "pinned meanwhile"),)
    assert point in aged.ids


def _expire(shop, perform):
    from continuity.procedures.expiry import expire

    return expire(shop.application, shop.environment, carry_out=True, allow_many=False, by="ada", perform=perform)


def test_an_expired_point_cannot_be_pinned_and_no_point_is_made_in_its_place(aged):
    point = aged.ids[-1]
    aged.expire()

    with pytest.raises(ConfigurationRefused, match="expired on"):
        pin(aged, point)
    with pytest.raises(UnsafeOperation, match="expired on"):
        find_point(aged.application, aged.environment, point)
    assert set(aged.files(point)) == {f"shop/points/{point}/expired.json"}


def test_a_pin_that_meets_a_tombstone_is_taken_back(aged, monkeypatch):
    point = aged.ids[-1]
    manifest = aged.points.read_manifest(point)
    aged.expire()
    # The pin had read the manifest before the tombstone was written.
    monkeypatch.setattr(PointStore, "read_manifest", lambda *_: manifest)

    with pytest.raises(ConfigurationRefused, match="expired on"):
        pin(aged, point)

    assert set(aged.files(point)) == {f"shop/points/{point}/expired.json"}


def open_run(shop, point):
    moment = datetime.now(UTC)
    run = run_id(shop.application.name, Verb.ROLLBACK, moment, nonce="1f2e")
    plan = Plan(application=shop.application.name, verb=Verb.ROLLBACK, created=moment, targets={}, steps=(), point=point)
    journal = Journal(journals_of(shop.environment), run, epoch=1)
    journal.append(EntryKind.PLAN, facts=plan_facts(plan))
    return journal


def test_a_point_that_an_open_run_names_stays_until_the_run_has_ended(aged):
    point = aged.ids[-1]
    journal = open_run(aged, point)

    report = aged.expire()

    assert {decision.point: decision.because for decision in report.decisions}[
        point
    ] == f"the open run {journal.run} relies on it"
    assert point in aged.ids
    journal.append(EntryKind.END, facts={"outcome": Outcome.DONE.value})
    aged.expire()
    assert point not in aged.ids


def test_a_run_that_begins_after_the_decision_keeps_its_point(aged):
    point = aged.ids[-1]

    def begin_first(operation, *arguments, **options):
        if operation is EXPIRE and arguments[2].point == point:
            open_run(aged, point)
        return perform_plainly(operation, *arguments, **options)

    report = _expire(aged, begin_first)

    assert [spared for spared, _ in report.spared] == [point]
    assert point in aged.ids


def test_a_journal_that_cannot_be_read_stops_the_expiry(aged):
    journal = open_run(aged, aged.ids[-1])
    (aged.folder / f"shop/runs/{journal.run}/000001.json").write_bytes(b"{}")
    before = aged.files()

    with pytest.raises(DamagedObject):
        aged.expire()

    assert aged.files() == before


def test_an_unproven_point_goes_only_after_its_days_and_only_past_a_newer_proven_one(shop):
    young = shop.add(age_days=1, judgement=None)
    proven = shop.add(age_days=1.5)
    old = shop.add(age_days=4, judgement=None)

    shop.expire()

    assert shop.ids == [young.id, proven.id]
    assert "never drilled" in shop.points.read_expired(old.id).because


def test_the_last_proven_point_stays_however_old_and_however_many_failed_after_it(shop):
    proven = shop.add(age_days=300)
    for age in range(5):
        shop.add(age_days=age, judgement=Judgement.UNFAITHFUL)

    assert shop.expire().going == ()
    assert proven.id in shop.ids


def test_a_distrusted_point_is_not_the_last_proven_one(shop):
    distrusted, proven = shop.add(age_days=0), shop.add(age_days=30)
    shop.points.distrust(Distrust(point=distrusted.id, because="bad import", by="ada", at=datetime.now(UTC)))

    assert shop.expire().going == ()
    assert shop.ids == [distrusted.id, proven.id]


def test_objects_that_nothing_of_ours_is_called_are_left_and_named(aged):
    point = aged.ids[-1]
    strange = aged.folder / f"shop/points/{point}/notes/from-ada.txt"
    strange.parent.mkdir()
    strange.write_text("why we kept this")
    beside = aged.folder / "shop/points/notes.txt"
    beside.write_text("not a point")

    report = aged.expire()

    assert report.unknown == (f"shop/points/{point}/notes/from-ada.txt",)
    assert strange.exists()
    assert beside.exists()
    assert point not in aged.ids


def test_leftovers_of_a_doubled_backup_go_with_their_point(aged):
    point = aged.ids[-1]
    other = aged.folder / f"shop/points/{point}/ffff0000/database.dump.zst.age"
    other.parent.mkdir()
    other.write_bytes(b"half")

    assert aged.expire().unknown == ()
    assert not other.exists()


def test_the_tidying_before_a_backup_leaves_tombstones(aged):
    aged.expire()
    before = aged.files()

    tidy_vault(aged.application, aged.environment, datetime.now(UTC) + timedelta(days=400))

    assert aged.files() == before


def _damage_manifest(shop):
    (shop.folder / f"shop/points/{shop.ids[-1]}/manifest.json").write_bytes(b'{"format": 1}')


def _damage_drill(shop):
    next((shop.folder / f"shop/points/{shop.ids[0]}/drills").glob("*.json")).write_bytes(b"")


def _damage_pin(shop):
    (shop.folder / f"shop/points/{shop.ids[-1]}/pin.json").write_bytes(b"?")


def _lose_manifest(shop):
    (shop.folder / f"shop/points/{shop.ids[-1]}/manifest.json").unlink()


def _point_of_tomorrow(shop):
    shop.add(age_days=-1, judgement=None)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_damage_manifest, "manifest.json"),
        (_damage_drill, "/drills/"),
        (_damage_pin, "pin.json"),
        (_lose_manifest, "holds no object"),
        (_point_of_tomorrow, "lies in the future"),
    ],
)
def test_a_vault_that_is_not_what_it_should_be_refuses_and_nothing_changes(aged, damage, said):
    damage(aged)
    before = aged.files()

    for carry_out in (False, True):
        with pytest.raises(UnsafeOperation, match=said) as refused:
            aged.expire(carry_out=carry_out, allow_many=True)

    assert "Nothing was changed." in refused.value.detail
    assert aged.files() == before


@pytest.mark.parametrize(
    ("jump", "said"), [(timedelta(days=3650), "the vault's clock says"), (-timedelta(days=1), "the vault's clock says")]
)
def test_a_clock_that_jumped_refuses_and_nothing_changes(aged, jump, said):
    before = aged.files()

    with pytest.raises(UnsafeOperation, match=said):
        aged.expire(allow_many=True, clock=lambda: datetime.now(UTC) + jump)

    assert aged.files() == before


def test_backups_that_have_stopped_refuse(shop):
    for age in (3, 4, 5, 6, 7):
        shop.add(age_days=age)
    before = shop.files()

    with pytest.raises(UnsafeOperation, match="backups have stopped"):
        shop.expire()

    assert shop.files() == before


def test_an_empty_vault_refuses(shop):
    with pytest.raises(UnsafeOperation, match="the vault shows no recovery point"):
        shop.expire()


def test_many_at_once_need_a_word_and_a_dry_run_says_so(aged):
    aged.add(age_days=7)
    before = aged.files()

    assert aged.expire(carry_out=False).too_many == "4 of 7 points would go at once, 3 may"
    with pytest.raises(UnsafeOperation, match="4 of 7 points would go at once") as refused:
        aged.expire()
    assert "--allow-many" in refused.value.hint
    assert aged.files() == before

    assert len(aged.expire(allow_many=True).going) == 4
    assert len(aged.ids) == 3


def test_an_expiry_and_a_backup_exclude_each_other(aged):
    before = aged.files()

    with (
        holding(journals_of(aged.environment), aged.application.name, Purpose.BACKUP, run="shop-backup-20261124T030000Z"),
        pytest.raises(Busy),
    ):
        aged.expire()

    assert aged.files() == before


def test_a_tombstone_that_speaks_of_another_points_keys_removes_nothing(aged):
    victim, other = aged.ids[0], aged.ids[-1]
    aged.expire()
    tombstone = aged.folder / f"shop/points/{other}/expired.json"
    moved = aged.folder / f"shop/points/{victim}/expired.json"
    moved.write_bytes(tombstone.read_bytes())
    before = aged.files()

    with pytest.raises(DamagedObject, match="other points than its own"):
        aged.expire()

    assert aged.files() == before


def test_an_unreadable_word_of_distrust_never_leaves_a_point_trusted(shop):
    manifest = shop.add(age_days=0)
    shop.points.distrust(Distrust(point=manifest.id, because="bad import", by="ada", at=datetime.now(UTC)))
    (shop.folder / f"shop/points/{manifest.id}/distrust.json").write_bytes(b"{}")

    listing = shop.points.listing()

    assert listing.points == ()
    assert [each.key for each in listing.damaged] == [f"shop/points/{manifest.id}/distrust.json"]


def test_a_point_that_expires_while_it_is_listed_is_no_damage(aged):
    point = aged.ids[-1]
    store, vault = PointStore(aged.points.vault, "shop"), aged.points.vault

    class ExpiresMeanwhile(DirectoryVault):
        def list(self, prefix):
            listed = [*vault.list(prefix)]
            aged.expire()
            return iter(listed)

    store.vault = ExpiresMeanwhile(aged.folder)
    listing = store.listing()

    assert point not in [state.manifest.id for state in listing.points]
    assert (len(listing.points), listing.damaged) == (3, ())


def test_a_busy_vault_is_no_damage_of_its_documents(aged):
    class Busied(DirectoryVault):
        def read(self, key):
            raise VaultError(f"slow down: {key}", transient=True)

    with pytest.raises(VaultError, match="slow down"):
        PointStore(Busied(aged.folder), "shop").listing()


def test_reading_an_expired_point_says_that_it_expired(aged):
    point = aged.ids[-1]
    aged.expire()

    with pytest.raises(NotStored, match="expired on"):
        aged.points.read_manifest(point)


def keep_warm(shop, session, manifest, name):
    """Record a drill that has kept a database, and make it, closed."""
    session.execute(f"create database {name} allow_connections false")
    oid = session.execute("select oid::bigint from pg_database where datname = %s", (name,)).fetchone()[0]
    cluster = session.execute("select system_identifier::text from pg_control_system()").fetchone()[0]
    kept = KeptDatabase(name=name, oid=oid, system_identifier=cluster, sessions=0)
    shop.points.record_drill(replace(make_drill(manifest), kept=kept), (), "{}")


def test_a_closed_warm_database_goes_with_its_point_and_no_other_database_does(shop, make_database):
    dsn = make_database("guestbook")
    environment = shop.environment.model_copy(update={"database": DatabaseSection(dsn=dsn)})
    warm = replace(shop, environment=environment)
    names = [f"continuity_kept_{what}_{uuid4().hex[:6]}" for what in ("closed", "opened", "another", "stays")]
    going = [shop.add(age_days=age, judgement=None) for age in (5.1, 6.1, 7.1)]
    staying = [shop.add(age_days=age, judgement=None) for age in (0.1, 1.1, 2.1)]
    with psycopg.connect(dsn, dbname="postgres", autocommit=True) as session:

        def there():
            return [name for name in names if session.execute("select from pg_database where datname = %s", (name,)).rowcount]

        try:
            for name, manifest in zip(names, [*going, staying[0]], strict=True):
                keep_warm(shop, session, manifest, name)
            for manifest in staying[1:]:
                shop.points.record_drill(make_drill(manifest), (), "{}")
            session.execute(f"alter database {names[1]} allow_connections true")
            session.execute(f"drop database {names[2]}")
            session.execute(f"create database {names[2]} allow_connections false")

            dry = warm.expire(carry_out=False)
            assert {each.point for each in dry.going} == {manifest.id for manifest in going}
            assert sorted(dry.warm) == [
                f"database {names[1]}, kept warm of {going[1].id}, was opened since: it is left",
                f"the warm database {names[0]} is dropped with {going[0].id}",
            ]
            assert there() == names

            done = warm.expire()
            assert sorted(done.warm) == sorted(dry.warm)
            assert there() == names[1:]
            assert not done.spared
        finally:
            for name in names:
                session.execute(f"drop database if exists {name}")


def test_a_point_stays_while_nobody_can_tell_what_has_become_of_its_warm_database(shop):
    nowhere = DatabaseSection(dsn="host=127.0.0.1 port=1 connect_timeout=1")
    old, _newer, *_ = [shop.add(age_days=age) for age in (9.1, 0.1, 1.1, 2.1)]
    kept = KeptDatabase(name="continuity_kept_x", oid=1, system_identifier="7", sessions=0)
    shop.points.record_drill(replace(make_drill(old), kept=kept, finished=datetime.now(UTC)), (), "{}")

    report = replace(shop, environment=shop.environment.model_copy(update={"database": nowhere})).expire()

    [(point, because)] = report.spared
    assert point == old.id
    assert because.startswith("its warm database could not be dropped")
    assert old.id in shop.ids
