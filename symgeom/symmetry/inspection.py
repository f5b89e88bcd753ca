r"""A look at the symmetries of a network: its groups as a table, and how many symmetries they are.

The continuous symmetries have dimension :math:`\sum_g n_g` (positive scales) :math:`+ \sum_g n_g^2`
(linear groups), and there are :math:`\prod_g n_g!` permutations beside these (those of linear
groups are among the matrices), with :math:`n_g` units in group :math:`g`.
"""

import math
import textwrap
from dataclasses import dataclass
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
    parts = [leg.tensor, f"[{leg.axis}"]
    if leg.start:
        parts.append(f"@{leg.start}")
    if leg.block != 1:
        parts.append(f"/{leg.block}")
    if leg.outer != 1:
        parts.append(f"*{leg.outer}")
    for axis, first, stop in leg.region:
        parts.append(f"{{{axis}:{first}-{stop}}}")
    parts.append("]")
    if leg.buffer:
        parts.append("~")
    if leg.power != 1:
        parts.append(f"^{leg.power}")
    return "".join(parts)


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
    >>> legs = (Leg("0.weight", 0), Leg("2.weight", 1, -1))
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 4, legs),))
    >>> print(table(spec, width=80))
    group    units  kind                exact for  legs
    hidden1      4  positive, permuted  outputs    0.weight[0] 2.weight[1]^-1
    <BLANKLINE>
    legs: tensor[axis]; ^p a scale s multiplies by s^p (not shown: s)
    """
    rows = [_HEADINGS]
    for group in spec.groups:
        rows.append((group.name, str(group.size), _kind(group), _exact_for(group)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    indent = sum(widths) + 2 * len(widths)
    room = max(width - indent, 20)
    lines = [_row(_HEADINGS, "legs", widths)]
    shown = ""
    for row, group in zip(rows[1:], spec.groups, strict=True):
        first, *others = _leg_lines(group.legs, room, all_legs=all_legs)
        lines.append(_row(row, first, widths))
        for other in others:
            lines.append(" " * indent + other)
        shown += " ".join([first, *others, ""])
    return "\n".join([*lines, "", _legend(shown, width)])


_HEADINGS = ("group", "units", "kind", "exact for")


def _row(cells: tuple[str, str, str, str], legs: str, widths: list[int]) -> str:
    """Return a line of the table; numbers are flush right."""
    name, size, kind, exact_for = cells
    columns = [
        name.ljust(widths[0]),
        size.rjust(widths[1]),
        kind.ljust(widths[2]),
        exact_for.ljust(widths[3]),
        legs,
    ]
    return "  ".join(columns).rstrip()


def _legend(shown: str, width: int) -> str:
    """Explain the signs that the legs of a table use."""
    parts = ["legs: tensor[axis]"]
    for mark, text in _NOTATION.items():
        if mark in shown:
            parts.append(text)
    return textwrap.fill("; ".join(parts), width, subsequent_indent="  ")


def _kind(group: UnitGroup) -> str:
    words: list[str] = []
    if group.scale != "none":
        words.append(group.scale)
    if group.permute:
        words.append("permuted")
    return ", ".join(words) or "none"


def _exact_for(group: UnitGroup) -> str:
    return "outputs" if group.exact_for == "loss" else "classes"


def _leg_lines(legs: tuple[Leg, ...], room: int, *, all_legs: bool) -> list[str]:
    """Return the legs of a group on as many lines as it takes, or on one with what is left out."""
    entries = _entries(legs)
    texts = [entry.text for entry in entries]
    if all_legs:
        lines = textwrap.wrap(" ".join(texts), room, break_long_words=False, break_on_hyphens=False)
        return lines or [""]
    left_out = 0
    for shown in range(len(entries), 0, -1):
        line = " ".join(texts[:shown])
        if left_out:
            line += f" ... {left_out} more"
        if len(line) <= room:
            return [line]
        left_out += entries[shown - 1].legs
    return [f"{len(legs)} legs"]


@dataclass
class _Entry:
    """Some legs in short, and how many they are."""

    text: str
    legs: int


def _entries(legs: tuple[Leg, ...]) -> list[_Entry]:
    """Return legs in short, neighbours that differ only in the end of their name as one."""
    entries: list[_Entry] = []
    for (module, position), members in groupby(legs, key=_module_and_position):
        endings = [leg.tensor.rpartition(".")[2] for leg in members]
        text = f"{module}{'+'.join(endings)}{position}"
        entries.append(_Entry(text, len(endings)))
    return entries


def _module_and_position(leg: Leg) -> tuple[str, str]:
    """Return what neighbours have in common: all but the last part of the tensor's name."""
    module, dot, _ = leg.tensor.rpartition(".")
    return module + dot, leg_text(leg).removeprefix(leg.tensor)


