"""``symgeom compare``: how far networks are apart, and what lies between them."""

import argparse
from pathlib import Path

from symgeom.commands.files_in_hand import add_words, add_written, check_outputs, opened
from symgeom.commands.words import Commands, picture

DESCRIPTION = """\
Compare two or more networks of one architecture, modulo its symmetries: distances in all and by
layer, before and after alignment, beside those from random networks; with data also error and loss
along the straight line, the straight line after alignment and the geodesic between them, with
barriers, and how flat each network is."""

EXAMPLE = (
    "Example: symgeom compare a.pt b.pt --network mine:network "
    "--option width=16 --data digits --page compare.html"
)


def add(commands: Commands) -> None:
    """Add the command that compares networks."""
    command = commands.add_parser(
        "compare",
        help="how far networks are apart, what alignment gains, barriers, flatness",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    files = "weights of the networks, two or more"
    add_words(command, files=files, narrower=True, data="optional")
    command.add_argument(
        "--no-flatness",
        action="store_true",
        help="do not measure flatness, which takes most of the time of large networks",
    )
    written = add_written(command)
    written.add_argument(
        "--figure",
        type=picture,
        metavar="FILE",
        help="draw distances and paths: .png, .pdf or .svg",
    )
    written.add_argument(
        "--page",
        type=Path,
        metavar="FILE.html",
        help="write all of it as a page, one file that needs nothing beside it",
    )


def run(options: argparse.Namespace) -> int:
    """Compare, then print, draw and write; only this loads torch."""
    from symgeom.commands.comparison_text import text_of
    from symgeom.commands.saying import remark, say
    from symgeom.study.in_hand.comparison import compare
    from symgeom.study.in_hand.facts import facts_of

    check_outputs([options.figure, options.page], force=options.force)
    if options.page:
        from symgeom.commands.comparison_page import check_template, write_page

        check_template()
    hand = opened(options, least=2)
    remark(hand.sentences)
    comparison = compare(
        hand, samples=options.samples or None, with_flatness=not options.no_flatness
    )
    facts = facts_of(comparison)
    if options.figure:
        from symgeom.study.figures.comparison_drawing import draw
        from symgeom.study.figures.style import save

        save(draw(facts), options.figure)
        remark([f"Drawn: {options.figure}"])
    if options.page:
        write_page(facts, options.page)
        remark([f"Written: {options.page}"])
    say(text_of(facts), facts, as_json=options.json)
    return 0
