"""What was measured of networks in hand, as tables of text."""

import math
from collections.abc import Mapping, Sequence

from symgeom.commands.saying import number, percent, radians, text_table


def text_of(facts: Mapping) -> str:
    """Return a comparison in tables.

    Parameters
    ----------
    facts : mapping
        As from :func:`~symgeom.study.in_hand.facts.facts_of`.

    Returns
    -------
    str
        Paragraphs, the most important first.
    """
    pairs = facts["pairs"]
    parts = [heading(facts)]
    if "ends" in facts:
        parts.append(ends_text(facts["ends"]))
    if len(pairs) == 1:
        parts.append(_layers(pairs[0], facts["groups"]))
    else:
        parts.append(_pairs(pairs))
    parts.append(gained(pairs))
    if "ends" in facts:
        parts.append(_barriers(pairs))
    if "flatness" in facts:
        parts.append(flatness_text(facts["flatness"]))
    return "\n\n".join(parts)


def heading(facts: Mapping) -> str:
    """Say which network it is, and on which data it was evaluated.

    Parameters
    ----------
    facts : mapping
        As from :func:`~symgeom.study.in_hand.facts.facts_of_hand`.

    Returns
    -------
    str
        Two lines at most.
    """
    first = next(iter(facts["files"]))
    residual = facts["certificate"]["residual"]
    lines = [
        f"{facts['network']}: {facts['weights']:,} weights, {len(facts['groups'])} groups of "
        f"units. Certificate at {first}: random symmetries change outputs by {residual:.1g}."
    ]
    data = facts["data"]
    if data:
        lines.append(
            f"Data: {data['name']}, {data['train']:,} training and {data['test']:,} test samples."
        )
    return "\n".join(lines)


def counted(units: Mapping[str, Sequence[int]]) -> str:
    """Say how many units of some groups there are.

    Parameters
    ----------
    units : mapping of str to sequence of int
        Units by group.

    Returns
    -------
    str
        Numbers between commas.

    Examples
    --------
    >>> counted({"hidden1": [0, 3], "hidden2": [1]})
    '2 of hidden1, 1 of hidden2'
    """
    return ", ".join(f"{len(numbers)} of {name}" for name, numbers in units.items())


def gained(pairs: Sequence[Mapping]) -> str:
    """Say in a sentence what alignment has gained, beside a random network.

    Parameters
    ----------
    pairs : sequence of mapping
        The pairs of a comparison.

    Returns
    -------
    str
        Means over pairs, if there are several.
    """
    before = _mean([pair["distance"]["before"] for pair in pairs])
    after = _mean([pair["distance"]["aligned"] for pair in pairs])
    title = next(iter(pairs[0]["controls"]))
    control = _mean([pair["controls"][title]["aligned"] for pair in pairs])
    whose = "the networks" if len(pairs) == 1 else f"the networks of {len(pairs)} pairs"
    mean = "" if len(pairs) == 1 else " on average"
    return (
        f"Aligning brings {whose} from {radians(before)} to {radians(after)} rad{mean}; a random "
        f"network in the place of the second comes to {radians(control)} rad."
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def ends_text(ends: Mapping) -> str:
    """Return error and loss of every network.

    Parameters
    ----------
    ends : mapping
        By network and split: ``error`` and ``loss``.

    Returns
    -------
    str
        A table.
    """
    headings = ["network", "train error", "train loss", "test error", "test loss"]
    rows = []
    for label, splits in ends.items():
        cells = [label]
        for split in ("train", "test"):
            cells.append(percent(splits[split]["error"]))
            cells.append(number(splits[split]["loss"]))
        rows.append(cells)
    return text_table(headings, rows)


def _layers(pair: Mapping, groups: Sequence[Mapping]) -> str:
    """Return the distances of two networks, in all and by group."""
    headings = ["angle (rad)", "units", "before", "aligned", *_aligned(pair["controls"])]
    rows = [["all", "", *_distances(pair)]]
    for group in groups:
        of_group = pair["groups"][group["name"]]
        rows.append([group["name"], str(group["units"]), *_distances(of_group)])
    title = f"Distance of {pair['first']} and {pair['second']}, without and with alignment"
    return f"{title}\n{text_table(headings, rows)}"


def _pairs(pairs: Sequence[Mapping]) -> str:
    """Return the distances of all pairs."""
    headings = ["angle (rad)", "before", "aligned", *_aligned(pairs[0]["controls"])]
    rows = [[_name(pair), *_distances(pair)] for pair in pairs]
    title = "Distances, without and with alignment"
    return f"{title}\n{text_table(headings, rows)}"


def _aligned(controls: Mapping) -> list[str]:
    """Return the headings of the columns of controls."""
    return [f"{title}, aligned" for title in controls]


def _distances(measured: Mapping) -> list[str]:
    """Return a distance before and after alignment, and those of controls."""
    distance = measured["distance"]
    angles = [distance["before"], distance["aligned"]]
    angles.extend(control["aligned"] for control in measured["controls"].values())
    return [radians(angle) for angle in angles]


def _name(pair: Mapping) -> str:
    return f"{pair['first']} - {pair['second']}"


def _barriers(pairs: Sequence[Mapping]) -> str:
    """Return the barriers along the paths of all pairs."""
    headings = ["path", "train error", "train loss", "test error", "test loss"]
    if len(pairs) > 1:
        headings.insert(0, "networks")
    rows = []
    heights = []
    for pair in pairs:
        for path in pair["paths"].values():
            heights.append(path["train"]["loss_barrier"])
            cells = [path["title"]]
            for split in ("train", "test"):
                cells.append(percent(path[split]["barrier"]))
                cells.append(number(path[split]["loss_barrier"]))
            rows.append(cells if len(pairs) == 1 else [_name(pair), *cells])
    title = "Barriers: the largest rise above the line between the ends (loss in nat)"
    lines = [title, text_table(headings, rows)]
    if any(map(math.isnan, heights)):
        lines.append("- no geodesic is singled out, because a unit is antipodal in both networks")
    return "\n".join(lines)


def flatness_text(flatness: Mapping) -> str:
    """Return how flat networks are.

    Parameters
    ----------
    flatness : mapping
        As from :func:`~symgeom.study.in_hand.facts.flatness_facts`.

    Returns
    -------
    str
        A table of measures, family by family.
    """
    rows = []
    marks: set[str] = set()
    labels: list[str] = []
    for measure in flatness["measures"].values():
        labels = list(measure["values"])
        mark = ""
        if not measure["invariant"]:
            mark += "*"
        if measure["larger_is_flatter"]:
            mark += "+"
        marks.update(mark)
        units = "" if measure["units"] == "1" else f" ({measure['units']})"
        name = f"{measure['label']}{units}{mark}"
        rows.append([name, *(number(value) for value in measure["values"].values())])
    lines = ["Flatness (smaller is flatter)", text_table(["measure", *labels], rows)]
    if "*" in marks:
        lines.append("* changes where units are rescaled, which leaves the function as it is")
    if "+" in marks:
        lines.append("+ larger is flatter")
    if flatness["left_out"]:
        lines.append(f"Left out for this kind of network: {', '.join(flatness['left_out'])}.")
    return "\n".join(lines)
