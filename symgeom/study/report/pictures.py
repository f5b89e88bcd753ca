"""The figures of the report: each holds its picture, what it shows and how it is made again."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from PIL import Image, ImageChops

from symgeom.ground.checksums import checked

THUMBNAIL = (400, 300)
"""Largest width and height of a thumbnail in dots, about twice its size on the page."""

PAGE = 7.0
"""Printed width of a picture that does not say its own, in inches."""

POINTS = 72
"""Points in an inch."""


class Words(TypedDict):
    """What is said of a figure: the question that it helps to answer, and more."""

    question: str
    title: str
    caption: str
    stages: list[str]


class Shown(TypedDict):
    """What the page needs to show a figure.

    That is what is said of it, its ``case`` and ``name``; the ``path`` of its file; ``source`` and
    ``thumbnail``, addresses that hold the picture; its printed width in ``inches``; and ``stores``,
    the files of each stage.
    """

    question: str
    title: str
    caption: str
    stages: list[str]
    case: str
    name: str
    path: str
    source: str
    thumbnail: str
    inches: float
    stores: list[str]


def embed(path: str | Path, words: Mapping[str, Words]) -> Shown:
    """Turn a figure's file into what the page needs to show it.

    Parameters
    ----------
    path : str or Path
        ``<study>/figures/<case>/<figure>.svg``; the same picture as ``.png`` lies beside it.
    words : mapping of str to Words
        What is said of each figure.

    Returns
    -------
    Shown
        The figure.
    """
    path = checked(path)
    case = path.parent.name
    study = path.parents[2]
    content = path.read_bytes()
    thumbnail = _thumbnail(checked(path.with_suffix(".png")))
    said = words[path.stem]
    return {
        **said,
        "case": case,
        "name": path.stem,
        "path": path.as_posix(),
        "source": picture_address("svg+xml", content),
        "thumbnail": picture_address("webp", thumbnail),
        "inches": printed_width(content),
        "stores": stores_of(study, case, said["stages"]),
    }


def embed_all(paths: Sequence[str], words: Mapping[str, Words]) -> list[Shown]:
    """Turn the files of all figures into what the page needs to show them.

    Parameters
    ----------
    paths : sequence of str
        As of :func:`embed`, in the order of the page.
    words : mapping of str to Words
        What is said of each figure.

    Returns
    -------
    list of Shown
        The figures.
    """
    return [embed(path, words) for path in paths]


def questions_of(figures: Sequence[Shown], words: Mapping[str, Words]) -> list[str]:
    """List the questions that the figures of a study answer.

    Parameters
    ----------
    figures : sequence of Shown
        As from :func:`embed_all`.
    words : mapping of str to Words
        What is said of each figure, in order.

    Returns
    -------
    list of str
        Each once, in the order of ``words``.
    """
    answered = {figure["question"] for figure in figures}
    questions = dict.fromkeys(said["question"] for said in words.values())
    return [question for question in questions if question in answered]


def stores_of(study: Path, case: str, stages: Sequence[str]) -> list[str]:
    """Name the files that hold some stages of a case.

    Parameters
    ----------
    study : Path
        The folder of the study.
    case : str
        One of its cases, or a model.
    stages : sequence of str
        Names of stages.

    Returns
    -------
    list of str
        One name per stage: of its only file, or a pattern that fits all its batches.

    Examples
    --------
    >>> stores_of(Path("results/digits"), "mlp", ["minima"])
    ['results/digits/minima/mlp/*.zarr.zip']
    """
    names = []
    for stage in stages:
        single = study / stage / f"{case}.zarr.zip"
        batches = study / stage / case / "*.zarr.zip"
        store = single if single.is_file() else batches
        names.append(store.as_posix())
    return names


def printed_width(svg: bytes) -> float:
    """Return the printed width of a picture.

    Parameters
    ----------
    svg : bytes
        The picture.

    Returns
    -------
    float
        In inches.

    Examples
    --------
    >>> printed_width(b'<svg width="252pt">')
    3.5
    """
    points = re.search(rb'<svg[^>]*\swidth="([0-9.]+)pt"', svg)
    return float(points[1]) / POINTS if points else PAGE


def _thumbnail(path: Path) -> bytes:
    """Return a picture in small, without its margins."""
    picture = Image.open(path).convert("RGB")
    picture = picture.crop(ImageChops.invert(picture).getbbox())
    picture.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.save(written, "webp", quality=80)
    return written.getvalue()


def picture_address(kind: str, content: bytes) -> str:
    """Return an address that holds a picture itself.

    Parameters
    ----------
    kind : str
        Of the picture, "svg+xml" for instance.
    content : bytes
        The picture.

    Returns
    -------
    str
        The address.

    Examples
    --------
    >>> picture_address("svg+xml", b"<svg/>")
    'data:image/svg+xml;base64,PHN2Zy8+'
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
