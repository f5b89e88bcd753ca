r"""Margins of a classifier: how far its outputs are from another decision.

The margin of a sample of class :math:`y` is :math:`f_y - \max_{c \neq y} f_c`; it is positive where
the network is right. Outputs can be scaled at will, so that margins are compared on the canonical
network, where every unit's incoming vector and the whole head have length 1. A second normalisation
divides by the spectral norms of its layers,

.. math:: \gamma = \frac{f_y - \max_{c\neq y} f_c}{\prod_l \lVert W_l\rVert_\sigma},

roughly the share of its outputs' sensitivity to the inputs that a sample uses.

The *relative margin* of a layer is, to first order, the smallest change of its weights, each
relative to its own size, that takes the sample to the decision between its class and the best
other,

.. math:: \gamma_l = \frac{m}{\lVert w_l \odot \nabla_{w_l} m \rVert}, \qquad
          m = f_y - \max_{c\neq y} f_c,

which no rescaling of units or outputs changes: :math:`w \odot \nabla_w m` is carried along, and the
outputs' scale divides out.

References
----------
Baldassi et al., "Unveiling the structure of wide flat minima" (2107.01163): flat minima surround
those of high margin. Bartlett, Foster and Telgarsky, "Spectrally-normalized margin bounds for
neural networks" (1706.08498), equation 1.2. Differs from the source: without the factor of the (2,
1) norms; a filter bank counts as the matrix of its filters, and norms are those of the canonical
network, because rescalings of units change them. Elsayed et al., "Large margin deep networks for
classification" (1803.05598), equation 5: the margin of a layer to first order. Differs from the
source: theirs is the change of its activations, ours the relative change of its weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.flatness.hessian import trainable
from symgeom.landscape.flatness.parts import all_finite
from symgeom.landscape.problem import Problem
from symgeom.quotient.gauge import canonicalise
from symgeom.symmetry.spec import SymmetrySpec

QUANTILES = (0.0, 0.01, 0.1, 0.5)
"""Minimum, 1 %, 10 % and median."""


@dataclass(frozen=True, eq=False)
class Margins:
    """Normalised margins of one network; NaN for a network that diverged.

    Attributes
    ----------
    quantile : Tensor, shape (quantile,)
        From 0 (the minimum) to 1.
    value : Tensor, shape (quantile,)
        Margins on the canonical network, in float64.
    spectral : Tensor, shape (quantile,)
        The same divided by the product of the spectral norms of its layers.
    bias_in_norm : bool
        Whether a unit's bias counts for its length.
    batch_norm : None or {"carried", "recompute"}
        Which statistics the batch norms used; None without batch norm.
    """

    quantile: Tensor
    value: Tensor
    spectral: Tensor
    bias_in_norm: bool
    batch_norm: str | None


def margins(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the margin of every sample.

    Parameters
    ----------
    outputs : Tensor, shape (sample, class)
        Logits, of two classes or more.
    targets : Tensor of int64, shape (sample,)
        Classes.

    Returns
    -------
    Tensor, shape (sample,)
        Positive where the network is right.

    Raises
    ------
    SymgeomError
        If there are not two classes, or a sample has not one of them.

    Examples
    --------
    >>> margins(torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0]]), torch.tensor([0, 1]))
    tensor([ 1., -2.])
    """
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        raise SymgeomError(
            f"Cannot compute margins from outputs of shape {tuple(outputs.shape)}: "
            "give one row of at least 2 logits per sample."
        )
    if targets.ndim != 1 or targets.dtype != torch.int64:
        raise SymgeomError(
            f"Cannot compute margins of targets of shape {tuple(targets.shape)} and type "
            f"{targets.dtype}: margins are those of a classification, one class (int64) per sample."
        )
    labels = targets[:, None]
    right = outputs.gather(1, labels).squeeze(1)
    best_wrong = outputs.scatter(1, labels, -torch.inf).amax(1)
    return right - best_wrong


