"""Spectrum of the Hessian at the minima.

Share of the eigenvalues of the Hessian of the training loss per decade, from Lanczos quadrature
with random vectors, averaged over vectors and seeds. The horizontal axis is linear around zero and
logarithmic beyond, on both sides; every node of the quadrature is a Gaussian of a fixed width on
this axis. Look at three things: how wide the bulk around zero is, how far the outliers on the right
reach, and whether there is curvature on the left, where a minimum would have none. The Hessian
depends on the scale of the weights, so that spectra of two arms can differ although their functions
are equally flat. Ripples between isolated nodes, and their heights, are those of the quadrature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symgeom.landscape.flatness.broadening import broadened
from symgeom.study.figures.axes import logarithmic, power
from symgeom.study.figures.keys import key, note
from symgeom.study.figures.record import FLATNESS, Figure, asks_for, never
from symgeom.study.figures.style import FAINT, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results

DECADES = 4
"""Decades below the largest eigenvalue at which the axis becomes linear."""

WIDTH = 0.1
"""Deviation of the broadening, in units of the axis (0.04 decades where it is logarithmic)."""

LEAST = 1e-8
"""Densities below this share of the highest are not shown."""


@dataclass(frozen=True, eq=False)
class Quadrature:
    """What Lanczos found at the minima of an arm.

    Attributes
    ----------
    nodes, weights : array, shape (seed and probe, step)
        Eigenvalues and their shares.
    seeds : int
        How many seeds have them.
    """

    nodes: NDArray
    weights: NDArray
    seeds: int


def draw(results: Results) -> Picture:
    """Draw the spectral density of the Hessian, averaged over probes and seeds, one line per arm.

    Eigenvalues span decades and have both signs. They are broadened on the axis on which they are
    drawn, the inverse hyperbolic sine, which is linear near zero and logarithmic beyond, so that
    every decade is resolved alike.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``curvature``.

    Returns
    -------
    Picture
        A page wide.
    """
    curvature = results.stage("curvature")
    if "density_node" not in curvature:
        return words(
            "No spectra to show: the study did not estimate the density of the Hessian's "
            "eigenvalues."
        )
    quadratures = _quadratures(curvature, results.usable())
    if not quadratures:
        return words("No spectra to show: no minimum can be used. " + results.left_out())
    largest = max(np.abs(quadrature.nodes).max() for quadrature in quadratures.values())
    linear = 10.0 ** (np.floor(np.log10(largest)) - DECADES)
    curves = {arm: _density(quadrature, linear) for arm, quadrature in quadratures.items()}
    top = max(density.max() for _, density in curves.values())
    figure, panels = sheet("a", width=PAGE, height=3.0)
    panel = panels["a"]
    look_of = looks(results.arms)
    for arm, (grid, density) in curves.items():
        look = look_of[arm]
        shown = density > LEAST * top
        panel.plot(
            grid[shown],
            density[shown],
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker,
            markevery=(0.03, 0.12),
        )
    _axes(panel, linear)
    numbers = {arm: quadrature.seeds for arm, quadrature in quadratures.items()}
    key(figure, numbers, look_of)
    note(figure, results.left_out())
    return figure


def _quadratures(curvature: xr.Dataset, usable: dict[str, list[int]]) -> dict[str, Quadrature]:
    """Return the quadrature of each arm that has any."""
    quadratures = {}
    for arm, seeds in usable.items():
        quadrature = _quadrature(curvature, arm, seeds)
        if quadrature.seeds:
            quadratures[arm] = quadrature
    return quadratures


def _quadrature(curvature: xr.Dataset, arm: str, seeds: Sequence[int]) -> Quadrature:
    """Gather the nodes and weights of all probes of all seeds of an arm."""
    minima = curvature.sel(arm=arm, seed=seeds)
    nodes = minima["density_node"].transpose("seed", "probe", "step").values
    weights = minima["density_weight"].transpose("seed", "probe", "step").values
    good = np.isfinite(nodes).all((1, 2))
    steps = nodes.shape[-1]
    return Quadrature(
        nodes=nodes[good].reshape(-1, steps),
        weights=weights[good].reshape(-1, steps),
        seeds=int(good.sum()),
    )


def _density(quadrature: Quadrature, linear: float) -> tuple[NDArray, NDArray]:
    """Broaden on the axis; return eigenvalues and the share of all eigenvalues per decade."""
    nodes = np.arcsinh(quadrature.nodes / linear)
    grid, density = broadened(nodes, quadrature.weights, width=WIDTH)
    return linear * np.sinh(grid), np.log(10) * density


def _axes(panel: Axes, linear: float) -> None:
    """Scale the axes and name them."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    panel.set_xscale("asinh", linear_width=linear)
    logarithmic(panel)
    decades = linear * 10.0 ** np.arange(DECADES + 1)
    panel.xaxis.set_major_locator(FixedLocator([*-decades[::-1], 0, *decades]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _signed(value)))
    panel.axvline(0, color=FAINT, linewidth=0.6, zorder=0)
    panel.set(
        xlabel="eigenvalue of the Hessian (nats/weight²)",
        ylabel="share of the eigenvalues\nper decade",
    )


def _signed(value: float) -> str:
    """Write a number of either sign."""
    if value == 0:
        return "0"
    return power(value) if value > 0 else f"−{power(-value)}"


FIGURE = Figure(
    name="spectra",
    text=__doc__,
    question=FLATNESS,
    stages=("minima", "curvature"),
    drawing=draw,
    asked=asks_for("curvature.density_steps"),
    in_reference=never,
)
