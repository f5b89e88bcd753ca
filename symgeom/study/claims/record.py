"""One claim of a paper beside what was measured; the verdict is computed from the interval and never typed in."""

import csv
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.whole_files import whole


@dataclass(frozen=True)
class Claim:
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
    >>> words = {"statement": "Flat is flatter.", "source": "a paper", "statistic": "a difference", "unit_of_n": "seeds"}
    >>> Claim("H0", **words, threshold=0.0, direction="below", estimate=-2.0, low=-3.0, high=-1.0, n=6).verdict
    'supported'
    """

    identifier: str
    statement: str
    source: str
    statistic: str
    unit_of_n: Literal["seeds", "pairs", "minima", "triples"]
    threshold: float
    direction: Literal["above", "below"]
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    level: float = math.nan
    n: int = 0
    note: str = ""
    case: str = ""

    def __post_init__(self) -> None:
        check_choice(self.direction, ["above", "below"], f"direction of claim {self.identifier}")
        check_choice(
            self.unit_of_n,
            ["seeds", "pairs", "minima", "triples"],
            f"unit of n of claim {self.identifier}",
        )

    @property
    def verdict(self) -> str:
        """Say "supported" or "not supported" if the whole interval lies on one side of the threshold, else "undecided"."""
        above, below = self.low > self.threshold, self.high < self.threshold
        if not (above or below):
            return "undecided"
        return "supported" if above == (self.direction == "above") else "not supported"


COLUMNS = (
    *("case", "identifier", "verdict", "statement", "statistic"),
    *(
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
    ),
)
"""Columns of the claims table."""


def table(claims: Iterable[Claim]) -> list[dict[str, str | float | int]]:
    """Return the claims as rows, with their verdicts.

    Parameters
    ----------
    claims : iterable of Claim
        In the order of the table.

    Returns
    -------
    list of dict
        One row per claim under :data:`COLUMNS`.
    """
    return [
        {name: (asdict(claim) | {"verdict": claim.verdict})[name] for name in COLUMNS}
        for claim in claims
    ]


def write_claims(path: str | Path, claims: Iterable[Claim]) -> None:
    """Write the claims table as CSV; numbers keep all their digits.

    Parameters
    ----------
    path : str or Path
        The file to write.
    claims : iterable of Claim
        In the order of the table.
    """
    with whole(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table(claims))


def read_claims(path: str | Path) -> list[Claim]:
    """Read a claims table; verdicts are computed again, whatever the file says.

    Parameters
    ----------
    path : str or Path
        A file written by :func:`write_claims`.

    Returns
    -------
    list of Claim
        In the order of the table.

    Raises
    ------
    SymgeomError
        If the file has other columns.
    """
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise SymgeomError(
                f"Cannot read '{path}' as a claims table: its columns are {reader.fieldnames}, expected {list(COLUMNS)}. Delete "
                "it and run snakemake again."
            )
        types = {field.name: field.type for field in fields(Claim)}
        convert = {name: types[name] if types[name] in (int, float) else str for name in types}
        return [Claim(**{name: convert[name](row[name]) for name in types}) for row in reader]
