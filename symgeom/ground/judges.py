"""What judges a value by an annotation: the kinds of things that arguments may be.

A judge says in words what is wrong with a value, and what belongs in its place. Numbers are finite,
tensors are dense and have entries. Annotations are compared by name, so that reading a store does
not load torch.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Generic, Literal, Union, get_args, get_origin

from symgeom.ground.on_demand import OnDemand

Judge = Callable[[object], str]
"""What is wrong with a value, or nothing: "is a list; a tensor belongs there"."""

NAMES = {
    "Module": "a network (torch.nn.Module)",
    "Tensor": "a tensor",
    "Generator": "a generator of random numbers",
    "SymmetrySpec": "a spec (SymmetrySpec)",
    "Problem": "a Problem",
    "Mapping": "a mapping",
    "dict": "a mapping",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "True or False",
}
"""How a message calls what belongs somewhere."""

WAYS = {
    "Module": "Give the network itself",
    "Generator": "Give torch.Generator().manual_seed(3), for instance",
    "SymmetrySpec": "Give what discover(network, example) returns",
    "Problem": "Give Problem(network, inputs, targets)",
    "GroupElement": "Give what random_element, align(...).element or canonicalise(...).element is",
    "Torus": "Give Torus(spec)",
}
"""How to come by what belongs somewhere."""


def judge_of(hint: object) -> Judge | None:
    """Return what judges values by an annotation, or None if any value will do.

    Parameters
    ----------
    hint : object
        An annotation: a class, a union, a mapping, a sequence or an iterable of them, a literal.

    Returns
    -------
    callable or None
        From a value to what is wrong with it, an empty text if nothing is.

    Examples
    --------
    >>> judge = judge_of(int | None)
    >>> judge(None), judge(2.0)
    ('', 'is 2.0; a whole number belongs there')
    """
    origin = get_origin(hint)
    arguments = get_args(hint)
    if origin in (Union, UnionType):
        return _judge_of_union(arguments)
    if origin is Literal:
        return _judge_of_literal(arguments)
    if origin is Callable:
        return _judge_callable
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _judge_of_mapping(arguments[1])
    if origin is tuple and Ellipsis not in arguments:
        return _judge_of_tuple(len(arguments))
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return _judge_of_iterable(origin, arguments[0])
    if isinstance(origin, type) and issubclass(origin, Generic):
        return _judge_of_class(origin)
    if hint is Callable:
        return _judge_callable
    if not isinstance(hint, type) or hint is object or getattr(hint, "_is_protocol", False):
        return None
    return _judge_of_class(hint)


def _judge_of_union(hints: Sequence[object]) -> Judge | None:
    """Return what judges values that may be of several kinds; the first of them makes the words."""
    judges = [judge_of(hint) for hint in hints if hint is not NoneType]
    optional = NoneType in hints
    if None in judges:
        return None

    def judge(value: object) -> str:
        if value is None and optional:
            return ""
        faults = [judge(value) for judge in judges if judge is not None]
        return "" if "" in faults else faults[0]

    return judge


def _judge_of_literal(choices: Sequence[object]) -> Judge:
    listed = ", ".join(map(repr, choices))

    def judge(value: object) -> str:
        if value in choices:
            return ""
        return f"is {named(value)}; one of {listed} belongs there"

    return judge


def _judge_callable(value: object) -> str:
    return "" if callable(value) else f"is {named(value)}; a function belongs there"


def _judge_of_mapping(hint: object) -> Judge:
    """Return what judges mappings by their values, unless these are read on demand."""
    of_value = judge_of(hint)
    wanted = "a mapping"
    way = ""
    if getattr(hint, "__name__", "") == "Tensor":
        wanted = "a mapping of names to tensors"
        way = ". Give symgeom.parameters(network), for instance"

    def judge(value: object) -> str:
        if not isinstance(value, Mapping):
            return f"is {named(value)}; {wanted} belongs there{way}"
        if of_value is None or isinstance(value, OnDemand):
            return ""
        for key, entry in value.items():
            fault = of_value(entry)
            if fault:
                return f"holds under {key!r} a thing that {fault}"
        return ""

    return judge


def _judge_of_tuple(count: int) -> Judge:
    """Return what judges things that belong together, by their number."""

    def judge(value: object) -> str:
        if isinstance(value, tuple | list) and len(value) == count:
            return ""
        return f"is {named(value)}; {count} things belong there, in a tuple"

    return judge


def _judge_of_iterable(kind: type, hint: object) -> Judge:
    """Return what judges several things: each of them, where they can be looked at twice."""
    of_entry = judge_of(hint)
    entries = NAMES.get(getattr(hint, "__name__", ""), "things")
    wanted = f"several of them ({entries}), in a list for instance, belong there"

    def judge(value: object) -> str:
        several = isinstance(value, kind | list | tuple)
        if not several or isinstance(value, str | bytes) or _is_one_thing(value):
            return f"is {named(value)}; {wanted}"
        if of_entry is None or not isinstance(value, Collection):
            return ""
        for index, entry in enumerate(value):
            fault = of_entry(entry)
            if fault:
                return f"holds at place {index} a thing that {fault}"
        return ""

    return judge


def _is_one_thing(value: object) -> bool:
    """Return whether a value can be iterated and is no list: a tensor, an array, a network."""
    return hasattr(value, "__array__") or hasattr(value, "named_parameters")


def _judge_of_class(kind: type) -> Judge:
    """Return what judges values by their class."""
    if kind is int:
        return _judge_integer
    if kind is float:
        return _judge_number
    if kind.__name__ == "Tensor":
        return _judge_of_tensor(kind)
    wanted = NAMES.get(kind.__name__, f"a {kind.__name__}")
    way = WAYS.get(kind.__name__, "")

    def judge(value: object) -> str:
        if isinstance(value, kind):
            return ""
        fault = f"is {named(value)}; {wanted} belongs there"
        if isinstance(value, type) and issubclass(value, kind):
            return f"{fault}. Make one: {value.__name__}(...)"
        return f"{fault}. {way}" if way else fault

    return judge


def _judge_integer(value: object) -> str:
    if isinstance(value, Integral) and not isinstance(value, bool):
        return ""
    return f"is {named(value)}; a whole number belongs there"


def _judge_number(value: object) -> str:
    if not isinstance(value, Real) or isinstance(value, bool):
        return f"is {named(value)}; a number belongs there"
    if not math.isfinite(value):
        return f"is {value}; a finite number belongs there"
    return ""


def _judge_of_tensor(kind: type) -> Judge:
    """Return what judges tensors: they are dense, and their entries can be computed with."""

    def judge(value: object) -> str:
        if not isinstance(value, kind):
            return f"is {named(value)}; a tensor belongs there. Give torch.as_tensor(...) of it"
        fault = unusual(value)
        return f"is a tensor that {fault}" if fault else ""

    return judge


def unusual(tensor: object) -> str:
    """Say why a tensor cannot be computed with, or nothing.

    Parameters
    ----------
    tensor : Tensor
        Any tensor; it is an object to those that do not load torch.

    Returns
    -------
    str
        Empty for a dense tensor with entries of an ordinary type.

    Examples
    --------
    >>> import torch
    >>> unusual(torch.ones(2)), unusual(torch.ones(2, device="meta"))
    ('', 'has no entries (device meta); load its weights first')
    """
    if getattr(tensor, "is_meta", False):
        return "has no entries (device meta); load its weights first"
    if getattr(tensor, "is_quantized", False):
        return "is quantised; give tensor.dequantize()"
    layout = str(getattr(tensor, "layout", "torch.strided"))
    if layout != "torch.strided":
        return f"is sparse ({layout}); give tensor.to_dense()"
    dtype = str(getattr(tensor, "dtype", ""))
    if "float8" in dtype:
        return f"has entries of {dtype}; cast it to torch.float32"
    if "complex" in dtype:
        return f"has entries of {dtype}; real numbers are computed with here"
    return ""


def named(value: object) -> str:
    """Name a value as a message does: by what it is, and by itself if it is short.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str
        A few words.

    Examples
    --------
    >>> named(3), named("abc"), named([1.0]), named(dict)
    ('3', "the text 'abc'", 'a list', 'the class dict')
    """
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}"
    kind = type(value).__name__
    article = "an" if kind[0].lower() in "aeiou" else "a"
    return f"{article} {kind}"
