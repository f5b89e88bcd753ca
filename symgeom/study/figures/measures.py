"""Which measure of flatness predicts the test error.

Spearman's rank correlation of each measure with the test error; to the right, sharper minima
generalise worse. (a) Over all minima of all arms that can be used (their number is in the title).
Arms differ in many things at once, so that this has no interval. (b) Inside arms: coloured markers
are arms with at least three minima, diamonds the mean over arms with its interval, which holds
whichever arm is left out; here nothing but the seed differs, and with few seeds a correlation takes
few values. A measure that is high in a and not in b tells optimizers apart, which the optimizer's
name does as well. Filled symbols are measures that do not
change when units are rescaled; hollow ones depend on the representative that training left, so that
their correlation could be given any value. Local energies are means over their amplitudes;
eigenvalues are the largest. The margin is the one that 90 % of the training samples exceed on the
canonical network; the escape angle is that by which all units turn in random directions until the
training error has risen by the points that the study names (5 by default). Both count negatively,
because large ones are expected at a flat minimum. The order of the rows is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from symgeom.landscape.flatness.measures.catalogue import rows
from symgeom.landscape.flatness.measures.record import Row
from symgeom.study.figures.axes import minus
from symgeom.study.figures.keys import key, letter, mark, note
from symgeom.study.figures.record import FLATNESS, Figure
from symgeom.study.figures.selection import counts
from symgeom.study.figures.series import dots, spread
from symgeom.study.figures.style import FAINT, INK, MUTED, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from matplotlib.lines import Line2D
    from numpy.typing import NDArray

    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

FEWEST = 3
"""Minima of which a rank correlation says anything."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A measure and the test error of all minima that can be used.

    Attributes
    ----------
    arm : array of str, shape (minimum,)
        Their arms.
    sharp : array, shape (minimum,)
        The measure.
    error : array, shape (minimum,)
        The test error.
    """

    arm: NDArray
    sharp: NDArray
    error: NDArray

    @property
    def tells(self) -> bool:
        """Whether there are enough minima, and several in one arm."""
        count = len(self.arm)
        return count >= FEWEST and len(set(self.arm)) < count


def draw(results: Results) -> Picture:
    """Draw the rank correlation of every measure with the test error.

    A rank correlation over all minima mixes two things: that arms differ in both, and that the
    seeds of an arm do. The second panel shows the correlation inside arms alone, where nothing but
    the seed differs.

    Parameters
    ----------
    results : Results
        With the stages ``minima``, ``flatness`` and ``curvature``, and the setting ``level``.

    Returns
    -------
    Picture
        A page wide.
    """
    samples = _samples(results)
    if not samples:
        nothing = f"No measures to compare: fewer than {FEWEST} minima can be used. "
        return words(nothing + results.left_out())
    height = 1.3 + 0.2 * len(samples)
    figure, panels = sheet("ab", width=PAGE, height=height, sharey=True, width_ratios=[1.4, 1])
    look_of = looks(results.arms)
    for row, (measure, sample) in enumerate(samples.items()):
        _overall(panels["a"], row, measure, sample)
        _inside(panels["b"], row, sample, look_of)
        _mean(panels["b"], row, measure, _interval(sample, results))
    measures = list(samples)
    for panel in panels.values():
        _frame(panel, measures)
    panels["a"].set_yticks(range(len(measures)), [measure.label for measure in measures])
    panels["a"].set_ylim(len(measures) - 0.4, -0.6)
    largest = max(len(sample.arm) for sample in samples.values())
    panels["a"].set_title(f"all minima (n = {largest})")
    panels["b"].set_title("inside arms: each, and their mean")
    letter(panels)
    key(figure, counts(results.usable()), look_of, lines=False, extra=_meanings())
    note(figure, *_fewer(samples, largest), results.left_out())
    return figure


def _samples(results: Results) -> dict[Row, Sample]:
    """Return the samples of the measures that a study has, where they are large enough."""
    samples = {}
    for measure in rows():
        column = _column(results, measure)
        if column is not None:
            sample = _sample(column, results.minima)
            if sample.tells:
                samples[_named(measure, results)] = sample
    return samples


def _named(measure: Row, results: Results) -> Row:
    """Return the measure with its label for binary networks, where the noise flips signs."""
    flips = results.stage("flatness").attrs.get("noise") == "flips"
    if flips and measure.binary_label:
        return replace(measure, label=measure.binary_label)
    return measure


def _fill(measure: Row) -> str:
    """Return the colour inside the markers of a measure."""
    return INK if measure.invariant else "white"


def _column(results: Results, measure: Row) -> xr.DataArray | None:
    """Return one number per minimum, larger where it is sharper, if the study measured it."""
    values = _measured(results, measure.array)
    if values is None:
        return None
    single = single_numbers(values)
    return -single if measure.larger_is_flatter else single


def single_numbers(values: xr.DataArray) -> xr.DataArray:
    """Return the number of every minimum that stands for a measure.

    Parameters
    ----------
    values : xr.DataArray
        Over arm, seed, and an amplitude, a quantile or a rank, if the measure has one.

    Returns
    -------
    xr.DataArray, dims (arm, seed)
        Of curves the mean, of quantiles the one that claims compare, of ranked values the first.
    """
    from symgeom.study.claims.flatness import mean_local_energy
    from symgeom.study.claims.margin import QUANTILE

    if "amplitude" in values.dims:
        return mean_local_energy(values.to_dataset(name="local_energy"))
    if "quantile" in values.dims:
        return values.sel(quantile=QUANTILE, method="nearest", drop=True)
    if "rank" in values.dims:
        return values.isel(rank=0, drop=True)
    return values


def _measured(results: Results, name: str) -> xr.DataArray | None:
    """Return what a study has measured of a name."""
    for stage in ("flatness", "curvature"):
        arrays = results.stage(stage)
        if name in arrays:
            return arrays[name]
    return None


def _sample(column: xr.DataArray, minima: xr.Dataset) -> Sample:
    """Join a measure and the test error of all minima that can be used."""
    import xarray as xr

    from symgeom.study.claims.selection import select_minima

    both = xr.concat(
        [column, minima["test_error"]], "column", join="outer", coords="minimal", compat="override"
    )
    selection = select_minima(both, minima)
    sharp, error = selection.values.reshape(-1, 2).T
    return Sample(selection.strata, sharp, error)


def _interval(sample: Sample, results: Results) -> tuple[float, float, float]:
    """Return the mean of the rank correlations inside arms, and its interval."""
    from symgeom.study.claims.correlation import ask_correlation
    from symgeom.study.claims.selection import Selection

    columns = np.stack([sample.sharp, sample.error], axis=1)
    members = np.arange(len(columns))[:, None]
    selection = Selection(sample.arm, members, columns, ())
    evidence = ask_correlation(selection, "minima").answer().evidence
    tail = (1 - results.number("level")) / 2
    return evidence.estimate, evidence.low(tail), evidence.high(tail)


def _overall(panel: Axes, row: int, measure: Row, sample: Sample) -> None:
    """Draw the correlation over all minima."""
    value = _correlation(sample.sharp, sample.error)
    panel.plot(value, row, marker="o", color=INK, markerfacecolor=_fill(measure), markersize=5)


def _inside(panel: Axes, row: int, sample: Sample, look_of: Mapping[str, Look]) -> None:
    """Draw the correlation inside every arm that has enough minima."""
    correlations = {}
    for arm in look_of:
        members = sample.arm == arm
        if members.sum() >= FEWEST:
            correlations[arm] = _correlation(sample.sharp[members], sample.error[members])
    shifts = spread(len(correlations), 0.5)
    for shift, (arm, value) in zip(shifts, correlations.items(), strict=True):
        markers = dots(panel, value, row + shift, look_of[arm], size=2.8)
        markers.set_alpha(0.8)


def _mean(panel: Axes, row: int, measure: Row, correlation: tuple[float, float, float]) -> None:
    """Draw the mean of the correlations inside arms with its interval."""
    estimate, low, high = correlation
    ends = np.clip([low, high], -1, 1)
    panel.plot(ends, [row, row], color=INK, linewidth=1.0, solid_capstyle="butt", zorder=2)
    fill = _fill(measure)
    panel.plot(estimate, row, marker="d", color=INK, markerfacecolor=fill, markersize=6, zorder=3)


def _correlation(sharp: NDArray, error: NDArray) -> float:
    """Return the rank correlation over some minima, each counted once."""
    from symgeom.study.claims.correlation import spearman

    once = np.ones((1, len(sharp)), dtype=np.int64)
    return spearman(sharp, error, once)[0]


def _frame(panel: Axes, measures: Sequence[Row]) -> None:
    """Draw the lines at zero and between families, and name the axis."""
    panel.axvline(0, color=MUTED, linewidth=0.8, zorder=0)
    for row in range(1, len(measures)):
        if measures[row].family != measures[row - 1].family:
            panel.axhline(row - 0.5, color=FAINT, linewidth=0.6, zorder=0)
    ticks = [-1, -0.5, 0, 0.5, 1]
    panel.set(xlabel="rank correlation with the test error", xlim=(-1.08, 1.08))
    panel.set_xticks(ticks, [minus(f"{value:g}") for value in ticks])
    panel.tick_params(axis="y", length=0)


def _fewer(samples: Mapping[Row, Sample], largest: int) -> list[str]:
    """Say which measures were taken of fewer minima than others."""
    remarks = []
    for measure, sample in samples.items():
        count = len(sample.arm)
        if count < largest:
            remarks.append(f"{measure.label}: {count} minima.")
    return remarks


def _meanings() -> list[Line2D]:
    """Return the legend handles of filled and hollow markers."""
    filled = mark("o", "invariant under rescaling")
    hollow = mark("o", "not invariant", fill="white")
    for handle in (filled, hollow):
        handle.set_markersize(5)
    return [filled, hollow]


FIGURE = Figure(
    name="measures",
    text=__doc__,
    question=FLATNESS,
    stages=("minima", "flatness", "curvature"),
    drawing=draw,
    settings=("claims.level",),
)
