"""Inputs that never change: what they contribute moves into the bias of the first layer.

A border pixel that is 0 in all samples leaves its incoming weights undetermined: they stay where
the initialisation put them and count as distance between networks that compute the same. A constant
input :math:`x_j = c_j` contributes :math:`w_j c_j` to a unit, which moves into the bias; the weight
becomes zero.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from symgeom.ground.architecture import Architecture
from symgeom.ground.checks import SymgeomError, check_finite, check_samples
from symgeom.ground.doors import door
from symgeom.ground.modules import call_module, copied, in_mode
from symgeom.ground.types import Parameters, cast
from symgeom.quotient.torus import is_bias
from symgeom.symmetry.discovery.capture import tensors_of
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec

ROUNDING = 1e-10
"""Relative change of the outputs that rounding explains."""


@door
def absorb_constant_inputs(
    spec: SymmetrySpec, params: Parameters, inputs: Tensor, *, module: nn.Module | None = None
) -> tuple[dict[str, Tensor], list[int]]:
    """Move what constant inputs contribute into the bias of the first layer.

    An input is constant if it has one value over all samples.

    The first layer is found in the spec: the matrices that feed the first group (and its further
    scalings) and whose other axis has the length of the flattened inputs and belongs to no group.
    The function is kept on all data with the same constants, also if the inputs are read again
    further on (by tensors that are left as they are), provided that these matrices read the inputs
    as they are and nothing else; give the module to have that tested.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    params : Parameters
        One network; not modified.
    inputs : Tensor, shape (sample, ...)
        All data that the network is used on, at least two samples.
    module : nn.Module, optional
        The network: its outputs on ``inputs`` must stay as they are.

    Returns
    -------
    params : dict of str to Tensor
        The network, in float64.
    absorbed : list of int
        The constant inputs, numbered as in the flattened sample.

    Raises
    ------
    SymgeomError
        If no matrix reads the flattened inputs (a convolution, say), if there is no bias to take a
        constant other than zero, if there are fewer than two samples, if weights or inputs are not
        finite, or if the outputs of the module change.

    Examples
    --------
    >>> from symgeom.symmetry.spec import UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 1, (Leg("0.weight", 0), Leg("0.bias", 0))),))
    >>> network = {"0.weight": torch.tensor([[5.0, 7.0]]), "0.bias": torch.zeros(1)}
    >>> inputs = torch.tensor([[2.0, 0.0], [2.0, 1.0]])
    >>> weights, absorbed = absorb_constant_inputs(spec, network, inputs)
    >>> weights["0.weight"], weights["0.bias"]
    (tensor([[0., 7.]], dtype=torch.float64), tensor([10.], dtype=torch.float64))
    >>> absorbed
    [0]
    """
    check_spec(spec, params)
    check_finite(params, "the network", masks=spec.constants)
    check_samples(inputs, axes=2)
    if module is not None:
        Architecture.of(module).check(params)
    if len(inputs) < 2:
        raise SymgeomError(
            f"Cannot tell which inputs are constant from {len(inputs)} samples: give all of the "
            "data."
        )
    flat = inputs.flatten(1).double()
    constant = (flat == flat[0]).all(0)
    absorbed = constant.nonzero().flatten().tolist()
    before = cast(params, torch.float64)
    result = dict(before)
    for reader in _readers(spec, params, flat.shape[1]):
        weight = reader.weight
        matrix = result[weight.tensor].movedim(weight.axis, 0).clone()
        if reader.bias is not None:
            contribution = matrix[:, constant] @ flat[0, constant]
            result[reader.bias] = result[reader.bias] + contribution
        elif (matrix[:, constant] * flat[0, constant]).any():
            raise SymgeomError(
                f"Cannot absorb the constant inputs {absorbed}: some are not zero, and the first "
                f"layer's tensor '{weight.tensor}' has no bias to take their contribution. "
                "Subtract the constants from the data first, or give the layer a bias."
            )
        matrix[:, constant] = 0
        result[weight.tensor] = matrix.movedim(0, weight.axis)
    if module is not None:
        _check_outputs(module, before, result, inputs)
    return result, absorbed


@dataclass(frozen=True)
class _Reader:
    """A matrix that reads the inputs, and the name of its bias."""

    weight: Leg
    bias: str | None


def _readers(spec: SymmetrySpec, params: Parameters, features: int) -> list[_Reader]:
    """Return the matrices that read the inputs."""
    claimed = set()
    for group in spec.groups:
        claimed |= {(leg.tensor, leg.axis) for leg in group.legs}
    shapes: dict[str, tuple[int, ...]] = {}
    readers: dict[str, _Reader] = {}
    for group in _first_groups(spec):
        for leg in group.incoming():
            shape = tuple(params[leg.tensor].shape)
            shapes[leg.tensor] = shape
            other_axis = 1 - leg.axis
            if len(shape) != 2 or shape[other_axis] != features:
                continue
            if (leg.tensor, other_axis) not in claimed:
                readers[leg.tensor] = _Reader(leg, _bias_of(leg, group, params))
    if not readers:
        raise SymgeomError(
            f"Cannot absorb constant inputs: none of the tensors {shapes} that feed the first "
            f"group is a matrix that reads the {features} flattened inputs (the weights of a "
            "convolution read many pixels each). Keep these inputs as they are."
        )
    return list(readers.values())


def _first_groups(spec: SymmetrySpec) -> list[UnitGroup]:
    """Return the first group and its further scalings."""
    first_groups: list[UnitGroup] = []
    for group in spec.groups:
        if not first_groups or group.name.startswith(f"{first_groups[0].name}.scale"):
            first_groups.append(group)
    return first_groups


def _bias_of(weight: Leg, group: UnitGroup, params: Parameters) -> str | None:
    """Return the bias that follows a matrix in the order of use."""
    position = group.legs.index(weight)
    after = [leg for leg in group.legs[position + 1 :] if leg.tensor != weight.tensor]
    if not after or not is_bias(after[0], params):
        return None
    bias = after[0].tensor
    units = params[weight.tensor].shape[weight.axis]
    if len(params[bias]) != units:
        return None
    return bias


def _check_outputs(
    module: nn.Module, before: Parameters, after: Parameters, inputs: Tensor
) -> None:
    """Raise if the outputs on the inputs are not the same."""
    network = in_mode(copied(module).double(), training=False)
    first = _outputs(network, before, inputs.double())
    second = _outputs(network, after, inputs.double())
    change = float((second - first).abs().max() / first.abs().max())
    if not change <= ROUNDING:
        raise SymgeomError(
            f"Cannot absorb constant inputs: the outputs of the network ({type(module).__name__}) "
            f"change by {change:.2g} of their size, so that its first layer reads something else "
            "as well, or the inputs in another order. Keep these inputs as they are."
        )


def _outputs(network: nn.Module, params: Parameters, inputs: Tensor) -> Tensor:
    """Return all outputs of a network as one vector."""
    with torch.no_grad():
        outputs = call_module(network, params, inputs)
    tensors = [tensor.flatten() for tensor in tensors_of(outputs)]
    return torch.cat(tensors)
