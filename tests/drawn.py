"""The figures of the made-up study, and how to look at them."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D
from synthetic_dynamics import ellipse, noise_models, two_layer
from synthetic_landscape import perceptron
from synthetic_study import ARMS, CLAIMS, SETTINGS, binary_case, case

from symgeom.study.figures.catalogue import all_figures
from symgeom.study.figures.results import Results

RECORDS = {figure.name: figure for figure in all_figures()}
FIGURES = {name: list(figure.stages) for name, figure in RECORDS.items()}
"""The stages of each figure."""

OF_CASES = [name for name, figure in RECORDS.items() if figure.stages and not figure.model]
OF_TWO_LAYERS = [name for name, figure in RECORDS.items() if figure.model == "two_layer"]
MODELS = {
    "perceptron": perceptron,
    "ellipse": ellipse,
    "two_layer": two_layer,
    "noise_models": noise_models,
}
"""What makes up the results of each model."""

BINARY = ("flatness", "barriers", "losses", "pairs")
"""Figures that look otherwise for binary networks."""

KEPT = {
    "rsgd": [0, 1, 2],
    "sam": [0, 1],
    "sgd": [0, 1, 2],
    "adam": [1, 2],
    "adversarial": [0, 1, 2],
}
"""The seeds of the made-up study that reached the stop rule."""


def draw(
    name: str,
    tree: xr.DataTree | None = None,
    arms: list[str] = ARMS,
    settings: dict = SETTINGS,
    claims: Sequence = CLAIMS,
) -> Figure:
    """Draw a figure of the made-up study from the stages that its rule provides."""
    figure = RECORDS[name]
    if tree is None:
        tree = MODELS[figure.model]() if figure.model else case(figure.stages)
    return figure.draw(Results(tree, arms, settings, claims))


def draw_all() -> dict[str, Figure]:
    """Draw and lay out all figures, those of binary networks too."""
    figures = {name: draw(name) for name in FIGURES}
    figures |= {f"binary {name}": draw(name, binary_case()) for name in BINARY}
    for figure in figures.values():
        figure.draw_without_rendering()
    return figures


def panel(figure: Figure, title: str) -> object:
    """Return the panel whose title ends so."""
    return next(axes for axes in figure.axes if axes.get_title(loc="left").endswith(title))


def texts(figure: Figure) -> str:
    """Return all that is written in a figure."""
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def prose(figure: Figure) -> str:
    """Return all that is written in a figure, as one line."""
    return " ".join(texts(figure).split())


def curves(axes: object, colour: str, length: int) -> list[np.ndarray]:
    """Return the lines of one colour and one number of points."""
    return [
        line.get_ydata()
        for line in axes.lines
        if line.get_color() == colour and len(line.get_ydata()) == length
    ]


def pairs_within(arm: str, data: object) -> list[int]:
    """Find the pairs of usable minima of an arm, by looking at all pairs."""
    wanted = list(combinations(KEPT[arm], 2))
    ends = zip(
        data["first_arm"].values,
        data["first_seed"].values,
        data["second_arm"].values,
        data["second_seed"].values,
        strict=True,
    )
    return [place for place, (a, i, b, j) in enumerate(ends) if a == b == arm and (i, j) in wanted]


def visible(figure: Figure) -> list[Text]:
    """Return all texts that are drawn: tick labels beyond the ends of an axis are not."""
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    labels = {text for axis in axes for text in axis.findobj(Text)} - {axis.label for axis in axes}
    found = [text for text in figure.findobj(Text) if text not in labels]
    for axis in axes:
        low, high = sorted(axis.get_view_interval())
        found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [text for text in found if text.get_text().strip() and text.get_visible()]


def outline(text: Text) -> Path:
    """Return the rectangle that a text fills, slanted as the text is."""
    box = text.get_window_extent()
    angle = text.get_rotation()
    text.set_rotation(0)
    upright = text.get_window_extent()
    text.set_rotation(angle)
    # A hair smaller, so that neighbours may touch.
    wide, high = max(upright.width - 1, 1) / 2, max(upright.height - 2, 1) / 2
    corners = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]])
    turn = Affine2D().rotate_deg(angle).translate((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
    return Path(turn.transform([*corners, corners[0]]), closed=True)


def faults(figure: Figure) -> list[str]:
    """Name the texts that leave the page, and those that overlap.

    The letter of a panel stands within the spaces at the beginning of its title.
    """
    if figure.stale:
        figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    found = []
    outlines = {}
    for text in visible(figure):
        box = text.get_window_extent()
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            found.append(f"leaves the page: {text.get_text()}")
        if not (text.get_weight() == "bold" and len(text.get_text()) == 1):
            outlines[text] = outline(text)
    for (one, first), (other, second) in combinations(outlines.items(), 2):
        near = first.get_extents().overlaps(second.get_extents())
        if near and first.intersects_path(second, filled=True):
            found.append(f"overlap: {one.get_text()} | {other.get_text()}")
    return found
