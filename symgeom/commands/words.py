"""How the words after a command are read."""

import argparse
import ast
import json
from pathlib import Path
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

SUFFIXES = (".png", ".pdf", ".svg")


def reference(text: str) -> tuple[str, str]:
    """Split the import path of a network into its module and its name."""
    module, _, name = text.partition(":")
    if not module or not name:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of the form package.module:name, such as torchvision.models:resnet18"
        )
    return module, name


def positive(text: str) -> int:
    """Read a positive whole number."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def whole_number(text: str) -> int:
    """Read a whole number, 0 or more."""
    if not text.strip().isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def shape(text: str) -> tuple[int, ...]:
    """Read sizes between commas."""
    try:
        return tuple(positive(size) for size in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a shape: give positive whole numbers, such as 1,28,28"
        ) from None


def add_inputs(command: argparse._ActionsContainer, *, shapes: str, required: bool = False) -> None:
    """Add what says what the inputs of a network look like.

    Parameters
    ----------
    command : argparse.ArgumentParser or group of its arguments
        What they are added to.
    shapes : str
        What is added to the help on their shapes.
    required : bool
        Whether shapes must be given.
    """
    command.add_argument(
        "--input",
        required=required,
        action=ByName,
        type=named_shape,
        default={},
        metavar="[name=]3,32,32",
        help="shape of one input, without the batch; of several inputs each by its name, such as "
        f"--input input_ids=16 --input pixel_values=3,32,32{shapes}",
    )
    command.add_argument(
        "--tokens",
        action=ByName,
        type=named_count,
        default={},
        metavar="[name=]N",
        help="inputs are whole numbers below N (for embeddings): all of them, or that of a name",
    )


class ByName(argparse.Action):
    """Collect what is given several times under different names."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Add a name and its value to those that were given before."""
        name, value = values
        before = getattr(namespace, self.dest)
        if name in before:
            what = f"input {name!r}" if name else "the input without a name"
            parser.error(f"argument {option_string}: {what} is given twice")
        setattr(namespace, self.dest, {**before, name: value})


def named_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Read the shape of an input, perhaps behind its name."""
    name, sizes = _named(text)
    return name, shape(sizes)


def named_count(text: str) -> tuple[str, int]:
    """Read how many tokens an input is made of, perhaps behind its name."""
    name, count = _named(text)
    return name, positive(count)


def _named(text: str) -> tuple[str, str]:
    """Split a text at its equals sign, if it has one."""
    name, equals, value = text.rpartition("=")
    if equals and not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{name!r} in {text!r} is not the name of an input")
    return name, value


def numbers(text: str) -> list[float]:
    """Read numbers between commas."""
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of numbers, such as 2,1,1"
        ) from None


def option(text: str) -> tuple[str, object]:
    """Read the name of an argument and its value; what is neither JSON nor Python is text."""
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


def picture(text: str) -> Path:
    """Read the path of a picture, whose suffix says its format."""
    if Path(text).suffix not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {', '.join(SUFFIXES)}")
    return Path(text)
