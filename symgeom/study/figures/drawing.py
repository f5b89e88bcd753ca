"""Draw the figures of a case: read its stores once, draw, and write three formats of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from symgeom.ground.checksums import checked, write_checksums
from symgeom.study.figures.record import figure_named
from symgeom.study.figures.results import Results
from symgeom.study.figures.style import save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from symgeom.study.claims.record import Judgement

FORMATS = ("svg", "png", "pdf")
"""Endings of the files of a figure."""


def draw_figures(
    names: Sequence[str], results: Results, folder: str | Path, *, checksums: str | Path
) -> None:
    """Draw figures of one case, and write each as SVG, PNG and PDF.

    Parameters
    ----------
    names : sequence of str
        The figures.
    results : Results
        Holds all stages that they are drawn from.
    folder : str or Path
        Where they are written, by name.
    checksums : str or Path
        A file of that folder, in which the checksums of all are listed.
    """
    from symgeom.study.progress import progress

    contents: dict[str, bytes] = {}
    with progress("draw figures", len(names)) as bar:
        for name in names:
            picture = figure_named(name).draw(results)
            files = [Path(folder) / f"{name}.{ending}" for ending in FORMATS]
            contents |= save(picture, *files)
            bar.update()
    write_checksums(checksums, contents)


def read_results(
    folder: str | Path,
    case: str,
    files: Sequence[str | Path],
    *,
    arms: Sequence[str],
    settings: Mapping[str, object],
) -> Results:
    """Read what the figures of a case are drawn from.

    Parameters
    ----------
    folder : str or Path
        The folder of the study.
    case : str
        One of its cases, or a model.
    files : sequence of str or Path
        Stores of the case; and the table of claims, if its claims are drawn.
    arms : sequence of str
        All arms of the study, in order.
    settings : mapping of str to object
        As from :func:`~symgeom.study.figures.catalogue.settings_of`.

    Returns
    -------
    Results
        Without the weights of the networks.
    """
    import xarray as xr

    from symgeom.store import open_study

    tables = [file for file in files if Path(file).suffix == ".csv"]
    stores = [file for file in files if Path(file).suffix != ".csv"]
    claims: list[Judgement] = []
    for table in tables:
        claims.extend(_claims_about(case, table))
    tree = xr.DataTree()
    if stores:
        tree = open_study(folder, files=stores, weights=False).children[case]
    return Results(tree=tree, arms=arms, settings=settings, claims=claims)


def _claims_about(case: str, table: str | Path) -> list[Judgement]:
    """Read the claims about a case."""
    from symgeom.study.claims.record import read_claims

    return [claim for claim in read_claims(checked(table)) if claim.case == case]
