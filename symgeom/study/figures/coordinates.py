"""Charges as coordinates: whether they tell how sharp a minimum is, and how far two minima are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.claims.valley import charge_distance, mean_charge
from symgeom.study.figures.parts import key, letter, logarithmic, note
from symgeom.study.figures.selection import counts, left_out, stage, usable, within
from symgeom.study.figures.style import PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.figure import Figure


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw sharpness against the size of the charges, before and after they are balanced, and distance against their difference.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima``, ``valleys`` and ``distances``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, valleys, distances = (stage(case, name) for name in ("minima", "valleys", "distances"))
    kept = {arm: seeds for arm, seeds in usable(minima, arms).items() if seeds}
    if not kept or "own_eigenvalue" not in valleys:
        return words(
            "No charges to show: no usable minimum has a conserved charge. "
            + left_out(minima, arms)
        )
    figure, panels = sheet([["own", "balanced", "pairs"]], width=PAGE, height=2.8)
    ends = valleys.sel(moment="end")
    sharp = {"own": ends["own_eigenvalue"], "balanced": ends["eigenvalue"].sel(imbalance=0.0)}
    charge, styles = mean_charge(valleys), {}
    for arm, seeds in kept.items():
        look, chosen = looks(arms)[arm], {"arm": arm, "seed": seeds}
        styles[arm] = {"linestyle": "none", "marker": look.marker, "color": look.colour}
        for name, values in sharp.items():
            panels[name].plot(charge.sel(chosen), values.sel(chosen), **styles[arm])
    apart, angle = (
        charge_distance(valleys, distances).values,
        np.degrees(distances["distance"].sel(stage="aligned").values),
    )
    for first, second, members in within(distances, kept):
        if first == second:
            panels["pairs"].plot(apart[members], angle[members], alpha=0.6, **styles[first])
    for name, title in (("own", "minima as trained"), ("balanced", "the same, balanced")):
        panels[name].set(
            title=title,
            xlabel="mean size of a charge (weight²)",
            ylabel="largest Hessian eigenvalue",
        )
        logarithmic(panels[name])
    panels["pairs"].set(
        title="pairs inside arms",
        xlabel="difference of charges (weight²)",
        ylabel="toroidal distance (degrees)",
    )
    letter(panels)
    key(figure, counts(kept), arms, lines=False)
    note(figure, left_out(minima, arms))
    return figure
