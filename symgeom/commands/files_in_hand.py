"""Files in hand: the words that all commands on files of weights share, and how they are opened.

A command names the files, the network that they are weights of, and perhaps data.
:func:`add_words` adds these words; :func:`opened` makes of them a network with certified
symmetries, and only that loads torch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Literal

from symgeom.commands.words import add_inputs, option, positive, whole_number
from symgeom.ground.checks import SymgeomError
from symgeom.learning.weights.files import check_ending
from symgeom.study.in_hand.settings import DATA_ROOT

if TYPE_CHECKING:
    from symgeom.study.in_hand.record import InHand

SAMPLES = 2000
"""Samples of each split on which a command evaluates networks, unless it is told otherwise."""


def add_words(
    command: argparse.ArgumentParser,
    *,
    files: str,
    single: bool = False,
    narrower: bool = False,
    data: Literal["none", "optional", "required"] = "none",
) -> None:
    """Add the words for files of weights, and for what they are weights of.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The command.
    files : str
        What the files are for, in the help.
    single : bool
        Whether the command takes one file, and no more.
    narrower : bool
        Whether some of the files may be of a narrower network.
    data : {"none", "optional", "required"}
        Whether networks are evaluated on data.
    """
    _add_files(command, files, single=single)
    _add_network(command.add_argument_group("the network"))
    _add_way(command.add_argument_group("how it is done"))
    if narrower:
        title = "files of a narrower network, written as wider ones"
        _add_narrower(command.add_argument_group(title))
    if data != "none":
        _add_data(command.add_argument_group("the data"), required=data == "required")


def add_written(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the group of words for what is written, and the leave to write over what exists.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The command.

    Returns
    -------
    argparse group
        To which the command adds its files.
    """
    written = command.add_argument_group("what is written")
    written.add_argument(
        "--force", action="store_true", help="write over what exists; by default it is refused"
    )
    return written


def _add_files(command: argparse.ArgumentParser, what: str, *, single: bool) -> None:
    """Add the files of weights."""
    help_on_folders = "" if single else "; a folder stands for all files of weights in it"
    command.add_argument(
        "files",
        nargs=1 if single else "+",
        type=Path,
        metavar="FILE",
        help=f"{what}{help_on_folders}",
    )
    command.add_argument(
        "--choice",
        metavar="NAME",
        help="which weights of a file that holds several (model, ema, ...)",
    )


def _add_network(network: argparse._ArgumentGroup) -> None:
    """Add what says which network the files are of, and what its inputs look like."""
    network.add_argument(
        "--network",
        metavar="module:name",
        help="what makes the network, or the network itself (mine:network); one of timm "
        "(timm:resnet18); or one that studies know (mlp, lenet, vgg16, resnet18, ...); by default "
        "that of Hugging Face or timm whose config.json lies beside the first file",
    )
    network.add_argument(
        "--option",
        action="append",
        default=[],
        type=option,
        metavar="key=value",
        help="an argument of what makes it, such as widths=[64,64]; may be given several times",
    )
    add_inputs(
        network,
        shapes="; by default that of the data, or what the network of Hugging Face or timm takes",
    )
    network.add_argument(
        "--classes",
        type=positive,
        metavar="N",
        help="outputs of a network that studies know; by default the classes of the data",
    )


def _add_way(work: argparse._ArgumentGroup) -> None:
    """Add where and how precisely it is computed, and how it is said."""
    work.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        metavar="N",
        help="of whatever is drawn at random (default 0)",
    )
    work.add_argument(
        "--precision",
        choices=("float32", "float64"),
        help="of everything; by default geometry is in float64, and what is evaluated on data in "
        "float32, as in studies",
    )
    work.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where networks are computed (default auto: on a GPU if there is one)",
    )
    work.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object, and nothing else, on standard output",
    )


