"""Discovery: find the symmetries of any network by itself."""

from symgeom.symmetry.discovery.derive import discover

__all__ = ["discover"]
