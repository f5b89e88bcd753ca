"""Take the measures of a section of every minimum of a case, and label what they give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.measures.record import Context, Measure
from symgeom.landscape.flatness.measures.section import Section
from symgeom.landscape.flatness.parts import layers
from symgeom.quotient.torus import Torus
from symgeom.study.cases import Case
from symgeom.study.labels import Labelled, filled, labelled, names
from symgeom.study.networks import Key
from symgeom.study.progress import progress


@dataclass(frozen=True, eq=False)
class Minima:
    """The minima that a job measures: every seed of some arms of a case.

    Attributes
    ----------
    case : str
        Name of the case.
    arms : sequence of str
        The arms.
    seeds : sequence of int
        The seeds of every arm.
    networks : mapping of (str, int) to Parameters
        Those that did not diverge, as trained, by arm and seed.
    """

    case: str
    arms: Sequence[str]
    seeds: Sequence[int]
    networks: Mapping[Key, Parameters]


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of some minima.

    Attributes
    ----------
    variables : dict of str to xr.Variable
        Over arm, seed and the dimensions of each array; NaN for networks that diverged.
    coordinates : dict of str to xr.Variable
        The names of the layers, if something was measured by layer.
    left_out : list of str
        The measures that the configuration asks for and that these networks do not have.
    """

    variables: Labelled
    coordinates: Labelled
    left_out: list[str]


def take_measures(
    section: Section,
    case: Case,
    torus: Torus,
    minima: Minima,
    options: Mapping,
    *,
    precision: str,
) -> Measured:
    """Take the measures of a section of every minimum.

    Parameters
    ----------
    section : Section
        Which measures there are.
    case : Case
        Data and network.
    torus : Torus
        The network's architecture and its spheres.
    minima : Minima
        The networks.
    options : mapping
        The section of the configuration.
    precision : str
        Name of the floating point type in which networks are evaluated.

    Returns
    -------
    Measured
        Labelled arrays.
    """
    binary = bool(case.binary)
    problem = case.problems(precision, samples=options["samples"])["train"]
    taken: list[Measure] = []
    left_out: list[str] = []
    for measure in section.asked(options):
        if measure.obstacle(binary=binary, batch_norm=problem.batch_norm):
            left_out.append(measure.name)
        else:
            taken.append(measure)

    def context_of(arm: str, seed: int) -> Context:
        def generators(name: str, *words: str) -> torch.Generator:
            return stream(name, minima.case, arm, seed, *words)

        params = case.prepared(minima.networks[arm, seed], precision)
        return Context(problem, params, torus, options, generators, binary)

    values_of: dict[str, np.ndarray] = {}
    layer_names: list[str] = []
    shape = (len(minima.arms), len(minima.seeds))
    keys = list(minima.networks) if taken else []
    with progress(f"measure {section.name}", len(keys)) as bar:
        for arm, seed in keys:
            bar.update()
            context = context_of(arm, seed)
            layer_names = list(layers(problem, context.params))
            index = (minima.arms.index(arm), minima.seeds.index(seed))
            for measure in taken:
                for name, values in measure.values(context).items():
                    filled(values_of, name, shape=shape, index=index, values=values)
    variables = _labelled(section, values_of)
    by_layer = any("layer" in variable.dims for variable in variables.values())
    coordinates = names("layer", layer_names, "layer") if by_layer else {}
    return Measured(variables, coordinates, left_out)


def _labelled(section: Section, values_of: Mapping[str, np.ndarray]) -> Labelled:
    variables = {}
    for name, array in section.arrays().items():
        if name in values_of:
            dims = ("arm", "seed", *array.dims)
            variables[name] = labelled(dims, values_of[name], array.units, array.meaning)
    return variables
