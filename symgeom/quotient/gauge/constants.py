"""Inputs that never change say nothing: what they contribute to the first layer belongs to its bias.

A border pixel that is 0 in all samples leaves its incoming weights undetermined: they stay where
the initialisation put them and count as distance between networks that compute the same. A constant
input :math:`x_j = c_j` contributes :math:`w_j c_j` to a unit, which moves into the bias; the weight
becomes zero.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from symgeom.ground.checks import SymgeomError, check_finite
from symgeom.ground.types import Parameters, cast
from symgeom.quotient.torus import is_bias
from symgeom.symmetry.discovery.capture import tensors_of
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec

ROUNDING = 1e-10
"""Relative change of the outputs that rounding explains."""


def absorb_constant_inputs(
    spec: SymmetrySpec, params: Parameters, inputs: Tensor, *, module: nn.Module | None = None
) -> tuple[dict[str, Tensor], list[int]]:
    """Move the contribution of inputs that have one value over all samples into the bias of the first layer.

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
    >>> absorb_constant_inputs(spec, network, torch.tensor([[2.0, 0.0], [2.0, 1.0]]))
    ({'0.weight': tensor([[0., 7.]], dtype=torch.float64), '0.bias': tensor([10.], dtype=torch.float64)}, [0])
    """
    check_spec(spec, params)
    check_finite(dict(params) | {"inputs": inputs}, "the network and its inputs")
    if len(inputs) < 2:
        raise SymgeomError(
            f"Cannot tell which inputs are constant from {len(inputs)} samples: give all of the data."
        )
    flat = inputs.flatten(1).double()
    constant = (flat == flat[0]).all(0)
    result, absorbed = cast(params, torch.float64), constant.nonzero().flatten().tolist()
    for weight, bias in _readers(spec, params, flat.shape[1]):
        matrix = result[weight.tensor].movedim(weight.axis, 0).clone()
        if bias is None and (matrix[:, constant] * flat[0, constant]).any():
            raise SymgeomError(
                f"Cannot absorb the constant inputs {absorbed}: some are not zero, and the first layer's tensor "
                f"'{weight.tensor}' has no bias to take their contribution. Subtract the constants from the data first, or give "
                "the layer a bias."
            )
        if bias is not None:
            result[bias] = result[bias] + matrix[:, constant] @ flat[0, constant]
        matrix[:, constant] = 0
        result[weight.tensor] = matrix.movedim(0, weight.axis)
    if module is not None:
        _check_outputs(module, cast(params, torch.float64), result, inputs)
    return result, absorbed


def _readers(spec: SymmetrySpec, params: Parameters, features: int) -> list[tuple[Leg, str | None]]:
    """Return the matrices that read the inputs, each with its bias."""
    first = spec.groups[:1]
    families = [
        group
        for group in spec.groups
        if group in first or group.name.startswith(f"{first[0].name}.scale")
    ]
    claimed = {(leg.tensor, leg.axis) for group in spec.groups for leg in group.legs}
    found: dict[str, tuple[Leg, str | None]] = {}
    for group in families:
        for leg in group.incoming():
            shape = params[leg.tensor].shape
            if (
                len(shape) == 2
                and shape[1 - leg.axis] == features
                and (leg.tensor, 1 - leg.axis) not in claimed
            ):
                found[leg.tensor] = leg, _bias_of(leg, group, params)
    if not found:
        shapes = {
            leg.tensor: tuple(params[leg.tensor].shape)
            for group in families
            for leg in group.incoming()
        }
        raise SymgeomError(
            f"Cannot absorb constant inputs: none of the tensors {shapes} that feed the first group is a matrix that reads the "
            f"{features} flattened inputs (the weights of a convolution read many pixels each). Keep these inputs as they are."
        )
    return list(found.values())


def _bias_of(weight: Leg, group: UnitGroup, params: Parameters) -> str | None:
    """Return the bias that follows a matrix in the order of use."""
    after = list(group.legs[group.legs.index(weight) + 1 :])
    following = next((leg for leg in after if leg.tensor != weight.tensor), None)
    if following is None or not is_bias(following, params):
        return None
    return (
        following.tensor
        if len(params[following.tensor]) == params[weight.tensor].shape[weight.axis]
        else None
    )


def _check_outputs(
    module: nn.Module, before: Parameters, after: Parameters, inputs: Tensor
) -> None:
    """Raise if the outputs on the inputs are not the same."""
    network = deepcopy(module).double().eval()
    with torch.no_grad():
        first, second = (
            torch.cat(
                [
                    tensor.flatten()
                    for tensor in tensors_of(
                        functional_call(network, dict(theta), (inputs.double(),))
                    )
                ]
            )
            for theta in (before, after)
        )
    change = float((second - first).abs().max() / first.abs().max())
    if not change <= ROUNDING:
        raise SymgeomError(
            f"Cannot absorb constant inputs: the outputs of the network ({type(module).__name__}) change by {change:.2g} of "
            "their size, so that its first layer reads something else as well, or the inputs in another order. Keep these inputs "
            "as they are."
        )
