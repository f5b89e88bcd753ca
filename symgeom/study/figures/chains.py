"""Whether few bends are enough to connect two minima.

(a) Error along the chain through its optimised bends (one, unless the title says otherwise; the
middle points of a Bézier curve count as bends), mean over pairs: solid for training (bands are the
middle 80 % of the pairs), dashed for test. Small symbols are the peaks of the pairs: where the
training error of each is largest, on a grid that is refined there. (b) How far that error rises
above the one of the worse end, before (hollow) and after (filled) the bends were optimised; the
dashed line is the threshold up to which a chain counts as connecting. Error axes are linear below
their lowest decade. (c) How much work that took: epochs of optimisation until the threshold was
met, with the number of pairs that met it. Almost any two minima of a wide network can be connected,
so that (c) tells more than (a).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import along_path, columns, percent
from symgeom.study.figures.keys import key, letter, note, splits
from symgeom.study.figures.record import CONNECTION, Figure
from symgeom.study.figures.selection import pairs_inside
from symgeom.study.figures.series import dots, profile, spread
from symgeom.study.figures.style import BROKEN, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

SHIFT = 0.14
"""How far before and after lie on either side of their pair."""


ROOMY = 4
"""Of up to how many arms the numbers of pairs fit beside each other."""


def draw(results: Results) -> Picture:
    """Draw the error along the chains, its maximum before and after, and the epochs between.

    Parameters
    ----------
    results : Results
        With the stages ``minima`` and ``chains``, and the setting ``threshold`` (fraction): how far
        above its worse end a chain that counts as connecting may rise.

    Returns
    -------
    Picture
        A page wide.
    """
    chains = results.stage("chains")
    pairs = pairs_inside(chains, results.usable())
    if not pairs:
        nothing = "No chains to show: no arm has two usable minima. "
        return words(nothing + results.left_out())
    look_of = looks(results.arms)
    figure, panels = sheet("abc", width=PAGE, height=2.9, width_ratios=[1.2, 1.1, 1])
    for column, (arm, members) in enumerate(pairs.items()):
        look = look_of[arm]
        inside = chains.isel(pair=members)
        _along(panels["a"], inside, look)
        _rises(panels["b"], column, inside, look)
        needed = inside["epochs_needed"].values
        _epochs(panels["c"], column, needed, look, crowded=len(pairs) > ROOMY)
    _frame(panels, results.number("threshold"), list(pairs))
    panels["a"].set_title(_kind(chains.attrs))
    letter(panels)
    numbers = {arm: len(members) for arm, members in pairs.items()}
    key(figure, numbers, look_of, heading="arm (pairs)", extra=splits())
    note(figure, results.left_out())
    return figure


def _frame(panels: Mapping[str, Axes], threshold: float, arms: Sequence[str]) -> None:
    """Name and scale the axes, and draw the threshold."""
    from matplotlib.ticker import MaxNLocator

    decade = 10.0 ** np.floor(np.log10(threshold))
    along, rises, work = panels.values()
    along.set(xlabel="position along the chain, t", ylabel="error (%)")
    along_path(along)
    rises.axhline(threshold, color=MUTED, linewidth=0.8, linestyle=BROKEN, zorder=0)
    rises.set(title="straight → bent", ylabel="largest training error\nabove the worse end (%)")
    for panel in (along, rises):
        percent(panel, least=decade)
        panel.set_ylim(bottom=0)
    work.set(title="work", ylabel=f"epochs until ≤ {100 * threshold:g} % above")
    work.yaxis.set_major_locator(MaxNLocator(integer=True))
    head = 1.3 if len(arms) > ROOMY else 1.15
    work.set_ylim(0, head * max(1, work.dataLim.y1))
    columns(rises, arms)
    columns(work, arms)


def _kind(options: Mapping[Hashable, object]) -> str:
    """Name the kind of the chains, their bends if there are several, and what confines them."""
    kind = "Bézier curve" if options.get("kind") == "bezier" else "bent chain"
    words_of_title = [f"along the {kind}"]
    bends = options.get("bends", 1)
    if bends != 1:
        words_of_title.append(f"{bends} bends")
    if options.get("constraint") == "torus":
        words_of_title.append("on the torus")
    return ", ".join(words_of_title)


def _along(panel: Axes, chains: xr.Dataset, look: Look) -> None:
    """Draw the error along the chains of an arm."""
    error = chains["error"].transpose("split", "pair", "t")
    train = error.sel(split="train").values
    test = error.sel(split="test").values
    profile(panel, chains["t"].values, train, test, look)
    peaks = dots(panel, chains["peak"].values, chains["bend_error"].values, look, size=2)
    peaks.set_alpha(0.5)


def _rises(panel: Axes, column: int, chains: xr.Dataset, look: Look) -> None:
    """Join how far the error of each pair rises before (hollow) and after optimisation (filled)."""
    ends = chains["error"].sel(split="train").isel(t=[0, -1])
    worse_end = ends.max("t")
    before = (chains["straight_error"] - worse_end).values
    after = (chains["bend_error"] - worse_end).values
    middles = column + spread(len(before), 0.25)
    for middle, start, end in zip(middles, before, after, strict=True):
        sides = [middle - SHIFT, middle + SHIFT]
        panel.plot(sides, [start, end], color=look.colour, linewidth=0.5, alpha=0.5)
    dots(panel, middles - SHIFT, before, look, fill="white", size=3)
    filled = dots(panel, middles + SHIFT, after, look, size=3)
    filled.set_clip_on(False)


def _epochs(panel: Axes, column: int, needed: NDArray, look: Look, *, crowded: bool) -> None:
    """Draw one marker per connected pair, equal ones beside each other, and count them."""
    reached = needed[np.isfinite(needed)]
    work, numbers = np.unique(reached, return_counts=True)
    for epochs, number in zip(work, numbers, strict=True):
        width = min(0.7, 0.12 * (number - 1))
        x = column + spread(number, width)
        markers = dots(panel, x, np.full(number, epochs), look, size=2.6)
        markers.set_clip_on(False)
    panel.annotate(
        f"{len(reached)}/{len(needed)}",
        (column, 0.99),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="top",
        fontsize=7,
        rotation=90 if crowded else 0,
    )


FIGURE = Figure(
    name="chains",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "chains"),
    drawing=draw,
    settings=("chains.threshold",),
)
