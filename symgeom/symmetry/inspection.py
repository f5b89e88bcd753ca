r"""A look at the symmetries of a network: its groups as a table, and how many symmetries they are.

The continuous symmetries have dimension :math:`\sum_g n_g` (positive scales) :math:`+ \sum_g n_g^2`
(linear groups), and there are :math:`\prod_g n_g!` permutations beside these (those of linear
groups are among the matrices), with :math:`n_g` units in group :math:`g`.
"""

import math
import textwrap
from itertools import groupby

from symgeom.symmetry.certificate import Certificate
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup

_NOTATION = {
    "+": "a.b+c two tensors of a",
    "^": "^p a scale s multiplies by s^p (not shown: s)",
    "@": "@k the units begin at entry k",
    "/": "/k each unit owns k neighbouring entries",
    "*": "*k the run of all units is repeated k times",
    "{": "{a:i-j} only where axis a is from i to j-1",
    "~": "~ a buffer",
}


def leg_text(leg: Leg) -> str:
    """Return a leg in short: tensor[axis], with what differs from the ordinary.

    Parameters
    ----------
    leg : Leg
        One slice of a tensor.

    Returns
    -------
    str
        As explained under each table.

    Examples
    --------
    >>> leg_text(Leg("6.weight", 1, power=-1, block=4))
    '6.weight[1/4]^-1'
    """
    start, block, outer = (
        f"{mark}{value}" * (value != usual)
        for mark, value, usual in (("@", leg.start, 0), ("/", leg.block, 1), ("*", leg.outer, 1))
    )
    region = "".join(f"{{{axis}:{first}-{stop}}}" for axis, first, stop in leg.region)
    return f"{leg.tensor}[{leg.axis}{start}{block}{outer}{region}]{'~' * leg.buffer}{f'^{leg.power}' * (leg.power != 1)}"


