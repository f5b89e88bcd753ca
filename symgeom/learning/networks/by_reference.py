"""A network that is named as on the command line: a module, and a name in it."""

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType

import torch
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.torchvision_door import OPERATORS_MISSING, import_torchvision
from symgeom.learning.networks.timm_door import TIMM, timm_factory


def network_of(module: str, name: str, options: Mapping[str, object], *, seed: int) -> nn.Module:
    """Import a network, or make one whose weights come from a seed.

    Parameters
    ----------
    module : str
        The path of a Python module, also one in the current folder; or ``timm``.
    name : str
        What of it: a network, or a function or class that makes one; of timm, the name of one.
    options : mapping of str to object
        Arguments of the function.
    seed : int
        Of the weights.

    Returns
    -------
    nn.Module
        The network.

    Raises
    ------
    SymgeomError
        If it cannot be imported, or is no network and makes none.

    Examples
    --------
    >>> network_of("torch.nn", "Linear", {"in_features": 2, "out_features": 3}, seed=0)
    Linear(in_features=2, out_features=3, bias=True)
    """
    failure = f"Cannot use network '{module}:{name}'"
    imported = timm_factory(name) if module == TIMM else _imported(module, name, failure)
    if isinstance(imported, nn.Module) and not options:
        return imported
    if isinstance(imported, nn.Module) or not callable(imported):
        unused = " and takes no options" if options else ""
        raise SymgeomError(
            f"{failure}: it is an object of type {type(imported).__name__}{unused}. Give a "
            "function or class that returns a torch.nn.Module, or a network without options."
        )
    # Factories draw from the global generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = imported(**(_randomness(imported, seed) | dict(options)))
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


def _imported(module: str, name: str, failure: str) -> object:
    """Import what a name of a module stands for."""
    try:
        return getattr(_import(module), name)
    except Exception as error:  # the user's own code runs here
        raise SymgeomError(
            f"{failure}: {_cause(error)}. Give a module that can be imported from here, and a name "
            "in it."
        ) from error


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
