"""Draw the figures of a case: read its stores once, draw, and write each figure in three formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.study.figures.catalogue import (
    configuration_of_case,
    figure_named,
    settings_of,
)
from symgeom.study.figures.results import Results
from symgeom.study.figures.style import save
from symgeom.study.progress import progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure as Picture

    from symgeom.study.claims.record import Claim
    from symgeom.study.figures.record import Configuration, Figure

FORMATS = ("svg", "png", "pdf")
"""Endings of the files of a figure."""


def draw_figures(names: Sequence[str], results: Results, folder: str | Path) -> None:
    """Draw figures of one case, and write each as SVG, PNG and PDF.

    Parameters
    ----------
    names : sequence of str
        The figures.
    results : Results
        Holds all stages that they are drawn from.
    folder : str or Path
        Where they are written, by name.
    """
    with progress("draw figures", len(names)) as bar:
        for name in names:
            picture = figure_named(name).draw(results)
            save(picture, *(Path(folder) / f"{name}.{ending}" for ending in FORMATS))
            bar.update()


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
    claims: list[Claim] = []
    for table in tables:
        claims.extend(_claims_about(case, table))
    tree = xr.DataTree()
    if stores:
        tree = open_study(folder, files=stores, weights=False)[case]
    return Results(tree=tree, arms=arms, settings=settings, claims=claims)


def _claims_about(case: str, table: str | Path) -> list[Claim]:
    """Read the claims about a case."""
    from symgeom.study.claims.record import read_claims

    return [claim for claim in read_claims(table) if claim.case == case]


def draw_figure(folder: str | Path, case: str, name: str) -> Picture:
    """Draw one figure of a finished study.

    Parameters
    ----------
    folder : str or Path
        The folder of the study, ``results/<study>``.
    case : str
        One of its cases, or a model ("perceptron").
    name : str
        The figure, such as "barriers".

    Returns
    -------
    matplotlib.figure.Figure
        The picture; :func:`~symgeom.study.figures.style.save` writes it.

    Raises
    ------
    SymgeomError
        If the study is not finished, or has no such case or figure.
    """
    figure = figure_named(name)
    configuration = _configuration(Path(folder))
    subjects = [figure.model] if figure.model else list(_section(configuration, "cases"))
    check_choice(case, subjects, f"case of the figure '{name}'")
    files = _files(Path(folder), case, figure)
    if not files:
        raise SymgeomError(
            f"Cannot draw '{name}' of '{case}': '{folder}' holds none of its stages "
            f"({', '.join(figure.stages)}). Run snakemake, which makes them."
        )
    own = configuration if figure.model else configuration_of_case(configuration, case)
    results = read_results(
        folder,
        case,
        files,
        arms=list(_section(configuration, "arms")),
        settings=settings_of([figure], own),
    )
    return figure.draw(results)


def _configuration(folder: Path) -> Configuration:
    """Return the configuration with which a finished study was made."""
    file = folder / "provenance.json"
    if not file.is_file():
        raise SymgeomError(
            f"Cannot draw a figure of '{folder}': it holds no 'provenance.json', in which a "
            "finished study says how it was made. Run snakemake to its end, or ask it for "
            "the figure's file."
        )
    made: dict[str, Configuration] = json.loads(file.read_text(encoding="utf-8"))
    if "configuration" not in made:
        raise SymgeomError(
            f"Cannot draw a figure of '{folder}': its 'provenance.json' does not say the "
            "configuration, which studies of older versions did not. Run snakemake again."
        )
    return made["configuration"]


def _section(configuration: Configuration, name: str) -> Mapping[str, object]:
    """Return a section of a configuration."""
    section = configuration[name]
    return section if isinstance(section, dict) else {}


def _files(folder: Path, case: str, figure: Figure) -> list[Path]:
    """Find the stores of a case that a figure is drawn from, or the table of claims."""
    if not figure.stages:
        return [file for file in [folder / "claims.csv"] if file.is_file()]
    files: list[Path] = []
    for stage in figure.stages:
        files.extend(sorted(folder.glob(f"{stage}/{case}.zarr.zip")))
        files.extend(sorted(folder.glob(f"{stage}/{case}/*.zarr.zip")))
    return files
