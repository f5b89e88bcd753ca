"""Label what is measured along the valley."""

from collections.abc import Mapping

import numpy as np
from _labels import labelled, names
from _tables import Tables

MOMENTS = ("start", "end")
MEANINGS = {
    "own_eigenvalue": ("nat/weight^2", "the same of the network as it is"),
    "eigenvalue": ("nat/weight^2", "largest eigenvalue of the Hessian of the training loss"),
    "rate": (
        "1/weight^2",
        "squared gradient over loss: the rate at which gradient flow would lower the loss",
    ),
    "squared_length": ("weight^2", "sum of all squared weights"),
    "change": ("1", "largest change of an output, of the largest output"),
    "flow_loss": ("nat", "training loss after so much gradient flow"),
    "flow_drift": (
        "1",
        "largest change of a charge in the flow, of the sum of squares that it is a difference of",
    ),
}


def valley_tables(
    arrays: Mapping[str, np.ndarray], own: Mapping[str, np.ndarray], options: Mapping
) -> Tables:
    """Label the measures at every imbalance, and the charges that networks have by themselves, by kind and group."""
    axes, variables = ("arm", "seed", "moment"), {}
    for name, values in arrays.items():
        further = {"flow_loss": ("imbalance", "time"), "own_eigenvalue": ()}.get(
            name, ("imbalance",)
        )
        variables[name] = labelled((*axes, *further), values, *MEANINGS[name])
    of_units = {
        "charge": "charges of {}, of a linear group the diagonal",
        "size": "sums of which the charges of {} are differences",
    }
    for name, values in own.items():
        kind, _, group = name.partition("_")
        variables[name] = labelled((*axes, group), values, "weight^2", of_units[kind].format(group))
    places = {
        "imbalance": labelled(
            "imbalance",
            options["imbalances"],
            "1",
            "charges over squared lengths of the balanced network",
        ),
        "time": labelled(
            "time", np.array(options["times"], float), "weight^2", "time of gradient flow"
        ),
    }
    return variables, names("moment", MOMENTS, "before or after training") | places
