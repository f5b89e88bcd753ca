"""Align one network in hand to another, write it, and prove that its function stayed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from symgeom.commands.comparison_text import counted, heading
from symgeom.commands.saying import radians, text_table
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.learning.weights.reading import read_checkpoint
from symgeom.quotient.alignment import Alignment, align
from symgeom.quotient.torus import Torus, distance_of_angles
from symgeom.study.in_hand.comparison import canonical_form
from symgeom.study.in_hand.facts import facts_of_hand
from symgeom.study.in_hand.record import InHand
from symgeom.study.in_hand.settings import ALIGNMENT, BIAS_IN_NORM
from symgeom.study.in_hand.writing import write_like
from symgeom.study.progress import progress
from symgeom.symmetry.group import GroupElement, compose, identity, inverse, restricted
from symgeom.symmetry.group.action import act_away
from symgeom.symmetry.spec import SymmetrySpec


@dataclass(frozen=True, eq=False)
class Aligned:
    """What brings the second network to the first; neither is in memory any more.

    Attributes
    ----------
    alignment : Alignment
        What aligns the canonical second one.
    element : GroupElement
        What brings the second network itself to where the first is, scales and matrices included;
        the head is left as it is.
    distances : dict of str to dict
        Of the canonical networks ``before`` and ``aligned``: of ``all`` units, and of ``groups``.
    """

    alignment: Alignment
    element: GroupElement
    distances: dict[str, dict]


def align_weights(hand: InHand, output: Path, *, scales: str, seed: int, overwrite: bool) -> dict:
    """Align the second network in hand to the first, and write it.

    Parameters
    ----------
    hand : InHand
        Two files.
    output : Path
        The file to write.
    scales : {"own", "reference"}
        Whether units keep their scales or get those of the reference.
    seed : int
        Of the second start of the search.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    dict of str to object
        Beside what is known of the files: distances before and after, how many units moved, which
        were left over, and the certificate: by how much outputs changed, exactly and as written.

    Raises
    ------
    SymgeomError
        If nothing can be aligned, or outputs change.
    """
    first, second = hand.files
    aligned = _aligned(hand, seed)
    exact = hand.spec.exact()
    element = aligned.element if scales == "reference" else in_place(exact, aligned.element)
    moving = hand.fresh_params(second)
    outputs = hand.outputs(moving)
    moved = act_away(exact, element, moving)
    change = hand.proved_change(second, outputs, moved, command="align")
    write_like(hand, second, moved, output, overwrite=overwrite)
    written = read_checkpoint(output, hand.case.trained).params
    as_written = hand.case.prepared(written, hand.precision_of_geometry)
    return {
        **facts_of_hand(hand),
        "reference": first,
        "aligned": second,
        "output": str(output),
        "scales": scales,
        "moved_units": _moved_units(exact, element),
        "distance": aligned.distances,
        "left_over": _left_over(hand, aligned.alignment.element),
        "objective": aligned.alignment.objective,
        "converged": aligned.alignment.converged,
        "output_change": {
            "exact": change,
            "written": hand.output_change(outputs, as_written),
        },
    }


def _aligned(hand: InHand, seed: int) -> Aligned:
    """Find what aligns the second network in hand to the first."""
    first, second = hand.files
    with progress("align", 3) as bar:
        reference = canonical_form(hand, first)
        bar.update()
        moving = canonical_form(hand, second)
        bar.update()
        alignment = align(
            hand.spec,
            reference.parameters,
            moving.parameters,
            starts=ALIGNMENT["starts"],
            generator=stream("align", "files", seed),
        )
        bar.update()
    to_frame = compose(hand.spec, alignment.element, moving.element)
    back = inverse(hand.spec, reference.element)
    element = restricted(hand.spec.exact(), compose(hand.spec, back, to_frame))
    torus = Torus(hand.spec, bias_in_norm=BIAS_IN_NORM)
    before = _distances(torus, reference.parameters, moving.parameters)
    after = act_away(hand.spec, alignment.element, moving.parameters)
    aligned = _distances(torus, reference.parameters, after)
    return Aligned(alignment, element, {"before": before, "aligned": aligned})


def in_place(spec: SymmetrySpec, element: GroupElement) -> GroupElement:
    """Return the permutations and signs of an element, which change no number but its sign.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    element : GroupElement
        An element that names all of its groups.

    Returns
    -------
    GroupElement
        Without positive scales and matrices.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 2, (Leg("w", 0),)),))
    >>> scaling = GroupElement({"hidden1": torch.tensor([1, 0])}, {"hidden1": 3 * torch.ones(2)})
    >>> in_place(spec, scaling).scales["hidden1"]
    tensor([1., 1.], dtype=torch.float64)
    """
    scales = dict(identity(spec).scales)
    for group in spec.groups:
        if group.scale == "sign":
            scales[group.name] = element.scales[group.name]
    return GroupElement(element.permutations, scales)


def _moved_units(spec: SymmetrySpec, element: GroupElement) -> dict[str, int]:
    """Return, by group, how many units have a new place."""
    counts = {}
    for group in spec.groups:
        if group.permute:
            places = element.permutations[group.name]
            counts[group.name] = int((places != torch.arange(group.size)).sum())
    return counts


def _distances(torus: Torus, first: Parameters, second: Parameters) -> dict:
    """Return the distance of two canonical networks, in all and by group."""
    angles = torus.angles(first, second)
    groups = {}
    for name, of_group in angles.items():
        groups[name] = float(distance_of_angles({name: of_group}))
    return {"all": float(distance_of_angles(angles)), "groups": groups}


def _left_over(hand: InHand, element: GroupElement) -> dict[str, dict[str, list[int]]]:
    """Return, of the wider network, the units that have no partner in the narrower one."""
    first, second = hand.files
    left_over = {}
    for narrow, other in ((first, second), (second, first)):
        if narrow in hand.widened and other not in hand.widened:
            to_other = element if narrow == second else inverse(hand.spec, element)
            units = hand.widened[narrow].left_over(to_other)
            left_over[other] = {name: list(numbers) for name, numbers in units.items()}
    return left_over


def align_text(facts: Mapping) -> str:
    """Say what has been done.

    Parameters
    ----------
    facts : mapping
        As from :func:`align_weights`.

    Returns
    -------
    str
        A table of distances, and a few lines.
    """
    before = facts["distance"]["before"]
    after = facts["distance"]["aligned"]
    rows = [["all", "", "", radians(before["all"]), radians(after["all"])]]
    for group in facts["groups"]:
        name = group["name"]
        moved = facts["moved_units"].get(name, "")
        angles = [stage["groups"].get(name, math.nan) for stage in (before, after)]
        rows.append([name, str(group["units"]), str(moved), *map(radians, angles)])
    headings = ["angle (rad)", "units", "moved", "before", "aligned"]
    change = facts["output_change"]
    lines = [
        heading(facts),
        "",
        f"Distance of {facts['aligned']} from {facts['reference']}, before and after alignment",
        text_table(headings, rows),
        "",
    ]
    for label, groups in facts["left_over"].items():
        counts = counted(groups)
        lines.append(f"Units of {label} without a partner in the narrower network: {counts}.")
    if not facts["converged"]:
        lines.append("The search was stopped before it converged.")
    lines.append(
        f"Certificate: outputs change by {change['exact']:.1g} of their size, and by "
        f"{change['written']:.1g} in the precision of the file."
    )
    lines.append(f"Written: {facts['output']}")
    return "\n".join(lines)
