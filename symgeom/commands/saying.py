"""What commands say: tables of text for people, one JSON object for scripts, notes on the side."""

import json
import math
import sys
from collections.abc import Iterable, Sequence


def say(text: str, facts: object, *, as_json: bool) -> None:
    """Print what a command has measured.

    Parameters
    ----------
    text : str
        For people.
    facts : object
        For scripts: mappings, lists, texts and numbers; what is no number becomes ``null``.
    as_json : bool
        Which of the two is wanted.
    """
    if as_json:
        sys.stdout.write(json.dumps(_plain(facts), indent=1, allow_nan=False) + "\n")
    else:
        sys.stdout.write(text.rstrip() + "\n")
    sys.stdout.flush()


def remark(sentences: Iterable[str]) -> None:
    """Print sentences on the error stream, where they disturb no script.

    Parameters
    ----------
    sentences : iterable of str
        One a line.
    """
    for sentence in sentences:
        sys.stderr.write(f"{sentence}\n")


def text_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table: the first column is flush left, all others are flush right.

    Parameters
    ----------
    headings : sequence of str
        Above the columns.
    rows : sequence of sequence of str
        As many cells each.

    Returns
    -------
    str
        Lines.

    Examples
    --------
    >>> print(text_table(["group", "units"], [["hidden1", "64"], ["head", "1"]]))
    group    units
    hidden1     64
    head         1
    """
    lines = []
    widths = []
    for column in zip(headings, *rows, strict=True):
        widths.append(max(map(len, column)))
    for row in [headings, *rows]:
        first, *others = row
        cells = [first.ljust(widths[0])]
        for cell, width in zip(others, widths[1:], strict=True):
            cells.append(cell.rjust(width))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def number(value: float, digits: int = 3) -> str:
    """Write a number with some significant digits.

    Parameters
    ----------
    value : float
        Any number.
    digits : int
        How many digits.

    Returns
    -------
    str
        A dash if there is no number.

    Examples
    --------
    >>> number(1.23456), number(20.0), number(float("nan"))
    ('1.23', '20.0', '-')
    """
    if not math.isfinite(value):
        return "-"
    text = f"{value:#.{digits}g}"
    return text.rstrip(".")


def radians(angle: float) -> str:
    """Write an angle.

    Parameters
    ----------
    angle : float
        In radians.

    Returns
    -------
    str
        With three decimals; a dash if there is no number.

    Examples
    --------
    >>> radians(1.0), radians(float("nan"))
    ('1.000', '-')
    """
    return f"{angle:.3f}" if math.isfinite(angle) else "-"


def percent(value: float) -> str:
    """Write a fraction as percent.

    Parameters
    ----------
    value : float
        A fraction.

    Returns
    -------
    str
        With a decimal; a dash if there is no number.

    Examples
    --------
    >>> percent(0.0123), percent(float("nan"))
    ('1.2 %', '-')
    """
    return f"{100 * value:.1f} %" if math.isfinite(value) else "-"


def _plain(facts: object) -> object:
    """Return facts with null where a number is none."""
    if isinstance(facts, dict):
        return {str(key): _plain(value) for key, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_plain(value) for value in facts]
    if isinstance(facts, float) and not math.isfinite(facts):
        return None
    return facts