def fixed_text(spec: SymmetrySpec, *, width: int, all_axes: bool = False) -> str:
    """Return what discovery gave up: the axes that no group permutes, by reason.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    width : int
        Characters per line; a list of axes that is longer is cut, and what is left out is counted.
    all_axes : bool
        Whether to show all axes, on more lines if need be.

    Returns
    -------
    str
        One line for each reason; empty if nothing is fixed.

    Examples
    --------
    >>> from symgeom.symmetry.spec import FixedAxis
    >>> fixed = (FixedAxis("0.weight", 1, "input 'x'"), FixedAxis("2.weight", 0, "the outputs"))
    >>> print(fixed_text(SymmetrySpec((), fixed=fixed), width=80))
    fixed by
      input 'x'    0.weight[1]
      the outputs  2.weight[0]
    """
    axes: dict[str, list[str]] = {}
    for axis in spec.fixed:
        axes.setdefault(axis.reason, []).append(f"{axis.tensor}[{axis.axis}]")
    if not axes:
        return ""
    indent = 4 + max(map(len, axes))
    room = max(width - indent, 20)
    lines = ["fixed by"]
    for reason, names in axes.items():
        first, *others = _name_lines(names, room, all_names=all_axes)
        lines.append(f"  {reason:{indent - 4}}  {first}")
        lines += [" " * indent + other for other in others]
    return "\n".join(lines)


def _name_lines(names: list[str], room: int, *, all_names: bool) -> list[str]:
    """Return names on as many lines as it takes, or on one with how many are left out."""
    if all_names:
        return textwrap.wrap(" ".join(names), room, break_long_words=False, break_on_hyphens=False)
    for shown in range(len(names), 0, -1):
        line = " ".join(names[:shown])
        if shown < len(names):
            line += f" ... {len(names) - shown} more"
        if len(line) <= room:
            return [line]
    return [f"{len(names)} axes"]


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
    >>> groups = (UnitGroup("hidden1", 4, ()), UnitGroup("hidden2", 3, (), scale="linear"))
    >>> dimension(SymmetrySpec(groups))
    13
    """
    total = 0
    for group in spec.exact().groups:
        if group.scale == "positive":
            total += group.size
        elif group.scale == "linear":
            total += group.size**2
    return total


def log10_permutations(spec: SymmetrySpec) -> float:
    """Return log10 of the number of permutations beside the continuous symmetries.

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
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 5, ()),))
    >>> round(log10_permutations(spec), 4)  # 5! = 120
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
    >>> proof = Certificate(3e-16, 1e-10, head_unchanged=True, worst_group=None, draws=3)
    >>> print(summary(spec, proof))
    continuous symmetries: dimension 4
    permutations:          24 = 10^1.4
    certificate:           passed; outputs change by 3e-16 of their size
                           under 3 random elements (rounding explains 1e-10)
    """
    lines = {"continuous symmetries": _continuous(spec)}
    signs = sum(group.size for group in spec.exact().groups if group.scale == "sign")
    if signs:
        lines["signs"] = f"2^{signs}"
    lines["permutations"] = _permutations(spec)
    lines["certificate"] = _proof(certificate)
    width = max(map(len, lines)) + 2
    return "\n".join(f"{name + ':':{width}}{text}" for name, text in lines.items())


def _continuous(spec: SymmetrySpec) -> str:
    text = f"dimension {dimension(spec):,}"
    head = sum(group.size for group in spec.groups if group.exact_for == "error")
    if head:
        text += f", and {head} that keeps the classes only (head)"
    return text


def _permutations(spec: SymmetrySpec) -> str:
    exponent = log10_permutations(spec)
    if exponent < 7:
        return f"{round(10**exponent):,} = 10^{exponent:.1f}"
    return f"10^{exponent:,.1f}"


def _proof(certificate: Certificate) -> str:
    outcome = f"FAILED at group '{certificate.worst_group}'"
    if certificate.passed:
        outcome = "passed"
    text = (
        f"{outcome}; outputs change by {certificate.residual:.2g} of their size under "
        f"{certificate.draws} random elements (rounding explains {certificate.tolerance:.2g})"
    )
    if not certificate.head_unchanged:
        text += "; the head changes predicted classes"
    return text
