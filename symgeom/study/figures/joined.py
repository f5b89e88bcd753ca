r"""Whether minima far from the noise equilibrium are sharp, or far from each other.

One symbol per minimum. Columns: the median of \|λ*\|, the logarithm of the scale that leads a unit
to the noise equilibrium of SGD, over all units and over those of a group; last, the root mean
square over all units of what leads them together to the equilibrium of noise alone. Rows, as far as
the study has them: the local energy; the trace of the Hessian of the training loss; the mean
distance to the other minima of the arm, on the torus and aligned. The noise of SGD lies across;
what it may have to do with the valleys and with the geometry between them lies upwards. Axes are
logarithmic but for the distance. Above each panel stands Spearman's rank correlation within arms
with its interval, which holds whichever arm is left out. Nothing is pooled: arms differ in many
things at once, so that clouds of many colours that rise say nothing. All columns but the last are
of noise and weight decay, over the whole training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import logarithmic, logarithmic_below, minus, percent, power
from symgeom.study.figures.keys import key, letter, note, sentences
from symgeom.study.figures.record import DYNAMICS, Figure, all_of, has_scales, trains_networks
from symgeom.study.figures.selection import counts, representative, trained_seeds
from symgeom.study.figures.series import dots
from symgeom.study.figures.style import PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

ALL = "all units"
"""The name of the first column."""

NOISE = "noise alone"
"""The name of the last column."""


@dataclass(frozen=True, eq=False)
class _Row:
    """What is compared with the displacement, over (arm, seed)."""

    label: str
    values: xr.DataArray
    is_share: bool = False
    has_decades: bool = True


def draw(results: Results) -> Picture:
    """Draw flatness and distance of each minimum against its distance to the noise equilibrium.

    Parameters
    ----------
    results : Results
        With the stages ``minima``, ``equilibria``, ``orbits``, ``flatness`` and
        ``distances``, and the setting ``level``.

    Returns
    -------
    Picture
        A page wide.
    """
    trained, elsewhere = trained_seeds(results.minima, results.arms)
    across, remark = _displacements(results)
    if not trained or len(across) < 2:
        nothing = (
            "No noise equilibria to compare: no usable minimum that was trained here has a "
            "rescaling symmetry."
        )
        return words(sentences(nothing, results.left_out(), elsewhere))
    look_of = looks(results.arms)
    rows = _rows(results)
    layout = []
    for name in rows:
        layout.append([f"{name} of {column}" for column in across])
    height = 1.0 + 1.75 * len(rows)
    figure, panels = sheet(layout, width=PAGE, height=height)
    _share(panels, layout)
    for name, row in rows.items():
        for column, displacement in across.items():
            panel = panels[f"{name} of {column}"]
            _scatter(panel, displacement, row, trained, look_of)
            title = _correlation(displacement, row.values, results)
            panel.set_title(title)
        first = panels[f"{name} of {ALL}"]
        first.set_ylabel(row.label)
        _scale(first, row, trained)
    _frame(panels, layout[-1], across, trained)
    letter(panels)
    key(figure, counts(trained), look_of, lines=False)
    level = f"{100 * results.number('level'):g} %"
    titles = f"Titles: Spearman's rank correlation within arms, mean over arms, {level} interval."
    note(figure, titles, remark, results.left_out(), elsewhere)
    return figure


def _share(panels: Mapping[str, Axes], layout: Sequence[Sequence[str]]) -> None:
    """Give the panels of a row one vertical axis, and those of a column one horizontal axis."""
    for names in layout:
        leftmost = panels[names[0]]
        for name, lowest in zip(names, layout[-1], strict=True):
            panel = panels[name]
            if panel is not leftmost:
                panel.sharey(leftmost)
            if name != lowest:
                panel.sharex(panels[lowest])
            panel.label_outer()


def _displacements(results: Results) -> tuple[dict[str, xr.DataArray], str]:
    """Return the displacement of each minimum, of all units and of some groups."""
    from symgeom.study.claims.displacements import displacement_at_end, displacements_by_group

    equilibria = results.stage("equilibria")
    orbits = results.stage("orbits")
    by_group = displacements_by_group(equilibria)
    if not by_group:
        return {}, ""
    shown, remark = representative(list(by_group), most=2)
    across = {ALL: displacement_at_end(equilibria)}
    for group in shown:
        across[group] = by_group[group]
    if "distance" in orbits:
        units = sum(equilibria.sizes[group] for group in by_group)
        across[NOISE] = orbits["distance"].sel(point="noise", drop=True) / units**0.5
    return across, remark


def _rows(results: Results) -> dict[str, _Row]:
    """Return what the study has to compare with the displacement."""
    from symgeom.study.claims.displacements import distance_to_others, trace_as_trained
    from symgeom.study.claims.flatness import mean_local_energy

    energy = mean_local_energy(results.stage("flatness"))
    rows = {"energy": _Row("local energy (%)", energy, is_share=True)}
    orbits = results.stage("orbits")
    if "trace" in orbits:
        label = f"trace of the {orbits.attrs['matrix']}\n(nat/weight²)"
        rows["trace"] = _Row(label, trace_as_trained(orbits))
    distance = distance_to_others(results.stage("distances"), results.minima)
    rows["distance"] = _Row("distance to others\nof the arm (rad)", distance, has_decades=False)
    return rows


def _scatter(
    panel: Axes,
    displacement: xr.DataArray,
    row: _Row,
    trained: Mapping[str, Sequence[int]],
    look_of: Mapping[str, Look],
) -> None:
    """Draw a symbol for each minimum."""
    for arm, seeds in trained.items():
        x = displacement.sel(arm=arm, seed=seeds).values
        y = row.values.sel(arm=arm, seed=seeds).values
        finite = np.isfinite(x + y)
        markers = dots(panel, x[finite], y[finite], look_of[arm], size=3.6)
        markers.set_alpha(0.75)


def _correlation(displacement: xr.DataArray, values: xr.DataArray, results: Results) -> str:
    """Write the rank correlation within arms with its interval."""
    from symgeom.study.claims.displacements import ask_rank_correlation

    question = ask_rank_correlation(displacement, values, results.minima)
    evidence = question.answer().evidence
    tail = (1 - results.number("level")) / 2
    if not np.isfinite(evidence.estimate):
        return "in arms –"
    interval = f"[{evidence.low(tail):.2f}, {evidence.high(tail):.2f}]"
    return minus(f"{evidence.estimate:.2f} {interval}")


def _scale(panel: Axes, row: _Row, trained: Mapping[str, Sequence[int]]) -> None:
    """Scale the vertical axis of a row."""
    if row.has_decades and (_shown(row.values, trained) > 0).all():
        logarithmic(panel)
    if row.is_share:
        percent(panel)


def _frame(
    panels: Mapping[str, Axes],
    lowest: Sequence[str],
    across: Mapping[str, xr.DataArray],
    trained: Mapping[str, Sequence[int]],
) -> None:
    """Name and scale the horizontal axes, which the panels of a column share."""
    from matplotlib.ticker import FuncFormatter

    for name, (column, displacement) in zip(lowest, across.items(), strict=True):
        panel = panels[name]
        shown = _shown(displacement, trained)
        logarithmic_below(panel, shown[np.isfinite(shown)])
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
        panel.set_xlabel(f"|λ*| (log of scale),\n{column}")


def _shown(values: xr.DataArray, trained: Mapping[str, Sequence[int]]) -> NDArray[np.float64]:
    """Return the values of the minima that are shown, one after the other."""
    of_arms = [values.sel(arm=arm, seed=seeds).values for arm, seeds in trained.items()]
    return np.concatenate(of_arms)


FIGURE = Figure(
    name="joined",
    text=__doc__,
    question=DYNAMICS,
    stages=("minima", "equilibria", "orbits", "flatness", "distances"),
    drawing=draw,
    settings=("claims.level",),
    asked=all_of(trains_networks, has_scales),
)
