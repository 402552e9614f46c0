"""terraform: one configuration in one workspace, by the binary on the path. Locks are waited for and never forced."""

import hashlib
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from continuity.adapters.programs import safe_text
from continuity.adapters.terraform_documents import (
    Diagnostic,
    Outputs,
    errors_in,
    last_message,
    read_outputs,
    read_plan,
    read_state_identity,
)
from continuity.adapters.terraform_variables import variables_for
from continuity.domain.infrastructure import InfrastructurePlan, Lock, StateIdentity
from continuity.errors import Busy, ConfigurationRefused, InfrastructureError, StalePlan
from continuity.recovery_settings import TerraformSection

logger = logging.getLogger(__name__)

READ_SECONDS = 120.0
STOP_SECONDS = 300.0
TICK_SECONDS = 0.1
TELL_SECONDS = 2.0
ERRORED_STATE = "errored.tfstate"

Tell = Callable[[str], None]


def tell_nobody(_said: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Terraform:
    """A configuration that can be planned and applied. `folder` is this machine's own: providers, plans, what was said."""

    section: TerraformSection
    folder: Path
    variables: Mapping[str, str] = field(repr=False)

    @property
    def errored_state(self) -> Path:
        """Where terraform leaves a state that its backend did not take."""
        return self.section.directory / ERRORED_STATE

    @property
    def pinned(self) -> bool:
        """Whether the versions of the providers are written down beside the configuration."""
        return (self.section.directory / ".terraform.lock.hcl").exists()

    def prepare(self) -> None:
        """Make backend and providers ready. Uses the caches and mirrors that the CLI configuration names; run twice, the same.

        Raises:
            InfrastructureError: the backend or a provider is not to be had.
            ConfigurationRefused: there is a state that an earlier apply could not store.

        """
        if self.errored_state.exists():
            raise ConfigurationRefused(
                f"{self.errored_state} is the state of an earlier apply, which its backend did not take",
                detail="Without it terraform would make a second time what is there already.",
                hint=f"Store it: `terraform state push {ERRORED_STATE}`, then remove the file.",
            )
        words = ("init", "-input=false", "-reconfigure", *(("-lockfile=readonly",) if self.pinned else ()))
        ended = self._logged(*words, "-json", name="init", seconds=self.section.plan_minutes * 60)
        self._refuse(ended, "prepare")

    def state(self) -> StateIdentity:
        """Return which state the backend holds. Changes nothing."""
        return read_state_identity(self._captured("state", "pull"))

    def plan(self, file: Path, tell: Tell = tell_nobody) -> InfrastructurePlan:
        """Plan into a new file, which holds secrets, and read it. Changes nothing but the lock, which is held meanwhile.

        Raises:
            Busy: somebody holds the lock for longer than is waited; the message names who.
            InfrastructureError: the configuration, a provider or a condition of it refuses.

        """
        state = self.state()
        values = (f"-var-file={self.section.var_file}",) if self.section.var_file else ()
        file.unlink(missing_ok=True)
        seconds = self.section.plan_minutes * 60
        ended = self._locking("plan", "-json", "-input=false", *values, f"-out={file}", seconds=seconds, tell=tell)
        self._refuse(ended, "plan")
        file.chmod(0o600)
        return read_plan(self._captured("show", "-json", str(file)), sha256=digest_of(file), state=state)

    def apply(self, file: Path, tell: Tell = tell_nobody) -> StateIdentity:
        """Apply exactly a plan file, and return the state that it led to.

        This process may die meanwhile: terraform goes on, holds the lock, and writes what it has done. Whoever comes next waits
        for it.

        Raises:
            StalePlan: the state has moved since the plan; nothing was changed.
            Busy: as for `plan`; nothing was changed.
            InfrastructureError: a provider refused; what was made before stands in the state. Where `errored_state` exists then,
                the backend did not take that.

        """
        ended = self._locking(
            "apply", "-json", "-input=false", "-auto-approve", str(file), seconds=self.section.apply_minutes * 60, tell=tell
        )
        if any(error.stale for error in ended.errors):
            raise StalePlan("the state has moved since the plan was made", hint="Make a new plan.")
        self._refuse(ended, "apply")
        return self.state()

    def outputs(self) -> Outputs:
        """Read the outputs; sensitive values are dropped where they are read."""
        return read_outputs(self._captured("output", "-json"))

    def version(self) -> str:
        """Return the version of the binary."""
        words = self._captured("version").split()
        return words[1].removeprefix("v") if len(words) > 1 else ""

    def _locking(self, *words: str, seconds: float, tell: Tell) -> "_Ended":
        """Run what takes the lock. A first try does not wait, so that whoever holds it is told while we do."""
        name, *rest = words
        ended = self._logged(name, "-lock-timeout=0s", *rest, name=name, seconds=seconds, tell=tell)
        if (lock := ended.lock) is None or not self.section.lock_wait_seconds:
            return ended
        logger.warning("waiting for a lock of terraform's holder=%s seconds=%d", lock, self.section.lock_wait_seconds)
        tell(f"the state is locked by {lock}; waiting for up to {self.section.lock_wait_seconds} s")
        waits = f"-lock-timeout={self.section.lock_wait_seconds}s"
        return self._logged(name, waits, *rest, name=name, seconds=seconds + self.section.lock_wait_seconds, tell=tell)

    def _refuse(self, ended: "_Ended", doing: str) -> None:
        if ended.code == 0:
            return
        if (lock := ended.lock) is not None:
            raise Busy(
                f"terraform's state is locked by {lock}",
                detail=f"Waited for {self.section.lock_wait_seconds} s. Nothing was changed.",
                hint=f"Wait for it. Only when its process is certainly gone, by hand: `terraform force-unlock {lock.id}`.",
            )
        first = str(ended.errors[0]) if ended.errors else f"it ended with {ended.code}"
        raise InfrastructureError(
            f"terraform could not {doing}: {first}",
            detail="\n".join(map(str, ended.errors[1:])),
            hint=f"What it said is in {ended.log}, on this machine.",
        )

    def _captured(self, *words: str) -> str:
        """Run what only reads, and return what it prints, which may be secret: it is never shown, nor are its errors."""
        argv = ["terraform", f"-chdir={self.section.directory}", *words]
        try:
            done = subprocess.run(
                argv,
                env=dict(self.variables),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=READ_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise _absent() from error
        except subprocess.TimeoutExpired:
            raise InfrastructureError(f"`terraform {words[0]}` did not end within {READ_SECONDS:g} s") from None
        if done.returncode != 0:
            lines = [line for line in safe_text(done.stderr).splitlines() if "Error:" in line]
            raise InfrastructureError(
                f"`terraform {words[0]}` ended with {done.returncode}", detail="\n".join(lines), hint="Run it by hand to see why."
            )
        return done.stdout.decode("utf-8", errors="replace")

    def _logged(self, *words: str, name: str, seconds: float, tell: Tell = tell_nobody) -> "_Ended":
        """Run a command whose events go to a file: a pipe would end terraform together with us, in the middle of its work."""
        log = self.folder / f"{name}.jsonl"
        argv = ["terraform", f"-chdir={self.section.directory}", *words]
        with _private(log) as output:
            try:
                process = subprocess.Popen(
                    argv,
                    env=dict(self.variables),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise _absent() from error
        code = _wait(process, log, seconds, tell)
        return _Ended(code=code, errors=errors_in(_text(log)), log=log)


@dataclass(frozen=True, kw_only=True)
class _Ended:
    code: int
    errors: tuple[Diagnostic, ...]
    log: Path

    @property
    def lock(self) -> Lock | None:
        return next((error.lock for error in self.errors if error.lock), None)


def open_terraform(section: TerraformSection, folder: Path) -> Terraform:
    """Return a configuration with the variables that its commands may see; `folder` is made, for this user alone.

    Raises:
        ConfigurationRefused: the binary, the configuration or the file of values is not there, or not as it has to be.

    """
    if shutil.which("terraform") is None:
        raise _absent()
    directory = section.directory
    if not any(directory.glob("*.tf")) and not any(directory.glob("*.tf.json")):
        raise ConfigurationRefused(f"{directory} holds no configuration of terraform", hint="Correct `[terraform] directory`.")
    if not os.access(directory, os.W_OK):
        raise ConfigurationRefused(
            f"{directory} cannot be written to: terraform keeps a state there that its backend does not take",
            hint="Make it writable for this user, or use a copy of it.",
        )
    if section.var_file and not section.var_file.is_file():
        raise ConfigurationRefused(f"{section.var_file} is no file", hint="Correct `[terraform] var_file`.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    absolute = section.model_copy(
        update={"directory": directory.resolve(), "var_file": section.var_file.resolve() if section.var_file else None}
    )
    return Terraform(section=absolute, folder=folder.resolve(), variables=variables_for(section, folder.resolve()))


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a plan file, or "" where it is gone."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@contextmanager
def _private(path: Path) -> Iterator[int]:
    """Open a file of this user's alone, emptied."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def _wait(process: "subprocess.Popen[bytes]", log: Path, seconds: float, tell: Tell) -> int:
    """Wait for terraform's end. Past its time, or when we are interrupted, it is asked once to stop, and writes its state."""
    until, told, tell_at = time.monotonic() + seconds, "", time.monotonic() + TELL_SECONDS
    try:
        while process.poll() is None and time.monotonic() < until:
            if time.monotonic() > tell_at and (said := last_message(_text(log))) != told:
                tell(said)
                told, tell_at = said, time.monotonic() + TELL_SECONDS
            time.sleep(TICK_SECONDS)
    except BaseException:
        _stop(process)
        raise
    if process.returncode is None:
        _stop(process)
        raise InfrastructureError(
            f"terraform did not end within {seconds:.0f} s and was asked to stop",
            detail="What it has made stands in its state.",
            hint=f"See {log}; then make a new plan.",
        )
    return process.returncode


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask terraform to stop, once: a second time, or a kill, would lose what it has not written yet."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        logger.warning("terraform goes on, and is left to end: pid=%d", process.pid)


def _absent() -> ConfigurationRefused:
    return ConfigurationRefused("terraform is not on this machine", hint="Install version 1.5 or newer, and put it on the path.")
