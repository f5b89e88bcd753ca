"""All experiments: one line for each.

A study's rules and its schema read this list, in the process that plans the jobs. It therefore
loads no experiment before it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from symgeom.ground.checks import check_choice

if TYPE_CHECKING:
    from symgeom.models.labels import Labelled

    Measure = Callable[..., Labelled]
    """From numbers of steps and draws, and from pictures, to named arrays and coordinates."""


@dataclass(frozen=True)
class Experiment:
    """An experiment with a model of gradient noise.

    Attributes
    ----------
    module : str
        The module that does it, in its function ``measure``.
    meaning : str
        What takes these steps, for the reference of keys.
    package : str
        The package of the module, below ``symgeom``.
    on_pictures : bool
        Whether it takes the pictures that a study names.
    """

    module: str
    meaning: str
    package: str = "models/noise/experiments"
    on_pictures: bool = False

    @property
    def path(self) -> str:
        """The file of the module, below ``symgeom`` and without suffix."""
        return f"{self.package}/{self.module}"


FLOW = "dynamics/noise/experiments"
"""The package of those that use ledgers and forces of networks."""

TRAINED = "study/experiments"
"""The package of those that train networks on a data set."""

PICTURES: Mapping[str, Mapping[str, object]] = {"digits": {}, "mnist": {"subset": 4000}}
"""The data sets that experiments on pictures may take, with their options."""

EXPERIMENTS = {
    "label_noise": Experiment("label_noise", "two layers, labels of two noises (figure 2)"),
    "decay_constant": Experiment("decay", "two layers with decay (theorem 5.2)"),
    "split_inputs": Experiment("split_inputs", "two layers, inputs of two variances (figure 3)"),
    "layer_norms": Experiment("layer_norms", "deep linear networks (theorem 5.4)"),
    "picture_layers": Experiment(
        "picture_layers", "deep linear networks that learn pictures (figure 5)", TRAINED, True
    ),
    "sharpening": Experiment("sharpening", "two layers from several initialisations (section 5.2)"),
    "robustness": Experiment("robustness", "the same at other rates and sizes (figure 8)"),
    "relu_flow": Experiment("relu_flow", "the path of the charges of ReLU units", FLOW),
    "large_rates": Experiment("large_rates", "a large learning rate, from points of an orbit"),
    "training_on": Experiment("training_on", "digits, from points of an orbit", TRAINED),
    "teleportation": Experiment("teleportation", "digits, teleported while they train", TRAINED),
    "charge_decay": Experiment("charge_decay", "one hidden weight, whose charge decays"),
    "collapse": Experiment("collapse", "one hidden weight, which may collapse"),
    "warm_up": Experiment("warm_up", "a factorisation of rank one (figure 4)"),
    "free_lengths": Experiment("free_lengths", "weights of a free length (figure 7)"),
    "scalar_chain": Experiment("scalar_chain", "units between two numbers (section 5.1)"),
    "activations": Experiment("activations", "autoencoders (figures 6 and 9)"),
}
"""By name, which is also that of their stage in a study."""


def experiment_named(name: str) -> Measure:
    """Return the function that does an experiment.

    Parameters
    ----------
    name : str
        A key of :data:`EXPERIMENTS`.

    Returns
    -------
    callable
        From the number of steps, and of draws of weights and data, to named arrays and coordinates;
        with the keywords ``pictures`` and ``root`` where it takes pictures.

    Raises
    ------
    SymgeomError
        If there is no such experiment.
    """
    check_choice(name, EXPERIMENTS, "experiment")
    dotted = EXPERIMENTS[name].path.replace("/", ".")
    module = import_module(f"symgeom.{dotted}")
    measure: Measure = module.measure
    return measure
