"""Merge networks in hand, write the merged one, and say what it is worth on data."""

import argparse
from collections.abc import Mapping

from torch import Tensor

from symgeom.commands.comparison_text import counted, ends_text, heading
from symgeom.ground.on_demand import SMALL, OnDemand
from symgeom.ground.types import Parameters, cast, size
from symgeom.landscape.batchnorm import batch_norms, recompute_statistics
from symgeom.landscape.merging import Merged, merge, repair_merged
from symgeom.landscape.problem import Problem
from symgeom.study.in_hand.facts import facts_of_hand
from symgeom.study.in_hand.record import InHand
from symgeom.study.in_hand.writing import write_like
from symgeom.study.progress import progress
from symgeom.symmetry.group.action import act_away

MERGED = "merged"
REPAIRED = "merged, repaired"


def merge_weights(hand: InHand, options: argparse.Namespace) -> dict:
    """Merge the networks in hand, and write the merged one.

    Parameters
    ----------
    hand : InHand
        At least two files.
    options : argparse.Namespace
        The words of the command.

    Returns
    -------
    dict of str to object
        Beside what is known of the files: how much of each there is, which units have no partner
        in a narrower one, by how much alignment changed outputs, and with data error and loss of
        every network and of the merged one.

    Raises
    ------
    SymgeomError
        If the networks cannot be merged or repaired, or outputs change where they must not.
    """
    labels = list(hand.files)
    networks = OnDemand(labels, hand.params, size=size, limit=SMALL)
    with progress("merge", 1) as bar:
        merged = merge(
            hand.spec,
            networks,
            weights=options.weights,
            path=options.path,
            dead_units="drop",
            precision=hand.precision_of_geometry,
        )
        bar.update()
    change = _largest_change(hand, merged)
    result = merged.parameters
    facts = {
        **facts_of_hand(hand),
        "shares": merged.weights,
        "path": options.path,
        "converged": merged.converged,
        "left_over": _left_over(hand, merged),
        "output_change": change,
        "repaired": options.repair,
        "output": str(options.output),
    }
    if hand.has_data:
        problems = hand.case.problems(hand.precision or "float32", samples=options.samples or None)
        ends = {label: _values(problems, networks[label]) for label in labels}
        ends[MERGED] = _values(problems, result)
        if options.repair:
            inputs = problems["train"].inputs
            result = _repaired(hand, networks, merged, inputs)
            ends[REPAIRED] = _values(problems, result)
        facts["ends"] = ends
    write_like(hand, labels[0], dict(result), options.output, overwrite=options.force)
    return facts


def _largest_change(hand: InHand, merged: Merged[str]) -> float:
    """Return by how much alignment changes outputs at most, or raise if it is not rounding."""
    largest = 0.0
    for label, element in merged.elements.items():
        network = hand.fresh_params(label)
        before = hand.outputs(network)
        moved = act_away(hand.spec.exact(), element, network)
        change = hand.proved_change(label, before, moved, command="merge")
        largest = max(largest, change)
    return largest


def _left_over(hand: InHand, merged: Merged[str]) -> dict[str, dict[str, list[int]]]:
    """Return, by narrower network, the units of the merged one that have no partner there."""
    left_over = {}
    for narrow, widened in hand.widened.items():
        units = widened.left_over(merged.elements[narrow])
        left_over[narrow] = {name: list(numbers) for name, numbers in units.items()}
    return left_over


def _values(problems: Mapping[str, Problem], network: Parameters) -> dict[str, dict[str, float]]:
    """Return error and loss of a network on every split."""
    values = {}
    for split, problem in problems.items():
        loss, error = problem.loss_and_error(cast(network, problem.inputs.dtype))
        values[split] = {"error": float(error), "loss": float(loss)}
    return values


def _repaired(
    hand: InHand, networks: Mapping[str, Parameters], merged: Merged[str], inputs: Tensor
) -> dict[str, Tensor]:
    """Measure the statistics of batch norms anew, or repair the variances of units."""
    network = hand.network
    like = next(iter(networks.values()))
    precise = inputs.to(next(iter(like.values())).dtype)
    if batch_norms(network):
        return recompute_statistics(network, merged.parameters, precise)
    return repair_merged(hand.spec, network, merged=merged, networks=networks, inputs=precise)


def merge_text(facts: Mapping) -> str:
    """Say what has been done.

    Parameters
    ----------
    facts : mapping
        As from :func:`merge_weights`.

    Returns
    -------
    str
        A table of errors and losses, if there are data, and a few lines.
    """
    shares = ", ".join(f"{100 * share:.3g} % of {name}" for name, share in facts["shares"].items())
    means = {"geodesic": "on the spheres of their units", "linear": "linearly"}
    lines = [heading(facts), ""]
    if "ends" in facts:
        lines += [ends_text(facts["ends"]), ""]
    lines.append(f"Averaged {means[facts['path']]}: {shares}.")
    for label, groups in facts["left_over"].items():
        lines.append(
            f"Units of the merged network without a partner in {label}: {counted(groups)}."
        )
    if not facts["converged"]:
        lines.append("The search for a common frame was stopped before it converged.")
    lines.append(
        f"Certificate: alignment changes the outputs of no network by more than "
        f"{facts['output_change']:.1g} of their size."
    )
    lines.append(f"Written: {facts['output']}")
    return "\n".join(lines)
