"""Whether flat minima are near each other, and joined at low barriers.

Three numbers of every pair: the distance of the aligned networks on the torus (root mean square
angle), the barrier of the training error along the path with all symmetries removed (geodesics; for
binary networks, flips in random order), and the mean local energy of both ends. (a) Barrier against
distance, (b) barrier against local energy, (c) distance against local energy. Filled symbols are
pairs within an arm, half-and-half discs pairs of two arms, in the colours of both; a and b show
those that were joined. The barrier is linear below 0.1 %, so that zeros are seen. Above each panel
stands Spearman's rank correlation within arms (the mean over arms with three pairs or more), and
between the means of the arms. The claim is that all three go together. Between the arms they may
for many reasons; what the seeds of one arm say is the first number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic_below, minus, percent, percent_below
from symgeom.study.figures.keys import halves, key, letter, note
from symgeom.study.figures.record import CONNECTION, Figure
from symgeom.study.figures.selection import counts, measured_kinds
from symgeom.study.figures.series import RESOLVED, dots_of_pairs
from symgeom.study.figures.style import PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.selection import PairKind
    from symgeom.study.figures.style import Look

FEWEST = 3
"""Pairs of an arm, or arms, below which there is no rank correlation."""


@dataclass(frozen=True, eq=False)
class _Scatter:
    """Two numbers of some pairs.

    ``x`` and ``y`` have the shape (pair,); ``kinds`` sorts those that have both by their arms.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    kinds: Sequence[PairKind]

    @property
    def inside(self) -> list[PairKind]:
        """The pairs within each arm."""
        return [kind for kind in self.kinds if kind.first == kind.second]

    @property
    def title(self) -> str:
        """The rank correlation within arms, and that between their means."""
        within = []
        means = []
        for kind in self.inside:
            x = self.x[kind.members]
            y = self.y[kind.members]
            means.append((x.mean(), y.mean()))
            if len(kind.members) >= FEWEST:
                within.append(_rank_correlation(x, y))
        defined = [value for value in within if np.isfinite(value)]
        words_of_title = "in arms –"
        if defined:
            words_of_title = f"in arms {np.mean(defined):.2f}"
        if len(means) >= FEWEST:
            words_of_title += f", of arms {_rank_correlation(*np.transpose(means)):.2f}"
        return minus(words_of_title)

    @property
    def numbers(self) -> str:
        """How many pairs there are within arms and between arms."""
        inside = sum(len(kind.members) for kind in self.inside)
        everything = sum(len(kind.members) for kind in self.kinds)
        return f"{inside} within arms and {everything - inside} of two arms"

    def draw(self, panel: Axes, look_of: Mapping[str, Look]) -> None:
        """Draw a symbol for each pair, those within arms on top."""
        between = [kind for kind in self.kinds if kind.first != kind.second]
        for kind in [*between, *self.inside]:
            dots_of_pairs(panel, self.x[kind.members], self.y[kind.members], kind, look_of)
        panel.set_title(self.title)


def draw(results: Results) -> Picture:
    """Draw barriers, distances and local energies of all pairs against each other.

    Parameters
    ----------
    results : Results
        With the stages ``minima``, ``flatness``, ``distances`` and ``paths``.

    Returns
    -------
    Picture
        A page wide.
    """
    scatters = _scatters(results)
    if not scatters["c"].kinds:
        nothing = "No pairs to compare: there are no two usable minima. "
        return words(nothing + results.left_out())
    look_of = looks(results.arms)
    figure, panels = sheet("abc", width=PAGE, height=3.0)
    for name, scatter in scatters.items():
        scatter.draw(panels[name], look_of)
    _frame(panels, scatters)
    letter(panels)
    key(figure, counts(results.usable()), look_of, lines=False, extra=[halves("two arms")])
    numbers = f"Pairs in a and b: {scatters['a'].numbers}; in c: {scatters['c'].numbers}."
    note(figure, "Titles: Spearman's rank correlations.", numbers, results.left_out())
    return figure


def _scatters(results: Results) -> dict[str, _Scatter]:
    """Collect what every panel shows."""
    from symgeom.study.claims.barriers import full_variant
    from symgeom.study.claims.flatness import mean_local_energy

    paths = results.stage("paths")
    distances = results.stage("distances")
    flatness = mean_local_energy(results.stage("flatness"))
    usable = results.usable()
    distance = distances["distance"].sel(stage="aligned").values
    barrier = paths["barrier"].sel(variant=full_variant(paths), split="train").values
    energy = _energies(distances, flatness)
    distance_of_joined = _of_the_same_pairs(paths, distances, distance)
    energy_of_joined = _energies(paths, flatness)
    of_distance = measured_kinds(paths, usable, barrier + distance_of_joined)
    of_energy = measured_kinds(paths, usable, barrier + energy_of_joined)
    of_both = measured_kinds(distances, usable, distance + energy)
    return {
        "a": _Scatter(distance_of_joined, barrier, of_distance),
        "b": _Scatter(energy_of_joined, barrier, of_energy),
        "c": _Scatter(energy, distance, of_both),
    }


def _energies(pairs: xr.Dataset, energy: xr.DataArray) -> NDArray[np.float64]:
    """Return the mean local energy of both ends of every pair; NaN where it is not known."""
    from symgeom.study.claims.selection import pair_ends

    energy_of = energy.to_series().to_dict()
    means = []
    for first, second in pair_ends(pairs):
        of_ends = [energy_of.get(first, np.nan), energy_of.get(second, np.nan)]
        means.append(np.mean(of_ends))
    return np.array(means)


def _of_the_same_pairs(
    pairs: xr.Dataset, others: xr.Dataset, values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what was measured of the same pairs in another stage, NaN where it was not."""
    from symgeom.study.claims.selection import pair_ends

    value_of = dict(zip(pair_ends(others), values.tolist(), strict=True))
    return np.array([value_of.get(ends, np.nan) for ends in pair_ends(pairs)])


def _rank_correlation(x: NDArray, y: NDArray) -> float:
    """Return Spearman's rank correlation, NaN where one of the two is constant."""
    from symgeom.study.claims.correlation import spearman

    once = np.ones((1, len(x)), dtype=np.int64)
    return float(spearman(x, y, once)[0])


def _frame(panels: Mapping[str, Axes], scatters: Mapping[str, _Scatter]) -> None:
    """Name and scale the axes."""
    for name in ("a", "b"):
        percent(panels[name], least=RESOLVED)
        panels[name].set_ylim(bottom=-0.3 * RESOLVED)
        panels[name].set_ylabel("barrier (%)")
    for name in ("b", "c"):
        logarithmic_below(panels[name], scatters[name].x)
        percent_below(panels[name])
        panels[name].set_xlabel("local energy of both ends (%)")
    panels["a"].set_xlabel("aligned distance (rad)")
    panels["c"].set_ylabel("aligned distance (rad)")


FIGURE = Figure(
    name="pairs",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "flatness", "distances", "paths"),
    drawing=draw,
)
