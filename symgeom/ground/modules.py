"""Run a user's module with some tensors, and say in which of its layers it failed, and why."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from types import TracebackType
from typing import NoReturn

from torch import Tensor, nn
from torch.func import functional_call

from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.checks import SymgeomError
from symgeom.ground.own_code import first_line, told
from symgeom.ground.types import Parameters
from symgeom.ground.wrappers import unwrapped


def run(module: nn.Module, params: Parameters, inputs: Inputs) -> Tensor:
    """Call a module with some tensors in the place of its own, and leave it as it was.

    It is :func:`torch.func.functional_call`, which leaves a layer that has two names in its network
    with tensors that it was lent.

    Parameters
    ----------
    module : nn.Module
        The network.
    params : Parameters
        Its tensors by their first names; those that are left out are the module's own.
    inputs : Tensor, tuple, mapping or NetworkCall
        A batch, or several arguments.

    Returns
    -------
    Tensor
        As the network returns it; what it raises passes through.

    Raises
    ------
    SymgeomError
        If one tensor of the network is given twice, under different names.

    Examples
    --------
    >>> import torch
    >>> layer = nn.Linear(1, 1, bias=False)
    >>> run(nn.Sequential(layer, layer), {"0.weight": torch.full((1, 1), 3.0)}, torch.ones(1, 1))
    tensor([[9.]])
    """
    network = unwrapped(module)
    tensors = _under_all_names(network, params)
    if isinstance(inputs, Tensor):
        return functional_call(network, tensors, (inputs,), tie_weights=False)
    call = NetworkCall.of(inputs)
    return functional_call(network, tensors, call.positional, call.keywords, tie_weights=False)


def _under_all_names(module: nn.Module, params: Parameters) -> dict[str, Tensor]:
    """Return tensors under the names of all that is tied to them, but one name for each layer."""
    tensors = {}
    first_names: dict[Tensor, str] = {}
    for path, layer in module.named_modules():
        of_layer = (
            *layer.named_parameters(path, recurse=False, remove_duplicate=False),
            *layer.named_buffers(path, recurse=False, remove_duplicate=False),
        )
        for name, tensor in of_layer:
            first = first_names.setdefault(tensor, name)
            if first in params:
                tensors[name] = params[first]
    others = params.keys() - set(first_names.values())
    if others:
        _check_given_once(module, params, first_names)
    return tensors


def _check_given_once(
    module: nn.Module, params: Parameters, first_names: Mapping[Tensor, str]
) -> None:
    """Raise if a tensor of a network is given as two tensors, under different names."""
    tensors: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    tensors |= dict(module.named_buffers(remove_duplicate=False))
    for name, tensor in tensors.items():
        first = first_names[tensor]
        if name in params and params[name] is not params.get(first):
            raise SymgeomError(
                f"Cannot run the network ({type(module).__name__}): its tensors '{first}' and "
                f"'{name}' are one (tied weights), and two are given. Give one, as '{first}'."
            )


def call_module(module: nn.Module, params: Parameters, inputs: Inputs) -> Tensor:
    """Return what a network makes of inputs with some tensors in the place of its own.

    Parameters
    ----------
    module : nn.Module
        The network; what it raises is the cause of the error that is raised here.
    params : Parameters
        Its tensors.
    inputs : Tensor, tuple, mapping or NetworkCall
        A batch, or several arguments.

    Returns
    -------
    Tensor
        As the network returns it.

    Raises
    ------
    SymgeomError
        If the network fails.

    Examples
    --------
    >>> import torch
    >>> params = {"weight": torch.full((1, 1), 2.0), "bias": torch.zeros(1)}
    >>> call_module(nn.Linear(1, 1), params, torch.ones(1, 1))
    tensor([[2.]])
    """
    try:
        return run(module, params, inputs)
    except SymgeomError:
        raise
    except Exception as error:  # the user's own code runs here
        refuse(module, inputs, error)


def copied(module: nn.Module, shared: Iterable[Tensor] = ()) -> nn.Module:
    """Copy a module, also one that holds tensors it has computed (old weight normalisation).

    What wraps the network is left out.

    Parameters
    ----------
    module : nn.Module
        The network; not modified.
    shared : iterable of Tensor
        Tensors that the copy shares.

    Returns
    -------
    nn.Module
        The copy.

    Examples
    --------
    >>> network = nn.Linear(1, 1)
    >>> network.computed = 2 * network.weight
    >>> copied(network).computed.requires_grad
    False
    """
    network = unwrapped(module)
    copies = {id(tensor): tensor for tensor in shared}
    for layer in network.modules():
        for value in vars(layer).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                copies[id(value)] = value.detach().clone()
    return deepcopy(network, copies)


def in_mode(module: nn.Module, *, training: bool) -> nn.Module:
    """Put a module in training or evaluation mode, also if its own ``train`` forgets to return it.

    Parameters
    ----------
    module : nn.Module
        The network; its mode changes.
    training : bool
        Which mode.

    Returns
    -------
    nn.Module
        The module.

    Examples
    --------
    >>> in_mode(nn.Dropout(0.5), training=False).training
    False
    """
    module.train(training)
    return module


def empty(module: nn.Module) -> None:
    """Let go of the weights of a module that is always lent others; shapes stay, buffers too.

    Parameters
    ----------
    module : nn.Module
        The network; its weights are zero afterwards, and take no memory.

    Examples
    --------
    >>> layer = nn.Linear(3, 2)
    >>> empty(layer)
    >>> layer.weight.shape, layer.weight.untyped_storage().nbytes()
    (torch.Size([2, 3]), 4)
    """
    for weight in module.parameters():
        nothing = weight.new_zeros(())
        weight.data = nothing.expand(weight.shape)


def refuse(module: nn.Module, inputs: Inputs, error: Exception) -> NoReturn:
    """Say that a network has failed.

    Parameters
    ----------
    module : nn.Module
        The network.
    inputs : Tensor, tuple, mapping or NetworkCall
        What it was given.
    error : Exception
        What it raised.

    Raises
    ------
    SymgeomError
        Always; the error is its cause.
    """
    call = NetworkCall.of(inputs)
    ways = "several of them in a tuple, or by keyword in a mapping"
    if call.keywords:
        ways += " (a mapping that is one argument: in a tuple)"
    raise SymgeomError(
        f"Cannot run the network ({type(module).__name__}) on {call.described()}: "
        f"{fault(module, error)}. Give a batch of inputs (sample, ...) as it takes them, {ways}; "
        "or correct the module."
    ) from error


def fault(module: nn.Module, error: Exception) -> str:
    """Say which layer of a network failed, and why.

    Parameters
    ----------
    module : nn.Module
        The network.
    error : Exception
        What it raised.

    Returns
    -------
    str
        The innermost layer that was running, and the first line of the error.

    Examples
    --------
    >>> fault(nn.Identity(), ValueError("no digits"))
    'its forward raises ValueError: no digits'
    """
    raised = f"raises {told(error)}"
    names = {layer: name for name, layer in module.named_modules()}
    innermost = module
    tensor = None
    step = error.__traceback__
    while step is not None:
        running = step.tb_frame.f_locals.get("self")
        if isinstance(running, nn.Module) and running in names:
            innermost = running
            tensor = _first_tensor(step)
        step = step.tb_next
    if innermost is module:
        return f"its forward {raised}"
    layer = f"layer '{names[innermost]}'"
    if type(innermost).__module__.startswith("torch.nn") and tensor is not None:
        return f"{layer} {innermost} cannot take {tuple(tensor.shape)} ({first_line(error)})"
    return f"{layer} ({type(innermost).__name__}) {raised}"


def _first_tensor(step: TracebackType) -> Tensor | None:
    """Return the first tensor among the arguments of a function."""
    code = step.tb_frame.f_code
    for name in code.co_varnames[: code.co_argcount]:
        argument = step.tb_frame.f_locals.get(name)
        if isinstance(argument, Tensor):
            return argument
    return None
