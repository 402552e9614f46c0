"""What a restore needs of a server and a machine, as a recovery point or the live database tells it."""

import json
from dataclasses import dataclass

from continuity.domain.catalog import OWNER, CatalogEntry, Kind
from continuity.domain.recovery_point import Manifest


@dataclass(frozen=True, kw_only=True)
class RestoreNeeds:
    """What must be there. `content_bytes` is the uncompressed dump's size, or no less than it."""

    major: int
    extensions: tuple[str, ...]
    roles: tuple[str, ...]
    catalog: tuple[CatalogEntry, ...]
    content_bytes: int

    @property
    def owners(self) -> tuple[str, ...]:
        """The roles that own things, the system's apart."""
        owners = {entry.properties[OWNER] for entry in self.catalog if OWNER in entry.properties} - {""}
        return tuple(sorted(name for name in owners if not name.startswith("pg_")))

    @property
    def superuser_parts(self) -> tuple[str, ...]:
        """What only a superuser can restore: event triggers, untrusted languages, publications of everything."""
        return tuple(
            f"{entry.kind.value.removesuffix('s')} {entry.name}"
            for entry in self.catalog
            if entry.kind is Kind.EVENT_TRIGGER
            or (entry.kind is Kind.PUBLICATION and "all true" in entry.properties.get("publishes", ""))
            or (entry.name.startswith("language ") and entry.properties.get("definition") == "false")
        )

    @property
    def roles_with_settings(self) -> tuple[str, ...]:
        """The roles that have settings of their own in this database."""
        recorded = next((entry.properties["settings"] for entry in self.catalog if entry.kind is Kind.DATABASE), "[]")
        return tuple(sorted(role for role, _ in json.loads(recorded) if role))


def needs_of_point(manifest: Manifest) -> RestoreNeeds:
    """Return what restoring a point needs."""
    return RestoreNeeds(
        major=manifest.database.major,
        extensions=tuple(manifest.extensions),
        roles=manifest.roles,
        catalog=manifest.catalog,
        content_bytes=manifest.dump.content_bytes,
    )
