"""Draw one figure of a finished study, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure as Picture

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import door
from symgeom.ground.sealed_json import read_sealed_json
from symgeom.study.figures.catalogue import NAMES, configuration_of_case, settings_of
from symgeom.study.figures.drawing import read_results
from symgeom.study.figures.record import figure_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from symgeom.study.figures.record import Configuration, Figure


@door
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
    check_choice(name, NAMES, "figure")
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
    if not figure.model:
        configuration = configuration_of_case(configuration, case)
    results = read_results(
        folder,
        case,
        files,
        arms=list(_section(configuration, "arms")),
        settings=settings_of([figure], configuration),
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
    made: dict[str, Configuration] = read_sealed_json(file)
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
