"""What was measured of networks in hand, as plain facts: for JSON, tables and the page."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from symgeom.landscape.flatness.measures.catalogue import all_measures, rows
from symgeom.quotient.alignment import Alignment
from symgeom.study.figures.measures import single_numbers
from symgeom.study.in_hand.comparison import Comparison, Flat
from symgeom.study.in_hand.record import InHand
from symgeom.study.pairs import Pair

DISTANCE_STAGES = {"normalised": "before", "aligned": "aligned"}
"""What the facts call the stages of a distance: with scales removed, and permutations, too."""

SPLITS = ("train", "test")


def facts_of(comparison: Comparison) -> dict:
    """Return everything that was measured.

    Parameters
    ----------
    comparison : Comparison
        The measurements.

    Returns
    -------
    dict of str to object
        Nested mappings and lists of texts and numbers.
    """
    hand = comparison.hand
    pairs = []
    for row, (pair, alignment) in enumerate(comparison.alignments.items()):
        facts = _names_of(pair, comparison.labels)
        facts |= _distances(comparison.distances.isel(pair=row))
        facts["alignment"] = _search(alignment)
        if comparison.paths is not None:
            facts["paths"] = _paths(comparison.paths.isel(pair=row))
        pairs.append(facts)
    facts_of_all: dict = {
        **facts_of_hand(hand),
        "dropped_units": comparison.dropped,
        "samples": None,
        "pairs": pairs,
    }
    if comparison.paths is not None:
        facts_of_all["samples"] = comparison.paths.attrs["samples"]
        facts_of_all["ends"] = _ends(comparison.paths, comparison.labels)
    if comparison.flat is not None:
        facts_of_all["flatness"] = flatness_facts(comparison.flat)
    return facts_of_all


def facts_of_hand(hand: InHand) -> dict:
    """Return what is known of the network and its files before anything is measured.

    Parameters
    ----------
    hand : InHand
        The network with its files.

    Returns
    -------
    dict of str to object
        The network, its groups, the certificate, the files with the notes of their reading, and
        the data.
    """
    weights = sum(tensor.numel() for tensor in hand.network.parameters())
    groups = []
    for group in hand.spec.groups:
        groups.append({"name": group.name, "units": group.size, "scale": group.scale})
    files = {}
    for label, path in hand.paths.items():
        files[label] = {"path": str(path), "notes": list(hand.notes[label])}
    data = None
    if hand.has_data:
        data = {
            "name": hand.case.data.attrs["data_set"],
            "train": hand.case.data.sizes["train_sample"],
            "test": hand.case.data.sizes["test_sample"],
        }
    return {
        "network": hand.name,
        "weights": weights,
        "groups": groups,
        "certificate": {
            "residual": hand.certificate.residual,
            "tolerance": hand.certificate.tolerance,
        },
        "files": files,
        "data": data,
    }


def flatness_facts(flat: Flat) -> dict:
    """Return how flat networks are, one number for each measure.

    Parameters
    ----------
    flat : Flat
        The measurements.

    Returns
    -------
    dict of str to object
        By measure: its ``label``, ``units``, ``family``, whether it is ``invariant`` under
        rescaling, whether ``larger_is_flatter``, and ``values`` by network; and what was
        ``left_out``.
    """
    stages = (flat.flatness, flat.curvature)
    measures: dict = {}
    for row in rows():
        for stage in stages:
            if row.array not in stage:
                continue
            numbers = single_numbers(stage[row.array]).isel(arm=0).values.tolist()
            measures[row.array] = {
                "label": row.label.removeprefix("minus "),
                "units": _units(row.array),
                "family": row.family,
                "invariant": row.invariant,
                "larger_is_flatter": row.larger_is_flatter,
                "values": dict(zip(flat.labels, numbers, strict=True)),
            }
    left_out = []
    for stage in stages:
        left_out.extend(stage.attrs.get("left_out", []))
    return {"measures": measures, "left_out": left_out}


def _units(name: str) -> str:
    """Return the unit of an array of a measure."""
    for measure in all_measures():
        for array in measure.arrays:
            if array.name == name:
                return array.units
    return "1"


def _names_of(pair: Pair, labels: Sequence[str]) -> dict:
    """Return what the networks of a pair are called."""
    _, first, _, second = pair
    return {"first": labels[first], "second": labels[second]}


def _distances(distances: xr.Dataset) -> dict:
    """Return the distances of a pair in all and by group, and those from controls."""
    titles = distances["control_title"].values.tolist()
    by_group = {}
    for name in distances["group"].values.tolist():
        of_group = distances.sel(group=name)
        by_group[name] = {
            "distance": _before_and_after(of_group["group_distance"]),
            "controls": _of_controls(of_group["group_control_distance"], titles),
        }
    return {
        "distance": _before_and_after(distances["distance"]),
        "controls": _of_controls(distances["control_distance"], titles),
        "groups": by_group,
    }


def _before_and_after(distance: xr.DataArray) -> dict[str, float]:
    """Return a distance with scales removed, and after alignment."""
    facts = {}
    for stage, name in DISTANCE_STAGES.items():
        facts[name] = float(distance.sel(stage=stage))
    return facts


def _of_controls(distances: xr.DataArray, titles: Sequence[str]) -> dict:
    """Return the distances of the first network from controls."""
    facts = {}
    for row, title in enumerate(titles):
        facts[title] = _before_and_after(distances.isel(control=row))
    return facts


def _search(alignment: Alignment) -> dict:
    """Return how the search for an alignment went."""
    moved = {}
    for name, order in alignment.element.permutations.items():
        places = np.arange(len(order))
        moved[name] = int((order.cpu().numpy() != places).sum())
    return {
        "objective": alignment.objective,
        "objectives": list(alignment.objectives),
        "converged": alignment.converged,
        "moved_units": moved,
    }


def _paths(paths: xr.Dataset) -> dict:
    """Return the profiles and barriers of the paths of a pair."""
    facts = {}
    for variant in paths["variant"].values.tolist():
        of_variant = paths.sel(variant=variant)
        splits = {}
        for split in SPLITS:
            of_split = of_variant.sel(split=split)
            splits[split] = {
                "t": of_split["t"].values.tolist(),
                "error": of_split["error"].values.tolist(),
                "loss": of_split["loss"].values.tolist(),
                "barrier": float(of_split["barrier"]),
                "loss_barrier": float(of_split["loss_barrier"]),
            }
        facts[variant] = {"title": of_variant["variant_title"].item(), **splits}
    return facts


def _ends(paths: xr.Dataset, labels: Sequence[str]) -> dict:
    """Return loss and error of the networks themselves: the ends of straight paths."""
    first_variant = paths.isel(variant=0)
    facts: dict = {}
    for row in range(paths.sizes["pair"]):
        of_pair = first_variant.isel(pair=row)
        for end, t in (("first_seed", 0), ("second_seed", -1)):
            label = labels[int(of_pair[end])]
            at_end = of_pair.isel(t=t)
            facts[label] = {split: _values(at_end.sel(split=split)) for split in SPLITS}
    return facts


def _values(at_end: xr.Dataset) -> dict[str, float]:
    """Return loss and error of a network on a split."""
    return {"loss": float(at_end["loss"]), "error": float(at_end["error"])}