def _add_narrower(narrower: argparse._ArgumentGroup) -> None:
    """Add what says of which narrower network some of the files are."""
    narrower.add_argument(
        "--narrow",
        metavar="module:name",
        help="the narrower network of files that do not fit --network (by default --network "
        "itself, with --narrow-option)",
    )
    narrower.add_argument(
        "--narrow-option",
        action="append",
        default=[],
        type=option,
        metavar="key=value",
        help="an argument of what makes it, such as widths=[32,32]; may be given several times",
    )


def _add_data(data: argparse._ArgumentGroup, *, required: bool) -> None:
    """Add what says on which data networks are evaluated."""
    data.add_argument(
        "--data",
        required=required,
        metavar="NAME_OR_PATH",
        help="a data set that studies know (digits, mnist, cifar10, ...), a folder or zip of "
        "pictures, a .npz or .zarr of arrays; for networks of one input",
    )
    data.add_argument(
        "--data-option",
        action="append",
        default=[],
        type=option,
        metavar="key=value",
        help="an option of the data, such as test_fraction=0.2; may be given several times",
    )
    data.add_argument(
        "--data-root",
        type=Path,
        default=DATA_ROOT,
        metavar="FOLDER",
        help=f"where data sets lie or are downloaded to (default {DATA_ROOT})",
    )
    data.add_argument(
        "--samples",
        type=whole_number,
        default=SAMPLES,
        metavar="N",
        help=f"evaluate on about N samples of each split (default {SAMPLES}; 0: all)",
    )


def opened(options: argparse.Namespace, *, least: int = 1, batch_norm: str = "fold") -> InHand:
    """Open network, data and files, once it is known that they belong together.

    Parameters
    ----------
    options : argparse.Namespace
        What the words of :func:`add_words` have become.
    least : int
        How many files are needed.
    batch_norm : {"fold", "recompute", "carried"}
        As in studies: batch norms are folded into the weights before anything is looked at, or
        their statistics are measured anew for every network; or they stay as the files have them.

    Returns
    -------
    InHand
        All that a command needs.
    """
    from symgeom.study.in_hand.opening import Request, open_files

    data = {}
    if "data" in options:
        data = {
            "data": options.data,
            "data_options": dict(options.data_option),
            "data_root": options.data_root,
        }
    narrower: dict = {}
    if "narrow" in options:
        narrower = {"narrow": options.narrow, "narrow_options": dict(options.narrow_option)}
    request = Request(
        files=options.files,
        network=options.network,
        options=dict(options.option),
        inputs=options.input,
        tokens=options.tokens,
        classes=options.classes,
        batch_norm=batch_norm,
        seed=options.seed,
        precision=options.precision,
        device=options.device,
        choice=options.choice,
        **data,
        **narrower,
    )
    return open_files(request, least=least)


def check_outputs(
    paths: Iterable[Path | None] = (), *, weights: Path | None = None, force: bool
) -> None:
    """Raise before anything is computed if a file could not be written at the end.

    Parameters
    ----------
    paths : iterable of Path or None
        The files that are to be written; None counts as nothing.
    weights : Path, optional
        One more, of weights, whose name says its form.
    force : bool
        Whether what exists is written over.

    Raises
    ------
    SymgeomError
        If a file exists, is a folder, has no name for weights, or lies where nothing can be
        written.

    Examples
    --------
    >>> check_outputs([None, Path("no such file.svg")], force=False)
    """
    if weights is not None:
        check_ending(weights)
    for path in (*paths, weights):
        if path is None:
            continue
        if path.is_dir():
            raise SymgeomError(f"Cannot write '{path}': it is a folder. Give the name of a file.")
        if path.exists() and not force:
            raise SymgeomError(
                f"Cannot write '{path}': it exists. Give another name, or --force to write over it."
            )
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not _can_write_in(folder):
            raise SymgeomError(
                f"Cannot write '{path}': '{folder}' is no folder in which you may write. Give "
                "another place."
            )


def _can_write_in(folder: Path) -> bool:
    """Return whether a file can be made in a folder, whatever its permissions say."""
    try:
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
