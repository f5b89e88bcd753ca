"""The head: the last trainable layer, whose common scale changes the outputs but not their order."""

from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from symgeom.symmetry.discovery.graph import Network, operation
from symgeom.symmetry.spec import Leg, UnitGroup

_PRODUCERS = {
    **dict.fromkeys(
        ["linear", "conv1d", "conv2d", "layer_norm", "rms_norm", "batch_norm"],
        (("weight", 0), ("bias", 0)),
    ),
    "addmm": (("other", 1), ("source", 0)),
    "mm": (("other", 1),),
}
"""Operations that set the scale of their result, with the arguments that carry it and an axis of each."""

_PASSING = (
    *(
        "alias",
        "clone",
        "contiguous",
        "detach",
        "to",
        "dropout",
        "flatten",
        "view",
        "reshape",
        "unflatten",
        "squeeze",
    ),
    *("relu", "leaky_relu", "softmax", "log_softmax", "mean", "max_pool1d", "max_pool2d"),
    *("avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d"),
)
"""Operations through which a common positive scale passes, or leaves the order of the outputs as it is."""


def head_group(
    program: ExportedProgram, network: Network, names: dict[Node, str]
) -> UnitGroup | None:
    """Return the head as one sphere.

    Parameters
    ----------
    program : ExportedProgram
        The graph.
    network : Network
        What was collected from it.
    names : dict of Node to str
        The names of the parameters.

    Returns
    -------
    UnitGroup or None
        None if the output is not one table (sample, class), or if its scale is not carried by
        tensors that are used only there.
    """
    (output,) = (node for node in program.graph_module.graph.nodes if node.op == "output")
    if len(output.all_input_nodes) != 1 or not _is_table(output.all_input_nodes[0]):
        return None
    node = output.all_input_nodes[0]
    name, arguments = operation(node)
    while name in _PASSING:
        node = arguments["source"]
        name, arguments = operation(node)
    carriers = [
        (arguments[key], axis)
        for key, axis in _PRODUCERS.get(name, ())
        if arguments.get(key) is not None
    ]
    tensors = [(names.get(carrier), axis, carrier) for carrier, axis in carriers]
    if not tensors or any(
        name is None or name in network.buffers or network.uses[name] > 1 for name, *_ in tensors
    ):
        return None
    legs = tuple(
        Leg(name, axis, block=carrier.meta["val"].shape[axis]) for name, axis, carrier in tensors
    )
    return UnitGroup("head", 1, legs, "positive", permute=False, exact_for="error")


def _is_table(node: Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.ndim == 2
