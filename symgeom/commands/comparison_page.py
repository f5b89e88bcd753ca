"""A comparison as a page in the style of the report: one file that needs nothing beside it."""

import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from symgeom import __version__
from symgeom.commands.comparison_text import gained
from symgeom.commands.saying import percent
from symgeom.ground.checks import SymgeomError
from symgeom.ground.whole_files import write_text
from symgeom.study.figures import comparison_drawing
from symgeom.study.figures.style import save
from symgeom.study.planning.options import ROOT
from symgeom.study.report.page import render
from symgeom.study.report.pictures import picture_address, printed_width

TEMPLATE = ROOT / "workflow/report/compare.html.j2"


def write_page(facts: Mapping, path: Path) -> None:
    """Write the page.

    Parameters
    ----------
    facts : mapping
        As from :func:`~symgeom.study.in_hand.facts.facts_of`.
    path : Path
        Where to.
    """
    pairs = facts["pairs"]
    page = render(
        TEMPLATE,
        **facts,
        gained=gained(pairs),
        barriers=_barriers(pairs),
        figure=_figure(facts),
        command=shlex.join(["symgeom", *sys.argv[1:]]),
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_text(path, page)


def check_template() -> None:
    """Raise unless the template of the page is there.

    Raises
    ------
    SymgeomError
        If the package was installed without the repository that it belongs to.
    """
    if not TEMPLATE.is_file():
        raise SymgeomError(
            f"Cannot write a page: its template '{TEMPLATE}' was not found. Install symgeom from a "
            "clone of its repository (make env), or take --json and --figure."
        )


def _figure(facts: Mapping) -> dict[str, object]:
    """Return the figure, and what is said of it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "comparison.svg"
        content = save(comparison_drawing.draw(facts), file)[file.name]
    title, _, caption = str(comparison_drawing.__doc__).partition("\n")
    return {
        "source": picture_address("svg+xml", content),
        "inches": printed_width(content),
        "title": title,
        "caption": caption,
    }


def _barriers(pairs: Sequence[Mapping]) -> str:
    """Say in a sentence how high the first and the last path rise, if there were data."""
    if "paths" not in pairs[0]:
        return ""
    names = list(pairs[0]["paths"])
    heights = []
    for name in (names[0], names[-1]):
        barriers = [pair["paths"][name]["train"]["barrier"] for pair in pairs]
        heights.append(percent(sum(barriers) / len(barriers)))
    first, last = (pairs[0]["paths"][name]["title"] for name in (names[0], names[-1]))
    return (
        f"The training error rises by {heights[0]} along the path “{first}”, and by {heights[1]} "
        f"along “{last}”."
    )
