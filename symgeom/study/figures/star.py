"""Minima as hubs between two others.

The star shape, with minima of every arm in its centre: between every two minima of one arm (the
ends, named above the panels) the way leads over a third one, the hub, along two geodesics with all
symmetries removed. Above: the larger of the two barriers of the training error against the local
energy of the hub; small symbols are hubs, mean over all ends, large ones the mean over the hubs of
an arm with its interval. A ring marks the control, hubs of the same arm as the ends: flat minima
are the core of a star if hubs on the left lie below the ring. The dashed line is the mean barrier
of the direct geodesics; the larger of two barriers exceeds it by chance alone. Below: training
error from the hubs to the ends along all these geodesics (thin), and their mean. Nothing was
optimised. Triples share minima: the claims H6-star, H6-star-sharp and H6-hubs have intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symgeom.study.figures.axes import limits, percent, percent_below, ticks
from symgeom.study.figures.keys import key, letter, line, mark, note
from symgeom.study.figures.record import CONNECTION, Figure, setting
from symgeom.study.figures.series import RESOLVED, dots
from symgeom.study.figures.style import BROKEN, COLUMN, INK, PAGE, looks, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from numpy.typing import NDArray

    from symgeom.study.claims.evidence import Student
    from symgeom.study.claims.measured import Measured
    from symgeom.study.claims.selection import Selection
    from symgeom.study.figures.record import Configuration
    from symgeom.study.figures.results import Results
    from symgeom.study.figures.style import Look

ENDS = ("reference", "sharp")
"""The roles of the arms between whose minima ways are shown."""


@dataclass(frozen=True, eq=False)
class Hub:
    """The minima of an arm as hubs between two minima of another.

    Attributes
    ----------
    energy, over : array, shape (hub,)
        The local energy of every hub, and the mean barrier over it.
    mean : Student
        The mean barrier over all of them.
    errors : array, shape (geodesic, t)
        Training error from a hub to an end.
    """

    energy: NDArray[np.float64]
    over: NDArray[np.float64]
    mean: Student
    errors: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Star:
    """All ways between every two minima of an arm.

    Attributes
    ----------
    ends : str
        That arm.
    direct : float
        The mean barrier of the direct ways.
    hubs : mapping of str to Hub
        Those of every arm.
    t : array, shape (t,)
        Positions along the geodesics, from hub to end.
    no_ends : list of str
        Minima of the arm that are none, because they memorised nothing.
    """

    ends: str
    direct: float
    hubs: Mapping[str, Hub]
    t: NDArray[np.float64]
    no_ends: list[str]


def draw(results: Results) -> Picture:
    """Draw the barriers over hubs of every arm against their flatness, and the ways from them.

    Parameters
    ----------
    results : Results
        With the stages ``minima``, ``flatness`` and ``paths``, and the settings ``roles``: the arms
        that are "reference" and "sharp"; and ``level``.

    Returns
    -------
    Picture
        A page wide; a column wide if there are ends of one arm alone.
    """
    stars = _stars(results)
    if not stars:
        nothing = "No triples to show: no minimum was joined to two minima of another arm. "
        return words(nothing + results.left_out())
    letters = ["ab", "cd"] if len(stars) > 1 else ["a", "b"]
    width = PAGE if len(stars) > 1 else COLUMN
    figure, panels = sheet([list(row) for row in letters], width=width, height=5.2)
    look_of = looks(results.arms)
    tail = (1 - results.number("level")) / 2
    for star, above, below in zip(stars, *letters, strict=False):
        _barriers(panels[above], star, look_of, tail)
        _ways(panels[below], star, look_of)
    for row in letters:
        _share([panels[name] for name in row])
    letter(dict(sorted(panels.items())))
    numbers = {}
    for arm in results.arms:
        numbers[arm] = max(len(star.hubs[arm].over) if arm in star.hubs else 0 for star in stars)
    meanings = [line(BROKEN, "direct"), mark("o", "control: arm of the ends", fill="none")]
    key(figure, numbers, look_of, heading="hubs (minima)", lines=False, extra=meanings)
    note(figure, results.left_out(), _no_ends(stars))
    return figure


def _no_ends(stars: Sequence[Star]) -> str:
    """Name the minima that are neither ends nor hubs of their arm, and why."""
    names = [name for star in stars for name in star.no_ends]
    return f"No ends: {', '.join(names)}." if names else ""


def _stars(results: Results) -> list[Star]:
    """Return the stars whose ends are of the arms of :data:`ENDS`, if they have hubs."""
    from symgeom.study.claims.measured import Measured
    from symgeom.study.claims.star import joined_arms

    stages = {name: results.stage(name) for name in ("minima", "flatness", "paths")}
    measured = Measured(stages, results.roles())
    stars: dict[str, Star] = {}
    for role in ENDS:
        arms = measured.arms(role)
        if arms and arms[0] not in stars and joined_arms(measured, role):
            star = _star(measured, role)
            if star.hubs:
                stars[arms[0]] = star
    return list(stars.values())


def _star(measured: Measured, role: str) -> Star:
    """Return all ways between every two minima of a role's arm."""
    from symgeom.study.claims.flatness import mean_local_energy
    from symgeom.study.claims.measured import NOT_MEMORISED
    from symgeom.study.claims.star import DIRECT, OVER, barrier_over, select_triples

    (ends,) = measured.arms(role)
    minima = measured.minima_as(role)
    paths = measured.stages["paths"]
    triples = select_triples(paths, minima, (ends,))
    hub_arms = triples.strata[triples.members[:, 0]]
    energies = mean_local_energy(measured.stages["flatness"])
    over = barrier_over(paths, minima, (ends,))
    hubs = {}
    for arm in np.unique(hub_arms).tolist():
        of_arm = over.sel(arm=arm).dropna("seed")
        energy = energies.sel(arm=arm, seed=of_arm["seed"])
        mean = _mean(triples.of_arms(sorted({arm, ends})), arm, OVER)
        hubs[arm] = Hub(energy.values, of_arm.values, mean, _errors(paths, minima, arm, ends))
    direct = {}
    for networks, barriers in zip(triples.members.tolist(), triples.values, strict=True):
        direct[tuple(networks[1:])] = barriers[DIRECT]
    height = float(np.mean(list(direct.values()))) if direct else np.nan
    no_ends = [name for name in triples.left_out if NOT_MEMORISED in name]
    return Star(ends, height, hubs, paths["t"].values, no_ends)


