"""Spectra as curves: every node is broadened by a Gaussian.

In numpy alone: figures broaden stored spectra, and do not wait for torch.
"""

import numpy as np
from numpy.typing import NDArray

POINTS = 1000
"""Points of the grid, unless others are asked for."""


def broadened(
    nodes: NDArray, weights: NDArray, *, width: float, points: int = POINTS
) -> tuple[NDArray, NDArray]:
    """Broaden every node by a Gaussian.

    Parameters
    ----------
    nodes, weights : array, shape (probe, step)
        The weights of one probe sum to 1.
    width : float
        Standard deviation of the Gaussian.
    points : int
        Points of the grid, which reaches four widths beyond the nodes.

    Returns
    -------
    grid : array, shape (points,)
        Where the curve is known.
    density : array, shape (points,)
        The mean over the probes; its integral is 1.

    Examples
    --------
    >>> grid, density = broadened(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]), width=0.1)
    >>> round(float(np.trapezoid(density, grid)), 3)
    1.0
    """
    least = nodes.min() - 4 * width
    most = nodes.max() + 4 * width
    grid = np.linspace(least, most, points, dtype=nodes.dtype)
    density = np.zeros_like(grid)
    for row, row_weights in zip(nodes, weights, strict=True):
        bells = np.exp(-(((grid[:, None] - row) / width) ** 2) / 2)
        density += bells @ row_weights
    area = len(nodes) * width * (2 * np.pi) ** 0.5
    return grid, density / area
