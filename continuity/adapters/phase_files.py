"""`phases.toml` beside application.toml: the phases in which the application was built. One that misses something is refused."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from continuity.domain.application import WorkloadRef
from continuity.domain.phases import Phase, PhaseCode, PhaseName, PhaseService
from continuity.domain.reverts import refuse_unsafe_paths, refuse_unsafe_ref
from continuity.domain.workloads import digest_in
from continuity.errors import ConfigurationRefused
from continuity.sections import Section, parse, read_toml

_Text = Annotated[str, Field(min_length=1)]


class _Code(Section):
    ref: _Text
    files: Annotated[tuple[_Text, ...], Field(min_length=1)]


class _Service(Section):
    workload: _Text
    container: str = ""
    image: str = ""
    replicas: Annotated[int | None, Field(ge=0, le=10_000)] = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.replicas is None) == (not self.image):
            raise ValueError("a service has either an `image` or `replicas`")
        if bool(self.image) != bool(self.container):
            raise ValueError("an image is for a `container`, and a container for an image")
        if self.image and not digest_in(self.image):
            raise ValueError("an image is named by its digest, REPOSITORY@sha256:…: a tag may mean another one tomorrow")
        return self


class _Phase(Section):
    name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,39}$")]
    title: str = ""
    flags: tuple[_Text, ...] = ()
    code: _Code | None = None
    service: tuple[_Service, ...] = ()
    tables: tuple[_Text, ...] = ()
    columns: tuple[_Text, ...] = ()
    media: tuple[_Text, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any((self.flags, self.code, self.service, self.tables, self.columns, self.media)):
            raise ValueError("it names nothing that it has brought")
        return self


class _PhasesFile(Section):
    phase: tuple[_Phase, ...] = ()


def load_phases(
    path: Path, *, workloads: Sequence[WorkloadRef], flags: Sequence[str] | None, has_media: bool
) -> tuple[Phase, ...]:
    """Read the phases of an application; none where there is no such file.

    `flags` are the flags that the application names, None where it has none at all; with an empty list any may be there.

    Raises:
        ConfigurationRefused: the file is wrong, or names what the application does not have.

    """
    if not path.exists():
        return ()
    described = parse(_PhasesFile, read_toml(path), source=path).phase
    names = [each.name for each in described]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationRefused(f"{path} has two phases of the name {min(twice)!r}", hint="Rename one of them.")
    # By the name alone only where there is one of it.
    known = {each.name: each for each in workloads if sum(other.name == each.name for other in workloads) == 1}
    known |= {str(each): each for each in workloads}
    for each in described:
        _refuse_unknown(path, each, known, flags, has_media=has_media)
    return tuple(_phase(each, known) for each in described)


def _phase(described: _Phase, workloads: Mapping[str, WorkloadRef]) -> Phase:
    code = described.code
    return Phase(
        name=PhaseName(described.name),
        title=described.title,
        flags=described.flags,
        code=PhaseCode(ref=code.ref, files=code.files) if code else None,
        services=tuple(
            PhaseService(workload=str(workloads[each.workload]), **each.model_dump(exclude={"workload"}))
            for each in described.service
        ),
        tables=described.tables,
        columns=described.columns,
        media=described.media,
    )


def _refuse_unknown(
    path: Path, phase: _Phase, workloads: Mapping[str, WorkloadRef], flags: Sequence[str] | None, *, has_media: bool
) -> None:
    for each in phase.service:
        if each.workload not in workloads:
            raise _unknown(path, phase, f"workload {each.workload!r}", each.workload, list(workloads))
        if each.container and each.container not in (containers := workloads[each.workload].containers):
            raise _unknown(path, phase, f"container {each.container!r} of {each.workload}", each.container, containers)
    if phase.flags and flags is None:
        raise ConfigurationRefused(
            f"{path}: phase {phase.name!r} switches flags off, and the application has none",
            hint="Say in application.toml where its `[flags]` are.",
        )
    for name in phase.flags if flags else ():
        if name not in (flags or ()):
            raise _unknown(path, phase, f"flag {name!r}", name, flags or ())
    if phase.media and not has_media:
        raise ConfigurationRefused(
            f"{path}: phase {phase.name!r} has media, and the application no bucket",
            hint="Name it in application.toml under `[media]`.",
        )
    if phase.code:
        refuse_unsafe_ref(phase.code.ref)
        refuse_unsafe_paths(phase.code.files)


def _unknown(path: Path, phase: _Phase, what: str, name: str, known: Sequence[str]) -> ConfigurationRefused:
    near = get_close_matches(name, known, n=1)
    return ConfigurationRefused(
        f"{path}: phase {phase.name!r} names {what}, which the application does not have"
        + (f", did you mean {near[0]!r}?" if near else ""),
        hint=f"Known: {', '.join(known) or 'none'}.",
    )
