r"""Trace of the Hessian of the loss, with its standard error.

Hutchinson's estimator is the mean over random sign vectors :math:`z` of :math:`z^T H z`, whose
expectation is :math:`\operatorname{tr} H`. All probes that were asked for are taken: stopping once
two running means agree stops too early.

Its variance is twice the sum of the squared off-diagonal entries of :math:`H`, and each probe knows
more of it than one number: every entry :math:`z_i (Hz)_i` has the mean :math:`H_{ii}` and the
variance :math:`\sum_{j\neq i} H_{ij}^2`, so that twice the sum over :math:`i` of their sample
variances is an unbiased estimate, exactly zero on a diagonal matrix. The sample variance of the
:math:`z^T H z` themselves has the same expectation, and so much scatter that the errors of a few
probes are two to three times its median where few eigenvalues dominate. In the worst case, one
eigenvector, the estimate has one degree of freedom per probe: intervals are Student's with so many.
In simulations with 6, 12 and 30 probes, on flat and on steep spectra, they cover 94 % or more
at nominal 95 %, and more than that on flat ones.

``method="hutch++"`` spends a third of the products on a sketch :math:`Q` of the leading eigenspace,
a third on the exact trace there, and the rest on what is left:

.. math:: \operatorname{tr} H = \operatorname{tr} Q^T H Q
          + \operatorname{tr}\,(1 - QQ^T) H (1 - QQ^T) .

It is exact on matrices of lower rank than the sketch, and better where few eigenvalues dominate, as
at a trained network. The error is that of the last part, an estimate of Hutchinson's for the matrix
:math:`(1 - QQ^T) H (1 - QQ^T)` from the remaining products.

References
----------
Hutchinson, "A stochastic estimator of the trace of the influence matrix" (1990). Meyer, Musco,
Musco and Woodruff, "Hutch++" (2010.09649), algorithm 1.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from scipy.special import stdtrit
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast, ravel
from symgeom.landscape.flatness.eigenpairs import Product
from symgeom.landscape.flatness.hessian import hessian_vector_product, trainable
from symgeom.landscape.problem import Problem

METHODS = ("hutchinson", "hutch++")
FEWEST = {"hutchinson": 2, "hutch++": 4}
"""Probes that the standard error of each method needs."""


@dataclass(frozen=True, eq=False)
class HessianTrace:
    """An estimate of a trace; NaN for a network that diverged.

    Attributes
    ----------
    trace : Tensor, shape ()
        In float64.
    standard_error : Tensor, shape ()
        Standard error over the random probes (for hutch++ of the part that is not exact).
    freedom : int
        Degrees of freedom of the standard error: probes of the part that is not exact.
    probes : int
        Products with the Hessian.
    method : {"hutchinson", "hutch++"}
        The estimator.
    batch_norm : None or {"carried"}
        Which statistics the batch norms used; None without batch norm.
    """

    trace: Tensor
    standard_error: Tensor
    freedom: int
    probes: int
    method: str
    batch_norm: str | None

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the interval of Student's t around the estimate.

        Parameters
        ----------
        level : float
            How often such intervals cover the trace.

        Returns
        -------
        low, high : float
            Its ends.

        Examples
        --------
        >>> one = torch.ones(())
        >>> low, high = HessianTrace(5 * one, one, 4, 4, "hutchinson", None).interval()
        >>> round(low, 2), round(high, 2)
        (2.22, 7.78)
        """
        half = float(stdtrit(self.freedom, (1 + level) / 2)) * float(self.standard_error)
        return float(self.trace) - half, float(self.trace) + half


