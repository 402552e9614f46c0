"""Plans that wait for approval, and the approvals of people, signed with their own OpenSSH keys (ed25519)."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from continuity.adapters.documents import read_document, write_document
from continuity.adapters.vault import Vault
from continuity.domain.application import ApplicationName
from continuity.domain.approval import Approval
from continuity.domain.estimates import Estimates
from continuity.domain.plan import Plan, PlanHash
from continuity.errors import AlreadyStored, ConfigurationRefused, NotStored, UnsafeOperation

PLAN, APPROVAL, VERSION = "continuity/plan", "continuity/approval", 1


@dataclass(frozen=True, kw_only=True)
class WaitingPlan:
    """A plan as it was shown, with its estimates."""

    plan: Plan
    estimates: Estimates


def store_plan(vault: Vault, waiting: WaitingPlan) -> None:
    """Keep a plan so that it can be approved by its hash. The same plan made again keeps its first time of making.

    That time is not in the hash: a plan that has become too old to approve is replaced by one with another key.
    """
    vault.create(_plan_key(waiting.plan), write_document(waiting, form=PLAN, version=VERSION))


def find_plan(vault: Vault, application: ApplicationName, plan: str) -> WaitingPlan:
    """Read the newest plan of that hash.

    Raises:
        ConfigurationRefused: there is none.

    """
    if not plan.isalnum():
        raise ConfigurationRefused(f"{plan!r} is not the hash of a plan", hint="Give the hash that the plan ends with.")
    keys = [listed.key for listed in vault.list(f"{application}/plans/{plan}/")]
    if not keys:
        raise ConfigurationRefused(
            f"no plan {plan!r} of {application} waits for approval", hint=f"Make one: `continuity rollback {application}`."
        )
    return read_document(vault.read(keys[-1]), WaitingPlan, form=PLAN, version=VERSION, key=keys[-1])


def list_plans(vault: Vault, application: ApplicationName) -> tuple[Plan, ...]:
    """Read every plan of an application that was ever kept for approval, too old ones included."""
    keys = [listed.key for listed in vault.list(f"{application}/plans/")]
    return tuple(read_document(vault.read(key), WaitingPlan, form=PLAN, version=VERSION, key=key).plan for key in keys)


def sign_approval(approval: Approval, key_file: Path, *, ask_passphrase: Callable[[str], str]) -> Approval:
    """Sign with a private key of OpenSSH's format; `ask_passphrase` is called where it is protected by one.

    Raises:
        ConfigurationRefused: the file holds no ed25519 key that can be opened.

    """
    try:
        data = key_file.read_bytes()
        try:
            key = load_ssh_private_key(data, password=None)
        except TypeError:  # protected by a passphrase
            key = load_ssh_private_key(data, password=ask_passphrase(f"passphrase of {key_file}").encode())
    except OSError as error:
        raise ConfigurationRefused(
            f"{key_file} cannot be read: {error.strerror}", hint="Name your key with --key FILE."
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's message may quote the key.
        raise ConfigurationRefused(f"{key_file} holds no OpenSSH key that opens", hint="Name an ed25519 key.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationRefused(f"{key_file} is not an ed25519 key", hint="Make one: `ssh-keygen -t ed25519`.")
    return replace(approval, signature=base64.b64encode(key.sign(approval.text)).decode())


def store_approval(vault: Vault, approval: Approval) -> None:
    """Keep an approval; a person's second one for the same plan changes nothing."""
    key = f"{approval.application}/approvals/{approval.plan}/{approval.by}.json"
    try:
        vault.create(key, write_document(approval, form=APPROVAL, version=VERSION))
    except AlreadyStored:
        return


def read_approvals(
    vault: Vault, application: ApplicationName, plan: PlanHash, *, approvers: Mapping[str, str]
) -> tuple[Approval, ...]:
    """Read who has approved a plan, each signature held against the key that the environment has of that name.

    Raises:
        UnsafeOperation: an approval is by nobody known, or its signature is not that person's.

    """
    approvals = []
    for listed in vault.list(f"{application}/approvals/{plan}/"):
        approval = read_document(vault.read(listed.key), Approval, form=APPROVAL, version=VERSION, key=listed.key)
        if (approval.application, approval.plan) != (application, plan):
            raise UnsafeOperation(f"{listed.key} approves another plan, {approval.plan}", hint="Find out who put it there.")
        check_signature(approval, approvers)
        approvals.append(approval)
    return tuple(approvals)


def check_signature(approval: Approval, approvers: Mapping[str, str]) -> None:
    """Make sure that an approval was signed by the person whom it names.

    Raises:
        UnsafeOperation: it was not.

    """
    if approval.by not in approvers:
        raise UnsafeOperation(
            f"{approval.by!r} may not approve", hint=f"Known: {', '.join(approvers) or 'nobody'}; see `[rollback.approvers]`."
        )
    try:
        key = load_ssh_public_key(approvers[approval.by].encode())
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigurationRefused(f"the key of {approval.by!r} is not ed25519", hint="Correct `[rollback.approvers]`.")
        key.verify(base64.b64decode(approval.signature), approval.text)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm) as error:
        raise UnsafeOperation(
            f"the approval in the name of {approval.by!r} is not signed with that person's key",
            hint="Sign again, or correct the key in `[rollback.approvers]`.",
        ) from error


def find_application(vault: Vault, plan: str, applications: list[str]) -> ApplicationName:
    """Return the application that a plan belongs to.

    Raises:
        ConfigurationRefused: no application has such a plan.

    """
    for name in applications:
        try:
            return find_plan(vault, ApplicationName(name), plan).plan.application
        except (ConfigurationRefused, NotStored):
            continue
    raise ConfigurationRefused(f"no application has a plan {plan!r}", hint="Give the hash that the plan ends with.")


def _plan_key(plan: Plan) -> str:
    return f"{plan.application}/plans/{plan.hash}/{plan.created:%Y%m%dT%H%M%S%fZ}.json"
