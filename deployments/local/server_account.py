"""The account that a server started by root runs under, and what that account can reach."""

import os
import pwd
import subprocess
import tempfile
from pathlib import Path
from typing import TypedDict

from continuity.errors import ConfigurationRefused

ACCOUNTS = ("postgres", "nobody")


class Identity(TypedDict):
    """Under whom a program is started, as `subprocess` takes it."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def unprivileged_account() -> pwd.struct_passwd | None:
    """Give the account that a server started by root runs under; None when this process is not root's.

    Raises:
        ConfigurationRefused: there is no such account.

    """
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    message = f"PostgreSQL refuses to run as root, and there is no account {' or '.join(ACCOUNTS)} for it"
    raise ConfigurationRefused(message, hint="Run this command as another user than root.")


def identity_of(account: pwd.struct_passwd | None) -> Identity:
    """Give the identity of an account, without any of root's groups; None is this process's own."""
    if account is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def can_reach(path: Path, account: pwd.struct_passwd | None) -> bool:
    """Tell whether the account may enter a directory, or run a program; asked of the kernel, in that account's name."""
    if account is None:
        return os.access(path, os.X_OK)
    asked = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)],
        check=False, cwd="/", timeout=10, **identity_of(account),
    )  # fmt: skip
    return asked.returncode == 0


def reachable_temporary_directory() -> Path:
    """Give a temporary directory that the server's account can enter: the user's own may be closed to it.

    Raises:
        ConfigurationRefused: there is none.

    """
    account = unprivileged_account()
    candidates = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 -- mkdtemp follows
    for candidate in candidates:
        if candidate.is_dir() and can_reach(candidate, account):
            return candidate
    message = f"none of {', '.join(map(str, candidates))} can be entered by the account of the server"
    raise ConfigurationRefused(message, hint="Set TMPDIR to a directory that everybody may enter.")


def refuse_unreachable(directory: Path, account: pwd.struct_passwd | None) -> None:
    """Refuse a directory that the account cannot enter, naming the one on the way to it that is closed.

    Raises:
        ConfigurationRefused: it cannot.

    """
    if account is not None and not can_reach(directory, account):
        closed = next(each for each in [*reversed(directory.parents), directory] if not can_reach(each, account))
        message = f"the server runs as {account.pw_name}, who cannot enter {closed}"
        hint = "Choose a directory that everybody may enter, such as one below /var/tmp, or do not run this as root."
        raise ConfigurationRefused(message, detail=f"directory asked for: {directory}", hint=hint)
