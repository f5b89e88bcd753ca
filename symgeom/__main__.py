"""The command line: ``python -m symgeom inspect package.module:factory --input 1,28,28`` and ``verify results/<study>``.

``inspect`` imports a network, finds and certifies its symmetries, prints them as a table and draws
them as a graph. ``verify`` checks that every store of a study is whole, and exits with status 1 if
one is not. A mistake is one sentence on standard error and exit status 1 (2 if the command itself
makes no sense); SYMGEOM_DEBUG=1 shows the traceback.
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

import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.torchvision_door import OPERATORS_MISSING, import_torchvision
from symgeom.ground.types import Parameters, parameters
from symgeom.study.verify import verified_table, verify_study
from symgeom.symmetry.certificate import Certificate, certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.inspection import summary, table
from symgeom.symmetry.spec import SymmetrySpec
from symgeom.symmetry.wiring import symmetry_graph

SUFFIXES = (".png", ".pdf", ".svg")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``python -m symgeom``; by default those that were typed.

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
        prog="python -m symgeom", description="Look at a network, or check a study."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    look = commands.add_parser(
        "inspect", help="print and draw the symmetry groups of a network", allow_abbrev=False
    )
    look.set_defaults(run=_inspect)
    look.add_argument(
        "network",
        metavar="module:name",
        type=_reference,
        help="a network, or a function or class that makes one",
    )
    look.add_argument(
        "--input",
        required=True,
        type=_shape,
        metavar="1,28,28",
        help="shape of one input, without the batch",
    )
    look.add_argument(
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="key=value",
        help="argument of the function",
    )
    look.add_argument(
        "--tokens",
        type=_positive,
        metavar="N",
        help="inputs are whole numbers below N (for embeddings)",
    )
    look.add_argument("--batch", type=_positive, default=2, help="number of inputs")
    look.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the inputs, the random elements and the fresh weights",
    )
    look.add_argument(
        "--all-legs",
        action="store_true",
        help="do not cut lists of legs to the width of the terminal",
    )
    figure = look.add_mutually_exclusive_group()
    figure.add_argument(
        "--figure",
        type=_picture,
        default=Path("symmetry.png"),
        help="file of the graph: .png, .pdf or .svg",
    )
    figure.add_argument(
        "--no-figure", action="store_const", const=None, dest="figure", help="draw nothing"
    )
    check = commands.add_parser(
        "verify", help="check that every store of a study is whole", allow_abbrev=False
    )
    check.set_defaults(run=_verify)
    check.add_argument("study", type=Path, metavar="results/study", help="the folder of the study")
    return parser


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


def _verify(options: argparse.Namespace) -> int:
    found = verify_study(options.study)
    sys.stdout.write(f"{verified_table(found)}\n")
    return int(any(each.wrong for each in found))


def _inspect(options: argparse.Namespace) -> int:
    name = options.network[1]
    network = (
        deepcopy(_network(*options.network, dict(options.option), options.seed)).double().eval()
    )
    generator = stream("inspect", options.seed)
    shape = (options.batch, *options.input)
    example = torch.randn(shape, generator=generator, dtype=torch.float64)
    if options.tokens:
        example = torch.randint(options.tokens, shape, generator=generator)
    began = perf_counter()
    spec = discover(network, example)
    found = perf_counter()
    certificate = _certified(spec, network, example, generator)
    proved = perf_counter()
    weights = sum(tensor.numel() for tensor in network.parameters())
    sys.stdout.write(
        f"{name} ({type(network).__name__}): {weights:,} parameters, inputs of shape {shape}; {len(spec.groups)} groups found in "
        f"{found - began:.1f} s, certified in {proved - found:.1f} s\n\n"
        f"{table(spec, width=shutil.get_terminal_size((130, 24)).columns, all_legs=options.all_legs)}\n\n"
        f"{summary(spec, certificate)}\n"
    )
    sys.stdout.flush()
    certificate.require()
    if options.figure:
        _draw(spec, network, example, name, options.figure)
    return 0


def _network(module: str, name: str, options: dict[str, object], seed: int) -> nn.Module:
    """Import a network, or make one; fresh weights come from the seed, since factories draw from the global generator."""
    what = f"Cannot inspect '{module}:{name}'"
    try:
        found = getattr(_import(module), name)
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(
            f"{what}: {_cause(error)}. Give a module that can be imported from here, and a name in it."
        ) from error
    if isinstance(found, nn.Module) and not options:
        return found
    if not callable(found) or isinstance(found, nn.Module):
        raise SymgeomError(
            f"{what}: it is an object of type {type(found).__name__}{' and takes no options' if options else ''}. Give a "
            "function or class that returns a torch.nn.Module, or a network without options."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = found(**(_randomness(found, seed) | options))
        except Exception as error:  # and here
            raise SymgeomError(
                f"{what}: calling it fails with {_cause(error)}. Correct --option key=value."
            ) from error
    if not isinstance(network, nn.Module):
        raise SymgeomError(
            f"{what}: it returns an object of type {type(network).__name__}. Give a factory of a torch.nn.Module."
        )
    return network


def _randomness(factory: Callable, seed: int) -> dict[str, torch.Generator]:
    """Return the generator that a factory of ours asks for."""
    try:
        asked = "generator" in inspect.signature(factory).parameters
    except ValueError:  # a builtin without a signature
        asked = False
    return {"generator": stream("weights", seed)} if asked else {}


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no reason given'])[0]}".rstrip(
        "."
    )


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
    """Certify at ordinary weights: tensors that are all zero (fresh biases, heads that begin at zero) get random values."""
    trained = {name for name, _ in network.named_parameters()}

    def ordinary(name: str, tensor: Tensor) -> Tensor:
        if name not in trained or bool(tensor.any()):
            return tensor
        return 0.1 * torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)

    weights: Parameters = {
        name: ordinary(name, tensor) for name, tensor in parameters(network).items()
    }
    return certify(spec, network, weights, inputs=example, generator=generator)


def _draw(spec: SymmetrySpec, network: nn.Module, example: Tensor, name: str, path: Path) -> None:
    """Draw the graph; only this loads matplotlib."""
    from symgeom.study.figures.style import save
    from symgeom.study.figures.symmetry_graph import caption_of, draw

    graph = symmetry_graph(spec, network, example)
    save(draw(graph, title=f"Symmetries of {name}: {len(spec.groups)} groups"), path)
    sys.stdout.write(f"\n{path}: {caption_of(graph)}\n")


if __name__ == "__main__":
    sys.exit(main())
