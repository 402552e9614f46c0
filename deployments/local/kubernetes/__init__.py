"""A stand-in for the Kubernetes API: what the product needs of it, on one machine, each container a real local process.

It keeps objects, answers the official client, turns Deployments into ReplicaSets and these into pods, and runs Jobs. It
has no scheduler, no autoscaler, no network and no volumes, and refuses what it cannot do. Never for an application that
matters: `/version` says what it is.
"""