@torch.no_grad()
def normalised_margins(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    *,
    quantiles: Sequence[float] = QUANTILES,
    bias_in_norm: bool = True,
) -> Margins:
    """Measure the margins of a network on its canonical representative.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture, with its head.
    problem : Problem
        Data and classes; cast to float64 here.
    params : Parameters
        One network, canonical or not.
    quantiles : sequence of float
        Which quantiles of the margins over the samples, from 0 to 1.
    bias_in_norm : bool
        Whether a unit's bias counts for its length.

    Returns
    -------
    Margins
        Quantiles, interpolated linearly.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, UnitGroup
    >>> head = UnitGroup("head", 1, (Leg("weight", 0, block=2),), permute=False, exact_for="error")
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> network = {"weight": torch.tensor([[-6.0], [8.0]])}
    >>> normalised_margins(SymmetrySpec((head,)), problem, network, quantiles=[0.0]).value
    tensor([1.4000], dtype=torch.float64)
    """
    quantile = torch.as_tensor(quantiles, dtype=torch.float64)
    if not all_finite(params):
        nothing = torch.full_like(quantile, torch.nan)
        return Margins(quantile, nothing, nothing, bias_in_norm, problem.batch_norm)
    exact = problem.cast(torch.float64)
    canonical = canonicalise(
        spec, cast(params, torch.float64), bias_in_norm=bias_in_norm, dead_units="drop"
    ).parameters
    margin = margins(exact.outputs(canonical), exact.targets)
    value = torch.quantile(margin, quantile.to(margin.device)).cpu()
    spectral = value / _product_of_norms(exact, canonical)
    return Margins(quantile, value, spectral, bias_in_norm, exact.batch_norm)


def _product_of_norms(problem: Problem, params: Parameters) -> Tensor:
    """Return the product of the spectral norms of the layers' weights, biases aside."""
    norms = []
    for name in trainable(problem, params):
        weight = params[name]
        if weight.ndim > 1:
            norms.append(torch.linalg.matrix_norm(weight.flatten(1), ord=2))
    return torch.stack(norms).cpu().prod()


def layer_margins(
    problem: Problem,
    params: Parameters,
    parts: Mapping[str, Sequence[str]],
    *,
    quantiles: Sequence[float] = QUANTILES,
) -> Tensor:
    """Measure the relative margins of each layer.

    Parameters
    ----------
    problem : Problem
        Data and classes; cast to float64 here.
    params : Parameters
        One network in any gauge.
    parts : mapping of str to sequence of str
        The trainable tensors of each layer, as :func:`~symgeom.landscape.flatness.parts.layers`
        returns them.
    quantiles : sequence of float
        Which quantiles of the relative margins over the samples, from 0 to 1 (not interpolated: the
        next lower sample's).

    Returns
    -------
    Tensor, shape (layer, quantile)
        In float64; infinite for a sample whose margin the layer does not change; NaN for a network
        that diverged, and where the statistics of batch norms are recomputed, so that no sample has
        a margin of its own.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> network = {"weight": torch.tensor([[-3.0], [4.0]])}  # margin 7, relative gradient (3, 4)
    >>> layer_margins(problem, network, {"head": ["weight"]}, quantiles=[0.5])
    tensor([[1.4000]], dtype=torch.float64)
    """
    quantile = torch.as_tensor(quantiles, dtype=torch.float64)
    if problem.batch_norm == "recompute" or not all_finite(params):
        return torch.full((len(parts), len(quantile)), torch.nan, dtype=torch.float64)
    exact = replace(problem.cast(torch.float64), sample_loss=margins)
    network = cast(params, torch.float64)
    slopes: list[list[Tensor]] = [[] for _ in parts]
    for gradients in exact.sample_gradients(network):
        for slope, names in zip(slopes, parts.values(), strict=True):
            slope.append(_relative_slopes(gradients, network, names))
    with torch.no_grad():
        margin = margins(exact.outputs(network), exact.targets)
    ratios = margin / torch.stack([torch.cat(slope) for slope in slopes])
    quantile = quantile.to(ratios.device)
    return torch.quantile(ratios, quantile, dim=1, interpolation="lower").T.cpu()


def _relative_slopes(gradients: Parameters, network: Parameters, names: Sequence[str]) -> Tensor:
    """Return the length of every sample's gradient over some tensors, times the weights."""
    squares = torch.zeros((), dtype=torch.float64)
    for name in names:
        gradient = gradients[name].square().flatten(1)
        weight = network[name].square().flatten()
        squares = squares + gradient @ weight
    return squares.sqrt()
