"""Networks by name, one file each."""

from symgeom.learning.networks.registry import NETWORKS, build

__all__ = ["NETWORKS", "build"]
