"""The names and shapes of a network's tensors, by which other architectures are refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from symgeom.ground.checks import SHOWN, SymgeomError, names_shown
from symgeom.ground.wrappers import unwrapped


def check_same_tensors(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], what: str
) -> None:
    """Raise unless two networks have the same tensors with the same shapes.

    Parameters
    ----------
    tensors, expected : mapping of str to Tensor
        Two networks; only names and shapes are compared.
    what : str
        What is compared, for the message ("the network to align").

    Raises
    ------
    SymgeomError
        If a name is missing, superfluous, or has another shape, or numbers are whole in one network
        and real in the other.

    Examples
    --------
    >>> import torch
    >>> check_same_tensors({"w": torch.ones(2)}, {"w": torch.zeros(2)}, "the network to align")
    """
    difference = difference_of(tensors, shapes_of(expected)) or _other_kind(tensors, expected)
    if difference:
        raise SymgeomError(
            f"Cannot compare {what} with its reference: {difference}. Both networks must have the "
            "same architecture."
        )


def _other_kind(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Say which tensor is of whole numbers in one network and of real ones in the other."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() != expected[name].is_floating_point():
            return f"tensor '{name}' is of {tensor.dtype}, expected {expected[name].dtype}"
    return ""


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors of a network.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        One network.

    Returns
    -------
    dict of str to tuple of int
        By name.

    Examples
    --------
    >>> import torch
    >>> shapes_of({"w": torch.ones(2, 3)})
    {'w': (2, 3)}
    """
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def difference_of(
    tensors: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    optional: Collection[str] = (),
) -> str:
    """Say how the names and shapes of tensors differ from those of an architecture.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        One network.
    shapes : mapping of str to tuple of int
        Those of the architecture.
    optional : collection of str
        Names that may be left out.

    Returns
    -------
    str
        The first differences, and the way to names that fit where one is seen; empty if there is
        no difference.

    Examples
    --------
    >>> import torch
    >>> difference_of({"w": torch.ones(2)}, {"w": (2,)})
    ''
    >>> difference_of({"module.w": torch.ones(2)}, {"w": (2,)})
    "tensors missing ['w'], tensors not expected ['module.w']; they begin with 'module.': \
remove it ({name.removeprefix('module.'): tensor for name, tensor in tensors.items()})"
    """
    if not isinstance(tensors, Mapping):
        return f"it is of type {type(tensors).__name__} and not a mapping of names to tensors"
    missing = sorted(shapes.keys() - tensors.keys() - set(optional))
    extra = sorted(tensors.keys() - shapes.keys())
    other: list[str] = []
    for name, shape in shapes.items():
        if name in tensors and tensors[name].shape != shape:
            other.append(
                f"tensor '{name}' has shape {tuple(tensors[name].shape)}, expected {shape}"
            )
    faults: list[str] = []
    if missing:
        faults.append(f"tensors missing {names_shown(missing)}")
    if extra:
        faults.append(f"tensors not expected {names_shown(extra)}")
    faults.extend(other[:SHOWN])
    return ", ".join(faults) + _way_to_names(missing, extra)


@dataclass(frozen=True)
class Architecture:
    """The tensors of a module, by which its networks are recognised.

    Attributes
    ----------
    module : str
        The name of its class.
    shapes : mapping of str to tuple of int
        Of all parameters and buffers, under all their names.
    optional : frozenset of str
        Names that a network may leave out: second names of shared tensors, counters, and buffers
        that the module does not save.
    weights : frozenset of str
        Names of the parameters, which are real numbers.
    masks : frozenset of str
        Names of the buffers that may hold minus infinity, as masks do: all but the statistics of
        norms.
    """

    module: str
    shapes: Mapping[str, tuple[int, ...]]
    optional: frozenset[str]
    weights: frozenset[str] = frozenset()
    masks: frozenset[str] = frozenset()

    @classmethod
    def of(cls, module: nn.Module) -> Architecture:
        """Return the architecture of a module.

        Parameters
        ----------
        module : nn.Module
            Any network; of one that wraps another, the one inside.

        Returns
        -------
        Architecture
            Names and shapes; no tensor is held.

        Examples
        --------
        >>> from torch import nn
        >>> Architecture.of(nn.Linear(3, 2, bias=False)).shapes
        {'weight': (2, 3)}
        """
        module = unwrapped(module)
        first_names = dict(module.named_parameters()) | dict(module.named_buffers())
        saved = module.state_dict()
        parameters = dict(module.named_parameters(remove_duplicate=False))
        buffers = dict(module.named_buffers(remove_duplicate=False))
        optional = (parameters.keys() | buffers.keys()) - first_names.keys()
        for name, buffer in buffers.items():
            if name not in saved or not buffer.is_floating_point():
                optional.add(name)
        shapes = shapes_of({**parameters, **buffers})
        return cls(
            module=type(module).__name__,
            shapes=shapes,
            optional=frozenset(optional),
            weights=frozenset(parameters),
            masks=frozenset(buffers) - _statistics(module),
        )

    def check(self, tensors: Mapping[str, Tensor]) -> None:
        """Raise unless tensors are a network of this architecture.

        Parameters
        ----------
        tensors : mapping of str to Tensor
            One network.

        Raises
        ------
        SymgeomError
            If a name is missing, superfluous, or has another shape.

        Examples
        --------
        >>> import torch
        >>> Architecture("Linear", {"weight": (2, 3)}, frozenset()).check({})
        Traceback (most recent call last):
            ...
        symgeom.ground.checks.SymgeomError: Cannot use these weights in the network (Linear): \
tensors missing ['weight']. Give the weights of this architecture, as parameters(module) names them.
        """
        difference = ""
        if not isinstance(tensors, Mapping) or not _agree(tensors, self.shapes):
            difference = difference_of(tensors, self.shapes, self.optional)
        difference = difference or self._whole_numbers(tensors)
        if difference:
            raise SymgeomError(
                f"Cannot use these weights in the network ({self.module}): {difference}. Give the "
                "weights of this architecture, as parameters(module) names them."
            )

    def _whole_numbers(self, tensors: Mapping[str, Tensor]) -> str:
        """Say which weights are of whole numbers, or nothing."""
        for name, tensor in tensors.items():
            if name in self.weights and not tensor.is_floating_point():
                return f"tensor '{name}' is of {tensor.dtype}, and weights are real numbers"
        return ""


def _statistics(module: nn.Module) -> set[str]:
    """Return the names of the statistics of norms."""
    names: set[str] = set()
    for path, layer in module.named_modules(remove_duplicate=False):
        if isinstance(layer, _NormBase):
            names.update(name for name, _ in layer.named_buffers(prefix=path))
    return names


def _agree(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether names and shapes are the same, quickly: steps of training ask for it."""
    if tensors.keys() != shapes.keys():
        return False
    return all(tensors[name].shape == shape for name, shape in shapes.items())


def _way_to_names(missing: Sequence[str], extra: Sequence[str]) -> str:
    """Say what makes superfluous names the missing ones: a prefix to remove, or a near name."""
    if not missing or not extra:
        return ""
    suffix = missing[0]
    wrapped = [name for name in extra if name.endswith(f".{suffix}")]
    prefix = wrapped[0].removesuffix(suffix) if wrapped else ""
    if prefix and all(name.startswith(prefix) for name in extra):
        return (
            f"; they begin with '{prefix}': remove it "
            f"({{name.removeprefix('{prefix}'): tensor for name, tensor in tensors.items()}})"
        )
    near = get_close_matches(suffix, extra, n=1)
    return f"; '{near[0]}' may be meant to be '{suffix}'" if near else ""
