r"""Leading eigenvalues of the Hessian of the loss, by Rayleigh-Ritz iteration.

The Hessian :math:`H = \nabla^2 L(\theta)` over all trainable tensors, or over some of them, is
never formed: the iteration needs products

.. math:: Hv = \nabla\big\langle \nabla L(\theta), v\big\rangle,

each a second backward pass through the graph of the gradient. That graph depends on :math:`\theta`
only: where the data fit in one chunk of the problem it is built once and kept for all products;
otherwise it is rebuilt for each chunk of each product, so that memory is bounded by a chunk (raise
``chunk`` where memory allows: it saves a third of the time). Each chunk weighs as many samples as
it has. Eigenvalues and residuals are those of the full, fixed data set in float64; only the search
that precedes them uses products in float32.

The eigenvalues are those of the given parameterisation: a rescaling of a unit changes them (Dinh et
al.); see :mod:`symgeom.landscape.flatness.curvature` for some that it does not change.

References
----------
Pearlmutter, "Fast exact multiplication by the Hessian" (Neural Computation 6, 1994): the products.
Dinh et al., "Sharp minima can generalize for deep nets" (1703.04933): the dependence on the
parameterisation.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from symgeom.ground.attention import twice_differentiable
from symgeom.ground.checks import SymgeomError, check_range
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast, unravel
from symgeom.landscape.flatness.eigenpairs import Product, refined_eigenpairs
from symgeom.landscape.problem import Problem


@dataclass(frozen=True, eq=False)
class HessianEigenvalues:
    """Leading eigenvalues of a Hessian at one network.

    Attributes
    ----------
    values : Tensor, shape (eigenvalue,)
        The algebraically largest eigenvalues, descending, in float64; NaN for those that were not
        found within the tolerance.
    residuals : Tensor, shape (eigenvalue,)
        ``|H v - value v|`` for the unit vectors found, in float64; a true eigenvalue lies within
        it. NaN for a network that diverged.
    matvecs : int
        Hessian-vector products that were taken.
    converged : bool
        Whether all eigenvalues were found with residuals within the tolerance, relative to the
        largest of them.
    batch_norm : None or {"carried"}
        Which statistics the batch norms used; None without batch norm.
    """

    values: Tensor
    residuals: Tensor
    matvecs: int
    converged: bool
    batch_norm: str | None


def hessian_vector_product(
    problem: Problem, params: Parameters, *, tensors: Collection[str] | None = None
) -> Product:
    """Prepare products of the Hessian of the mean loss with vectors.

    Parameters
    ----------
    problem : Problem
        The landscape, in the precision of the parameters.
    params : Parameters
        One network. Buffers are constants.
    tensors : collection of str, optional
        The tensors of a block of the Hessian; all others are constants too. All trainable ones by
        default.

    Returns
    -------
    callable
        From a vector of shape ``(parameter,)``, these tensors in the order of ``params``, to ``H
        v``.

    Raises
    ------
    SymgeomError
        If the statistics of batch norms are recomputed: they would be differentiated too.

    Examples
    --------
    >>> from torch import nn
    >>> square = lambda outputs, targets: ((outputs - targets) ** 2).sum(1)
    >>> inputs, targets = torch.tensor([[3.0]]), torch.zeros(1, 1)
    >>> quadratic = Problem(nn.Linear(1, 1, bias=False), inputs, targets, square)
    >>> hessian_vector_product(quadratic, {"weight": torch.ones(1, 1)})(torch.tensor([1.0]))
    tensor([18.])
    """
    if problem.batch_norm == "recompute":
        raise SymgeomError(
            "Cannot differentiate a loss twice whose batch norms use recomputed statistics. "
            "Fold the network first (fold_batchnorm), or measure the statistics once "
            "(recompute_statistics) and choose batch_norm='carried'."
        )
    names = trainable(problem, params, tensors=tensors)
    leaves = {name: params[name].detach().clone().requires_grad_() for name in names}
    chunks = _chunks(problem)

    def gradient(chunk: Problem) -> dict[str, Tensor]:
        share = len(chunk.targets) / len(problem.targets)
        with twice_differentiable():
            loss = chunk.loss({**params, **leaves}) * share
        gradients = torch.autograd.grad(
            loss, list(leaves.values()), create_graph=True, materialize_grads=True
        )
        return dict(zip(names, gradients, strict=True))

    graph = gradient(chunks[0]) if len(chunks) == 1 else None

    def product(vector: Tensor) -> Tensor:
        total = torch.zeros_like(vector)
        for chunk in chunks:
            slopes = gradient(chunk) if graph is None else graph
            total += _second_backward(slopes, leaves, vector, keep_graph=graph is not None)
        return total

    return product


def _chunks(problem: Problem) -> list[Problem]:
    """Return the landscapes of the data's chunks."""
    inputs = problem.inputs.split(problem.chunk)
    targets = problem.targets.split(problem.chunk)
    chunks = []
    for chunk_inputs, chunk_targets in zip(inputs, targets, strict=True):
        chunks.append(replace(problem, inputs=chunk_inputs, targets=chunk_targets))
    return chunks


def _second_backward(
    gradient: Parameters, leaves: Parameters, vector: Tensor, *, keep_graph: bool
) -> Tensor:
    """Return the derivative of a gradient along a vector; zero where the loss is linear."""
    along = unravel(vector, leaves)
    curved = [name for name in leaves if gradient[name].requires_grad]
    if not curved:
        return torch.zeros_like(vector)
    second = torch.autograd.grad(
        [gradient[name] for name in curved],
        list(leaves.values()),
        [along[name] for name in curved],
        retain_graph=keep_graph,
        materialize_grads=True,
    )
    return torch.cat([tensor.reshape(-1) for tensor in second])


