"""A judgement: a claim beside what was measured.

The verdict is computed from the interval and the number of seeds, and never typed in.
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.whole_files import write_rows

Direction = Literal["above", "below", "within"]
Unit = Literal["seeds", "pairs", "minima", "triples", "draws"]
Kind = Literal["claim", "check"]

DIRECTIONS = ("above", "below", "within")
UNITS = ("seeds", "pairs", "minima", "triples", "draws")
KINDS = ("claim", "check")

FEWEST = 5
"""Networks of an arm, below which no verdict is given."""


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
    unit_of_n : {"seeds", "pairs", "minima", "triples", "draws"}
        What ``n`` counts.
    threshold : float
        The claim says on which side of it the statistic lies, or that its size is smaller.
    direction : {"above", "below", "within"}
        That side.
    estimate, low, high : float
        The statistic and its interval; NaN if there are too few data.
    level : float
        Coverage of the interval.
    p : float
        Two-sided p-value against the threshold: the interval of a level excludes the threshold if
        the level is below ``1 - p``.
    n : int
        Number of seeds, pairs, minima, triples or draws; of the smaller side where two are
        compared.
    seeds : int
        Number of networks of the smallest arm, or of draws of a model; below :data:`FEWEST` there
        is no verdict.
    note : str
        What was left out, by name, and why a claim has no interval.
    case : str
        The data set and network of the study that the numbers are from.
    kind : {"claim", "check"}
        A check asks what can hardly fail, such as an identity.
    family : int
        How many claims of the study were tested together with it, and it.
    family_p : float
        Its p-value, adjusted by Holm for their number.
    gated : str
        Why it is not judged (:mod:`symgeom.study.claims.gates`); empty if it is.

    Examples
    --------
    >>> words = {"statement": "Flat is flatter.", "source": "a paper", "statistic": "a difference"}
    >>> side = {"unit_of_n": "seeds", "threshold": 0.0, "direction": "below"}
    >>> Judgement("H0", **words, **side, estimate=-2.0, low=-3.0, high=-1.0, seeds=6).verdict
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
    p: float = math.nan
    n: int = 0
    seeds: int = 0
    note: str = ""
    case: str = ""
    kind: Kind = "claim"
    family: int = 0
    family_p: float = math.nan
    gated: str = ""

    def __post_init__(self) -> None:
        check_choice(self.direction, DIRECTIONS, f"direction of claim {self.identifier}")
        check_choice(self.unit_of_n, UNITS, f"unit of n of claim {self.identifier}")
        check_choice(self.kind, KINDS, f"kind of claim {self.identifier}")

    @property
    def verdict(self) -> str:
        """Say on which side of the threshold the whole interval lies.

        Returns
        -------
        str
            "supported" on the claimed side ("equivalent" within a threshold), "contradicted" on the
            other, "undecided" on both, with fewer than :data:`FEWEST` networks in an arm, and
            behind a closed gate.
        """
        if self.seeds < FEWEST or self.gated:
            return "undecided"
        if self.direction == "within":
            return self._equivalence
        above = self.low > self.threshold
        below = self.high < self.threshold
        if not (above or below):
            return "undecided"
        claimed_above = self.direction == "above"
        return "supported" if above == claimed_above else "contradicted"

    @property
    def _equivalence(self) -> str:
        """Say whether the whole interval is smaller, or larger, than the threshold."""
        if -self.threshold < self.low and self.high < self.threshold:
            return "equivalent"
        if self.low > self.threshold or self.high < -self.threshold:
            return "contradicted"
        return "undecided"

    @property
    def family_verdict(self) -> str:
        """Say what remains of the verdict when all claims of the study are tested together.

        Returns
        -------
        str
            The verdict, if its adjusted p-value allows it, else "undecided"; empty for a check.
        """
        if self.kind == "check":
            return ""
        return self.verdict if self.family_p < 1 - self.level else "undecided"


COLUMNS = (
    "case",
    "identifier",
    "kind",
    "verdict",
    "family_verdict",
    "statement",
    "statistic",
    "estimate",
    "low",
    "high",
    "level",
    "direction",
    "threshold",
    "p",
    "family_p",
    "family",
    "n",
    "unit_of_n",
    "seeds",
    "gated",
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
        values = asdict(judgement)
        values["verdict"] = judgement.verdict
        values["family_verdict"] = judgement.family_verdict
        rows.append({name: values[name] for name in COLUMNS})
    return rows


def write_claims(path: str | Path, judgements: Iterable[Judgement]) -> bytes:
    """Write the claims table as CSV; numbers keep all their digits.

    Parameters
    ----------
    path : str or Path
        The file to write.
    judgements : iterable of Judgement
        In the order of the table.

    Returns
    -------
    bytes
        What the file holds.
    """
    return write_rows(path, COLUMNS, table(judgements))


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
        p=float(row["p"]),
        n=int(row["n"]),
        seeds=int(row["seeds"]),
        note=row["note"],
        case=row["case"],
        kind=cast(Kind, row["kind"]),
        family=int(row["family"]),
        family_p=float(row["family_p"]),
        gated=row["gated"],
    )
