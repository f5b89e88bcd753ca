"""Noises: which one sees the function, and which one sees the representative that training happened to leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.flatness import energies
from symgeom.study.figures.parts import key, letter, note
from symgeom.study.figures.selection import counts, left_out, stage, usable
from symgeom.study.figures.style import PAGE, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.figure import Figure

PANELS = {
    "local_energy": ("relative to each weight", "amplitude, relative to each weight"),
    "torus_energy": ("isotropic on the torus", "amplitude, relative to each unit's length"),
    "additive_energy": (
        "raw, on the network as trained",
        "amplitude (root mean square weight as trained)",
    ),
    "rescaled_energy": (
        "raw, on a rescaled copy (same function)",
        "amplitude (root mean square weight as trained)",
    ),
}
"""Title and horizontal axis of every noise."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the local energy of each arm under every noise that the study has, and of a rescaled copy under raw noise.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``flatness``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        ``level`` of the intervals.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, flatness = stage(case, "minima"), stage(case, "flatness")
    kept = {arm: seeds for arm, seeds in usable(minima, arms).items() if seeds}
    names = [name for name in PANELS if name in flatness]
    if not kept:
        return words("No noises to compare: no minimum can be used. " + left_out(minima, arms))
    if len(names) < 2:
        return words(
            "No noises to compare: the study measured the local energy under a single one."
        )
    layout = [names[:2], names[2:]] if len(names) == 4 else [names]
    figure, panels = sheet(layout, width=PAGE, height=0.6 + 2.2 * len(layout), sharey=True)
    for name, panel in panels.items():
        energies(panel, flatness[name], kept, arms, level=settings["level"])
        title, across = PANELS[name]
        panel.set(title=title, xlabel=across)
    for row in layout:
        panels[row[0]].set_ylabel("increase of the training error (%)")
    letter(panels)
    key(figure, counts(kept), arms)
    note(figure, left_out(minima, arms))
    return figure