def _mean(triples: Selection, arm: str, column: int) -> Student:
    """Return the mean of a column over the triples whose hub is of an arm."""
    from symgeom.study.claims.jackknife import leave_one_out, student

    over_hubs = triples.strata[triples.members[:, 0]] == arm
    means = triples.mean_of(over_hubs, leave_one_out(len(triples.strata)))
    return student(means[:, column], triples.strata)


def _errors(paths: xr.Dataset, minima: xr.Dataset, arm: str, ends: str) -> NDArray[np.float64]:
    """Return the training error from the hubs of an arm to the ends, (geodesic, t)."""
    from symgeom.study.claims.barriers import full_variant
    from symgeom.study.claims.selection import pair_ends, usable_networks

    usable = set(usable_networks(minima, [arm, ends])[0])
    errors = paths["error"].sel(split="train", variant=full_variant(paths))
    curves = errors.transpose("pair", "t").values
    outward = []
    for (first, second), curve in zip(pair_ends(paths), curves, strict=True):
        if not {first, second} <= usable or np.isnan(curve).any():
            continue
        if (first[0], second[0]) == (arm, ends):
            outward.append(curve)
        if (second[0], first[0]) == (arm, ends):
            outward.append(curve[::-1])
    return np.array(outward)


def _barriers(panel: Axes, star: Star, look_of: Mapping[str, Look], tail: float) -> None:
    """Draw the barrier over every hub against its local energy, and the mean of every arm."""
    panel.axhline(star.direct, color=INK, linewidth=0.9, linestyle=BROKEN, zorder=0)
    for arm, hub in star.hubs.items():
        look = look_of[arm]
        single = dots(panel, hub.energy, hub.over, look, size=2.6)
        single.set_alpha(0.5)
        middle = hub.energy.mean()
        low, high = hub.mean.low(tail), hub.mean.high(tail)
        panel.vlines(middle, low, high, color=look.colour, linewidth=1.2)
        dots(panel, middle, hub.mean.estimate, look, size=6)
        if arm == star.ends:
            panel.plot(
                middle,
                hub.mean.estimate,
                marker="o",
                markerfacecolor="none",
                color=INK,
                markersize=11,
            )
    panel.set_title(f"between two minima of {star.ends}")
    panel.set_xlabel("local energy of the hub (%)")
    panel.set_ylabel("barrier over the hub (%)")
    heights = np.concatenate([[star.direct], *(hub.over for hub in star.hubs.values())])
    energies = np.concatenate([hub.energy for hub in star.hubs.values()])
    percent(panel, least=RESOLVED)
    percent_below(panel, least=RESOLVED)
    panel.set(xlim=limits(energies, least=RESOLVED), ylim=limits(heights, least=RESOLVED))
    panel.set_xticks(ticks(*panel.get_xlim()))


def _ways(panel: Axes, star: Star, look_of: Mapping[str, Look]) -> None:
    """Draw the training error along every geodesic from a hub to an end, and the means."""
    from matplotlib.collections import LineCollection

    for arm, hub in star.hubs.items():
        look = look_of[arm]
        single = [np.column_stack([star.t, errors]) for errors in hub.errors]
        thin = LineCollection(single, colors=look.colour, linewidths=0.4, alpha=0.15)
        panel.add_collection(thin)
        mean = hub.errors.mean(axis=0)
        panel.plot(star.t, mean, color=look.colour, marker=look.marker, linestyle=look.dashes)
    panel.set_title(f"from the hub to minima of {star.ends}")
    panel.set_xlabel("hub (0) to end (1), t")
    panel.set_ylabel("training error (%)")
    percent(panel, least=RESOLVED)
    errors = np.concatenate([hub.errors.ravel() for hub in star.hubs.values()])
    panel.set_ylim(limits(errors, least=RESOLVED))


def _share(panels: Sequence[Axes]) -> None:
    """Give panels that stand side by side one vertical axis."""
    first = panels[0]
    for panel in panels[1:]:
        low, high = panel.get_ylim()
        panel.sharey(first)
        panel.set_ylabel("")
        first.set_ylim(min(low, first.get_ylim()[0]), max(high, first.get_ylim()[1]))
    first.set_yticks(ticks(*first.get_ylim()))


def joins_hubs(configuration: Configuration) -> bool:
    """Say whether a study joins the minima of an arm to all those of another.

    Parameters
    ----------
    configuration : mapping
        With the section ``paths``.

    Returns
    -------
    bool
        Whether it does.
    """
    star = setting(configuration, "paths.star")
    return bool(star) or setting(configuration, "paths.cross_arm") == "all"


FIGURE = Figure(
    name="star",
    text=__doc__,
    question=CONNECTION,
    stages=("minima", "flatness", "paths"),
    drawing=draw,
    settings=("claims.roles", "claims.level"),
    asked=joins_hubs,
)
