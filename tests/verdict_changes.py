"""Which verdicts differ between two tables of claims: rows for `results/reference/README.md`.

    git show COMMIT:results/reference/digits/claims.csv > before.csv
    python tests/verdict_changes.py digits before.csv results/reference/digits/claims.csv

What is compared is the verdict of each claim, alone and with all others of its study. The reasons
are what the tables themselves say, so that tables of earlier versions, which have fewer columns,
can be compared.
"""

import csv
import sys
from pathlib import Path

HEAD = ("claim", "study, case", "before", "now", "why")
NONE = "–"
WORDS = {"not supported": "contradicted"}
"""Verdicts of earlier versions in today's words."""

Row = dict[str, str]
Claims = dict[tuple[str, str], Row]


def read(path: Path) -> Claims:
    """Return the claims of a table, by case and identifier."""
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["case"], row["identifier"]): row for row in csv.DictReader(file)}


def changes(study: str, before: Claims, now: Claims) -> list[tuple[str, ...]]:
    """Return a row for every claim whose verdict differs, in the order of the newer table."""
    rows = []
    for key in [*now, *(key for key in before if key not in now)]:
        case, identifier = key
        old = before.get(key)
        new = now.get(key)
        if verdict(old) != verdict(new):
            rows.append((identifier, f"{study} {case}", verdict(old), verdict(new), why(old, new)))
    return rows


def verdict(row: Row | None) -> str:
    """Return the verdict of a claim, alone and, where that differs, with all others."""
    if row is None:
        return NONE
    alone = WORDS.get(row["verdict"], row["verdict"])
    family = row.get("family_verdict") or alone
    return alone if family == alone else f"{alone} (with all others: {family})"


def why(old: Row | None, new: Row | None) -> str:
    """Return what differs between two judgements of a claim, as far as the tables say it."""
    if old is None:
        return "a new claim"
    if new is None:
        return "no longer asked"
    if new["note"].startswith("too few"):
        return new["note"]
    reasons = []
    statistic = new["statistic"]
    if not statistic.startswith(old["statistic"]):
        reasons.append(f"another statistic: {statistic.split(';')[0]}")
    if float(new["threshold"]) != float(old["threshold"]):
        reasons.append(f"threshold {short(new, 'threshold')}, was {short(old, 'threshold')}")
    reasons.append(f"{measured(new)}, was {measured(old)}")
    return "; ".join(reasons)


def measured(row: Row) -> str:
    """Return the estimate and the interval of a claim."""
    return f"{short(row, 'estimate')} [{short(row, 'low')}, {short(row, 'high')}]"


def short(row: Row, name: str) -> str:
    """Return a number with three digits."""
    return f"{float(row[name]):.3g}"


def main(study: str, before: str, now: str) -> None:
    """Print the table."""
    rows = [HEAD, ("---",) * len(HEAD), *changes(study, read(Path(before)), read(Path(now)))]
    for row in rows:
        sys.stdout.write(f"| {' | '.join(row)} |\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
