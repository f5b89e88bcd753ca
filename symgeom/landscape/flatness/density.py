r"""Density of the Hessian's eigenvalues, by stochastic Lanczos quadrature.

For a unit vector :math:`v`, :math:`m` steps of Lanczos iteration from it give a tridiagonal matrix
:math:`T`; with its eigenvalues :math:`\lambda_j` as nodes and the squared first entries of its
eigenvectors as weights :math:`w_j`,

.. math:: v^T f(H)\, v \approx \sum_j w_j f(\lambda_j),

exactly for polynomials of degree below :math:`2m`. The mean over random sign vectors is
:math:`\frac1P \operatorname{tr} f(H)` in expectation: the moments of the density of eigenvalues. A
Gaussian for every node gives a curve. Vectors are orthogonalised against all earlier ones, without
which converged eigenvalues come back as copies.

References
----------
Golub and Meurant, "Matrices, moments and quadrature with applications" (2010), chapters 3 and 7.
Ghorbani, Krishnan and Xiao, "An investigation into neural net optimization via Hessian eigenvalue
density" (1901.10159), section 2 and appendix A.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters, cast, ravel
from symgeom.landscape.flatness.broadening import POINTS, broadened
from symgeom.landscape.flatness.eigenpairs import INVARIANT, PROJECTIONS, Product
from symgeom.landscape.flatness.hessian import hessian_vector_product, trainable
from symgeom.landscape.flatness.trace import random_signs
from symgeom.landscape.problem import Problem

RESOLUTION = 100
"""Widths of the broadening between the smallest and the largest node, unless one is asked for."""


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """Nodes and weights of the quadrature; NaN for a network that diverged.

    Attributes
    ----------
    nodes : Tensor, shape (probe, step)
        Eigenvalues, ascending, in float64.
    weights : Tensor, shape (probe, step)
        Their weights; 1 in total for every probe. An iteration that ended early leaves nodes of
        weight 0.
    parameters : int
        Number of eigenvalues of the Hessian.
    batch_norm : None or {"carried"}
        Which statistics the batch norms used; None without batch norm.
    """

    nodes: Tensor
    weights: Tensor
    parameters: int
    batch_norm: str | None

    def moment(self, power: int) -> tuple[Tensor, Tensor]:
        """Estimate a moment of the density, ``trace(H**power)`` over the number of parameters.

        Parameters
        ----------
        power : int
            Of the Hessian.

        Returns
        -------
        tuple of Tensor, shapes () and ()
            The estimate, and its standard error over the probes.
        """
        values = (self.weights * self.nodes**power).sum(1)
        return values.mean(), values.std() / len(values) ** 0.5


@dataclass(frozen=True, eq=False)
class SmoothDensity:
    """A density of eigenvalues on a grid.

    Attributes
    ----------
    grid : Tensor, shape (point,)
        Eigenvalues.
    density : Tensor, shape (point,)
        Per unit of eigenvalue; its integral over the line is 1.
    width : float
        Standard deviation of the Gaussian that stands for one node.
    """

    grid: Tensor
    density: Tensor
    width: float


@door
def spectral_density(
    problem: Problem,
    params: Parameters,
    *,
    probes: int,
    steps: int,
    generator: torch.Generator,
    tensors: Collection[str] | None = None,
) -> SpectralDensity:
    """Estimate the density of the eigenvalues of the Hessian of the mean loss.

    Parameters
    ----------
    problem : Problem
        The landscape; cast to float64 here.
    params : Parameters
        One network; cast to float64 here.
    probes : int
        Random vectors, at least 2.
    steps : int
        Lanczos steps from each; no more than there are parameters are taken.
    generator : torch.Generator
        The source of the random signs.
    tensors : collection of str, optional
        The tensors of a block of the Hessian, for instance those of one layer; all trainable ones
        by default.

    Returns
    -------
    SpectralDensity
        Nodes and weights; :func:`smoothed` makes a curve of them.

    Raises
    ------
    SymgeomError
        If there are fewer than two probes or no steps, or a tensor is not known.

    Examples
    --------
    >>> from torch import nn
    >>> square = lambda outputs, targets: 1.5 * ((outputs - targets) ** 2).sum(1)
    >>> inputs = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    >>> quadratic = Problem(nn.Linear(3, 1, bias=False), inputs, torch.zeros(3, 1), square)
    >>> options = {"probes": 2, "steps": 3, "generator": torch.Generator().manual_seed(0)}
    >>> spectrum = spectral_density(quadratic, {"weight": torch.ones(1, 3)}, **options)
    >>> [round(float(node), 9) for node in spectrum.nodes[0]]
    [1.0, 4.0, 9.0]
    >>> round(float(spectrum.weights[0, 0]), 9)
    0.333333333
    """
    if probes < 2 or steps < 1:
        raise SymgeomError(
            f"Cannot estimate a density of eigenvalues with {probes} probes of {steps} steps: "
            "give at least 2 probes of 1 step."
        )
    network = cast(params, torch.float64)
    product = hessian_vector_product(problem.cast(torch.float64), network, tensors=tensors)
    names = trainable(problem, network, tensors=tensors)
    like = ravel({name: network[name] for name in names})
    nodes = []
    weights = []
    for _ in range(probes):
        start = random_signs(like, generator)
        quadrature = lanczos_quadrature(product, start, min(steps, len(like)))
        nodes.append(quadrature[0])
        weights.append(quadrature[1])
    return SpectralDensity(
        torch.stack(nodes).cpu(), torch.stack(weights).cpu(), len(like), problem.batch_norm
    )


def lanczos_quadrature(product: Product, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return the nodes and weights of the Gauss quadrature of an operator at a vector.

    Parameters
    ----------
    product : callable
        The symmetric operator.
    start : Tensor of float64, shape (parameter,)
        Not zero; its length does not matter.
    steps : int
        Lanczos steps, at most as many as there are parameters.

    Returns
    -------
    tuple of Tensor, shapes (step,) and (step,)
        Nodes, ascending, and weights. If the vector spans an invariant space of fewer dimensions
        than steps, what is missing are nodes of weight 0 at the end.

    Examples
    --------
    >>> curvatures = torch.tensor([1.0, 3.0], dtype=torch.float64)
    >>> start = torch.ones_like(curvatures)
    >>> nodes, weights = lanczos_quadrature(lambda v: curvatures * v, start, 2)
    >>> [round(float(node), 9) for node in nodes], [round(float(weight), 9) for weight in weights]
    ([1.0, 3.0], [0.5, 0.5])
    """
    tridiagonal = _lanczos(product, start, steps)
    nodes = start.new_full((steps,), torch.nan)
    if not tridiagonal.isfinite().all():
        return nodes, nodes.clone()
    values, vectors = torch.linalg.eigh(tridiagonal)
    taken = len(values)
    nodes[:taken] = values
    nodes[taken:] = values[-1]
    weights = start.new_zeros(steps)
    weights[:taken] = vectors[0] ** 2
    return nodes, weights


