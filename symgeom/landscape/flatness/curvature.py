r"""Curvature of the loss that no rescaling of the weights changes.

A gauge :math:`\theta \to D\theta` with a diagonal :math:`D` that leaves the loss as it is takes the
Hessian to :math:`D^{-1} H D^{-1}`, so that its eigenvalues and its trace can be given any value
(Dinh et al.). Two operators do not change.

*Relative curvature*, :math:`W H W` with :math:`W = \operatorname{diag}(w)`: the second derivative
along changes in proportion to each weight. Because :math:`W \to D W`, it is the same matrix for all
rescaled copies, signs included. The expected loss under multiplicative noise of amplitude
:math:`\sigma` grows by :math:`\tfrac12\sigma^2 \operatorname{tr}(WHW) + O(\sigma^4)`.

*Curvature on the torus*: the Riemannian Hessian of the loss on the product of the spheres of the
canonical representative. With the incoming vector :math:`u_k = r_k \hat u_k` of every unit and of
the head, :math:`P_k = 1 - \hat u_k \hat u_k^T` and the gradient :math:`g_k`,

.. math:: \operatorname{Hess}[v]_k = P_k \Big(r_k \sum_l H_{kl}\, r_l v_l\Big) - r_k (\hat u_k \cdot g_k)\, v_k

for :math:`v_k \perp \hat u_k`, in units of the loss per squared radian; at a minimum the last term
vanishes. It is invariant because the representative is. The scale of the head changes the loss and
is kept; along it, and in tensors on no sphere, the curvature is not measured.

References
----------
Dinh et al., "Sharp minima can generalize for deep nets" (1703.04933). Rangamani et al., "A scale
invariant measure of flatness for deep network minima" (1902.02434): the Hessian on the quotient by
rescalings, there in a metric of the quotient; ours is that of the torus. Absil, Mahony and Trumpf,
"An extrinsic look at the Riemannian Hessian" (2013), section 4.2 (spheres).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.types import Parameters, cast, ravel
from symgeom.landscape.flatness.eigenpairs import Product
from symgeom.landscape.flatness.hessian import (
    HessianEigenvalues,
    hessian_vector_product,
    leading_eigenvalues,
    trainable,
)
from symgeom.landscape.flatness.parts import on_the_torus, sphere_indices
from symgeom.landscape.flatness.trace import HessianTrace, trace_of
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus
from symgeom.symmetry.sphere import normalise


@dataclass(frozen=True)
class Effort:
    """How much of a spectrum to find.

    Attributes
    ----------
    count : int
        Leading eigenvalues.
    tolerance : float
        Their largest residual, relative to the largest of them.
    probes : int
        Random vectors for the trace.
    """

    count: int = 1
    tolerance: float = 1e-3
    probes: int = 100


@dataclass(frozen=True, eq=False)
class Curvature:
    """Invariant curvature at one network.

    Attributes
    ----------
    eigenvalues : HessianEigenvalues
        The algebraically largest eigenvalues with their residuals.
    trace : HessianTrace
        The trace with its standard error.
    kind : {"relative", "torus"}
        Which operator.
    """

    eigenvalues: HessianEigenvalues
    trace: HessianTrace
    kind: str


def relative_curvature(
    problem: Problem,
    params: Parameters,
    *,
    effort: Effort,
    generator: torch.Generator,
    tensors: Collection[str] | None = None,
) -> Curvature:
    """Measure the curvature of the loss under changes in proportion to each weight.

    Parameters
    ----------
    problem : Problem
        The landscape; cast here.
    params : Parameters
        One network; cast here.
    effort : Effort
        How much of the spectrum to find.
    generator : torch.Generator
        The source of start vector and probes.
    tensors : collection of str, optional
        The tensors of a block, for instance those of one layer; all trainable ones by default.

    Returns
    -------
    Curvature
        In units of the loss.

    Examples
    --------
    >>> from torch import nn
    >>> square = lambda outputs, targets: ((outputs - targets) ** 2).sum(1)
    >>> quadratic = Problem(nn.Linear(1, 1, bias=False), torch.ones(1, 1), torch.zeros(1, 1), square)
    >>> options = {"effort": Effort(probes=2), "generator": torch.Generator().manual_seed(0)}
    >>> float(relative_curvature(quadratic, {"weight": torch.tensor([[3.0]])}, **options).trace.trace)
    18.0
    """

    def operator(dtype: torch.dtype) -> Product:
        network = cast(params, dtype)
        weights = ravel(
            {name: network[name] for name in trainable(problem, network, tensors=tensors)}
        )
        product = hessian_vector_product(problem.cast(dtype), network, tensors=tensors)
        return lambda vector: weights * product(weights * vector)

    size = sum(params[name].numel() for name in trainable(problem, params, tensors=tensors))
    return _measured(operator, problem, size, "relative", effort, generator)


def torus_curvature(
    torus: Torus,
    problem: Problem,
    params: Parameters,
    *,
    effort: Effort,
    generator: torch.Generator,
    tensors: Collection[str] | None = None,
) -> Curvature:
    """Measure the curvature of the loss on the torus.

    Parameters
    ----------
    torus : Torus
        The spheres of the architecture; the head is one of them if it is in the spec.
    problem : Problem
        The landscape; cast here.
    params : Parameters
        One network, canonical or not.
    effort : Effort
        How much of the spectrum to find.
    generator : torch.Generator
        The source of start vector and probes.
    tensors : collection of str, optional
        The tensors of a block, for instance those of one layer; all others are constants, and what
        is left of a sphere is one of its own. All trainable ones by default.

    Returns
    -------
    Curvature
        In units of the loss per squared radian. The directions along the lengths count as zero
        eigenvalues.

    Raises
    ------
    SymgeomError
        If no tensor lies on a sphere, or one is not known.

    Examples
    --------
    >>> from torch import nn
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> head = UnitGroup("head", 1, (Leg("weight", 0, block=2),), permute=False, exact_for="error")
    >>> problem = Problem(nn.Linear(1, 2, bias=False), torch.ones(1, 1), torch.tensor([1]))
    >>> options = {"effort": Effort(probes=2), "generator": torch.Generator().manual_seed(0)}
    >>> network = {"weight": torch.tensor([[-1.0], [1.0]])}  # the best point of its circle
    >>> found = torus_curvature(Torus(SymmetrySpec((head,))), problem, network, **options)
    >>> round(float(found.eigenvalues.values), 4)  # 2 / (1 + exp(2))
    0.2384
    """
    names = trainable(problem, params, tensors=tensors)
    finite = all(
        tensor.isfinite().all() for tensor in params.values()
    )  # a network that diverged has no representative
    canonical = (
        on_the_torus(torus.spec, params, bias_in_norm=torus.bias_in_norm) if finite else params
    )
    indices = sphere_indices(torus.spec, canonical, names, bias_in_norm=torus.bias_in_norm).values()
    size = sum(index.numel() for index in indices)
    if not size:
        raise SymgeomError(
            f"Cannot measure the curvature on the torus: none of the tensors {names} lies on a sphere. Add others."
        )

    def operator(dtype: torch.dtype) -> Product:
        network, cast_problem = cast(canonical, dtype), problem.cast(dtype)
        product = hessian_vector_product(cast_problem, network, tensors=tensors)
        gradient = cast_problem.gradient(network)
        flat, slope = (
            ravel({name: source[name] for name in names}) for source in (network, gradient)
        )
        spheres = [_Sphere(index, flat[index], slope[index]) for index in indices]

        def hessian(vector: Tensor) -> Tensor:
            parts = vector.split([sphere.index.numel() for sphere in spheres])
            along = [
                sphere.tangent(part.view_as(sphere.index))
                for sphere, part in zip(spheres, parts, strict=True)
            ]
            whole = torch.zeros_like(flat)
            for sphere, part in zip(spheres, along, strict=True):
                whole[sphere.index] = sphere.length * part
            image = product(whole)
            return torch.cat(
                [
                    sphere.curved(image, part).reshape(-1)
                    for sphere, part in zip(spheres, along, strict=True)
                ]
            )

        return hessian

    return _measured(operator, problem, size, "torus", effort, generator)


class _Sphere:
    """The spheres of one group: where their coordinates stand, and the network and the gradient there."""

    def __init__(self, index: Tensor, point: Tensor, gradient: Tensor) -> None:
        self.index, self.direction = index, normalise(point)
        self.length = torch.linalg.vector_norm(point, dim=1, keepdim=True)
        self.slope = (point * gradient).sum(1, keepdim=True)

    def tangent(self, vectors: Tensor) -> Tensor:
        """Return the parts of vectors along the spheres."""
        return vectors - self.direction * (self.direction * vectors).sum(1, keepdim=True)

    def curved(self, image: Tensor, along: Tensor) -> Tensor:
        """Return the Riemannian Hessian along tangent vectors from what the Hessian makes of all of them."""
        return self.tangent(self.length * image[self.index]) - self.slope * along


def _measured(
    operator: Callable[[torch.dtype], Product],
    problem: Problem,
    size: int,
    kind: str,
    effort: Effort,
    generator: torch.Generator,
) -> Curvature:
    like = torch.empty(size, dtype=torch.float64, device=problem.inputs.device)
    values = leading_eigenvalues(
        operator,
        [like],
        problem.batch_norm,
        count=effort.count,
        tolerance=effort.tolerance,
        generator=generator,
    )
    trace = trace_of(
        operator(torch.float64), like, problem.batch_norm, probes=effort.probes, generator=generator
    )
    return Curvature(values, trace, kind)
