"""What divides traffic between the recovered side and the rest: a route or an ingress on the cluster, or a command for DNS.

One contract: read the weights, compute those of a percentage, set them as a compare-and-set. Former weights are the caller's
to keep, and go back exactly.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from continuity.adapters.cluster import Cluster, Document, compare_and_set, open_cluster
from continuity.adapters.programs import child_environment, run_in_group
from continuity.domain.deployment import quiet_route
from continuity.domain.weights import ALL, CanaryWeights, Division, RouteWeights, Weights
from continuity.errors import CheckFailed, ConfigurationRefused, UnsafeOperation
from continuity.recovery_settings import ShiftSection
from continuity.settings import ClusterSection


@dataclass(frozen=True, kw_only=True)
class Divided:
    """How traffic is divided now. `uid` identifies the object that says so, "" where a command does."""

    weights: Weights
    percent: float | None
    uid: str = ""


class Traffic(Protocol):
    """What divides traffic."""

    @property
    def name(self) -> str:
        """How plans call it."""

    def read(self) -> Divided:
        """Read how traffic is divided."""

    def at(self, percent: int, former: Weights) -> Weights:
        """Compute the weights of a percentage; the rest is divided as it was formerly."""

    def put(self, weights: Weights, *, uid: str, over: Sequence[Weights] | None = None) -> None:
        """Set weights in the place of one of `over`, of any where that is None. Run twice, it changes once.

        Raises:
            UnsafeOperation: it is another object, or has other weights: somebody else has acted. Nothing was changed.
            ContinuityError: not done; transient where it may go through later.

        """


@dataclass(frozen=True, kw_only=True)
class ClusterTraffic:
    """Weights in an object of the cluster."""

    name: str
    cluster: Cluster
    division: Division
    namespace: str
    object: str

    def read(self) -> Divided:
        """Read the weights.

        Raises:
            NotInCluster: there is no such object.
            UnsafeOperation: it is not about the recovered side.

        """
        found = self._read()
        weights = self.division.read(found)
        return Divided(weights=weights, percent=self.division.percent(weights), uid=found["metadata"]["uid"])

    def at(self, percent: int, former: Weights) -> Weights:
        """Compute the weights of a percentage."""
        return self.division.at(percent, former)

    def put(self, weights: Weights, *, uid: str, over: Sequence[Weights] | None = None) -> None:
        """Set weights by a patch that names the resourceVersion that they were read with."""
        seen: list[Document] = []

        def read() -> Document:
            seen.append(self._read())
            return seen[-1]

        def write(version: str) -> Document:
            now = self.division.read(seen[-1])
            if over is not None and now not in over:
                raise _foreign(self.name, now)
            body = self.division.patch(seen[-1], weights)
            body["metadata"] = {**body.get("metadata", {}), "resourceVersion": version}
            merge = "application/merge-patch+json"
            return self.cluster.request(f"divide traffic by {self.name}", "PATCH", self._path, body=body, content_type=merge)

        compare_and_set(
            f"divide traffic by {self.name}",
            uid=uid,
            read=read,
            reached=lambda found: self.division.read(found) == weights,
            write=write,
        )

    @property
    def _path(self) -> str:
        kind = self.division
        return f"/apis/{kind.group}/{kind.version}/namespaces/{self.namespace}/{kind.plural}/{self.object}"

    def _read(self) -> Document:
        return self.cluster.request(f"read {self.name}", "GET", self._path)


@dataclass(frozen=True, kw_only=True)
class CommandTraffic:
    """Weights behind commands of one's own: `{percent}` in `setting` stands for what the recovered side gets.

    The last line that `reading` says is the present percentage, as a whole number. Nothing compares and sets here but
    reading before and after: a command that can do so itself should.
    """

    name: str
    setting: tuple[str, ...]
    reading: tuple[str, ...]
    deadline_seconds: float

    def read(self) -> Divided:
        """Ask for the percentage.

        Raises:
            CheckFailed: the command failed, took too long, or said no whole number from 0 to 100.

        """
        said = self._run(self.reading)
        last = (said.strip().splitlines() or [""])[-1].strip().removesuffix("%").strip()
        if not last.isdecimal() or int(last) > ALL:
            raise CheckFailed(
                f"{self.reading[0]} does not say a percentage in its last line", hint="Its last line is a number from 0 to 100."
            )
        return Divided(weights=int(last), percent=int(last))

    def at(self, percent: int, _former: Weights) -> Weights:
        """Return the percentage itself."""
        return percent

    def put(self, weights: Weights, *, uid: str = "", over: Sequence[Weights] | None = None) -> None:  # noqa: ARG002 -- a command has no uid
        """Run the command, and make sure by the other one that it has had its effect."""
        now = self.read().weights
        if now == weights:
            return
        if over is not None and now not in over:
            raise _foreign(self.name, now)
        self._run(tuple(part.replace("{percent}", str(weights)) for part in self.setting))
        if (now := self.read().weights) != weights:
            raise CheckFailed(
                f"{self.setting[0]} has ended well, and traffic is at {now} %, not at {weights} %",
                hint="Look at what the command says and at what it changes.",
                transient=True,
            )

    def _run(self, argv: Sequence[str]) -> str:
        try:
            ended = run_in_group(argv, environment=child_environment({}), timeout_seconds=self.deadline_seconds)
        except TimeoutError as error:
            raise CheckFailed(str(error), hint="Look at what it waits for.", transient=True) from error
        if ended.code:
            raise CheckFailed(
                f"{argv[0]} ended with {ended.code}", detail=ended.said[-500:], hint="Run it by hand.", transient=True
            )  # fmt: skip
        return ended.said


def _foreign(name: str, now: Weights) -> UnsafeOperation:
    return UnsafeOperation(
        f"{name} has weights that are not ours: {now}",
        detail="Nothing was changed.",
        hint="Somebody else divides traffic: find out who; then make a new plan.",
    )


@contextmanager
def open_traffic(shift: ShiftSection | None, cluster: ClusterSection) -> Iterator[Traffic]:
    """Open what the environment says divides traffic.

    Raises:
        ConfigurationRefused: it does not say, or the kubeconfig cannot be used.

    """
    if shift is None:
        raise ConfigurationRefused(
            "the environment does not say what divides traffic", hint="Fill in the section `[shift]` of its file."
        )
    name = traffic_name(shift)
    if shift.set_command:
        yield CommandTraffic(
            name=name,
            setting=shift.set_command,
            reading=shift.read_command,
            deadline_seconds=shift.command_deadline_seconds,
        )
        return
    namespace, _, named = (shift.route or shift.ingress).partition("/")
    with open_cluster(cluster) as opened:
        yield ClusterTraffic(name=name, cluster=opened, division=_division(shift), namespace=namespace, object=named)


def traffic_name(shift: ShiftSection) -> str:
    """Return how plans call what divides traffic: also while nothing of it is there."""
    if shift.set_command:
        return f"the command {shift.set_command[0]}"
    side = f", backend {shift.backend}" if shift.backend else ""
    return f"{_division(shift).plural} {shift.route or shift.ingress}{side}"


def quieted(shift: ShiftSection | None) -> Mapping[str, str]:
    """Return what manifests have to be quieted by (see `quiet_route`); nothing where a command divides traffic."""
    if shift is None or shift.set_command:
        return {}
    namespace, _, name = (shift.route or shift.ingress).partition("/")
    return quiet_route(namespace, name, shift.backend)


def _division(shift: ShiftSection) -> Division:
    return RouteWeights(backend=shift.backend) if shift.route else CanaryWeights()
