"""Files in hand: the words that all commands on files of weights share, and how they are opened.

A command names the files, the network that they are weights of, and perhaps data. ``add_files``,
``add_network``, ``add_data`` and ``add_output`` say these words; :func:`opened` makes of them a
network with certified symmetries, and only that loads torch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from symgeom.commands.words import add_inputs, option, positive, whole_number
from symgeom.ground.checks import SymgeomError
from symgeom.learning.weights.files import check_ending
from symgeom.study.in_hand.settings import DATA_ROOT

if TYPE_CHECKING:
    from symgeom.study.in_hand.record import InHand

SAMPLES = 2000
"""Samples of each split on which a command evaluates networks, unless it is told otherwise."""


def add_files(command: argparse.ArgumentParser, *, what: str, single: bool = False) -> None:
    """Add the files of weights.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The command.
    what : str
        What they are for, in the help.
    single : bool
        Whether the command takes one file, and no more.
    """
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


def add_network(command: argparse.ArgumentParser) -> None:
    """Add what says which network the files are of, and how it is looked at.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The command.
    """
    network = command.add_argument_group("the network")
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
    work = command.add_argument_group("how it is done")
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
        help="where networks are evaluated (default auto: on a GPU if there is one)",
    )
    work.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object, and nothing else, on standard output",
    )


def add_narrower(command: argparse.ArgumentParser) -> None:
    """Add what says of which narrower network some of the files are.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The command.
    """
    narrower = command.add_argument_group("files of a narrower network, written as wider ones")
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


def add_data(command: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add what says on which data networks are evaluated.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The command.
    required : bool
        Whether there is nothing to do without data.
    """
    data = command.add_argument_group("the data")
    data.add_argument(
        "--data",
        required=required,
        metavar="NAME_OR_PATH",
        help="a data set that studies know (digits, mnist, cifar10, ...), a folder or zip of "
        "pictures, a .npz or .zarr of arrays",
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


def add_force(command: argparse.ArgumentParser) -> None:
    """Add the leave to write over files that exist.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The command.
    """
    command.add_argument(
        "--force", action="store_true", help="write over what exists; by default it is refused"
    )


def opened(options: argparse.Namespace, *, least: int = 1, batch_norm: str = "fold") -> InHand:
    """Open network, data and files, once it is known that they belong together.

    Parameters
    ----------
    options : argparse.Namespace
        What ``add_files``, ``add_network`` and ``add_data`` have read.
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
