"""The figures of the report: each holds its picture, what it shows and how it is made again."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageChops

THUMBNAIL = (400, 300)
"""Largest width and height of a thumbnail in dots, about twice its size on the page."""


def embed(path: str | Path, captions: Mapping[str, str], shown: Mapping[str, Mapping]) -> dict:
    """Turn a figure's file into what the page needs to show it.

    Parameters
    ----------
    path : str or Path
        ``<study>/figures/<case>/<figure>.svg``; the same picture as ``.png`` lies beside it.
    captions : mapping of str to str
        Caption of each figure; its first sentence, in bold, is the figure's title.
    shown : mapping of str to mapping
        Of each figure the ``question`` that it answers and the ``stages`` that it is drawn from.

    Returns
    -------
    dict
        ``case``, ``name``, ``path``, ``source`` and ``thumbnail`` (addresses that hold the
        picture), ``inches`` (its printed width), ``title`` and ``caption`` (what follows the
        title), ``question``, ``stages``, ``stores`` (files of each stage).
    """
    path = Path(path)
    content, (_, title, caption) = path.read_bytes(), captions[path.stem].split("**", 2)
    points = re.search(rb'<svg[^>]*\swidth="([0-9.]+)pt"', content)
    case = path.parent.name
    return {
        "case": case,
        "name": path.stem,
        "path": path.as_posix(),
        "source": _address("svg+xml", content),
        "thumbnail": _address("webp", _thumbnail(path.with_suffix(".png"))),
        "inches": float(points[1]) / 72 if points else 7.0,
        "title": title,
        "caption": caption,
        "stores": stores_of(path.parents[2] / case, shown[path.stem]["stages"]),
        **shown[path.stem],
    }


def embed_all(
    paths: Sequence[str], captions: Sequence[str], shown: Mapping[str, Mapping]
) -> list[dict]:
    """Turn the files of all figures into what the page needs to show them.

    Parameters
    ----------
    paths : sequence of str
        As of :func:`embed`, in the order of the page.
    captions : sequence of str
        Files of the captions, named as the figures are.
    shown : mapping of str to mapping
        As of :func:`embed`.

    Returns
    -------
    list of dict
        As from :func:`embed`.
    """
    texts = {}
    for file in map(Path, captions):
        texts[file.stem] = file.read_text(encoding="utf-8")
    return [embed(path, texts, shown) for path in paths]


def questions_of(figures: Sequence[Mapping], shown: Mapping[str, Mapping]) -> list[str]:
    """List the questions that the figures of a study answer.

    Parameters
    ----------
    figures : sequence of mapping
        As from :func:`embed`.
    shown : mapping of str to mapping
        As of :func:`embed`.

    Returns
    -------
    list of str
        Each once, in the order of ``shown``.
    """
    answered = {figure["question"] for figure in figures}
    questions = dict.fromkeys(figure["question"] for figure in shown.values())
    return [question for question in questions if question in answered]


def stores_of(folder: Path, stages: Sequence[str]) -> list[str]:
    """Name the files that hold some stages of a case.

    Parameters
    ----------
    folder : Path
        The folder of the case.
    stages : sequence of str
        Names of stages.

    Returns
    -------
    list of str
        One name per stage: of its only file, or a pattern that fits all its batches.

    Examples
    --------
    >>> stores_of(Path("results/digits/mlp"), ["minima"])
    ['results/digits/mlp/minima/*.zarr.zip']
    """
    single = {stage: folder / f"{stage}.zarr.zip" for stage in stages}
    return [
        (file if file.is_file() else folder / stage / "*.zarr.zip").as_posix()
        for stage, file in single.items()
    ]


def _thumbnail(path: Path) -> bytes:
    """Return a picture in small, without its margins."""
    picture, written = Image.open(path).convert("RGB"), io.BytesIO()
    picture = picture.crop(ImageChops.invert(picture).getbbox())
    picture.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    picture.save(written, "webp", quality=80, method=6)
    return written.getvalue()


def _address(kind: str, content: bytes) -> str:
    """Return an address that holds a picture itself."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
