"""The page: templates filled in, with numbers and captions written for people."""

import math
import re
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

VERDICTS = {"supported": "●", "equivalent": "≈", "contradicted": "✕", "undecided": "◇"}
"""Symbol of each verdict; the word stands beside it."""

MARKS = (
    (r"``(.+?)``", "code"),
    (r"\*\*(.+?)\*\*", "strong"),
    (r"(?<!\w)\*(\w.*?\w|\w)\*(?!\w)", "em"),
)
"""What a caption may mark, and the element that it becomes."""


def number(value: float, digits: int = 3) -> str:
    """Write a number for people.

    Parameters
    ----------
    value : float
        Any number.
    digits : int
        Significant digits.

    Returns
    -------
    str
        With a true minus sign; a dash if there is no number.

    Examples
    --------
    >>> number(-0.012345), number(1e-10), number(float("nan"))
    ('−0.0123', '1e−10', '–')
    """
    if not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}g}"
    return text.replace("e-0", "e-").replace("-", "−")


def signed(text: str) -> str:
    """Write the numbers of a text with true minus signs.

    Parameters
    ----------
    text : str
        Words and numbers.

    Returns
    -------
    str
        The same; hyphens within words stay.

    Examples
    --------
    >>> signed("at a single-pass threshold of -0.5 and 1e-10")
    'at a single-pass threshold of −0.5 and 1e−10'
    """
    return re.sub(r"(?<![^\s(\[])-(?=[\d.])|(?<=\de)-(?=\d)", "−", text)


def markup(text: str) -> Markup:
    r"""Turn a caption into HTML.

    It may have paragraphs, ``**strong**``, ``*emphasis*`` and literals; a backslash keeps the next
    character.

    Parameters
    ----------
    text : str
        A caption in this small part of reStructuredText.

    Returns
    -------
    Markup
        HTML.

    Examples
    --------
    >>> str(markup("**Flatness.**\nSee *a* < b."))
    '<p><strong>Flatness.</strong> See <em>a</em> &lt; b.</p>'
    """
    html = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        line = " ".join(paragraph.split())
        without_backslashes = re.sub(r"\\(.)", r"\1", line)
        marked = str(escape(without_backslashes))
        for pattern, tag in MARKS:
            marked = re.sub(pattern, rf"<{tag}>\1</{tag}>", marked)
        html.append(f"<p>{marked}</p>")
    return Markup("\n".join(html))


def render(template: str | Path, **context: object) -> str:
    """Fill in the templates of the report.

    Parameters
    ----------
    template : str or Path
        The Jinja file of the page; the files that it includes lie beside it.
    **context
        What the templates name; a name that is missing is an error.

    Returns
    -------
    str
        HTML.
    """
    file = Path(template)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(file.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["signed"] = signed
    environment.filters["markup"] = markup
    environment.globals["VERDICTS"] = VERDICTS
    return environment.get_template(file.name).render(**context)
