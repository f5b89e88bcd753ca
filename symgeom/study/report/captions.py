"""The captions of the figures as files, for Snakemake's own report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.ground.whole_files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from symgeom.study.figures.record import Figure


def write_captions(figures: Sequence[Figure], folder: Path) -> None:
    """Write title and caption of each figure as reStructuredText, where they differ.

    Parameters
    ----------
    figures : sequence of Figure
        The figures.
    folder : Path
        Where the files ``<figure>.rst`` lie.
    """
    for figure in figures:
        file = folder / f"{figure.name}.rst"
        text = f"**{figure.title}**\n{figure.caption}\n"
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            write_text(file, text)
