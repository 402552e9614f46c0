"""The steps that make the infrastructure as its configuration says, by terraform, and read what it is called.

Nothing here destroys what was made. To undo would be to delete, which is what a run refuses; what stands empty costs money, and
is found again by the next plan. So taking a run back leaves it, and the plan says so beforehand.
"""

import hashlib
import io
import json
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from continuity.adapters.processes import left_behind, mark
from continuity.adapters.sealing import parse_recipients, seal_into
from continuity.adapters.terraform import Terraform, digest_of, open_terraform
from continuity.domain.application import Application, ApplicationName
from continuity.domain.infrastructure import (
    APPLY_INFRASTRUCTURE,
    PLAN_INFRASTRUCTURE,
    READ_OUTPUTS,
    Decision,
    InfrastructurePlan,
    StateIdentity,
    changes_of,
    decide,
    left_of,
)
from continuity.domain.outputs import told_by
from continuity.domain.plan import Facts
from continuity.errors import (
    AlreadyStored,
    ConfigurationRefused,
    InfrastructureError,
    StalePlan,
    UnsafeOperation,
    VaultError,
)
from continuity.settings import Environment
from continuity.steps.operation import ONCE, PATIENT, Operation
from continuity.steps.places import terraform_folder, vault_of
from continuity.steps.progress import Report, silent
from continuity.steps.step import Probe, Step, World

logger = logging.getLogger(__name__)

_LOOK = "look-"
_NEW_PLAN = "Nothing more was changed; make a new plan, and look at what it shows."


def terraform_of(environment: Environment, application: ApplicationName) -> Terraform:
    """Open the configuration that an environment names.

    Raises:
        ConfigurationRefused: it names none, or one that cannot be used.

    """
    if environment.terraform is None:
        raise ConfigurationRefused(
            "the environment names no infrastructure", hint="Set `[terraform] directory` in its file, or make it by hand."
        )
    return open_terraform(environment.terraform, terraform_folder(environment, application))


def observe_infrastructure(application: Application, environment: Environment, report: Report = silent) -> InfrastructurePlan:
    """Ask terraform what it would do. Changes nothing; the plan file, which holds secrets, is removed at once.

    Raises:
        Busy: somebody holds the state's lock.
        ConfigurationRefused, InfrastructureError: terraform cannot plan.

    """
    terraform = terraform_of(environment, application.name)
    for left in left_behind(terraform.folder, _LOOK, ".plan"):
        left.unlink(missing_ok=True)
    file = terraform.folder / f"{_LOOK}{mark()}.plan"
    try:
        terraform.prepare()
        return terraform.plan(file, lambda said: report(f"{PLAN_INFRASTRUCTURE}, {said}", 0, 0))
    finally:
        file.unlink(missing_ok=True)


def refuse_unsafe(plan: InfrastructurePlan, application: Application) -> Decision:
    """Return what a plan comes to.

    Raises:
        UnsafeOperation: it would delete or replace what holds data; every address is named.

    """
    decision = decide(plan, application.protected_infrastructure)
    if decision.refused:
        raise UnsafeOperation(
            f"the infrastructure's plan would {decision.refused[0]}",
            detail="\n".join([*map(str, decision.refused[1:]), "Nothing was changed."]),
            hint="Mend configuration, values or state so that it stays; what has to go is removed by a person, by hand.",
        )
    return decision


def _plan(world: World, facts: Facts) -> Facts:
    """Plan into a file of this machine's, for the next step. Running it twice plans again."""
    terraform = terraform_of(world.environment, world.application.name)
    terraform.prepare()
    plan, noted = _planned(world, terraform, facts)
    return {**_of(plan), "terraform": plan.version, "noted": list(noted)}


def _planned(world: World, terraform: Terraform, facts: Facts) -> tuple[InfrastructurePlan, tuple[str, ...]]:
    """Make the run's plan file, and hold it against what was approved."""
    plan = terraform.plan(_file(world, terraform), lambda said: world.report(f"{PLAN_INFRASTRUCTURE}, {said}", 0, 0))
    try:
        _refuse_another(facts, plan)
        return plan, refuse_unsafe(plan, world.application).noted
    except UnsafeOperation:
        _file(world, terraform).unlink(missing_ok=True)
        raise


def _refuse_another(facts: Facts, plan: InfrastructurePlan) -> None:
    if facts["lineage"] and plan.state.lineage != facts["lineage"]:
        raise UnsafeOperation(
            f"the infrastructure's state is {plan.state.lineage or 'gone'}, and {facts['lineage']} was planned for",
            hint="Check account, backend and workspace; then make a new plan.",
        )
    if more := left_of(changes_of(facts["changes"]), plan.changes):
        raise UnsafeOperation(
            f"the infrastructure's plan is not the one that was approved: {more[0]}", detail="\n".join(more[1:]), hint=_NEW_PLAN
        )


def _of(plan: InfrastructurePlan) -> dict[str, object]:
    return {"plan_sha256": plan.sha256, "state": asdict(plan.state)}


def _file(world: World, terraform: Terraform) -> Path:
    return terraform.folder / f"{world.run}.plan"


def _receipt(world: World, terraform: Terraform) -> Path:
    return terraform.folder / f"{world.run}.applied.json"


def _apply_facts(world: World, arguments: Facts) -> Facts:
    planned = world.done[PLAN_INFRASTRUCTURE]
    return {**arguments, "plan_sha256": planned["plan_sha256"], "state": planned["state"]}


