"""Where on its valley a network starts and ends: a thin slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.parts import letter, note
from symgeom.study.figures.selection import MIDDLE, grouped, left_out, stage, usable
from symgeom.study.figures.style import INK, MUTED, PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw, for each group, the charges of its units under every initialisation and after training with every arm.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima``, ``valleys`` and ``initialisations``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, drawn, valleys = (
        stage(case, name) for name in ("minima", "initialisations", "valleys")
    )
    kept = {arm: seeds for arm, seeds in usable(minima, arms).items() if seeds}
    groups, remark = grouped(drawn, "charge")
    if not groups or not kept:
        return words(
            "No charges to show: no usable minimum has a conserved charge of its own. "
            + left_out(minima, arms)
        )
    kinds = [str(kind) for kind in drawn["initialisation"].values]
    figure, panels = sheet(
        [groups], width=PAGE, height=1.1 + 0.19 * (len(kinds) + len(kept)), sharey=True
    )
    for group, panel in panels.items():
        for row, kind in enumerate(kinds):
            _slice(panel, row, drawn[f"charge_{group}"].sel(initialisation=kind).values, MUTED, "o")
            mean, variance = (
                drawn[f"{moment}_{group}"].sel(initialisation=kind).values.mean()
                for moment in ("mean", "variance")
            )
            panel.plot(
                [mean - variance**0.5, mean + variance**0.5],
                [row + 0.32] * 2,
                color=INK,
                linewidth=0.8,
            )
        for row, (arm, seeds) in enumerate(kept.items(), start=len(kinds)):
            ended, look = (
                valleys[f"charge_{group}"].sel(arm=arm, seed=seeds, moment="end").values,
                looks(arms)[arm],
            )
            _slice(panel, row, ended[np.isfinite(ended)], look.colour, look.marker)
        panel.axvline(0, color=MUTED, linewidth=0.8)
        panel.axhline(len(kinds) - 0.5, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))
        panel.set(title=group, xlabel="charge of a unit (weight²)")
    first = next(iter(panels.values()))
    labels = [
        *(kind.replace("_", " ") for kind in kinds),
        *(f"after {arm} ({len(seeds)})" for arm, seeds in kept.items()),
    ]
    first.set_yticks(range(len(labels)), labels)
    first.invert_yaxis()
    letter(panels)
    note(figure, " ".join(filter(None, [remark, left_out(minima, arms)])))
    return figure


def _slice(panel: Axes, row: int, values: NDArray, colour: str, marker: str) -> None:
    """Draw the middle of the units as a bar and their median as a marker."""
    low, middle, high = np.percentile(values, [MIDDLE[0], 50, MIDDLE[1]])
    panel.plot([low, high], [row, row], color=colour, linewidth=2.2, solid_capstyle="butt")
    panel.plot(middle, row, color=colour, marker=marker, markersize=4)
