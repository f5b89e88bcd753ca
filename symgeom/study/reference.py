"""What is kept of a study when its arrays are gone.

That is: its claims, barriers and ensembles, one row per minimum, per pair, per simplex and per
ensemble, its pictures, and where they come from.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import xarray as xr
from PIL import Image

from symgeom.ground.checksums import checked
from symgeom.ground.sealed_json import read_sealed_json, write_sealed_json
from symgeom.ground.whole_files import write_text
from symgeom.store import open_study
from symgeom.study.constants import constant_rows
from symgeom.study.summary import (
    ensembles_table,
    minima_table,
    pairs_table,
    simplices_table,
    write_table,
)

STAGES_OF_MINIMA = (
    "minima",
    "flatness",
    "curvature",
    "canonical",
    "ledgers",
    "equilibria",
    "orbits",
    "valleys",
)
STAGES_OF_PAIRS = ("distances", "alignments", "paths", "chains")
STAGES_OF_SIMPLICES = ("simplices",)
STAGES_OF_ENSEMBLES = ("neighbours",)

COLOURS = 256
"""Of a picture that is kept: a third of the size, and no difference to the eye.

They cover the colours that there are; where they are shared out by area instead, a few markers take
the colours of others beside a map, which has very many.
"""

WORDS = """# Study `{study}`

Made by `{command}` at commit {commit} on {cores} cores ({processor}): \
{job_minutes:.0f} minutes of job time,
{minutes:.0f} minutes in which a job ran.

`claims.csv`: every claim with its interval and verdict. `barriers.csv`: mean barriers between \
minima of every two arms, with
intervals. `ensembles.csv`: mean scores of every kind of ensemble, with intervals. `minima.csv`, \
`pairs.csv`, `simplices.csv`, `neighbours.csv`:
every single number of each minimum, pair, simplex and ensemble.
`figures/`: as in the report, whose captions say what to see. `provenance.json`: versions, machine \
and times.
{constants}"""

CONSTANTS = """`constants.csv`: which of the constants that a source prints survive: printed, \
derived and measured values.
"""

Tabulate = Callable[[str, Mapping[str, xr.Dataset]], list[dict]]


def keep_tables(
    folder: Path, study_folder: Path, stores: Mapping[str, Sequence[str]], cases: Sequence[str]
) -> None:
    """Write the tables of minima, of pairs, of simplices and of ensembles.

    Parameters
    ----------
    folder : Path
        Where the reference is kept.
    study_folder : Path
        The folder of the study.
    stores : mapping of str to sequence of str
        The files of the stages that are named above; none of a stage that the study does not have.
    cases : sequence of str
        The cases of the study.
    """
    files: list[str] = []
    for stages in (STAGES_OF_MINIMA, STAGES_OF_PAIRS, STAGES_OF_SIMPLICES, STAGES_OF_ENSEMBLES):
        for stage in stages:
            files.extend(stores[stage])
    of_minima = [stage for stage in STAGES_OF_MINIMA if stores[stage]]
    study = open_study(study_folder, files=files, weights=False)
    minima = _rows_of_cases(study, cases, of_minima, minima_table)
    pairs = _rows_of_cases(study, cases, STAGES_OF_PAIRS, pairs_table)
    simplices = _rows_of_cases(study, cases, STAGES_OF_SIMPLICES, simplices_table)
    write_table(folder / "minima.csv", minima)
    write_table(folder / "pairs.csv", pairs)
    write_table(folder / "simplices.csv", simplices)
    of_ensembles = [stage for stage in STAGES_OF_ENSEMBLES if stores[stage]]
    ensembles = _rows_of_cases(study, cases, of_ensembles, ensembles_table)
    write_table(folder / "neighbours.csv", ensembles)


def _rows_of_cases(
    study: xr.DataTree, cases: Sequence[str], stages: Sequence[str], tabulate: Tabulate
) -> list[dict]:
    """Return the rows of all cases, one case after the other."""
    rows: list[dict] = []
    for case in cases:
        arrays = {stage: study[case][stage].to_dataset() for stage in stages}
        rows.extend(tabulate(case, arrays))
    return rows


def keep_constants(folder: Path, files: Sequence[str], *, level: float) -> None:
    """Write which printed constants survive, if the study measures any.

    Parameters
    ----------
    folder : Path
        Where the reference is kept.
    files : sequence of str
        The stores of the models of the study.
    level : float
        Coverage of the intervals.
    """
    rows = constant_rows(files, level=level)
    if rows:
        write_table(folder / "constants.csv", rows)


def keep_files(folder: Path, tables: Sequence[str], provenance: str) -> None:
    """Copy files that are small as they are.

    Parameters
    ----------
    folder : Path
        Where the reference is kept.
    tables : sequence of str
        Tables, whose checksums are listed beside them.
    provenance : str
        The provenance of the study, as sealed JSON.
    """
    for table in tables:
        shutil.copy(checked(table), folder)
    write_sealed_json(folder / Path(provenance).name, read_sealed_json(provenance))


def keep_pictures(folder: Path, pictures: Sequence[str]) -> None:
    """Write the pictures of a study with fewer colours, and remove those that it draws no longer.

    Parameters
    ----------
    folder : Path
        Where the reference is kept.
    pictures : sequence of str
        ``<study>/figures/<case>/<figure>.png``.
    """
    drawn = list(map(checked, pictures))
    for earlier in (folder / "figures").glob("*/*.png"):
        earlier.unlink()
    for picture in drawn:
        case_folder = folder / "figures" / picture.parent.name
        case_folder.mkdir(parents=True, exist_ok=True)
        image = Image.open(picture).convert("RGB")
        smaller = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        smaller.save(case_folder / f"{picture.stem}.png", optimize=True)


def write_introduction(path: str | Path, provenance: str | Path, *, command: str) -> None:
    """Write what the reference is and where it comes from.

    Parameters
    ----------
    path : str or Path
        The file to write, in the folder of the reference.
    provenance : str or Path
        The provenance of the study, as JSON.
    command : str
        The command that made the study.
    """
    made = read_sealed_json(provenance)
    job_seconds = sum(rule["seconds"] for rule in made["rules"])
    words = WORDS.format(
        study=Path(path).parent.name,
        command=command,
        commit=made["commit"],
        cores=made["machine"]["cores"],
        processor=made["machine"]["processor"],
        job_minutes=job_seconds / 60,
        minutes=made["elapsed"] / 60,
        constants=CONSTANTS if (Path(path).parent / "constants.csv").exists() else "",
    )
    write_text(path, words)
