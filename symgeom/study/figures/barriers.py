"""Barriers: the error along paths between minima of an arm, for each kind of path and combination of removed symmetries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.study.figures.parts import key, letter, note, percent, profile, splits
from symgeom.study.figures.selection import left_out, stage, usable, within
from symgeom.study.figures.style import PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "linear raw": "straight, raw",
    "linear normalised": "straight, scales removed",
    "geodesic normalised": "geodesic, scales removed",
    "linear aligned": "straight, permutations removed",
    "linear both": "straight, both removed",
    "geodesic both": "geodesic, both removed",
    "geodesic greedy": "both removed in a single pass",
    "repaired both": "both removed, variances repaired",
    "latent raw": "signs of latent weights, raw",
    "hamming raw": "flips in random order, raw",
    "latent aligned": "signs of latent weights, aligned",
    "hamming aligned": "flips in random order, aligned",
}
"""Titles of the variants."""

REAL = [
    ["linear raw", "linear normalised", "geodesic normalised"],
    ["linear aligned", "linear both", "geodesic both"],
    ["geodesic greedy", "repaired both"],
]
"""Which variant is where: in the second row, permutations are removed; to the right, scales; then what a study compares."""

BINARY = [["latent raw", "hamming raw"], ["latent aligned", "hamming aligned"]]
"""The same for binary networks, which have no scales."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw the error against the position along the path, one panel per variant, one line per arm and split.

    Parameters
    ----------
    case : xr.DataTree
        With the stages ``minima`` and ``paths``.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping
        Not used.

    Returns
    -------
    Figure
        A page wide.
    """
    minima, paths = stage(case, "minima"), stage(case, "paths")
    kinds = [
        (first, members)
        for first, second, members in within(paths, usable(minima, arms))
        if first == second
    ]
    if not kinds:
        return words("No paths to show: no arm has two usable minima. " + left_out(minima, arms))
    figure, panels = _sheet(paths["variant"].values.tolist())
    for variant, panel in panels.items():
        error = paths["error"].sel(variant=variant)
        for arm, members in kinds:
            train, test = (
                error.sel(split=split).isel(pair=members).transpose("pair", "t").values
                for split in ("train", "test")
            )
            profile(panel, paths["t"].values, train, test, looks(arms)[arm])
        panel.set_title(PANELS[variant])
        percent(panel, least=1e-3)
        panel.set_ylim(bottom=0)
    letter(panels)
    key(
        figure,
        {arm: len(members) for arm, members in kinds},
        arms,
        heading="arm (pairs)",
        extra=splits(),
    )
    note(figure, left_out(minima, arms))
    return figure


def _sheet(measured: Sequence[str]) -> tuple[Figure, dict[str, Axes]]:
    """Make the panels of the variants that were measured, with words at the outer axes only."""
    rows = [[variant for variant in row if variant in measured] for row in (*REAL, *BINARY)]
    rows = [row for row in rows if row]
    across = max(map(len, rows))
    layout = [row + ["."] * (across - len(row)) for row in rows]
    figure, panels = sheet(
        layout, width=PAGE, height=0.5 + 1.9 * len(rows), sharex=True, sharey=True
    )
    for row, below in zip(layout, [*layout[1:], ["."] * across], strict=True):
        panels[row[0]].set_ylabel("error (%)")
        for column, variant in enumerate(row):
            if variant != "." and below[column] == ".":
                panels[variant].set_xlabel("position along the path, t")
                panels[variant].tick_params(labelbottom=True)
    panels[rows[0][0]].set(xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
    return figure, panels
