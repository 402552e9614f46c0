"""What the fields of the flows' forms accept. Their descriptions are the `Args` of each flow: Prefect reads them there."""

from typing import Annotated

from pydantic import Field

ProtectedName = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,39}$")]
"""The name of an application. A deployment offers its own application only: see `deployments.serving`."""

PointId = Annotated[str, Field(pattern=r"^$|^[a-z][a-z0-9-]*-[0-9]{8}T[0-9]{6}Z$")]
"""The id of a recovery point, or nothing."""

PointOrLatest = Annotated[str, Field(pattern=r"^latest$|^[a-z][a-z0-9-]*-[0-9]{8}T[0-9]{6}Z$")]
"""`latest`, or the id of a recovery point."""

Moment = Annotated[str, Field(max_length=40)]
"""A moment as ISO 8601 writes it, or nothing."""

HowMany = Annotated[int, Field(ge=0)]
"""A number of things, or none."""

KeyPrefix = Annotated[str, Field(max_length=1024)]
"""The beginning of keys in a bucket, or nothing."""

DatabaseName = Annotated[str, Field(max_length=63)]
"""The name of a database, or nothing."""

RunOrLast = Annotated[str, Field(pattern=r"^$|^[a-z][a-z0-9-]*-[a-z]+-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}$")]
"""The id of a run, or nothing."""

PhaseName = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,39}$")]
"""The name of a phase. A deployment offers those that phases.toml describes."""

FlagName = Annotated[str, Field(min_length=1, max_length=200)]
"""The name of a feature flag. A deployment offers those that application.toml names."""

ObjectName = Annotated[str, Field(min_length=3, max_length=400)]
"""The name of a table or column, with its schema, as PostgreSQL writes names."""

ConstraintName = Annotated[str, Field(max_length=130)]
"""The name of a constraint, or nothing."""

AlertRun = Annotated[str, Field(pattern=r"^$|^[a-z][a-z0-9-]*-rollback-alert-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}$")]
"""The id of an accepted alert, or nothing."""

IncidentOrNone = Annotated[str, Field(pattern=r"^$|^[a-z][a-z0-9-]*-incident-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}$")]
"""The id of an incident, or nothing."""

Words = Annotated[str, Field(max_length=400)]
"""What a person says in a line, or nothing."""
