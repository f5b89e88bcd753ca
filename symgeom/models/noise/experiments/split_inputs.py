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
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.linear.descent import Layers, Method, descend
from symgeom.models.noise.linear.teacher import Teacher
from symgeom.models.noise.linear.two_layers import (
    Gradients,
    Pair,
    equilibrium,
    gradients_at_minimum,
    norm_ratio,
    sharpness,
)

SPLITS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5)
INPUTS = 10
UNITS = 20
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

PATH = ("descent", "split", "draw", "record")


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
    splits = torch.tensor(SPLITS, dtype=torch.float64).repeat_interleave(draws)
    teacher = split_teacher(splits, INPUTS)
    start = _start(draws)
    records = even_records(steps)
    ratios = []
    sharpnesses = []
    for name, method in METHODS.items():
        observed = _follow(start, teacher, method, records, generator=stream("split inputs", name))
        ratios.append(observed["ratio"].reshape(len(SPLITS), draws, -1))
        sharpnesses.append(observed["sharpness"].reshape(len(SPLITS), draws, -1))
    arrays = {
        "ratio": LabelledArray(
            PATH, torch.stack(ratios).numpy(), "1", "squared norm, incoming over outgoing weights"
        ),
        "sharpness": LabelledArray(
            PATH, torch.stack(sharpnesses).numpy(), "1", "half the trace of the Hessian"
        ),
    }
    coordinates = {
        "descent": LabelledArray("descent", list(METHODS), "1", "how it is descended"),
        "split": LabelledArray("split", list(SPLITS), "1", "variance of one half of the inputs"),
        "step": LabelledArray("record", records, "1", "steps of descent"),
    }
    return arrays | _theory(), coordinates


def split_teacher(splits: Tensor, inputs: int) -> Teacher:
    """Return the identity on inputs of two variances, with noise of variance 1.

    Parameters
    ----------
    splits : Tensor, shape (network,)
        Variance of the first half of the inputs; that of the others is two minus it.
    inputs : int
        Their number, even.

    Returns
    -------
    Teacher
        With as many outputs.

    Examples
    --------
    >>> deviations = split_teacher(torch.tensor([0.5]), 4).inputs
    >>> (deviations**2).round(decimals=6).tolist()
    [[0.5, 0.5, 1.5, 1.5]]
    """
    halves = torch.stack([splits, 2 - splits], -1)
    variances = halves.repeat_interleave(inputs // 2, -1)
    identity = torch.eye(inputs, dtype=splits.dtype).expand(len(splits), inputs, inputs)
    return Teacher(variances.sqrt(), identity, torch.ones_like(variances))


def _start(draws: int) -> list[Tensor]:
    """Return the same normal weights for every split."""
    generator = stream("split inputs", "start")
    shapes = [(draws, UNITS, INPUTS), (draws, INPUTS, UNITS)]
    incoming, outgoing = (
        torch.randn(shape, generator=generator, dtype=torch.float64) / shape[-1] ** 0.5
        for shape in shapes
    )
    return [(STRETCH * incoming).repeat(len(SPLITS), 1, 1), outgoing.repeat(len(SPLITS), 1, 1)]


def _follow(
    start: Layers,
    teacher: Teacher,
    method: Method,
    records: list[int],
    *,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Follow norms and sharpness."""
    inputs = torch.diag_embed(teacher.inputs**2)

    def observe(layers: Layers) -> dict[str, Tensor]:
        incoming, outgoing = layers
        pair = Pair(outgoing, incoming)
        return {"ratio": norm_ratio(pair), "sharpness": sharpness(pair, inputs)}

    return descend(start, teacher, method, records=records, observe=observe, generator=generator)[1]


def _theory() -> dict[str, LabelledArray]:
    """Return the closed forms; NaN where nothing is predicted."""
    splits = torch.tensor(SPLITS, dtype=torch.float64)
    teacher = split_teacher(splits, INPUTS)
    inputs = torch.diag_embed(teacher.inputs**2)
    noise = torch.diag_embed(teacher.noise**2)
    ratios = []
    sharpnesses = []
    for method in METHODS.values():
        gradients = _gradients(inputs, noise, method)
        if gradients is None:
            ratios.append(torch.full_like(splits, torch.nan))
            sharpnesses.append(torch.full_like(splits, torch.nan))
        else:
            pair = equilibrium(teacher.target, gradients)
            ratios.append(norm_ratio(pair))
            sharpnesses.append(sharpness(pair, inputs))
    axes = ("descent", "split")
    return {
        "ratio_theory": LabelledArray(
            axes, torch.stack(ratios).numpy(), "1", "squared norm, incoming over outgoing weights"
        ),
        "sharpness_theory": LabelledArray(
            axes, torch.stack(sharpnesses).numpy(), "1", "half the trace of the Hessian"
        ),
    }


def _gradients(inputs: Tensor, noise: Tensor, method: Method) -> Gradients | None:
    """Return what a method balances; nothing if it balances nothing."""
    if method.batch is not None:
        ratio = method.batch * method.decay / method.learning_rate
        return gradients_at_minimum(inputs, noise, decay_ratio=ratio)
    if method.decay:
        return gradients_at_minimum(0 * inputs, 0 * noise, decay_ratio=1.0)
    return None
