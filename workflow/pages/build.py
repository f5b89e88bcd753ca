"""Build a page of every module of the library from its docstrings: `make docs`.

pdoc reads the docstrings. It knows numpydoc, but of reStructuredText only a part: formulas are
handed past its Markdown here. Every package lists the modules in it, also where it names what it
exports.
"""

import argparse
import html
import pkgutil
import re
import shutil
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pdoc
from pdoc import render, render_helpers

import symgeom

TEMPLATES = Path(__file__).parent
BLOCK = re.compile(r"^( *)\.\. math::(.*(?:\n\1 +\S.*|\n *$)*)", re.MULTILINE)
INLINE = re.compile(r":math:`([^`]+)`")
HIDDEN = re.compile(r"(block|inline)formula([0-9a-f]+)end")
PREPRINT = re.compile(r"(?<=\()\d{4}\.\d{5}(?=[),;])|(?<=arXiv )\d{4}\.\d{5}")
DELIMITERS = {"block": (r"\[", r"\]"), "inline": (r"\(", r"\)")}


def hide(kind: str, formula: str) -> str:
    """Return a word that Markdown leaves alone, in the place of a formula."""
    return f"{kind}formula{formula.strip().encode().hex()}end"


def hide_formulas(docstring: str) -> str:
    """Return a docstring with words in the place of its formulas."""
    text = BLOCK.sub(lambda match: f"\n{match[1]}{hide('block', match[2])}\n\n", docstring)
    return INLINE.sub(lambda match: hide("inline", match[1]), text)


def show_formulas(text: str) -> str:
    """Return HTML with the formulas between the delimiters that MathJax looks for."""

    def shown(match: re.Match[str]) -> str:
        formula = bytes.fromhex(match[2]).decode()
        opening, closing = DELIMITERS[match[1]]
        return f"{opening}{html.escape(formula)}{closing}"

    return HIDDEN.sub(shown, text)


def to_markdown(docstring: str, module: pdoc.doc.Module, docformat: str) -> str:
    """Convert a docstring to Markdown.

    Names lose the tilde that asks Sphinx for their last word. Numbers of preprints become links.
    """
    text = re.sub(r"(:\w+:`)~", r"\1", docstring)
    text = PREPRINT.sub(r"[\g<0>](https://arxiv.org/abs/\g<0>)", text)
    return PDOC_TO_MARKDOWN(hide_formulas(text), module, docformat)


def to_html(text: str) -> str:
    """Convert Markdown to HTML; the table of contents is an attribute of what pdoc returns."""
    page = PDOC_TO_HTML(text)
    shown = type(page)(show_formulas(page))
    shown.toc_html = page.toc_html and show_formulas(page.toc_html)
    return shown


PDOC_TO_MARKDOWN = render_helpers.to_markdown
PDOC_TO_HTML = render_helpers.to_html


def modules() -> list[str]:
    """List the modules that pdoc does not find: those in packages that name what they export."""
    names = ["symgeom"]
    for module in pkgutil.walk_packages(symgeom.__path__, "symgeom."):
        package = import_module(module.name.rpartition(".")[0])
        if hasattr(package, "__all__"):
            names.append(module.name)
    return names


def build(folder: Path, names: Sequence[str]) -> None:
    """Write the pages of some modules into a folder, in the place of those that are there."""
    shutil.rmtree(folder, ignore_errors=True)
    render_helpers.to_markdown = to_markdown
    render.env.filters["to_html"] = to_html
    render.configure(docformat="numpy", math=True, show_source=False, template_directory=TEMPLATES)
    pdoc.pdoc(*names, output_directory=folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build a page of every module of the library.")
    parser.add_argument("folder", type=Path, help="where the pages are written")
    parser.add_argument("modules", nargs="*", help="which modules; by default all")
    options = parser.parse_args()
    warnings.simplefilter("error")
    build(options.folder, options.modules or modules())
