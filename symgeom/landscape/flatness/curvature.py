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

.. math:: \operatorname{Hess}[v]_k = P_k \Big(r_k \sum_l H_{kl}\, r_l v_l\Big)
          - r_k (\hat u_k \cdot g_k)\, v_k

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
from symgeom.ground.doors import check_attributes, door
from symgeom.ground.types import Parameters, cast, ravel
from symgeom.landscape.flatness.eigenpairs import Product
from symgeom.landscape.flatness.hessian import (
    HessianEigenvalues,
    hessian_vector_product,
    leading_eigenvalues,
    trainable,
)
from symgeom.landscape.flatness.parts import all_finite, on_the_torus, sphere_indices
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

    def __post_init__(self) -> None:
        check_attributes(self)


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


@door
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
    >>> linear = nn.Linear(1, 1, bias=False)
    >>> quadratic = Problem(linear, torch.ones(1, 1), torch.zeros(1, 1), square)
    >>> network = {"weight": torch.tensor([[3.0]])}
    >>> options = {"effort": Effort(probes=2), "generator": torch.Generator().manual_seed(0)}
    >>> float(relative_curvature(quadratic, network, **options).trace.trace)
    18.0
    """
    names = trainable(problem, params, tensors=tensors)

    def operator(dtype: torch.dtype) -> Product:
        network = cast(params, dtype)
        weights = ravel({name: network[name] for name in names})
        product = hessian_vector_product(problem.cast(dtype), network, tensors=tensors)
        return lambda vector: weights * product(weights * vector)

    size = sum(params[name].numel() for name in names)
    return _measured(operator, problem, size, "relative", effort, generator)


@door
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
    >>> curvature = torus_curvature(Torus(SymmetrySpec((head,))), problem, network, **options)
    >>> round(float(curvature.eigenvalues.values), 4)  # 2 / (1 + exp(2))
    0.2384
    """
    names = trainable(problem, params, tensors=tensors)
    canonical = params
    if all_finite(params):  # a network that diverged has no representative
        canonical = on_the_torus(torus.spec, params, bias_in_norm=torus.bias_in_norm)
    indices = sphere_indices(torus.spec, canonical, names, bias_in_norm=torus.bias_in_norm)
    size = sum(index.numel() for index in indices.values())
    if not size:
        raise SymgeomError(
            f"Cannot measure the curvature on the torus: none of the tensors {names} lies on a "
            "sphere. Add others."
        )

    def operator(dtype: torch.dtype) -> Product:
        network = cast(canonical, dtype)
        cast_problem = problem.cast(dtype)
        product = hessian_vector_product(cast_problem, network, tensors=tensors)
        gradient = cast_problem.gradient(network)
        point = ravel({name: network[name] for name in names})
        slope = ravel({name: gradient[name] for name in names})
        spheres = []
        for index in indices.values():
            spheres.append(_Sphere(index, point[index], slope[index]))
        return lambda vector: _riemannian(spheres, product, vector, len(point))

    return _measured(operator, problem, size, "torus", effort, generator)


class _Sphere:
    """The spheres of one group.

    Where their coordinates stand in the raveled network, and the network and the gradient there.
    """

    def __init__(self, index: Tensor, point: Tensor, gradient: Tensor) -> None:
        self.index = index
        self.direction = normalise(point)
        self.length = torch.linalg.vector_norm(point, dim=1, keepdim=True)
        self.slope = (point * gradient).sum(1, keepdim=True)

    def tangent(self, vectors: Tensor) -> Tensor:
        """Return the parts of vectors along the spheres."""
        radial = (self.direction * vectors).sum(1, keepdim=True)
        return vectors - self.direction * radial

    def curved(self, image: Tensor, along: Tensor) -> Tensor:
        """Return the Riemannian Hessian along tangent vectors, from the image of all of them."""
        return self.tangent(self.length * image[self.index]) - self.slope * along


def _riemannian(spheres: list[_Sphere], product: Product, vector: Tensor, size: int) -> Tensor:
    """Return the Riemannian Hessian along a vector of the coordinates of all spheres."""
    coordinates = vector.split([sphere.index.numel() for sphere in spheres])
    tangents = []
    whole = vector.new_zeros(size)
    for sphere, part in zip(spheres, coordinates, strict=True):
        tangent = sphere.tangent(part.view_as(sphere.index))
        whole[sphere.index] = sphere.length * tangent
        tangents.append(tangent)
    image = product(whole)
    curved = []
    for sphere, tangent in zip(spheres, tangents, strict=True):
        curved.append(sphere.curved(image, tangent).reshape(-1))
    return torch.cat(curved)


def _measured(
    operator: Callable[[torch.dtype], Product],
    problem: Problem,
    size: int,
    kind: str,
    effort: Effort,
    generator: torch.Generator,
) -> Curvature:
    like = torch.empty(size, dtype=torch.float64, device=problem.inputs.device)
    eigenvalues = leading_eigenvalues(
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
    return Curvature(eigenvalues, trace, kind)