def _applied(world: World, _facts: Facts) -> Probe:
    """Ask whether terraform has ended well, and the state is still the one that it left, or one that followed.

    That a plan now shows nothing to do is no test: some providers never come to rest.
    """
    terraform = terraform_of(world.environment, world.application.name)
    try:
        left = StateIdentity(**json.loads(_receipt(world, terraform).read_text()))
    except FileNotFoundError:
        return Probe.NOT_DONE
    terraform.prepare()
    found = terraform.state()
    return Probe.DONE if found.lineage == left.lineage and found.serial >= left.serial else Probe.FOREIGN


def _apply(world: World, facts: Facts) -> Facts:
    """Apply the plan file of the step before, if it is that to the byte and its state has not moved.

    After a kill the state has moved: what is left to do is planned again, and applied where it is a part of what was approved.
    Terraform itself goes on when only this process was killed; the new plan then waits for its lock, and finds less to do.
    """
    terraform = terraform_of(world.environment, world.application.name)
    terraform.prepare()
    file, expected = _file(world, terraform), StateIdentity(**facts["state"])
    plan_sha256: str = facts["plan_sha256"]
    noted: tuple[str, ...] = ()
    if digest_of(file) != plan_sha256 or terraform.state() != expected:
        plan, noted = _planned(world, terraform, facts)
        plan_sha256, noted = plan.sha256, (f"what was left to do was planned again: {plan}", *noted)
    try:
        left = terraform.apply(file, lambda said: world.report(f"{APPLY_INFRASTRUCTURE}, {said}", 0, 0))
    except StalePlan as stale:
        raise UnsafeOperation(stale.message, detail="Somebody else applies at the same time.", hint=_NEW_PLAN) from stale
    except BaseException as error:
        _rescue(world, terraform, error)
        raise
    finally:
        # It holds secrets, and is worth nothing once it was tried.
        file.unlink(missing_ok=True)
    _keep(_receipt(world, terraform), asdict(left))
    logger.info("applied infrastructure plan=%s lineage=%s serial=%d", plan_sha256, left.lineage, left.serial)
    return {"applied_sha256": plan_sha256, "left": asdict(left), "noted": list(noted)}


def _keep(receipt: Path, left: dict[str, object]) -> None:
    draft = receipt.with_suffix(".new")
    with draft.open("w") as target:
        json.dump(left, target)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(receipt)


def _rescue(world: World, terraform: Terraform, error: BaseException) -> None:
    """Save a state that the backend did not take: without it nothing knows of what was made.

    Raises:
        InfrastructureError: it is saved, or could not be; the message names where it is.

    """
    if not terraform.errored_state.exists():
        return
    cause = error.message if isinstance(error, InfrastructureError) else type(error).__name__
    try:
        key = save_state(world.environment, world.application.name, world.run, terraform.errored_state.read_bytes())
        where = f"it is {terraform.errored_state}, and {key} of the vault"
    except (VaultError, OSError) as refused:
        where = f"it is {terraform.errored_state} alone, since the vault did not take it ({type(refused).__name__})"
    raise InfrastructureError(
        f"the infrastructure's state was not taken by its backend: {where}",
        detail=f"First failure: {cause}",
        hint=f"In {terraform.section.directory}: `terraform state push {terraform.errored_state.name}`, then remove the file.",
    ) from error


def save_state(environment: Environment, application: ApplicationName, run: str, state: bytes) -> str:
    """Store a state in the vault, sealed as dumps are, under a key that is created once; return the key.

    The same state twice is one object.
    """
    digest = hashlib.sha256(state).hexdigest()
    stem, recipients = f"{application}/terraform/{run}/errored-{digest[:16]}.tfstate", environment.vault.recipients
    with suppress(AlreadyStored):
        seal_into(vault_of(environment), stem, io.BytesIO(state), recipients=parse_recipients(recipients))
    return f"{stem}.zst.age" if recipients else f"{stem}.zst"


def _leave(world: World, facts: Facts) -> None:
    """Leave standing what was made, and remove the plan file, which holds secrets. Running it twice leaves it twice."""
    (terraform_folder(world.environment, world.application.name) / f"{world.run}.plan").unlink(missing_ok=True)
    addresses: Iterable[str] = (change["address"] for change in facts["changes"])
    logger.warning("the infrastructure stays as it is run=%s changes=%s", world.run, ", ".join(addresses) or "none")


def _read_outputs(world: World, _facts: Facts) -> Facts:
    """Read what later steps need to know; of sensitive outputs only the names.

    Raises:
        UnsafeOperation: an output that says where later steps go says nothing of use.

    """
    terraform = terraform_of(world.environment, world.application.name)
    terraform.prepare()
    outputs = terraform.outputs()
    told_by(outputs.values, terraform.section.outputs.named)
    return {"outputs": dict(outputs.values), "sensitive outputs": list(outputs.sensitive)}


PLAN = Step(kind=PLAN_INFRASTRUCTURE, do=_plan, observes=True, retry=ONCE)
APPLY = Step(kind=APPLY_INFRASTRUCTURE, facts=_apply_facts, probe=_applied, do=_apply, undo=_leave, retry=ONCE)
READ = Step(kind=READ_OUTPUTS, do=_read_outputs, observes=True, retry=PATIENT)

OBSERVE_INFRASTRUCTURE = Operation(name="ask what the infrastructure needs", run=observe_infrastructure)
