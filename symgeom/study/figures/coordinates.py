"""Charges as coordinates.

(a) Sharpness of minima as they were trained against the mean size of their charges, one marker per
minimum. (b) The same minima after they were balanced: what is left is no effect of the charge. (c)
Pairs inside arms: distance on the torus, which is blind to charges, against the mean difference of
their sorted charges. The correlations are in the table of the claims (C5, C6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import DYNAMICS, Figure, asks_for
from symgeom.study.figures.selection import counts, pairs_inside
from symgeom.study.figures.series import dots
from symgeom.study.figures.style import PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look


def draw(results: Results) -> Picture:
    """Draw sharpness against the size of the charges, and distance against their difference.

    Parameters
    ----------
    results : Results
        With the stages ``minima``, ``valleys`` and ``distances``.

    Returns
    -------
    Picture
        A page wide.
    """
    valleys = results.stage("valleys")
    usable = results.usable()
    if not usable or "own_eigenvalue" not in valleys:
        nothing = "No charges to show: no usable minimum has a conserved charge. "
        return words(nothing + results.left_out())
    look_of = looks(results.arms)
    figure, panels = sheet([["own", "balanced", "pairs"]], width=PAGE, height=2.8)
    ends = valleys.sel(moment="end")
    balanced = ends["eigenvalue"].sel(imbalance=0.0)
    _minima(panels["own"], valleys, ends["own_eigenvalue"], usable, look_of)
    _minima(panels["balanced"], valleys, balanced, usable, look_of)
    _pairs(panels["pairs"], valleys, results.stage("distances"), usable, look_of)
    panels["own"].set_title("minima as trained")
    panels["balanced"].set_title("the same, balanced")
    panels["pairs"].set_title("pairs inside arms")
    letter(panels)
    key(figure, counts(usable), look_of, lines=False)
    note(figure, results.left_out())
    return figure


def _minima(
    panel: Axes,
    valleys: xr.Dataset,
    sharpness: xr.DataArray,
    usable: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw one marker per minimum: how sharp it is against the size of its charges."""
    from symgeom.study.claims.valley import mean_charge

    charge = mean_charge(valleys)
    for arm, seeds in usable.items():
        x = charge.sel(arm=arm, seed=seeds)
        y = sharpness.sel(arm=arm, seed=seeds)
        dots(panel, x, y, look_of[arm])
    panel.set_xlabel("mean size of a charge (weight²)")
    panel.set_ylabel("largest Hessian eigenvalue\n(nats/weight²)")
    logarithmic(panel)


def _pairs(
    panel: Axes,
    valleys: xr.Dataset,
    distances: xr.Dataset,
    usable: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw one marker per pair inside an arm: distance against difference of charges."""
    from symgeom.study.claims.valley import charge_distance

    apart = charge_distance(valleys, distances).values
    angle = np.degrees(distances["distance"].sel(stage="aligned").values)
    for arm, members in pairs_inside(distances, usable).items():
        markers = dots(panel, apart[members], angle[members], look_of[arm])
        markers.set_alpha(0.6)
    panel.set(xlabel="difference of charges (weight²)", ylabel="toroidal distance (degrees)")


FIGURE = Figure(
    name="coordinates",
    text=__doc__,
    question=DYNAMICS,
    stages=("minima", "valleys", "distances"),
    drawing=draw,
    asked=asks_for("valleys"),
)
