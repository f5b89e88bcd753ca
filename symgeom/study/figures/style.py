"""One look for all figures: sizes of a printed page, readable type, and colours for all eyes.

An arm keeps its look in every figure and in every study, because its name says how it looks: the
arms of the configurations that come with this software have looks of their own, and another name
begins at a look that follows from its letters, and takes the next one that is free. The colours are
those of Okabe and Ito, with markers and dashes of other cycle lengths, so that colour is never the
only code. Saved files depend on the figure alone: they hold no dates, and their identifiers come
from a fixed salt, so that equal runs give equal bytes.

Matplotlib is imported when something is drawn, and not before: the catalogue of the figures is read
where nothing is drawn.

References
----------
M. Okabe, K. Ito, "Color Universal Design", 2008 (the palette; black and yellow come last, because
they read badly on white).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zlib import crc32

from symgeom.ground.whole_files import whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.typing import HashableList, RcKeyType

COLUMN = 3.4
"""Width of a column, in inches."""

PAGE = 7.0
"""Width of a page, in inches."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A800")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p")

Dashes = tuple[float, tuple[float, ...]]
"""A line style of matplotlib: where the pattern begins, and the lengths of its lines and gaps."""

DASHES: tuple[Dashes, ...] = (
    (0, ()),
    (0, (5, 1.5)),
    (0, (1, 1)),
    (0, (5, 1.2, 1, 1.2)),
    (0, (2.5, 1)),
)

ALL_LOOKS = 72
"""How many looks differ in colour or marker."""

FAMILIAR = {
    "rsgd": 0,
    "sam": 1,
    "sgd": 2,
    "adam": 3,
    "adversarial": 4,
    "swa": 5,
    "plain": 6,
    "same_order": 19,
    "entropy_sgd": 13,
    "equal_budget": 15,
    "small_batch": 10,
    "large_batch": 11,
    "part_corrupted": 23,
}
"""Numbers of the looks of arms by name: those of one study share a colour only where it has more
arms than there are colours."""

SOLID: Literal["-"] = "-"
"""A line without gaps."""

BROKEN: Dashes = (0, (4, 2))
"""Dashes of thresholds and other lines of reference."""

DOTS = 200
"""Dots per inch of pictures that are made of dots."""

INK = "#222222"
MUTED = "#666666"
FAINT = "#d9d9d9"

_SETTINGS: Mapping[RcKeyType, object] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    # With hinting, words are wider on the page than in the layout, which has another resolution.
    "text.hinting": "none",
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

_COMPRESSION = {"compress_level": 3}
"""Of PNG: the usual level takes twice as long, and lines and letters come out no smaller."""

_METADATA: dict[str, dict[str, str | None]] = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
    ".png": {},
}


def paper() -> AbstractContextManager[None]:
    """Return the context within which a figure is drawn and saved.

    Returns
    -------
    context manager
        Sets matplotlib's parameters, whatever the user's own are, and gives them back.

    Examples
    --------
    >>> with paper():
    ...     figure, panels = sheet("a", width=COLUMN, height=2)
    """
    import matplotlib as mpl

    parameters: dict[RcKeyType, object] = dict(mpl.rcParamsDefault)
    del parameters["backend"]
    parameters.update(_SETTINGS)
    return mpl.rc_context(parameters)


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
    dashes: Dashes


def looks(arms: Sequence[str]) -> dict[str, Look]:
    """Give each arm the look of its name.

    Parameters
    ----------
    arms : sequence of str
        All arms of the study, in order: of two unfamiliar names that begin at the same look, the
        first one has it.

    Returns
    -------
    dict of str to Look
        No two of 72 arms are alike, and no two of eight have one colour.

    Examples
    --------
    >>> looks(["rsgd", "sam"])["sam"] == looks(["sam", "mine"])["sam"]
    True
    """
    number_of = {arm: FAMILIAR[arm] for arm in arms if arm in FAMILIAR}
    for arm in arms:
        if arm not in FAMILIAR:
            number_of[arm] = _free(arm, set(number_of.values()))
    return {arm: _look(number_of[arm]) for arm in arms}


def ordered_looks(labels: Sequence[str]) -> dict[str, Look]:
    """Give each label the look of its position, where the labels are no arms.

    Parameters
    ----------
    labels : sequence of str
        In order.

    Returns
    -------
    dict of str to Look
        No two of the first 72 are alike.

    Examples
    --------
    >>> ordered_looks(["0.1", "0.01"])["0.01"]
    Look(colour='#D55E00', marker='s', dashes=(0, (5, 1.5)))
    """
    return {label: _look(number) for number, label in enumerate(labels)}


def _free(arm: str, taken: set[int]) -> int:
    """Return the number of a look that no other arm has, of another colour if there is one."""
    first = crc32(arm.encode())
    numbers = [(first + step) % ALL_LOOKS for step in range(ALL_LOOKS)]
    unlike = [number for number in numbers if number not in taken]
    colours = {number % len(COLOURS) for number in taken}
    for number in unlike:
        if number % len(COLOURS) not in colours:
            return number
    return (unlike or numbers)[0]


