"""A judgement: a claim beside what was measured.

The verdict is computed from the interval and never typed in.
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.whole_files import whole

Direction = Literal["above", "below"]
Unit = Literal["seeds", "pairs", "minima", "triples"]

DIRECTIONS = ("above", "below")
UNITS = ("seeds", "pairs", "minima", "triples")


@dataclass(frozen=True)
class Judgement:
    """A claim, its statistic, and the interval that decides it.

    Attributes
    ----------
    identifier : str
        Short and stable ("H1a").
    statement : str
        What is claimed, as a sentence about this study.
    source : str
        Paper and section.
    statistic : str
        The number, in words, with its unit.
    unit_of_n : {"seeds", "pairs", "minima", "triples"}
        What ``n`` counts.
    threshold : float
        The claim says on which side of it the statistic lies.
    direction : {"above", "below"}
        That side.
    estimate, low, high : float
        The statistic and its interval; NaN if there are too few data.
    level : float
        Coverage of the interval.
    n : int
        Number of seeds, pairs, minima or triples; of the smaller side where two are compared.
    note : str
        What was left out, by name, and why a claim has no interval.
    case : str
        The data set and network of the study that the numbers are from.

    Examples
    --------
    >>> words = {"statement": "Flat is flatter.", "source": "a paper", "statistic": "a difference"}
    >>> side = {"unit_of_n": "seeds", "threshold": 0.0, "direction": "below"}
    >>> Judgement("H0", **words, **side, estimate=-2.0, low=-3.0, high=-1.0, n=6).verdict
    'supported'
    """

    identifier: str
    statement: str
    source: str
    statistic: str
    unit_of_n: Unit
    threshold: float
    direction: Direction
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    level: float = math.nan
    n: int = 0
    note: str = ""
    case: str = ""

    def __post_init__(self) -> None:
        check_choice(self.direction, DIRECTIONS, f"direction of claim {self.identifier}")
        check_choice(self.unit_of_n, UNITS, f"unit of n of claim {self.identifier}")

    @property
    def verdict(self) -> str:
        """Say on which side of the threshold the whole interval lies.

        Returns
        -------
        str
            "supported" on the claimed side, "not supported" on the other, "undecided" on both.
        """
        above = self.low > self.threshold
        below = self.high < self.threshold
        if not (above or below):
            return "undecided"
        claimed_above = self.direction == "above"
        return "supported" if above == claimed_above else "not supported"


COLUMNS = (
    "case",
    "identifier",
    "verdict",
    "statement",
    "statistic",
    "estimate",
    "low",
    "high",
    "level",
    "direction",
    "threshold",
    "n",
    "unit_of_n",
    "note",
    "source",
)
"""Columns of the claims table."""


def table(judgements: Iterable[Judgement]) -> list[dict[str, str | float | int]]:
    """Return judgements as rows, with their verdicts.

    Parameters
    ----------
    judgements : iterable of Judgement
        In the order of the table.

    Returns
    -------
    list of dict
        One row per claim under :data:`COLUMNS`.
    """
    rows = []
    for judgement in judgements:
        values = asdict(judgement) | {"verdict": judgement.verdict}
        rows.append({name: values[name] for name in COLUMNS})
    return rows


def write_claims(path: str | Path, judgements: Iterable[Judgement]) -> None:
    """Write the claims table as CSV; numbers keep all their digits.

    Parameters
    ----------
    path : str or Path
        The file to write.
    judgements : iterable of Judgement
        In the order of the table.
    """
    with whole(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table(judgements))


def read_claims(path: str | Path) -> list[Judgement]:
    """Read a claims table; verdicts are computed again, whatever the file says.

    Parameters
    ----------
    path : str or Path
        A file written by :func:`write_claims`.

    Returns
    -------
    list of Judgement
        In the order of the table.

    Raises
    ------
    SymgeomError
        If the file has other columns.
    """
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns = tuple(reader.fieldnames or ())
        if columns != COLUMNS:
            raise SymgeomError(
                f"Cannot read '{path}' as a claims table: its columns are {reader.fieldnames}, "
                f"expected {list(COLUMNS)}. Delete it and run snakemake again."
            )
        return [_judgement(row) for row in reader]


def _judgement(row: Mapping[str, str]) -> Judgement:
    """Return a row of the table as a record; it checks its unit and direction itself."""
    return Judgement(
        identifier=row["identifier"],
        statement=row["statement"],
        source=row["source"],
        statistic=row["statistic"],
        unit_of_n=cast(Unit, row["unit_of_n"]),
        threshold=float(row["threshold"]),
        direction=cast(Direction, row["direction"]),
        estimate=float(row["estimate"]),
        low=float(row["low"]),
        high=float(row["high"]),
        level=float(row["level"]),
        n=int(row["n"]),
        note=row["note"],
        case=row["case"],
    )
