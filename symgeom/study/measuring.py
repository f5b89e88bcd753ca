"""Take the measures of a section of every minimum of a case, and label what they give."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, parameters
from symgeom.landscape.flatness.measures.record import Context
from symgeom.landscape.flatness.measures.section import Section
from symgeom.landscape.flatness.parts import layers
from symgeom.quotient.torus import Torus
from symgeom.study.cases import Case
from symgeom.study.labels import MINIMUM, Labelled, labelled, names
from symgeom.study.named_arrays import NamedArrays
from symgeom.study.pairs import Key
from symgeom.study.progress import progress
from symgeom.study.stored_networks import Minima


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
    task : str
        What the outputs answer.
    """

    variables: Labelled
    coordinates: Labelled
    left_out: list[str]
    task: str


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
    problem = case.problems(precision, samples=options["samples"])["train"]
    binary = bool(case.binary)
    task = str(problem.task)
    taken, left_out = section.divided(
        options, binary=binary, batch_norm=problem.batch_norm, task=task
    )
    keys = list(minima.networks) if taken else []
    arrays = NamedArrays(minima.shape)

    def values_of(network: Parameters, key: Key) -> Iterator[tuple[str, Tensor | Sequence[float]]]:
        params = case.prepared(network, precision)
        generators = _generators(case, key)
        context = Context(problem, params, torus, options, generators, binary)
        for measure in taken:
            yield from measure.values(context).items()

    with progress(f"measure {section.name}", len(keys)) as bar:
        for key in keys:
            for name, values in values_of(minima.networks[key], key):
                arrays.put(name, minima.index(key), values)
            bar.update()
    if taken and not keys:  # an untrained network shows which arrays there would have been
        arrays.begin_all(dict(values_of(parameters(case.trained), ("untrained", 0))))
    variables = _labelled(section, arrays)
    by_layer = any("layer" in variable.dims for variable in variables.values())
    layer_names = list(layers(problem, case.any_network())) if by_layer else []
    coordinates = names("layer", layer_names, "layer") if by_layer else {}
    return Measured(variables, coordinates, [measure.name for measure in left_out], task)


def _generators(case: Case, key: Key) -> Callable[..., torch.Generator]:
    """Return what gives a measure of a network its random streams."""

    def generators(name: str, *words: str) -> torch.Generator:
        return stream(name, case.name, *key, *words)

    return generators


def _labelled(section: Section, values_of: Mapping[str, np.ndarray]) -> Labelled:
    variables = {}
    for name, array in section.arrays().items():
        if name in values_of:
            dims = (*MINIMUM, *array.dims)
            variables[name] = labelled(dims, values_of[name], array.units, array.meaning)
    return variables
