"""The command line: ``symgeom inspect``, ``draw``, ``verify`` and ``keys``.

``python -m symgeom`` does the same where the package is not installed.

``inspect`` imports a network, finds and certifies its symmetries, prints them as a table and draws
them as a graph. ``draw`` draws one figure of a finished study. ``verify`` checks that every store
of a study is whole, and exits with status 1 if one is not. ``keys`` prints what the configuration
of a study may hold. A mistake is one sentence on standard error and exit status 1 (2 if the command
itself makes no sense); SYMGEOM_DEBUG=1 shows the traceback.
"""

import argparse
import ast
import inspect
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import TypeAlias

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import in_mode
from symgeom.ground.randomness import stream
from symgeom.ground.torchvision_door import OPERATORS_MISSING, import_torchvision
from symgeom.ground.types import parameters
from symgeom.study.planning.keys import key_reference, write_key_reference
from symgeom.study.verify import verified_table, verify_study
from symgeom.symmetry.certificate import Certificate, certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.inspection import summary, table
from symgeom.symmetry.spec import SymmetrySpec
from symgeom.symmetry.wiring import symmetry_graph

SUFFIXES = (".png", ".pdf", ".svg")

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``symgeom``; by default those that were typed.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    SymgeomError
        For a mistake, with SYMGEOM_DEBUG set.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except SymgeomError as mistake:
        if os.environ.get("SYMGEOM_DEBUG"):
            raise
        sys.stderr.write(f"Error: {mistake}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="symgeom",
        description="Look at a network, draw a figure of a study, check a study, or list all keys.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_inspect(commands)
    _add_draw(commands)
    _add_verify(commands)
    _add_keys(commands)
    return parser


def _add_inspect(commands: Commands) -> None:
    """Add the command that looks at a network."""
    command = commands.add_parser(
        "inspect", help="print and draw the symmetry groups of a network", allow_abbrev=False
    )
    command.set_defaults(run=_inspect)
    command.add_argument(
        "network",
        metavar="module:name",
        type=_reference,
        help="a network, or a function or class that makes one",
    )
    command.add_argument(
        "--input",
        required=True,
        type=_shape,
        metavar="1,28,28",
        help="shape of one input, without the batch",
    )
    command.add_argument(
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="key=value",
        help="an argument of the function; may be given several times",
    )
    command.add_argument(
        "--tokens",
        type=_positive,
        metavar="N",
        help="draw whole numbers below N as inputs (for embeddings)",
    )
    command.add_argument("--batch", type=_positive, default=2, help="number of inputs")
    command.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the inputs, the random elements and the fresh weights",
    )
    command.add_argument(
        "--all-legs",
        action="store_true",
        help="show all legs, also where they do not fit the width of the terminal",
    )
    figure = command.add_mutually_exclusive_group()
    figure.add_argument(
        "--figure",
        type=_picture,
        default=Path("symmetry.png"),
        help="file into which the graph is drawn: .png, .pdf or .svg",
    )
    figure.add_argument(
        "--no-figure", action="store_const", const=None, dest="figure", help="draw nothing"
    )


def _add_draw(commands: Commands) -> None:
    """Add the command that draws a figure of a study."""
    command = commands.add_parser(
        "draw", help="draw one figure of a finished study", allow_abbrev=False
    )
    command.set_defaults(run=_draw_of_study)
    command.add_argument(
        "study", type=Path, metavar="results/study", help="the folder of the study"
    )
    command.add_argument("case", help="one of its cases, or a model (perceptron)")
    command.add_argument("figure", help="the figure, such as barriers")
    command.add_argument(
        "--to",
        type=_picture,
        metavar="FILE",
        help="where to draw it: .png, .pdf or .svg (by default <figure>.svg)",
    )


def _add_verify(commands: Commands) -> None:
    """Add the command that checks a study."""
    command = commands.add_parser(
        "verify", help="check that every store of a study is whole", allow_abbrev=False
    )
    command.set_defaults(run=_verify)
    command.add_argument(
        "study", type=Path, metavar="results/study", help="the folder of the study"
    )


def _add_keys(commands: Commands) -> None:
    """Add the command that looks up what a configuration may hold."""
    command = commands.add_parser(
        "keys", help="print what the configuration of a study may hold", allow_abbrev=False
    )
    command.set_defaults(run=_keys)
    command.add_argument(
        "--write",
        type=Path,
        metavar="config/README.md",
        help="write this reference to the end of a guide, in the place of the old one",
    )


def _reference(text: str) -> tuple[str, str]:
    module, _, name = text.partition(":")
    if not module or not name:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of the form package.module:name, such as torchvision.models:resnet18"
        )
    return module, name