def table(spec: SymmetrySpec, *, width: int, all_legs: bool = False) -> str:
    """Return the groups as a table, one line each.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    width : int
        Characters per line; a list of legs that is longer is cut, and what is left out is counted.
    all_legs : bool
        Whether to show all legs, on more lines if need be.

    Returns
    -------
    str
        The table, and under it the notation of the legs.

    Examples
    --------
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 4, (Leg("0.weight", 0), Leg("2.weight", 1, -1))),))
    >>> print(table(spec, width=80))
    group    units  kind                exact for  legs
    hidden1      4  positive, permuted  outputs    0.weight[0] 2.weight[1]^-1
    <BLANKLINE>
    legs: tensor[axis]; ^p a scale s multiplies by s^p (not shown: s)
    """
    head = ("group", "units", "kind", "exact for")
    cells = [
        head,
        *((group.name, str(group.size), _kind(group), _exact_for(group)) for group in spec.groups),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    room = max(width - sum(widths) - 2 * len(widths), 20)
    lists = [["legs"], *(_leg_lines(group.legs, room, all_legs=all_legs) for group in spec.groups)]
    lines = []
    for (name, size, *rest), (first, *others) in zip(cells, lists, strict=True):
        row = [
            name.ljust(widths[0]),
            size.rjust(widths[1]),
            *(c.ljust(w) for c, w in zip(rest, widths[2:], strict=True)),
            first,
        ]
        lines += [
            "  ".join(row),
            *(" " * (sum(widths) + 2 * len(widths)) + other for other in others),
        ]
    shown = " ".join(text for legs in lists[1:] for text in legs)
    notation = "; ".join(
        ["legs: tensor[axis]", *(text for mark, text in _NOTATION.items() if mark in shown)]
    )
    return "\n".join(
        [
            *(line.rstrip() for line in lines),
            "",
            textwrap.fill(notation, width, subsequent_indent="  "),
        ]
    )


def _kind(group: UnitGroup) -> str:
    scale = group.scale if group.scale != "none" else ""
    return ", ".join(filter(None, (scale, "permuted" if group.permute else ""))) or "none"


def _exact_for(group: UnitGroup) -> str:
    return "outputs" if group.exact_for == "loss" else "classes"


def _leg_lines(legs: tuple[Leg, ...], room: int, *, all_legs: bool) -> list[str]:
    entries = _entries(legs)
    if all_legs:
        return textwrap.wrap(
            " ".join(text for text, _ in entries),
            room,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    for shown in range(len(entries), 0, -1):
        left_out = sum(count for _, count in entries[shown:])
        line = " ".join(
            [*(text for text, _ in entries[:shown]), *([f"... {left_out} more"] * (left_out > 0))]
        )
        if len(line) <= room:
            return [line]
    return [f"{len(legs)} legs"]


def _entries(legs: tuple[Leg, ...]) -> list[tuple[str, int]]:
    """Return legs in short, neighbours that differ only in the last part of their name as one, and how many each stands for."""
    tensors = [leg.tensor.rpartition(".") for leg in legs]
    places = [leg_text(leg).removeprefix(leg.tensor) for leg in legs]
    entries = []
    for (module, place), members in groupby(
        range(len(legs)), key=lambda leg: ("".join(tensors[leg][:2]), places[leg])
    ):
        last = [tensors[leg][2] for leg in members]
        entries.append((f"{module}{'+'.join(last)}{place}", len(last)))
    return entries


def dimension(spec: SymmetrySpec) -> int:
    """Return the dimension of the continuous symmetries that preserve the outputs.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.

    Returns
    -------
    int
        Zero if there are only signs and permutations.

    Examples
    --------
    >>> dimension(SymmetrySpec((UnitGroup("hidden1", 4, ()), UnitGroup("hidden2", 3, (), scale="linear"))))
    13
    """
    each = {"positive": 1, "linear": 2}
    return sum(
        group.size ** each[group.scale] for group in spec.exact().groups if group.scale in each
    )


def log10_permutations(spec: SymmetrySpec) -> float:
    """Return the logarithm to base 10 of the number of permutations that are no continuous symmetry.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.

    Returns
    -------
    float
        The sum of log10(size!) over the groups that permute and are not linear.

    Examples
    --------
    >>> round(log10_permutations(SymmetrySpec((UnitGroup("hidden1", 5, ()),))), 4)  # 5! = 120
    2.0792
    """
    sizes = [group.size for group in spec.groups if group.permute and group.scale != "linear"]
    return sum(math.lgamma(size + 1) for size in sizes) / math.log(10)


def summary(spec: SymmetrySpec, certificate: Certificate) -> str:
    """Return how many symmetries there are, and what proves them.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    certificate : Certificate
        Of this spec, passed or not.

    Returns
    -------
    str
        A few lines.

    Examples
    --------
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 4, ()),))
    >>> print(summary(spec, Certificate(3e-16, 1e-10, head_unchanged=True, worst_group=None, draws=3)))
    continuous symmetries: dimension 4
    permutations:          24 = 10^1.4
    certificate:           passed; outputs change by 3e-16 of their size under 3 random elements (rounding explains 1e-10)
    """
    exact, lines = spec.exact().groups, {}
    head = sum(group.size for group in spec.groups if group.exact_for == "error")
    lines["continuous symmetries"] = (
        f"dimension {dimension(spec):,}"
        + f", and {head} that keeps the classes only (head)" * (head > 0)
    )
    if signs := sum(group.size for group in exact if group.scale == "sign"):
        lines["signs"] = f"2^{signs}"
    exponent = log10_permutations(spec)
    lines["permutations"] = (
        f"{round(10**exponent):,} = 10^{exponent:.1f}" if exponent < 7 else f"10^{exponent:,.1f}"
    )
    outcome = "passed" if certificate.passed else f"FAILED at group '{certificate.worst_group}'"
    kept = "" if certificate.head_unchanged else "; the head changes predicted classes"
    lines["certificate"] = (
        f"{outcome}; outputs change by {certificate.residual:.2g} of their size under {certificate.draws} random elements "
        f"(rounding explains {certificate.tolerance:.2g}){kept}"
    )
    width = max(map(len, lines)) + 2
    return "\n".join(f"{name + ':':{width}}{text}" for name, text in lines.items())
