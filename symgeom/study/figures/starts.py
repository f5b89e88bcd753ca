"""Where networks start and end on their valley.

The charges of single units (squared length of incoming minus outgoing weights) under every
initialisation, and after training with each arm. Thick bars: the middle 80 % of the units, of all
draws (grey) or seeds (colour), markers at the median; thin lines: mean plus and minus one standard
deviation in closed form. A unit can be brought to any charge without changing the function (the
valley goes on for ever, to both sides), but random starts cover a thin slice of it, and training
leaves it only as far as noise, decay and the size of steps push.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.keys import letter, note
from symgeom.study.figures.record import DYNAMICS, Figure, asks_for
from symgeom.study.figures.selection import MIDDLE, grouped
from symgeom.study.figures.style import BROKEN, INK, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look


def draw(results: Results) -> Picture:
    """Draw the charges of single units under every initialisation and after training.

    Parameters
    ----------
    results : Results
        With the stages ``minima``, ``valleys`` and ``initialisations``.

    Returns
    -------
    Picture
        A page wide.
    """
    initialisations = results.stage("initialisations")
    ended = results.stage("valleys")
    usable = results.usable()
    groups, remark = grouped(initialisations, "charge")
    if not groups or not usable:
        nothing = "No charges to show: no usable minimum has a conserved charge of its own. "
        return words(nothing + results.left_out())
    kinds = [str(kind) for kind in initialisations["initialisation"].values]
    labels = [kind.replace("_", " ") for kind in kinds]
    labels += [f"after {arm} ({len(seeds)})" for arm, seeds in usable.items()]
    height = 1.1 + 0.19 * len(labels)
    figure, panels = sheet([groups], width=PAGE, height=height, sharey=True)
    look_of = looks(results.arms)
    for group, panel in panels.items():
        for row, kind in enumerate(kinds):
            _start(panel, row, initialisations.sel(initialisation=kind), group)
        charge = ended[f"charge_{group}"].sel(moment="end")
        _ends(panel, len(kinds), charge, usable, look_of)
        panel.axvline(0, color=MUTED, linewidth=0.8)
        panel.axhline(len(kinds) - 0.5, color=MUTED, linewidth=0.8, linestyle=BROKEN)
        panel.set(title=group, xlabel="charge of a unit (weight²)")
    first = panels[groups[0]]
    first.set_yticks(range(len(labels)), labels)
    first.invert_yaxis()
    letter(panels)
    note(figure, remark, results.left_out())
    return figure


def _start(panel: Axes, row: int, drawn: xr.Dataset, group: str) -> None:
    """Draw the units of an initialisation, and below them the deviation in closed form."""
    _slice(panel, row, drawn[f"charge_{group}"].values, MUTED, "o")
    mean = drawn[f"mean_{group}"].values.mean()
    deviation = drawn[f"variance_{group}"].values.mean() ** 0.5
    below = row + 0.32
    panel.plot([mean - deviation, mean + deviation], [below, below], color=INK, linewidth=0.8)


def _ends(
    panel: Axes,
    first_row: int,
    charge: xr.DataArray,
    usable: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw the units after training with every arm."""
    for row, (arm, seeds) in enumerate(usable.items(), start=first_row):
        units = charge.sel(arm=arm, seed=seeds).values
        look = look_of[arm]
        _slice(panel, row, units[np.isfinite(units)], look.colour, look.marker)


def _slice(panel: Axes, row: int, units: NDArray, colour: str, marker: str) -> None:
    """Draw the middle of the units as a bar and their median as a marker."""
    low, middle, high = np.percentile(units, [MIDDLE[0], 50, MIDDLE[1]])
    panel.plot([low, high], [row, row], color=colour, linewidth=2.2, solid_capstyle="butt")
    panel.plot(middle, row, color=colour, marker=marker, markersize=4)


FIGURE = Figure(
    name="starts",
    text=__doc__,
    question=DYNAMICS,
    stages=("minima", "valleys", "initialisations"),
    drawing=draw,
    asked=asks_for("valleys"),
)