def _positive(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(_positive(size) for size in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a shape: give positive whole numbers, such as 1,28,28"
        ) from None


def _option(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not key.isidentifier() or not equals:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of the form key=value, such as widths=[64,64]"
        )
    for read in (json.loads, ast.literal_eval):
        try:
            return key, read(value)
        except (ValueError, SyntaxError):
            continue
    return key, value


def _picture(text: str) -> Path:
    if Path(text).suffix not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {', '.join(SUFFIXES)}")
    return Path(text)


def _draw_of_study(options: argparse.Namespace) -> int:
    from symgeom.study.figures.single import draw_figure
    from symgeom.study.figures.style import save

    picture = draw_figure(options.study, options.case, options.figure)
    path = options.to or Path(f"{options.figure}.svg")
    save(picture, path)
    sys.stdout.write(f"{path}\n")
    return 0


def _verify(options: argparse.Namespace) -> int:
    files = verify_study(options.study)
    sys.stdout.write(f"{verified_table(files)}\n")
    is_whole = all(file.wrong == "" for file in files)
    return 0 if is_whole else 1


def _keys(options: argparse.Namespace) -> int:
    if options.write is None:
        sys.stdout.write(key_reference())
    else:
        write_key_reference(options.write)
    return 0


def _inspect(options: argparse.Namespace) -> int:
    module, name = options.network
    network = deepcopy(_network(module, name, dict(options.option), options.seed))
    network = in_mode(network.double(), training=False)
    generator = stream("inspect", options.seed)
    example = _example(options, generator)
    began = perf_counter()
    spec = discover(network, example)
    discovered = perf_counter()
    certificate = _certified(spec, network, example, generator)
    certified = perf_counter()
    weights = sum(tensor.numel() for tensor in network.parameters())
    width = shutil.get_terminal_size((130, 24)).columns
    sys.stdout.write(
        f"{name} ({type(network).__name__}): {weights:,} parameters, "
        f"inputs of shape {tuple(example.shape)}; "
        f"{len(spec.groups)} groups found in {discovered - began:.1f} s, "
        f"certified in {certified - discovered:.1f} s\n\n"
        f"{table(spec, width=width, all_legs=options.all_legs)}\n\n"
        f"{summary(spec, certificate)}\n"
    )
    sys.stdout.flush()
    certificate.require()
    if options.figure:
        _draw(spec, network, example, name, options.figure)
    return 0


def _example(options: argparse.Namespace, generator: torch.Generator) -> Tensor:
    """Draw a batch of inputs: normal numbers, or tokens."""
    shape = (options.batch, *options.input)
    numbers = torch.randn(shape, generator=generator, dtype=torch.float64)
    if options.tokens:
        return torch.randint(options.tokens, shape, generator=generator)
    return numbers


def _network(module: str, name: str, options: dict[str, object], seed: int) -> nn.Module:
    """Import a network, or make one whose weights come from the seed."""
    failure = f"Cannot inspect '{module}:{name}'"
    try:
        imported = getattr(_import(module), name)
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(
            f"{failure}: {_cause(error)}. Give a module that can be imported from here, and a name "
            "in it."
        ) from error
    is_network = isinstance(imported, nn.Module)
    if is_network and not options:
        return imported
    if is_network or not callable(imported):
        unused = " and takes no options" if options else ""
        raise SymgeomError(
            f"{failure}: it is an object of type {type(imported).__name__}{unused}. Give a "
            "function or class that returns a torch.nn.Module, or a network without options."
        )
    # Factories draw from the global generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = imported(**(_randomness(imported, seed) | options))
        except Exception as error:  # and here
            raise SymgeomError(
                f"{failure}: calling it fails with {_cause(error)}. Correct --option key=value."
            ) from error
    if not isinstance(network, nn.Module):
        raise SymgeomError(
            f"{failure}: it returns an object of type {type(network).__name__}. Give a factory of "
            "a torch.nn.Module."
        )
    return network


def _randomness(factory: Callable, seed: int) -> dict[str, object]:
    """Return the generator that a factory of ours asks for."""
    try:
        parameters_of_factory = inspect.signature(factory).parameters
    except ValueError:  # a builtin without a signature
        return {}
    if "generator" not in parameters_of_factory:
        return {}
    return {"generator": stream("weights", seed)}


def _cause(error: Exception) -> str:
    """Return the kind of an error, and the first line of what it says."""
    lines = str(error).strip().splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {lines[0]}".rstrip(".")


def _import(module: str) -> ModuleType:
    """Import a module that may itself import torchvision."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return import_module(module)
    except RuntimeError as error:
        if str(error) != OPERATORS_MISSING:
            raise
    import_torchvision()
    return import_module(module)


def _certified(
    spec: SymmetrySpec, network: nn.Module, example: Tensor, generator: torch.Generator
) -> Certificate:
    """Certify with random values in tensors that are all zero, as fresh biases and heads are."""
    trained = {name for name, _ in network.named_parameters()}
    weights: dict[str, Tensor] = {}
    for name, tensor in parameters(network).items():
        is_fresh = name in trained and not bool(tensor.any())
        if is_fresh:
            noise = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            weights[name] = 0.1 * noise
        else:
            weights[name] = tensor
    return certify(spec, network, weights, inputs=example, generator=generator)


def _draw(spec: SymmetrySpec, network: nn.Module, example: Tensor, name: str, path: Path) -> None:
    """Draw the graph; only this loads matplotlib."""
    from symgeom.study.figures.style import save
    from symgeom.study.figures.wiring_drawing import caption_of, draw_graph

    graph = symmetry_graph(spec, network, example)
    save(draw_graph(graph, title=f"Symmetries of {name}: {len(spec.groups)} groups"), path)
    sys.stdout.write(f"\n{path}: {caption_of(graph)}\n")


if __name__ == "__main__":
    sys.exit(main())
