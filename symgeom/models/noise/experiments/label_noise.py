r"""Two layers under labels of two noises, from two opposite starts.

Half of the outputs have noise of variance :math:`\psi`, half of :math:`2 - \psi`. Whatever the
start, SGD ends where :math:`U^\top\Gamma_UU = W\Gamma_WW^\top`, which is a whole matrix, with norms
that the noise alone decides; gradient descent stays as unbalanced as it starts.

References
----------
Ziyin et al. (2402.07193), figure 2. Sizes, rates and starts are ours.
"""

import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.experiments.gathering import Meanings, gathered
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.linear.descent import Layers, Method, Observe, descend
from symgeom.models.noise.linear.starts import normal_layers
from symgeom.models.noise.linear.teacher import Teacher
from symgeom.models.noise.linear.two_layers import (
    Pair,
    equilibrium,
    gradients_of,
    imbalance,
    norm_ratio,
    unbalanced,
)

SPLITS = (0.3, 0.6, 1.0)
STARTS = {"large incoming weights": 3.0, "large outgoing weights": 1 / 3}
"""Factors of the incoming weights, by which the outgoing ones are divided."""

SIZE = 8
"""Inputs, units and outputs."""

METHODS = {"SGD": Method(0.005, 2), "GD": Method(0.005)}

ENTRIES = 4
"""Rows and columns of the matrix of which all entries are followed."""

NETWORK = ("split", "start", "draw")
PATH = ("descent", *NETWORK, "record")

MEANINGS: Meanings = {
    "ratio": ("1", "squared norm, incoming over outgoing weights"),
    "imbalance": ("1", "difference of both sides of the balance over their sum, lengths"),
}


def measure(steps: int, draws: int) -> Labelled:
    """Descend from both starts by both methods.

    Parameters
    ----------
    steps : int
        Of descent.
    draws : int
        Of starts and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Norms and the balance along the way, and the norms in closed form.

    Examples
    --------
    >>> arrays, _ = measure(4, 2)
    >>> arrays["imbalance"].values.shape, arrays["entry"].values.shape
    ((2, 3, 2, 2, 5), (2, 3, 2, 2, 5, 10))
    """
    counts = (len(SPLITS), len(STARTS), draws)
    splits = torch.tensor(SPLITS, dtype=torch.float64)
    teacher = _teacher(splits.repeat_interleave(len(STARTS) * draws))
    start = _start(draws)
    records = even_records(steps)
    runs = []
    for name, method in METHODS.items():
        _, observed = descend(
            start,
            teacher,
            method,
            records=records,
            observe=_observe(teacher),
            generator=stream("label noise", name),
        )
        runs.append(observed)
    followed = gathered(runs, MEANINGS, dimensions=PATH, networks=counts)
    meaning = {
        "entry": ("loss^2 / weight^2", "entries of the difference of both sides of the balance")
    }
    entries = gathered(runs, meaning, dimensions=(*PATH, "number"), networks=counts)
    coordinates = {
        "descent": LabelledArray("descent", list(METHODS), "1", "how it is descended"),
        "split": LabelledArray("split", list(SPLITS), "1", "variance of half of the noises"),
        "start": LabelledArray("start", list(STARTS), "1", "how it starts"),
        "step": LabelledArray("record", records, "1", "steps of descent"),
    }
    return followed | entries | {"ratio_theory": _theory(_teacher(splits))}, coordinates


def _teacher(splits: Tensor) -> Teacher:
    """Return the identity, with noise of two variances."""
    halves = torch.stack([splits, 2 - splits], -1)
    variances = halves.repeat_interleave(SIZE // 2, -1)
    identity = torch.eye(SIZE, dtype=splits.dtype).expand(len(splits), SIZE, SIZE)
    return Teacher(torch.ones_like(variances), identity, variances.sqrt())


def _start(draws: int) -> list[Tensor]:
    """Return the same weights for every split, stretched in both ways."""
    generator = stream("label noise", "start")
    incoming, outgoing = normal_layers([SIZE, SIZE, SIZE], draws, generator=generator)
    factors = STARTS.values()
    stretched = torch.cat([incoming * factor for factor in factors])
    shrunk = torch.cat([outgoing / factor for factor in factors])
    return [layer.repeat(len(SPLITS), 1, 1) for layer in (stretched, shrunk)]


def _observe(teacher: Teacher) -> Observe:
    """Make what observes the norms and the balance."""
    inputs = torch.diag_embed(teacher.inputs**2)
    noise = torch.diag_embed(teacher.noise**2)
    rows, columns = torch.triu_indices(ENTRIES, ENTRIES)

    def observe(layers: Layers) -> dict[str, Tensor]:
        incoming, outgoing = layers
        pair = Pair(outgoing, incoming)
        error = outgoing @ incoming - teacher.target
        gradients = gradients_of(inputs, noise, error=error)
        return {
            "ratio": norm_ratio(pair),
            "imbalance": imbalance(pair, gradients),
            "entry": unbalanced(pair, gradients)[:, rows, columns],
        }

    return observe


def _theory(teacher: Teacher) -> LabelledArray:
    """Return the ratio of the norms in closed form."""
    inputs = torch.diag_embed(teacher.inputs**2)
    noise = torch.diag_embed(teacher.noise**2)
    pair = equilibrium(teacher.target, gradients_of(inputs, noise))
    meaning = "squared norm, incoming over outgoing weights, in closed form"
    return LabelledArray("split", norm_ratio(pair).numpy(), "1", meaning)
