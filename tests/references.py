"""Slow and obvious references that stand beside the fast code."""

from itertools import permutations

from torch import Tensor

from symgeom.spec import UnitGroup, take


def best_permutation_by_enumeration(group: UnitGroup, first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """Largest inner product of two networks over all n! permutations of one group."""
    rest = sum(float((first[name] * second[name]).sum()) for name in first if name not in {leg.tensor for leg in group.legs})

    def objective(order: tuple[int, ...]) -> float:
        rows = ((take(first[leg.tensor], leg, group.size), take(second[leg.tensor], leg, group.size)) for leg in group.legs)
        return sum(float((a * b[list(order)]).sum()) for a, b in rows)

    return rest + max(objective(order) for order in permutations(range(group.size)))
