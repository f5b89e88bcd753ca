"""One look for all figures: sizes of a printed page, type that is readable there, and colours that everybody can tell apart.

An arm keeps its look in every figure: the colours of Okabe and Ito by the order of the arms in the
configuration, with markers and dashes of other cycle lengths, so that colour is never the only
code. Saved files depend on the figure alone: no dates, and identifiers from a fixed salt, so that
equal runs give equal bytes.

References
----------
M. Okabe, K. Ito, "Color Universal Design", 2008 (the palette; black and yellow come last, because
they read badly on white).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from symgeom.ground.whole_files import whole

COLUMN, PAGE = 3.4, 7.0
"""Widths of a column and of a page, in inches."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A800")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p")
DASHES = ((0, ()), (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.2, 1, 1.2)), (0, (2.5, 1)))
INK, MUTED, FAINT = "#222222", "#666666", "#d9d9d9"

_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.hinting": "none",  # else words are wider on the page than in the layout, which is found at another resolution
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.6,
    "lines.markeredgewidth": 0.8,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.columnspacing": 1.1,
    "hatch.linewidth": 0.6,
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
    "image.cmap": "Blues",
    "svg.fonttype": "path",
    "svg.hashsalt": "symgeom",
    "pdf.fonttype": 42,
}
_METADATA = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}


def paper() -> AbstractContextManager:
    """Return the context, or decorator, within which a figure is drawn and saved.

    Returns
    -------
    context manager
        Sets matplotlib's parameters, whatever the user's own are, and gives them back.

    Examples
    --------
    >>> @paper()
    ... def draw() -> Figure:
    ...     return Figure(figsize=(COLUMN, 2))
    """
    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
    return mpl.rc_context(defaults | _SETTINGS)


@dataclass(frozen=True)
class Look:
    """How an arm is drawn.

    Attributes
    ----------
    colour : str
        Of lines, markers and bands.
    marker : str
        Matplotlib's marker.
    dashes : tuple
        Matplotlib's line style.
    """

    colour: str
    marker: str
    dashes: tuple


def looks(arms: Sequence[str]) -> dict[str, Look]:
    """Give each arm its look, by its place in the configuration.

    Parameters
    ----------
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    dict of str to Look
        No two of the first 72 arms are alike.

    Examples
    --------
    >>> looks(["rsgd", "sam"])["sam"]
    Look(colour='#D55E00', marker='s', dashes=(0, (5, 1.5)))
    """
    return {
        arm: Look(
            COLOURS[place % len(COLOURS)],
            MARKERS[place % len(MARKERS)],
            DASHES[place % len(DASHES)],
        )
        for place, arm in enumerate(arms)
    }


def sheet(
    layout: Sequence[Sequence[str]] | str, *, width: float, height: float, **options: object
) -> tuple[Figure, dict[str, Axes]]:
    """Make a figure with named panels.

    Parameters
    ----------
    layout : str or nested sequence of str
        As for :meth:`matplotlib.figure.Figure.subplot_mosaic`.
    width, height : float
        In inches.
    **options
        Further options of ``subplot_mosaic``, such as ``width_ratios``.

    Returns
    -------
    figure : Figure
        Without any global state of pyplot.
    panels : dict of str to Axes
        By their names.

    Examples
    --------
    >>> figure, panels = sheet("ab", width=PAGE, height=2)
    >>> sorted(panels)
    ['a', 'b']
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplot_mosaic(layout, **options)


def words(text: str, *, width: float = COLUMN) -> Figure:
    """Make a figure that says in words why there is nothing to see.

    Parameters
    ----------
    text : str
        One or two sentences.
    width : float
        In inches.

    Returns
    -------
    Figure
        The text in a frame.

    Examples
    --------
    >>> words("No minimum can be used.").texts[0].get_text()
    'No minimum can be used.'
    """
    with paper():
        figure = Figure(figsize=(width, 1.0))
        box = {"facecolor": "#f4f4f4", "edgecolor": FAINT, "boxstyle": "round,pad=0.8"}
        figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True, bbox=box)
    return figure


def save(figure: Figure, *paths: str | Path) -> None:
    """Write a figure; the file's ending says in which format.

    Parameters
    ----------
    figure : Figure
        The figure.
    *paths : str or Path
        Files that end in ``.svg``, ``.png`` (200 dots per inch) or ``.pdf``.
    """
    with paper():
        if engine := figure.get_layout_engine():
            engine.execute(figure)
            figure.set_layout_engine(
                "none"
            )  # the layout is found once, and is the same in all formats
        for path in map(Path, paths):
            with whole(path) as partial:
                figure.savefig(
                    partial, format=path.suffix[1:], dpi=200, metadata=_METADATA[path.suffix]
                )
