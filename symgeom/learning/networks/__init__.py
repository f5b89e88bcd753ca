"""Networks by name."""

from symgeom.learning.networks.registry import NETWORKS, build

__all__ = ["NETWORKS", "build"]
