r"""Two layers on inputs of two variances: norms and sharpness at the noise equilibrium.

Half of the inputs have variance :math:`\varphi`, half :math:`2 - \varphi`; the labels are the
inputs with isotropic noise. SGD balances :math:`W\Sigma_xW^\top` with :math:`U^\top U`, and not
their norms; weight decay balances these, and without noise and decay they stay as they start.

References
----------
Ziyin et al. (2402.07193), figure 3. Sizes and rates are ours: those that are printed diverge with
the loss as it is printed.
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
    Gradients,
    Pair,
    equilibrium,
    gradients_of,
    norm_ratio,
    sharpness,
)

SPLITS = (0.2, 0.35, 0.5, 0.75, 1.0, 1.5)
FINE = (0.1, 1.7, 41)
"""First and last of the splits, and their number, for a smooth line of the closed forms."""

SIZE = 10
"""Inputs, units and outputs."""

RATE = 0.01
BATCH = 10
DECAY = 2e-3

STRETCH = 1.5
"""Factor of the incoming weights at the start."""

METHODS = {
    "SGD": Method(RATE, BATCH),
    "SGD with decay": Method(RATE, BATCH, DECAY),
    "GD with decay": Method(RATE, decay=DECAY),
    "GD": Method(RATE),
}

MEANINGS: Meanings = {
    "ratio": ("1", "squared norm, incoming over outgoing weights"),
    "sharpness": ("loss / weight^2", "half the trace of the Hessian"),
}


def measure(steps: int, draws: int) -> Labelled:
    """Descend by all methods from the same starts, on inputs of several splits.

    Parameters
    ----------
    steps : int
        Of descent.
    draws : int
        Of starts and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Norms and sharpness along the way, and in closed form.

    Examples
    --------
    >>> arrays, _ = measure(4, 2)
    >>> arrays["ratio"].values.shape
    (4, 6, 2, 5)
    """
    splits = torch.tensor(SPLITS, dtype=torch.float64)
    teacher = split_teacher(splits.repeat_interleave(draws), SIZE)
    start = _start(draws)
    records = even_records(steps)
    runs = []
    for name, method in METHODS.items():
        _, observed = descend(
            start,
            teacher,
            method,
            records=records,
            observe=observe_norms(teacher),
            generator=stream("split inputs", name),
        )
        runs.append(observed)
    followed = gathered(
        runs,
        MEANINGS,
        dimensions=("descent", "split", "draw", "record"),
        networks=(len(SPLITS), draws),
    )
    coordinates = {
        "descent": LabelledArray("descent", list(METHODS), "1", "how it is descended"),
        "split": LabelledArray("split", list(SPLITS), "1", "variance of one half of the inputs"),
        "step": LabelledArray("record", records, "1", "steps of descent"),
    }
    fine = torch.linspace(FINE[0], FINE[1], FINE[2], dtype=torch.float64)
    meaning = "variance of one half of the inputs"
    coordinates["fine_split"] = LabelledArray("fine_split", fine.numpy(), "1", meaning)
    closed = _theory(splits, "split", "theory") | _theory(fine, "fine_split", "curve")
    return followed | closed, coordinates


def split_teacher(splits: Tensor, size: int) -> Teacher:
    """Return the identity on inputs of two variances, with noise of variance 1.

    Parameters
    ----------
    splits : Tensor, shape (network,)
        Variance of the first half of the inputs; that of the others is two minus it.
    size : int
        Number of inputs, even, and of outputs.

    Returns
    -------
    Teacher
        Of so many networks.

    Examples
    --------
    >>> deviations = split_teacher(torch.tensor([0.5]), 4).inputs
    >>> (deviations**2).round(decimals=6).tolist()
    [[0.5, 0.5, 1.5, 1.5]]
    """
    halves = torch.stack([splits, 2 - splits], -1)
    variances = halves.repeat_interleave(size // 2, -1)
    identity = torch.eye(size, dtype=splits.dtype).expand(len(splits), size, size)
    return Teacher(variances.sqrt(), identity, torch.ones_like(variances))


def observe_norms(teacher: Teacher) -> Observe:
    """Make what observes the ratio of the norms and the sharpness of two layers.

    Parameters
    ----------
    teacher : Teacher
        Of the networks.

    Returns
    -------
    callable
        From layers to ``ratio`` and ``sharpness``.
    """
    inputs = torch.diag_embed(teacher.inputs**2)

    def observe(layers: Layers) -> dict[str, Tensor]:
        incoming, outgoing = layers
        pair = Pair(outgoing, incoming)
        return {"ratio": norm_ratio(pair), "sharpness": sharpness(pair, inputs)}

    return observe


def _start(draws: int) -> list[Tensor]:
    """Return the same weights for every split."""
    generator = stream("split inputs", "start")
    incoming, outgoing = normal_layers([SIZE, SIZE, SIZE], draws, generator=generator)
    return [layer.repeat(len(SPLITS), 1, 1) for layer in (STRETCH * incoming, outgoing)]


def _theory(splits: Tensor, dimension: str, ending: str) -> dict[str, LabelledArray]:
    """Return the closed forms for some splits; NaN where nothing is predicted."""
    teacher = split_teacher(splits, SIZE)
    inputs = torch.diag_embed(teacher.inputs**2)
    noise = torch.diag_embed(teacher.noise**2)
    runs = []
    for method in METHODS.values():
        gradients = _gradients(inputs, noise, method)
        if gradients is None:
            nothing = torch.full_like(splits, torch.nan)
            runs.append(dict.fromkeys(MEANINGS, nothing))
        else:
            pair = equilibrium(teacher.target, gradients)
            runs.append({"ratio": norm_ratio(pair), "sharpness": sharpness(pair, inputs)})
    closed = gathered(runs, MEANINGS, dimensions=("descent", dimension), networks=(len(splits),))
    return {
        f"{name}_{ending}": array._replace(meaning=f"{array.meaning}, in closed form")
        for name, array in closed.items()
    }


def _gradients(inputs: Tensor, noise: Tensor, method: Method) -> Gradients | None:
    """Return what a method balances; nothing if it balances nothing."""
    if method.batch is not None:
        ratio = method.batch * method.decay / method.learning_rate
        return gradients_of(inputs, noise, decay_ratio=ratio)
    if method.decay:
        return gradients_of(0 * inputs, 0 * noise, decay_ratio=1.0)
    return None