def trainable(
    problem: Problem, params: Parameters, *, tensors: Collection[str] | None = None
) -> list[str]:
    """Return the names of a network's trainable tensors, in its order.

    They are the coordinates of products with the Hessian. Frozen weights are none of them.

    Parameters
    ----------
    problem : Problem
        Its module tells what trains from frozen weights and buffers.
    params : Parameters
        One network.
    tensors : collection of str, optional
        Which of them; all by default.

    Returns
    -------
    list of str
        The names.

    Raises
    ------
    SymgeomError
        If the network is of another architecture than the problem's, one of ``tensors`` is not
        among the trainable ones, or there are none.

    Examples
    --------
    >>> from torch import nn
    >>> problem = Problem(nn.Linear(2, 1), torch.ones(1, 2), torch.tensor([0]))
    >>> network = {"bias": torch.ones(1), "weight": torch.ones(1, 2)}
    >>> trainable(problem, network), trainable(problem, network, tensors=["weight"])
    (['bias', 'weight'], ['weight'])
    """
    problem.architecture.check(params)
    weights = set(problem.trainable)
    names = [name for name in params if name in weights]
    if tensors is None:
        return names
    unknown = sorted(set(tensors) - set(names))
    if unknown or not tensors:
        raise SymgeomError(
            f"Cannot restrict a measure to the tensors {sorted(tensors)}: the network has no "
            f"trainable ones named {unknown}. Choose some from {names}."
        )
    return [name for name in names if name in tensors]


@door
def hessian_eigenvalues(
    problem: Problem,
    params: Parameters,
    *,
    count: int,
    tolerance: float = 1e-3,
    generator: torch.Generator,
    tensors: Collection[str] | None = None,
) -> HessianEigenvalues:
    """Find the algebraically largest eigenvalues of the Hessian of the mean loss.

    Parameters
    ----------
    problem : Problem
        The landscape; cast here.
    params : Parameters
        One network; cast here.
    count : int
        How many eigenvalues.
    tolerance : float
        Largest residual, relative to the largest eigenvalue. The error of an eigenvalue is of the
        order of its square.
    generator : torch.Generator
        The source of the start vector; the result depends on nothing else.
    tensors : collection of str, optional
        The tensors of a block of the Hessian, for instance those of one layer; all trainable ones
        by default.

    Returns
    -------
    HessianEigenvalues
        The eigenvalues with their residuals. A network that diverged gives NaN, not converged.

    Raises
    ------
    SymgeomError
        If there are fewer parameters than eigenvalues asked for, or a tensor is not known.

    Examples
    --------
    >>> from torch import nn
    >>> square = lambda outputs, targets: 1.5 * ((outputs - targets) ** 2).sum(1)
    >>> inputs = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    >>> quadratic = Problem(nn.Linear(3, 1, bias=False), inputs, torch.zeros(3, 1), square)
    >>> options = {"count": 2, "generator": torch.Generator().manual_seed(0)}
    >>> leading = hessian_eigenvalues(quadratic, {"weight": torch.ones(1, 3)}, **options)
    >>> [round(float(value), 6) for value in leading.values], leading.converged
    ([9.0, 4.0], True)
    """

    def operator(dtype: torch.dtype) -> Product:
        return hessian_vector_product(problem.cast(dtype), cast(params, dtype), tensors=tensors)

    names = trainable(problem, params, tensors=tensors)
    return leading_eigenvalues(
        operator,
        [params[name] for name in names],
        problem.batch_norm,
        count=count,
        tolerance=tolerance,
        generator=generator,
    )


def leading_eigenvalues(
    operator: Callable[[torch.dtype], Product],
    tensors: Sequence[Tensor],
    batch_norm: str | None,
    *,
    count: int,
    tolerance: float,
    generator: torch.Generator,
) -> HessianEigenvalues:
    """Find the algebraically largest eigenvalues of any operator on some tensors of a network.

    Parameters
    ----------
    operator : callable
        From a precision to products in it.
    tensors : sequence of Tensor
        Those tensors; only sizes and device matter.
    batch_norm : None or {"carried"}
        For the record.
    count : int
        How many eigenvalues.
    tolerance : float
        Largest residual, relative to the largest eigenvalue.
    generator : torch.Generator
        The source of the start vector.

    Returns
    -------
    HessianEigenvalues
        The eigenvalues with their residuals.

    Raises
    ------
    SymgeomError
        If there are fewer parameters than eigenvalues asked for, or the tolerance is not positive.

    Examples
    --------
    >>> doubled = lambda dtype: lambda vector: 2 * vector
    >>> options = {"count": 1, "tolerance": 1e-3, "generator": torch.Generator().manual_seed(0)}
    >>> leading = leading_eigenvalues(doubled, [torch.ones(3)], None, **options)
    >>> [round(float(value), 9) for value in leading.values]
    [2.0]
    """
    size = sum(tensor.numel() for tensor in tensors)
    if not 0 < count <= size:
        raise SymgeomError(
            f"Cannot find {count} eigenvalues of a Hessian of {size} parameters: "
            f"ask for 1 to {size}."
        )
    check_range(tolerance, "the tolerance of eigenvalues", least=1e-15)
    noise = torch.randn(size, generator=generator, dtype=torch.float64)
    pairs = refined_eigenpairs(
        operator,
        noise.to(tensors[0].device),
        count=count,
        tolerance=tolerance,
        generator=generator,
    )
    largest = pairs.values.abs().amax()
    exact = pairs.residuals <= tolerance * largest
    return HessianEigenvalues(
        values=torch.where(exact, pairs.values, torch.nan),
        residuals=pairs.residuals,
        matvecs=pairs.products,
        converged=pairs.converged,
        batch_norm=batch_norm,
    )
