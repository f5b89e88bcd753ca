"""Families that lie side by side are matched together.

The groups of a grouped convolution differ only by the block that they sit in. None acts on another,
so that the objective is a sum over them: matching all of them is one step of the ascent.
"""

from symgeom.quotient.alignment.plan import Family, Plan

Crew = tuple[str, ...]
"""Names of families that are matched together."""


def crews_of(plan: Plan) -> list[Crew]:
    """Return the families of an architecture, those together that lie side by side.

    Parameters
    ----------
    plan : Plan
        The families.

    Returns
    -------
    list of tuple of str
        Every family once, in the order of the plan.

    Examples
    --------
    >>> from symgeom.quotient.alignment.plan import make_plan
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> left = UnitGroup("hidden1", 2, (Leg("w", 0),))
    >>> right = UnitGroup("hidden2", 2, (Leg("w", 0, start=2),))
    >>> stream = UnitGroup("hidden3", 5, (Leg("w", 1),))
    >>> crews_of(make_plan(SymmetrySpec((left, right, stream))))
    [('hidden1', 'hidden2'), ('hidden3',)]
    """
    alike: dict[tuple[object, ...], list[str]] = {}
    for name, family in plan.items():
        alike.setdefault(_kind(family), []).append(name)
    crews: list[Crew] = []
    for names in alike.values():
        if _are_apart(plan, names):
            crews.append(tuple(names))
        else:
            crews += [(name,) for name in names]
    rank = {name: number for number, name in enumerate(plan)}
    return sorted(crews, key=lambda crew: rank[crew[0]])


def _kind(family: Family) -> tuple[object, ...]:
    """Return what families have in common that differ only by the block they sit in."""
    axes = [(strand.leg.tensor, strand.leg.axis) for strand in family.strands]
    return family.group.size, family.group.scale, *axes


def _are_apart(plan: Plan, names: list[str]) -> bool:
    """Return whether no family acts on the strands of another one."""
    return all(plan[name].read.isdisjoint(names) for name in names)
