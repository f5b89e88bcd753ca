"""Names under which a library saves a network that calls its tensors otherwise.

Hugging Face has renamed the layers of many networks, and still writes the names that their files
had before. Which these are, only the library knows.
"""

from collections.abc import Mapping

from torch import Tensor, nn

LIBRARY = "transformers."
"""How the modules begin in which such networks are defined."""


def library_names(network: nn.Module) -> dict[str, str]:
    """Return what a library calls the tensors of a network in its files.

    Parameters
    ----------
    network : nn.Module
        The network.

    Returns
    -------
    dict of str to str
        From every name in the network to that in a file; empty if names are kept, or if files of
        the library hold other tensors than the network.

    Examples
    --------
    >>> library_names(nn.Linear(3, 2))
    {}
    """
    if not type(network).__module__.startswith(LIBRARY):
        return {}
    state = network.state_dict()
    saved = _as_saved(network, state)
    names = {id(tensor): name for name, tensor in saved.items()}
    if any(id(tensor) not in names for tensor in state.values()):
        return {}
    return {name: names[id(tensor)] for name, tensor in state.items()}


def _as_saved(network: nn.Module, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return a state dict as the library writes it."""
    try:
        from transformers.core_model_loading import revert_weight_conversion
    except ImportError:  # before version 5 names were kept
        return state
    return revert_weight_conversion(network, dict(state))
