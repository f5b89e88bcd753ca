"""Draw the figures of a case: read its stores once, draw, and write three formats of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from symgeom.ground.checks import SymgeomError
from symgeom.study.figures.record import figure_named
from symgeom.study.figures.results import Results
from symgeom.study.figures.style import save

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection

    from symgeom.study.claims.record import Judgement

FORMATS = ("svg", "png", "pdf")
"""Endings of the files of a figure."""


def draw_figures(
    names: Sequence[str], results: Results, folder: str | Path, *, processes: int = 1
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
    processes : int
        How many are drawn at the same time, each by a fork that shares the results.
    """
    from symgeom.study.progress import progress

    page = _Page(results, Path(folder))
    drawn = page.draw_all(names) if processes == 1 else _drawn_by_forks(page, names, processes)
    with progress("draw figures", len(names)) as bar:
        for _ in drawn:
            bar.update()


@dataclass(frozen=True, eq=False)
class _Page:
    """Where the figures of one case are drawn from, and where they go."""

    results: Results
    folder: Path

    def draw_all(self, names: Sequence[str]) -> Iterator[str]:
        """Draw figures one after another, and yield the name of each when its files are written."""
        for name in names:
            picture = figure_named(name).draw(self.results)
            save(picture, *[self.folder / f"{name}.{ending}" for ending in FORMATS])
            yield name

    def draw_share(self, names: Sequence[str], told: Connection) -> None:
        """Draw figures in a fork, and tell the names, or the mistake that ends it."""
        try:
            for name in self.draw_all(names):
                told.send(name)
        except SymgeomError as mistake:
            told.send(mistake)


def _drawn_by_forks(page: _Page, names: Sequence[str], processes: int) -> Iterator[str]:
    # Each fork has its share from the start and waits for nothing, so that it ends by itself also
    # where the job is killed.
    from multiprocessing import get_context

    context = get_context("fork")
    forks = []
    readers = []
    for number in range(processes):
        reader, told = context.Pipe(duplex=False)
        share = names[number::processes]
        fork = context.Process(target=page.draw_share, args=(share, told))
        fork.start()
        told.close()
        forks.append(fork)
        readers.append(reader)

    mistakes = []
    for reader in readers:
        for message in _messages(reader):
            if isinstance(message, SymgeomError):
                mistakes.append(message)
            else:
                yield message
    for fork in forks:
        fork.join()
    if mistakes:
        raise mistakes[0]
    if any(fork.exitcode for fork in forks):
        raise RuntimeError("a fork that draws figures has ended; its traceback stands above")


def _messages(reader: Connection) -> Iterator[str | SymgeomError]:
    """Yield what a fork tells until it ends."""
    while True:
        try:
            yield reader.recv()
        except EOFError:
            return


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

    return [claim for claim in read_claims(table) if claim.case == case]
