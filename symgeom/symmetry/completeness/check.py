"""Which symmetries of a network its spec leaves out, as far as numbers can tell.

A certificate proves that nothing in a spec is wrong. This is the other side, for small widths: what
keeps the function and is not in the spec. Continuous symmetries are counted by the rank of the
Jacobian (:mod:`symgeom.symmetry.completeness.continuous`), permutations and signs are tried
(:mod:`symgeom.symmetry.completeness.exchanges`, :mod:`symgeom.symmetry.completeness.signs`). All of
it happens in float64, at random weights and on random inputs, so that what only particular weights
or data allow (dead units, twin units, linear dependences of the samples) is not seen. Statistics of
norms are taken of every batch, as in training.

Not looked for: permutations that need a scale or a sign beside them, and signs of units that the
spec has not as a group.
"""

import torch
from torch import nn

from symgeom.ground.calling import Inputs
from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.completeness.continuous import missing_directions
from symgeom.symmetry.completeness.exchanges import missing_exchanges
from symgeom.symmetry.completeness.network import SmallNetwork
from symgeom.symmetry.completeness.record import MissingSymmetries
from symgeom.symmetry.completeness.shifts import Shifts
from symgeom.symmetry.completeness.signs import missing_flips
from symgeom.symmetry.spec import SymmetrySpec

LARGEST = 2000
"""Weights of the largest network that is looked at: the Jacobian is a dense matrix."""


@door
def missing_symmetries(
    spec: SymmetrySpec,
    module: nn.Module,
    params: Parameters,
    *,
    inputs: Inputs,
    generator: torch.Generator,
    draws: int = 8,
) -> MissingSymmetries:
    """Look for symmetries of a small network that its spec leaves out.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture, found or written by hand.
    module : nn.Module
        The network, of at most 2,000 weights; not modified.
    params : Parameters
        Its weights, at which the spec is certified first. The search is at others.
    inputs : Tensor, tuple, mapping or NetworkCall
        Samples, or several arguments; those of the search are normal numbers of the same shape, or
        the same tokens in other orders.
    generator : torch.Generator
        The source of weights, inputs and group elements.
    draws : int
        At how many networks to count directions, at most.

    Returns
    -------
    MissingSymmetries
        What is left out, and the gap between singular values that the count rests on.

    Raises
    ------
    SymgeomError
        If the spec is no symmetry of the network, a weight is not finite, there is no draw, or the
        network is too large.

    Examples
    --------
    >>> from symgeom.symmetry.discovery import discover
    >>> network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    >>> params = dict(network.named_parameters())
    >>> inputs, generator = torch.ones(5, 3).double(), torch.Generator().manual_seed(0)
    >>> spec = discover(network, inputs)
    >>> missing = missing_symmetries(spec, network, params, inputs=inputs, generator=generator)
    >>> missing.orbit, missing.dimension, missing.complete
    (4, 0, True)
    """
    if draws < 1:
        raise SymgeomError(f"Cannot look for symmetries at {draws} networks: give at least one.")
    check_finite(params, "the network whose symmetries are looked for")
    certify(spec, module, params, inputs=inputs, generator=generator).require()
    exact = spec.exact()
    moving: set[str] = set()
    for group in exact.groups:
        moving |= {leg.tensor for leg in group.legs}
    network = SmallNetwork(module, params, inputs, moving)
    _check_size(network)
    shifts = Shifts(network, generator)
    directions = missing_directions(
        exact, network, shifts.directions(), draws=draws, generator=generator
    )
    return MissingSymmetries(
        directions.orbit,
        directions.translated,
        directions.dimension,
        directions.margin,
        directions.surpluses,
        shifts.real(),
        missing_exchanges(exact, network, generator=generator),
        missing_flips(exact, network, generator=generator),
    )


def _check_size(network: SmallNetwork) -> None:
    """Raise if there are too many weights, or none."""
    count = sum(network.point[name].numel() for name in network.weights)
    if not 0 < count <= LARGEST:
        raise SymgeomError(
            f"Cannot look for symmetries that are left out: it has {count} weights, and the check "
            f"takes 1 to {LARGEST}. Give a network of the same architecture with smaller widths."
        )
