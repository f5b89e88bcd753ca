"""Conservation laws: how many a network has, and whether its charges are among them."""

from symgeom.dynamics.laws.check import LawCheck, check_laws
from symgeom.dynamics.laws.count import LawCount, count_laws

__all__ = ["LawCheck", "LawCount", "check_laws", "count_laws"]
