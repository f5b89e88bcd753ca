r"""Leading eigenvalues of the Hessian of the loss, by Lanczos iteration.

The Hessian :math:`H = \nabla^2 L(\theta)` over all trainable tensors is never formed: Lanczos needs products

.. math:: Hv = \nabla\big\langle \nabla L(\theta), v\big\rangle,

each a second backward pass through the graph of the gradient. That graph depends on :math:`\theta` only: where the data fit in
one chunk of the problem it is built once and kept for all products; otherwise it is rebuilt for each chunk of each product, so
that memory is bounded by a chunk (raise ``chunk`` where memory allows: it saves a third of the time). Each chunk weighs as many
samples as it has. Everything is computed in float64 on the full, fixed data set.

The eigenvalues are those of the given parameterisation: a rescaling of a unit changes them (Dinh et al.).

References
----------
Pearlmutter, "Fast exact multiplication by the Hessian" (Neural Computation 6, 1994): the products. Lehoucq, Sorensen and Yang,
"ARPACK users' guide" (SIAM, 1998): implicitly restarted Lanczos iteration, through ``scipy.sparse.linalg.eigsh``. Dinh et al.,
"Sharp minima can generalize for deep nets" (1703.04933): the dependence on the parameterisation.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from symgeom.checks import SymgeomError
from symgeom.problem import Problem
from symgeom.types import Parameters, cast

BASIS = 4
"""Lanczos keeps ``2 count + BASIS`` vectors: 11 products for 3 eigenvalues of an MLP 64-128-128-10, where scipy's 20 take 21."""


@dataclass(frozen=True, eq=False)
class HessianEigenvalues:
    """Leading eigenvalues of the Hessian at one network.

    Attributes
    ----------
    values : Tensor, shape (eigenvalue,)
        The algebraically largest eigenvalues, descending, in float64; NaN for those that were not found.
    residuals : Tensor, shape (eigenvalue,)
        ``|H v - value v|`` for the unit eigenvectors, from products of their own; a true eigenvalue lies within it.
    matvecs : int
        Hessian-vector products that Lanczos took.
    converged : bool
        Whether all eigenvalues were found with residuals within the tolerance, relative to the largest of them.
    """

    values: Tensor
    residuals: Tensor
    matvecs: int
    converged: bool


def hessian_vector_product(problem: Problem, params: Parameters) -> Callable[[Tensor], Tensor]:
    """Prepare products of the Hessian of the mean loss with vectors.

    Parameters
    ----------
    problem : Problem
        The landscape, in the precision of the parameters.
    params : Parameters
        One network. Buffers are constants.

    Returns
    -------
    callable
        From a vector of shape ``(parameter,)``, the trainable tensors in the order of ``params``, to ``H v``.

    Raises
    ------
    SymgeomError
        If the statistics of batch norms are recomputed: they would be differentiated too.

    Examples
    --------
    >>> from torch import nn
    >>> square = lambda outputs, targets: ((outputs - targets) ** 2).sum(1)
    >>> quadratic = Problem(nn.Linear(1, 1, bias=False), torch.tensor([[3.0]]), torch.zeros(1, 1), square)
    >>> hessian_vector_product(quadratic, {"weight": torch.ones(1, 1)})(torch.tensor([1.0]))
    tensor([18.])
    """
    if problem.batch_norm == "recompute":
        raise SymgeomError(
            "Cannot differentiate a loss twice whose batch norms use recomputed statistics. Fold the network first "
            "(fold_batchnorm), or measure the statistics once (recompute_statistics) and choose batch_norm='carried'."
        )
    names = trainable(problem, params)
    leaves = [params[name].detach().clone().requires_grad_() for name in names]
    network = {**params, **dict(zip(names, leaves, strict=True))}
    parts = [
        replace(problem, inputs=inputs, targets=targets)
        for inputs, targets in zip(problem.inputs.split(problem.chunk), problem.targets.split(problem.chunk), strict=True)
    ]

    def gradient(part: Problem) -> tuple[Tensor, ...]:
        loss = part.loss(network) * (len(part.targets) / len(problem.targets))
        return torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)

    kept = [gradient(parts[0])] if len(parts) == 1 else None

    def product(vector: Tensor) -> Tensor:
        along = vector.split([leaf.numel() for leaf in leaves])
        total = torch.zeros_like(vector)
        for gradients in kept or map(gradient, parts):
            inner = sum(torch.dot(g.reshape(-1), v) for g, v in zip(gradients, along, strict=True))
            if inner.requires_grad:  # not where the loss is linear
                second = torch.autograd.grad(inner, leaves, retain_graph=kept is not None, materialize_grads=True)
                total += torch.cat([tensor.reshape(-1) for tensor in second])
        return total

    return product