def _lanczos(product: Product, start: Tensor, steps: int) -> Tensor:
    """Return the operator within the space of some steps, or of fewer if the space is invariant."""
    basis = start.new_zeros(steps, len(start))
    basis[0] = start / torch.linalg.vector_norm(start)
    within = start.new_zeros(steps, steps)
    largest = 0.0
    for step in range(steps):
        image = product(basis[step])
        largest = max(largest, float(torch.linalg.vector_norm(image)))
        within[step, step] = torch.dot(image, basis[step])
        for _ in range(PROJECTIONS):
            image = image - basis[: step + 1].T @ (basis[: step + 1] @ image)
        length = torch.linalg.vector_norm(image)
        last = step + 1 == steps
        if last or not length > INVARIANT * largest:
            return within[: step + 1, : step + 1]
        basis[step + 1] = image / length
        within[step, step + 1] = length
        within[step + 1, step] = length
    return within


def smoothed(
    spectrum: SpectralDensity, *, width: float | None = None, points: int = POINTS
) -> SmoothDensity:
    """Broaden every node by a Gaussian.

    Parameters
    ----------
    spectrum : SpectralDensity
        Nodes and weights.
    width : float, optional
        Standard deviation of the Gaussian; by default a share of the range of the nodes.
    points : int
        Points of the grid, which reaches four widths beyond the nodes.

    Returns
    -------
    SmoothDensity
        The curve, with the width that was used.

    Raises
    ------
    SymgeomError
        If the width is not positive, or none can be derived because all nodes are equal.

    Examples
    --------
    >>> nodes = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    >>> spectrum = SpectralDensity(nodes, torch.full((2, 2), 0.5), 2, None)
    >>> curve = smoothed(spectrum, width=0.1)
    >>> round(float(torch.trapezoid(curve.density, curve.grid)), 3)
    1.0
    """
    least = float(spectrum.nodes.amin())
    most = float(spectrum.nodes.amax())
    if width is None:
        width = (most - least) / RESOLUTION
    if width <= 0:
        raise SymgeomError(
            f"Cannot broaden eigenvalues from {least:.3g} to {most:.3g} by the width {width}: "
            "give a positive width."
        )
    nodes = spectrum.nodes.numpy()
    weights = spectrum.weights.numpy()
    grid, density = broadened(nodes, weights, width=width, points=points)
    return SmoothDensity(torch.from_numpy(grid), torch.from_numpy(density), width)
