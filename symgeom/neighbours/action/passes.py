"""What the layers above a group read, before and after its units are mixed.

In the mixed network the layers above return what they returned before: so will the moved network,
and what lies beyond them, the way back to the units included, sees no difference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import call_module
from symgeom.ground.types import Parameters
from symgeom.neighbours.action.layers import READS, Reader


@dataclass(frozen=True, eq=False)
class Call:
    """What a layer read and returned."""

    inputs: Tensor
    outputs: Tensor


class Observer:
    """Runs a network on a batch, and records what some of its layers read and return.

    Parameters
    ----------
    module : nn.Module
        The network, in evaluation mode; hooks are on it while it runs.
    inputs : Tensor, shape (sample, ...)
        The batch.
    """

    def __init__(self, module: nn.Module, inputs: Tensor) -> None:
        self._module = module
        self._inputs = inputs

    def calls(
        self, params: Parameters, layers: set[str], returned: Mapping[str, Call] | None = None
    ) -> dict[str, Call]:
        """Run the network with some weights.

        Parameters
        ----------
        params : Parameters
            The weights.
        layers : set of str
            Names of the layers to record.
        returned : mapping of str to Call, optional
            What the layers return, in the place of what they compute.

        Returns
        -------
        dict of str to Call
            By layer.

        Raises
        ------
        SymgeomError
            If a layer is not called once.
        """
        calls: dict[str, list[Call]] = {name: [] for name in layers}
        hooks = []
        for name in layers:
            outputs = None if returned is None else returned[name].outputs
            layer = self._module.get_submodule(name)
            hooks.append(layer.register_forward_hook(_recorder(calls[name], outputs)))
        try:
            call_module(self._module, params, self._inputs)
        finally:
            for hook in hooks:
                hook.remove()
        _check_called_once(calls)
        return {name: single for name, (single,) in calls.items()}


def columns_of(reader: Reader, module: nn.Module, call: Call) -> Tensor:
    """Return what a layer above reads of the units, at all its positions.

    Parameters
    ----------
    reader : Reader
        The layer.
    module : nn.Module
        The network.
    call : Call
        What went into it.

    Returns
    -------
    Tensor, shape (entry, sample * position)
        Positions of a sample lie together.
    """
    axis = READS[type(module.get_submodule(reader.layer))]
    inputs = call.inputs
    return reader.segment(inputs, axis % inputs.ndim).flatten(1)


def _recorder(calls: list[Call], outputs: Tensor | None) -> Callable[..., Tensor | None]:
    """Return a hook that records what a layer reads, and may replace what it returns."""

    def record(_layer: nn.Module, inputs: tuple[Tensor], computed: Tensor) -> Tensor | None:
        calls.append(Call(inputs[0], computed))
        return outputs

    return record


def _check_called_once(calls: Mapping[str, list[Call]]) -> None:
    """Raise unless the network calls each layer once."""
    for name, calls_of_layer in calls.items():
        if len(calls_of_layer) != 1:
            raise SymgeomError(
                f"Cannot mix units that layer '{name}' reads: the network calls it "
                f"{len(calls_of_layer)} times, and the move needs to know the one vector that it "
                "reads of each position. Write the network so that it calls each layer once."
            )
