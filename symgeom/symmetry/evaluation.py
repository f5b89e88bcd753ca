"""The outputs of a network as a function of its parameters, for certificates."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import call_module, copied, in_mode
from symgeom.ground.types import Parameters
from symgeom.symmetry.visibility import USUAL

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}
"""Relative change of the outputs that rounding explains.

It is about 5e5 units of the last place in float64, and 8e2 in float32. In float16 and bfloat16
rounding alone would explain nearly any change: such weights are tested in float64, which holds each
of them exactly.
"""

FEW = 2
"""Samples at which the outputs are differentiated."""


class Evaluation:
    """The outputs of a network as a function of its parameters.

    Parameters
    ----------
    module : nn.Module
        The network; evaluated in eval mode, not modified.
    params : Parameters
        What says the precision: float32 or float64.
    inputs : Tensor, tuple, mapping or NetworkCall
        The samples, or several arguments, and which outputs are looked at.

    Attributes
    ----------
    tolerance : float
        Relative change of the outputs that rounding explains, in this precision.
    least_effect : float
        Relative change of the outputs that stands out of rounding by far.
    what : str
        How sentences about the network begin.

    Examples
    --------
    >>> params = {"weight": torch.full((1, 1), 2.0), "bias": torch.zeros(1)}
    >>> Evaluation(nn.Linear(1, 1), params, torch.ones(1, 1)).outputs(params)
    [tensor([[2.]])]
    """

    def __init__(self, module: nn.Module, params: Parameters, inputs: Inputs) -> None:
        precision = precision_of_test(params)
        self.tolerance = TOLERANCE[precision]
        self.least_effect = 1000 * USUAL * torch.finfo(precision).eps
        self.module = in_mode(_light_copy(module), training=False)
        self.inputs = NetworkCall.of(inputs).in_precision(precision)
        self.what = f"Cannot certify the network ({type(module).__name__})"

    def first(self, params: Parameters) -> list[Tensor]:
        """Evaluate, and raise unless certificates can be read off the outputs.

        Parameters
        ----------
        params : Parameters
            One network.

        Returns
        -------
        list of Tensor
            The outputs.

        Raises
        ------
        SymgeomError
            If no output is of real numbers, all are zero, or one is not finite.
        """
        first = self.outputs(params)
        if not first:
            raise SymgeomError(
                f"{self.what}: none of its outputs is of real numbers, so that no change could be "
                "seen. Let it return what its choices are made of (logits)."
            )
        if not all(is_ordinary(tensor) for tensor in first):
            raise SymgeomError(
                f"{self.what}: its outputs are all zero, or not finite, so that no change could be "
                "seen. Give weights and inputs that lead to ordinary outputs."
            )
        return first

    def check_repeats(self, params: Parameters, before: list[Tensor]) -> None:
        """Raise if a network is random, which explains outputs that differ.

        Parameters
        ----------
        params : Parameters
            One network.
        before : list of Tensor
            Its outputs.

        Raises
        ------
        SymgeomError
            If its outputs are others now.
        """
        again = self.outputs(params)
        if not all(map(_same, before, again)):
            raise SymgeomError(
                f"{self.what}: two evaluations on one input in eval mode differ. Turn off what is "
                "random (a dropout that ignores eval mode, a sampled layer)."
            )

    def outputs(self, params: Parameters) -> list[Tensor]:
        """Return the floating-point outputs of the network with some weights.

        Parameters
        ----------
        params : Parameters
            One network.

        Returns
        -------
        list of Tensor
            Constants to automatic differentiation.
        """
        with torch.no_grad():
            return self._run(params, self.inputs)

    def outputs_of_few(self, params: Parameters) -> list[Tensor]:
        """Return the outputs of a few samples, which can be differentiated.

        Parameters
        ----------
        params : Parameters
            One network.

        Returns
        -------
        list of Tensor
            As :meth:`outputs`.
        """
        return self._run(params, self.inputs.few(FEW))

    def weights(self, params: Parameters) -> list[str]:
        """Return the names of the real parameters.

        Parameters
        ----------
        params : Parameters
            One network.

        Returns
        -------
        list of str
            Without buffers.
        """
        names = []
        for name, _ in self.module.named_parameters():
            if params[name].is_floating_point():
                names.append(name)
        return names

    def _run(self, params: Parameters, call: NetworkCall) -> list[Tensor]:
        result = call_module(self.module, params, call)
        tensors = call.tensors_asked(result)
        return _floating(tensors)


def precision_of_test(params: Parameters) -> torch.dtype:
    """Return the precision in which a network is tested.

    Parameters
    ----------
    params : Parameters
        One network.

    Returns
    -------
    torch.dtype
        Float32 if all its weights are of it, else float64: what is float16, bfloat16 or of several
        precisions is an exact number there, too.

    Raises
    ------
    SymgeomError
        If it has no tensor of real numbers.

    Examples
    --------
    >>> precision_of_test({"weight": torch.ones(1, dtype=torch.bfloat16)})
    torch.float64
    """
    dtypes = {tensor.dtype for tensor in _floating(params.values())}
    if not dtypes:
        raise SymgeomError(
            "Cannot certify a network that has no tensor of real numbers: nothing in it can be "
            "moved. Give one that has weights."
        )
    return torch.float32 if dtypes == {torch.float32} else torch.float64


def _light_copy(module: nn.Module) -> nn.Module:
    """Copy modes and buffers, and share parameters, which every evaluation replaces."""
    return copied(module, module.parameters())


def _same(before: Tensor, again: Tensor) -> bool:
    """Return whether outputs are equal; what is no number is equal to itself."""
    return torch.equal(before.nan_to_num(), again.nan_to_num())


def _floating(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor for tensor in tensors if tensor.is_floating_point()]


def is_ordinary(tensor: Tensor) -> bool:
    """Return whether outputs are finite, and not all of them zero.

    Parameters
    ----------
    tensor : Tensor
        Outputs.

    Returns
    -------
    bool
        Whether a change could be seen in them.

    Examples
    --------
    >>> is_ordinary(torch.zeros(2))
    False
    """
    return bool(tensor.isfinite().all()) and bool(tensor.any())
