"""Barriers: the error along paths between minima of an arm, for each combination of removed symmetries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.figures.parts import key, letter, note, percent, profile, splits
from symgeom.figures.selection import left_out, usable, within
from symgeom.figures.style import PAGE, looks, paper, sheet, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.figure import Figure

PANELS = {
    "linear raw": "straight, raw",
    "linear normalised": "straight, scales removed",
    "geodesic normalised": "geodesic, scales removed",
    "linear aligned": "straight, permutations removed",
    "linear both": "straight, both removed",
    "geodesic both": "geodesic, both removed",
}
"""Which variant of the path is where: below, permutations are removed; to the right, scales."""


@paper()
def draw(case: xr.DataTree, *, arms: Sequence[str], settings: Mapping) -> Figure:
    """Draw six panels of the error against the position along the path, one line per arm and split.

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
    minima, paths = case["minima"].to_dataset(), case["paths"].to_dataset()
    kinds = [(first, members) for first, second, members in within(paths, usable(minima, arms)) if first == second]
    if not kinds:
        return words("No paths to show: no arm has two usable minima. " + left_out(minima, arms))
    names = list(PANELS)
    figure, panels = sheet([names[:3], names[3:]], width=PAGE, height=4.3, sharex=True, sharey=True)
    for variant, panel in panels.items():
        error = paths["error"].sel(variant=variant)
        for arm, members in kinds:
            train, test = (error.sel(split=split).isel(pair=members).transpose("pair", "t").values for split in ("train", "test"))
            profile(panel, paths["t"].values, train, test, looks(arms)[arm])
        panel.set_title(PANELS[variant])
    for variant in ("linear raw", "linear aligned"):
        panels[variant].set_ylabel("error (%)")
        percent(panels[variant], least=1e-3)
        panels[variant].set_ylim(bottom=0)
    for variant in names[3:]:
        panels[variant].set(xlabel="position along the path, t", xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
    letter(panels)
    key(figure, {arm: len(members) for arm, members in kinds}, arms, unit="pairs", extra=splits())
    note(figure, left_out(minima, arms))
    return figure
