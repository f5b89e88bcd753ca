"""The charges of networks in hand, unit by unit and in short."""

from collections.abc import Mapping

import torch
from torch import Tensor

from symgeom.commands.comparison_text import heading
from symgeom.commands.saying import number, text_table
from symgeom.dynamics.charge import charges
from symgeom.study.in_hand.facts import facts_of_hand
from symgeom.study.in_hand.record import InHand
from symgeom.symmetry.bilinear import pairing_bound


def charge_facts(hand: InHand) -> dict:
    """Measure the charges of all networks in hand.

    Parameters
    ----------
    hand : InHand
        The networks.

    Returns
    -------
    dict of str to object
        Beside what is known of the files: by network and group, ``charges`` and ``imbalances`` of
        its units (of units that matrices mix, the diagonal).
    """
    of_networks = {}
    for label in hand.files:
        params = hand.params(label)
        bounds = pairing_bound(hand.spec.exact(), params, params)
        of_groups = {}
        for name, values in charges(hand.spec, params).items():
            of_units = _of_units(values)
            lengths = _of_units(bounds[name])
            of_groups[name] = {
                "charges": of_units.tolist(),
                "imbalances": (of_units / lengths).tolist(),
            }
        of_networks[label] = of_groups
    return {**facts_of_hand(hand), "charges": of_networks}


def _of_units(values: Tensor) -> Tensor:
    """Return one number for each unit: of a matrix its diagonal."""
    return values.diagonal() if values.ndim == 2 else values


def charge_text(facts: Mapping) -> str:
    """Return the charges in a table, a row for each network and group.

    Parameters
    ----------
    facts : mapping
        As from :func:`charge_facts`.

    Returns
    -------
    str
        The range of the charges of each group, and how unbalanced its units are.
    """
    headings = ["network", "group", "units", "least", "median", "largest", "rms imbalance"]
    rows = []
    for label, groups in facts["charges"].items():
        for name, measured in groups.items():
            values = torch.tensor(measured["charges"], dtype=torch.float64)
            imbalances = torch.tensor(measured["imbalances"], dtype=torch.float64)
            rms = float(imbalances.nan_to_num().square().mean().sqrt())
            rows.append(
                [
                    label,
                    name,
                    str(len(values)),
                    number(float(values.min())),
                    number(float(values.median())),
                    number(float(values.max())),
                    number(rms),
                ]
            )
    if not rows:
        return f"{heading(facts)}\n\nNo unit of this network has a charge: none can be rescaled."
    return f"{heading(facts)}\n\nCharges (weight^2)\n{text_table(headings, rows)}"