@door
def hessian_trace(
    problem: Problem,
    params: Parameters,
    *,
    probes: int,
    generator: torch.Generator,
    tensors: Collection[str] | None = None,
    method: str = "hutchinson",
) -> HessianTrace:
    """Estimate the trace of the Hessian of the mean loss.

    Parameters
    ----------
    problem : Problem
        The landscape; cast to float64 here.
    params : Parameters
        One network; cast to float64 here.
    probes : int
        Products with the Hessian, at least 2 (hutch++: 4).
    generator : torch.Generator
        The source of the random signs.
    tensors : collection of str, optional
        The tensors of a block of the Hessian, for instance those of one layer; all trainable ones
        by default.
    method : {"hutchinson", "hutch++"}
        The estimator.

    Returns
    -------
    HessianTrace
        The trace with its standard error.

    Raises
    ------
    SymgeomError
        If there are too few probes, or the method or a tensor is not known.

    Examples
    --------
    >>> from torch import nn
    >>> square = lambda outputs, targets: 1.5 * ((outputs - targets) ** 2).sum(1)
    >>> inputs = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    >>> quadratic = Problem(nn.Linear(3, 1, bias=False), inputs, torch.zeros(3, 1), square)
    >>> options = {"probes": 2, "generator": torch.Generator().manual_seed(0)}
    >>> estimate = hessian_trace(quadratic, {"weight": torch.ones(1, 3)}, **options)
    >>> float(estimate.trace), float(estimate.standard_error)
    (14.0, 0.0)
    """
    network = cast(params, torch.float64)
    product = hessian_vector_product(problem.cast(torch.float64), network, tensors=tensors)
    names = trainable(problem, network, tensors=tensors)
    return trace_of(
        product,
        ravel({name: network[name] for name in names}),
        problem.batch_norm,
        probes=probes,
        generator=generator,
        method=method,
    )


def trace_of(
    product: Product,
    like: Tensor,
    batch_norm: str | None,
    *,
    probes: int,
    generator: torch.Generator,
    method: str = "hutchinson",
) -> HessianTrace:
    """Estimate the trace of an operator.

    Parameters
    ----------
    product : callable
        The symmetric operator.
    like : Tensor of float64, shape (parameter,)
        Only size and device matter.
    batch_norm : None or {"carried"}
        For the record.
    probes : int
        Products with the operator, at least 2 (hutch++: 4).
    generator : torch.Generator
        The source of the random signs.
    method : {"hutchinson", "hutch++"}
        The estimator.

    Returns
    -------
    HessianTrace
        The trace with its standard error.

    Raises
    ------
    SymgeomError
        If there are too few probes, or the method is not known.

    Examples
    --------
    >>> like = torch.ones(5, dtype=torch.float64)
    >>> options = {"probes": 2, "generator": torch.Generator()}
    >>> float(trace_of(lambda vector: 2 * vector, like, None, **options).trace)
    10.0
    """
    check_choice(method, METHODS, "estimator of traces")
    least = FEWEST[method]
    if probes < least:
        raise SymgeomError(
            f"Cannot estimate a trace from {probes} probes by {method}: "
            f"its standard error needs at least {least}."
        )
    sketch = like.new_empty(len(like), 0)
    if method == "hutch++":
        sketch = _sketch(product, like, min(probes // 3, len(like)), generator)
    exact = like.new_zeros(())
    for direction in sketch.T:
        exact += torch.dot(direction, product(direction))
    rest = probes - 2 * sketch.shape[1]
    diagonal = torch.zeros_like(like)
    squares = like.new_zeros(())
    for number in range(1, rest + 1):  # Welford's sums: of the entries nothing else is stored
        z = random_signs(like, generator)
        image = product(_without(sketch, z))
        estimate = z * _without(sketch, image)
        away = estimate - diagonal
        diagonal += away / number
        squares += torch.dot(away, away) * (number - 1) / number
    variance = 2 * squares / (rest - 1)
    return HessianTrace(
        trace=exact + diagonal.sum(),
        standard_error=(variance / rest).sqrt(),
        freedom=rest,
        probes=probes,
        method=method,
        batch_norm=batch_norm,
    )


def _without(sketch: Tensor, vector: Tensor) -> Tensor:
    """Return a vector without its part in the span of orthonormal columns."""
    return vector - sketch @ (sketch.T @ vector)


def _sketch(product: Product, like: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return an orthonormal basis near the leading eigenspace, as columns."""
    images = []
    for _ in range(count):
        images.append(product(random_signs(like, generator)))
    columns = torch.stack(images, dim=1)
    return torch.linalg.qr(columns).Q if columns.isfinite().all() else columns


def random_signs(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a vector of random signs (Rademacher).

    Parameters
    ----------
    like : Tensor
        Its shape, precision and device.
    generator : torch.Generator
        The source of randomness.

    Returns
    -------
    Tensor
        Entries 1 and -1.

    Examples
    --------
    >>> random_signs(torch.zeros(50), torch.Generator()).abs().sum()
    tensor(50.)
    """
    bits = torch.randint(2, like.shape, generator=generator)
    return (2 * bits - 1).to(like)
