"""How the words after a command are read."""

import argparse
import ast
import json
from pathlib import Path
from typing import TypeAlias

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