def trainable(problem: Problem, params: Parameters) -> list[str]:
    """Return the names of a network's trainable tensors, in its order: the coordinates of Hessian-vector products.

    Parameters
    ----------
    problem : Problem
        Its module tells weights from buffers.
    params : Parameters
        One network.

    Returns
    -------
    list of str
        The names.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(2, 1), torch.ones(1, 2), torch.tensor([0]))
    >>> trainable(problem, {"bias": torch.ones(1), "weight": torch.ones(1, 2)})
    ['bias', 'weight']
    """
    names = {name for name, _ in problem.module.named_parameters()}
    return [name for name in params if name in names]


def hessian_eigenvalues(
    problem: Problem,
    params: Parameters,
    *,
    count: int,
    tolerance: float = 1e-3,
    generator: torch.Generator,
    restarts: int = 100,
) -> HessianEigenvalues:
    """Find the algebraically largest eigenvalues of the Hessian of the mean loss.

    Parameters
    ----------
    problem : Problem
        The landscape; cast to float64 here.
    params : Parameters
        One network; cast to float64 here.
    count : int
        How many eigenvalues.
    tolerance : float
        Largest residual, relative to the eigenvalue. The error of an eigenvalue is of the order of its square.
    generator : torch.Generator
        The source of the start vector; the result depends on nothing else.
    restarts : int
        Restarts of the iteration after which it stops without having converged.

    Returns
    -------
    HessianEigenvalues
        The eigenvalues with their residuals. A network that diverged gives NaN, not converged.

    Raises
    ------
    SymgeomError
        If there are not more trainable parameters than eigenvalues asked for.

    Examples
    --------
    >>> from torch import nn
    >>> square = lambda outputs, targets: 1.5 * ((outputs - targets) ** 2).sum(1)
    >>> inputs = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    >>> quadratic = Problem(nn.Linear(3, 1, bias=False), inputs, torch.zeros(3, 1), square)
    >>> found = hessian_eigenvalues(quadratic, {"weight": torch.ones(1, 3)}, count=2, generator=torch.Generator().manual_seed(0))
    >>> [round(float(value), 6) for value in found.values], found.converged
    ([9.0, 4.0], True)
    """
    size = sum(params[name].numel() for name in trainable(problem, params))
    if not 0 < count < size:
        raise SymgeomError(f"Cannot find {count} eigenvalues of a Hessian of {size} parameters: ask for 1 to {size - 1}.")
    product = hessian_vector_product(problem.cast(torch.float64), cast(params, torch.float64))
    start = torch.randn(size, generator=generator, dtype=torch.float64)
    # ARPACK takes eigenvalues below 4e-11 for zero: in units of its own size a tiny Hessian meets the tolerance like any other.
    unit = float(torch.linalg.vector_norm(product(start)) / torch.linalg.vector_norm(start))
    if not 0 < unit < math.inf:  # the start vector is random, so that H = 0, or the network diverged
        values = torch.full((count,), unit if unit == 0 else math.nan, dtype=torch.float64)
        return HessianEigenvalues(values, values, 1, unit == 0)
    matvecs = 0

    def matvec(vector: np.ndarray) -> np.ndarray:
        nonlocal matvecs
        matvecs += 1
        return product(torch.from_numpy(vector.reshape(-1))).numpy() / unit

    operator = LinearOperator((size, size), matvec=matvec, dtype=np.float64)
    seed = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    options = {"v0": start.numpy(), "rng": seed, "ncv": min(size, 2 * count + BASIS), "maxiter": restarts, "tol": tolerance}
    try:
        values, vectors = eigsh(operator, k=count, which="LA", **options)
    except ArpackNoConvergence as stopped:
        values, vectors = stopped.eigenvalues, stopped.eigenvectors
    found, residuals = torch.full((2, count), torch.nan, dtype=torch.float64)
    for place, index in enumerate(np.argsort(-values)):
        vector = torch.from_numpy(vectors[:, index].copy())
        found[place] = float(values[index]) * unit
        residuals[place] = torch.linalg.vector_norm(product(vector) - found[place] * vector)
    converged = bool((residuals <= tolerance * found.abs().amax()).all())
    return HessianEigenvalues(found, residuals, matvecs, converged)