def _look(number: int) -> Look:
    """Return the look of a number."""
    return Look(
        colour=COLOURS[number % len(COLOURS)],
        marker=MARKERS[number % len(MARKERS)],
        dashes=DASHES[number % len(DASHES)],
    )


def sheet(
    layout: str | Sequence[Sequence[str]],
    *,
    width: float,
    height: float,
    width_ratios: Sequence[float] | None = None,
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, dict[str, Axes]]:
    """Make a figure with named panels.

    Parameters
    ----------
    layout : str or nested sequence of str
        Names of the panels: a letter for each panel of a single row, or rows of names, with "."
        where there is no panel.
    width, height : float
        In inches.
    width_ratios : sequence of float, optional
        Relative widths of the columns.
    sharex, sharey : bool
        Whether all panels have the same horizontal, or vertical, axis.

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
    from matplotlib.figure import Figure

    rows: list[HashableList[str]] = []
    for row in [layout] if isinstance(layout, str) else layout:
        rows.append(list(row))
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplot_mosaic(rows, sharex=sharex, sharey=sharey, width_ratios=width_ratios)
    return figure, panels


def words(text: str) -> Figure:
    """Make a figure that says in words why there is nothing to see.

    Parameters
    ----------
    text : str
        A few sentences.

    Returns
    -------
    Figure
        The text in a frame, a column wide.

    Examples
    --------
    >>> words("No minimum can be used.").texts[0].get_text()
    'No minimum can be used.'
    """
    from matplotlib.figure import Figure

    box = {"facecolor": "#f4f4f4", "edgecolor": FAINT, "boxstyle": "round,pad=0.8"}
    with paper():
        lines = wrapped(text, size=8, width=COLUMN - 0.5)
        figure = Figure(figsize=(COLUMN, 0.6 + 0.14 * len(lines)))
        figure.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", bbox=box)
    return figure


def wrapped(text: str, *, size: float, width: float) -> list[str]:
    """Break a paragraph into lines that fit, as wide as its letters are drawn.

    Parameters
    ----------
    text : str
        A paragraph.
    size : float
        Of the letters, in points.
    width : float
        Of a line, in inches.

    Returns
    -------
    list of str
        The lines; a word that is wider than a line has one of its own.

    Examples
    --------
    >>> wrapped("Two of three groups are shown.", size=8, width=1.2)
    ['Two of three groups', 'are shown.']
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size=size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def width_of(text: str, *, size: float) -> float:
    """Measure a line of text.

    Parameters
    ----------
    text : str
        The line.
    size : float
        Of the letters, in points.

    Returns
    -------
    float
        Its width, in inches.

    Examples
    --------
    >>> width_of("wide", size=8) > width_of("tall", size=8)
    True
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    letters = FontProperties(family="DejaVu Sans", size=size)
    points, _, _ = TextToPath().get_text_width_height_descent(text, letters, False)
    return points / 72


def _round_positions(figure: Figure) -> None:
    """Round where panels lie: the last digits of a layout are not the same in every process."""
    for panel in figure.axes:
        left, bottom, width, height = panel.get_position(original=True).bounds
        panel.set_position((round(left, 9), round(bottom, 9), round(width, 9), round(height, 9)))


def save(figure: Figure, *paths: str | Path) -> dict[str, bytes]:
    """Write a figure; the ending of a file says in which format.

    The layout is found once, so that it is the same in all formats.

    Parameters
    ----------
    figure : Figure
        The figure.
    *paths : str or Path
        Files that end in ``.svg``, ``.png`` (200 dots per inch) or ``.pdf``.

    Returns
    -------
    dict of str to bytes
        What the files hold, by their names.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    contents: dict[str, bytes] = {}
    with paper():
        dots = figure.get_dpi()
        figure.set_dpi(DOTS)
        screen = FigureCanvasAgg(figure)  # measures words once, for the layout and for the PNG
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
            figure.set_layout_engine("none")
            _round_positions(figure)
        for path in map(Path, paths):
            contents[path.name] = _printed(screen, path.suffix)
            with whole(path) as partial:
                partial.write_bytes(contents[path.name])
        figure.set_dpi(dots)
    return contents


def _printed(screen: FigureCanvasAgg, ending: str) -> bytes:
    """Draw a figure in a format, once: ``savefig`` draws twice where there was a layout."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    drawn = io.BytesIO()  # a full disk confuses what writes PDF
    metadata = _METADATA[ending]
    if ending == ".svg":
        FigureCanvasSVG(screen.figure).print_svg(drawn, metadata=metadata)
    elif ending == ".pdf":
        FigureCanvasPdf(screen.figure).print_pdf(drawn, metadata=metadata)
    else:
        screen.print_png(drawn, metadata=metadata, pil_kwargs=_COMPRESSION)
    screen.figure.set_dpi(DOTS)
    return drawn.getvalue()
