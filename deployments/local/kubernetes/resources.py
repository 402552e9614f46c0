"""The kinds of object that the stand-in knows, as one table. A kind that is not in it is answered with 404."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A kind of object, and where it stands in the API; `custom` ones are kept as they come and have no defaults."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    custom: bool = False
    generation: tuple[str, ...] = ()
    """Parts of the object whose change raises metadata.generation: "spec", "annotations"."""

    @property
    def api_version(self) -> str:
        """Give what objects of the kind have as apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def title(self) -> str:
        """Give how messages name the kind."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


NAMESPACES = Resource(group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False)
PODS = Resource(group="", version="v1", plural="pods", kind="Pod")
CONFIG_MAPS = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap")
SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret")
# A Deployment's generation rises for a changed annotation too (seen on API server 1.36).
DEPLOYMENTS = Resource(
    group="apps", version="v1", plural="deployments", kind="Deployment", generation=("spec", "annotations")
)  # fmt: skip
REPLICA_SETS = Resource(group="apps", version="v1", plural="replicasets", kind="ReplicaSet", generation=("spec",))
JOBS = Resource(group="batch", version="v1", plural="jobs", kind="Job", generation=("spec",))
AUTOSCALERS = Resource(
    group="autoscaling", version="v2", plural="horizontalpodautoscalers", kind="HorizontalPodAutoscaler"
)  # fmt: skip
BUILT_IN = (NAMESPACES, PODS, CONFIG_MAPS, SECRETS, DEPLOYMENTS, REPLICA_SETS, JOBS, AUTOSCALERS)


def declared_resources(path: Path) -> tuple[Resource, ...]:
    """Read which custom kinds the cluster has: `custom_resources` of the cluster's data file."""
    declared = json.loads(path.read_text(encoding="utf-8")).get("custom_resources", [])
    return BUILT_IN + tuple(Resource(**each, custom=True, generation=("spec",)) for each in declared)
