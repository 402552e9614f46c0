"""What can go wrong, sorted by what the caller does next; every exit code has its exception."""

from typing import ClassVar


class ContinuityError(Exception):
    """A failure with its facts, and what to do about it.

    The message is a fact with values, lower case, no full stop; `detail` says what was changed or seen;
    `hint` is an action. `transient` says that the same call may go through later: it alone decides a retry.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, detail: str = "", hint: str = "", transient: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.transient = transient

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling (keyword-only arguments are not in `args`), as futures between processes need."""
        return (_rebuild, (type(self), self.message, self.detail, self.hint, self.transient))


def _rebuild(kind: type[ContinuityError], message: str, detail: str, hint: str, transient: bool) -> ContinuityError:  # noqa: FBT001 -- pickling passes by position
    return kind(message, detail=detail, hint=hint, transient=transient)


class ConfigurationRefused(ContinuityError):
    """The command, a file or a setting is not usable as it is; nothing was touched."""

    exit_code = 2


class UnsafeOperation(ContinuityError):
    """Refused for safety: going on could lose data. Nothing was changed."""

    exit_code = 3


class Busy(ContinuityError):
    """Another run holds the application."""

    exit_code = 75


class DatabaseError(ContinuityError):
    """PostgreSQL refused or could not be reached."""


class ClusterError(ContinuityError):
    """The Kubernetes API refused, or could not be reached."""


class NotInCluster(ClusterError):
    """The cluster has no such object, or no such kind of object."""


class ClusterConflict(ClusterError):
    """Somebody else has changed the object first, or made one of the name."""


class FieldConflict(ClusterError):
    """Other managers have set fields of an object to other values than are wanted of them; the message names both."""


class BackupFailed(ContinuityError):
    """No recovery point was made; what was half written is not visible as one."""


class VaultError(ContinuityError):
    """The vault could not be reached, or refused."""


class AlreadyStored(VaultError):
    """The key exists: objects of a vault are created once and never replaced."""


class NotStored(VaultError):
    """The vault holds no such object."""


class Overtaken(VaultError):
    """Another process has written here since we last read: what we know is out of date, and we must stop."""


class DamagedObject(VaultError):
    """Stored bytes are not the bytes that were written."""


class DrillFailed(ContinuityError):
    """The drill's own machinery failed, so it says nothing about the recovery point."""


class MediaError(ContinuityError):
    """The media bucket could not be read."""


class CheckFailed(ContinuityError):
    """What was done stands, and the application does not pass a check of it."""
