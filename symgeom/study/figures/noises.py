"""Which noise sees the function, and which one sees the representative.

Increase of the training error under four kinds of noise on the weights, means over seeds with
Student's intervals: in proportion to each weight (a), isotropic on the sphere of each unit's
incoming weights (b), and the same absolute amount for all weights, on the network as trained (c)
and on a copy with randomly rescaled units (d). The copy computes the same function, and the noises
of c and d are the same draws. Relative noise and noise on the torus would give the copy the curves
of a and b again. Compare c with d: whatever differs between them, also the order of the arms, is no
property of the function. The axis is linear below 0.1 %; amplitudes of raw noise are in units of
the root mean square weight as trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.catalogue import panels as panels_over
from symgeom.study.figures.flatness import energies
from symgeom.study.figures.keys import key, letter, note
from symgeom.study.figures.record import FLATNESS, Figure, asks_for
from symgeom.study.figures.selection import counts
from symgeom.study.figures.style import PAGE, looks, sheet, words

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from symgeom.study.figures.results import Results

ABREAST = 3
"""Up to how many panels stand in one row."""

EMPTY = "."
"""Where there is no panel."""


def draw(results: Results) -> Picture:
    """Draw the local energy under every noise that the study has.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``flatness``, and the setting ``level``.

    Returns
    -------
    Picture
        A page wide.
    """
    flatness = results.stage("flatness")
    usable = results.usable()
    noises = panels_over("amplitude")
    names = [name for name in noises if name in flatness]
    if not usable:
        return words("No noises to compare: no minimum can be used. " + results.left_out())
    if len(names) < 2:
        return words(
            "No noises to compare: the study measured the local energy under a single one."
        )
    rows = _rows(names)
    height = 0.6 + 2.2 * len(rows)
    figure, panels = sheet(rows, width=PAGE, height=height, sharey=True)
    look_of = looks(results.arms)
    for name, panel in panels.items():
        energies(panel, flatness[name], usable, look_of, level=results.number("level"))
        panel.set(title=noises[name].title, xlabel=noises[name].axis)
    for row in rows:
        panels[row[0]].set_ylabel("increase of the training error (%)")
    letter(panels)
    key(figure, counts(usable), look_of)
    note(figure, results.left_out())
    return figure


def _rows(names: list[str]) -> list[list[str]]:
    """Put the panels beside each other, where they are many in two rows."""
    if len(names) <= ABREAST:
        return [names]
    half = (len(names) + 1) // 2
    rows = [names[:half], names[half:]]
    empty = [EMPTY] * (half - len(rows[1]))
    return [rows[0], rows[1] + empty]


FIGURE = Figure(
    name="noises",
    text=__doc__,
    question=FLATNESS,
    stages=("minima", "flatness"),
    drawing=draw,
    settings=("claims.level",),
    asked=asks_for("flatness.noises"),
)
