"""Spectra: how the eigenvalues of the Hessian are distributed, by arm.

Eigenvalues span decades and have both signs. They are broadened on the axis on which they are
drawn, the inverse hyperbolic sine, which is linear near zero and logarithmic beyond, so that every
decade is resolved alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from symgeom.landscape.flatness.density import SpectralDensity, smoothed
from symgeom.study.figures.parts import key, logarithmic, note, power
from symgeom.study.figures.selection import left_out, stage, usable
from symgeom.study.figures.style import FAINT, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DECADES = 4
"""Decades below the largest eigenvalue at which the axis becomes linear."""

WIDTH = 0.1
"""Standard deviation of the broadening, in units of the axis (0.04 decades where it is logarithmic)."""

LEAST = 1e-8
"""Densities below this share of the highest are not shown."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the spectral density of the Hessian, averaged over probes and seeds, one line per arm.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``curvature``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, curvature = stage(case, "minima"), stage(case, "curvature")
    if "density_node" not in curvature:
        return words(
            "No spectra to show: the study did not estimate the density of the Hessian's eigenvalues."
        )
    found = {
        arm: _quadrature(curvature, arm, seeds)
        for arm, seeds in usable(minima, arms).items()
        if seeds
    }
    found = {arm: each for arm, each in found.items() if len(each[0])}
    if not found:
        return words("No spectra to show: no minimum can be used. " + left_out(minima, arms))
    linear = 10.0 ** (
        np.floor(np.log10(max(np.abs(nodes).max() for nodes, _, _ in found.values()))) - DECADES
    )
    figure, panels = sheet("a", width=PAGE, height=3.0)
    panel = panels["a"]
    curves = {arm: _density(nodes, weights, linear) for arm, (nodes, weights, _) in found.items()}
    top = max(density.max() for _, density in curves.values())
    for arm, (grid, density) in curves.items():
        look, seen = looks(arms)[arm], density > LEAST * top
        style = {
            "color": look.colour,
            "linestyle": look.dashes,
            "marker": look.marker,
            "markevery": (0.03, 0.12),
        }
        panel.plot(grid[seen], density[seen], **style)
    _axes(panel, linear)
    key(figure, {arm: seeds for arm, (*_, seeds) in found.items()}, arms)
    note(figure, left_out(minima, arms))
    return figure


def _quadrature(
    curvature: xr.Dataset, arm: str, seeds: Sequence[int]
) -> tuple[NDArray, NDArray, int]:
    """Return the nodes and weights of all probes of all seeds of an arm, and how many seeds have them."""
    own = curvature.sel(arm=arm, seed=seeds)
    nodes, weights = (
        own[f"density_{name}"].transpose("seed", "probe", "step").values
        for name in ("node", "weight")
    )
    good = np.isfinite(nodes).all((1, 2))
    steps = nodes.shape[-1]
    return nodes[good].reshape(-1, steps), weights[good].reshape(-1, steps), int(good.sum())


def _density(nodes: NDArray, weights: NDArray, linear: float) -> tuple[NDArray, NDArray]:
    """Broaden on the axis; return eigenvalues and the share of all eigenvalues per decade."""
    on_axis, shares = torch.from_numpy(np.arcsinh(nodes / linear)), torch.from_numpy(weights)
    curve = smoothed(SpectralDensity(on_axis, shares, nodes.shape[-1], None), width=WIDTH)
    return linear * np.sinh(curve.grid.numpy()), np.log(10) * curve.density.numpy()


def _axes(panel: Axes, linear: float) -> None:
    """Scale the axes and name them."""
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
    return "0" if value == 0 else f"{'−' if value < 0 else ''}{power(abs(value))}"
