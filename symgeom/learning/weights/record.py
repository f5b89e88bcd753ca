"""What a file of weights said: the tensors, and all that it takes to write them as they were."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ReadWeights:
    """The weights of a network, read from a file.

    Attributes
    ----------
    params : dict of str to Tensor
        Names as :func:`~symgeom.ground.types.parameters` gives them, in the precision of the file,
        at least single.
    notes : tuple of str
        What was unwrapped, renamed, cast and ignored: a sentence for each.
    metadata : mapping of str to str
        What a file of safetensors says of itself.
    names : mapping of str to str
        From a name in the network, also a second name of tied weights, to that in the file. What
        the file does not hold is left out.
    dtypes : mapping of str to torch.dtype
        The precisions in the file, by name in the network.
    form : str
        Which kind of file it is.
    tied : mapping of str to str
        From a second name of tied weights to the first one, under which they are in ``params``.
    part : tuple of str
        The keys under which the state dict lies in a larger checkpoint.
    beside : mapping of str to Tensor
        What the same state dict holds that belongs neither to the network nor to another one of
        the same names (a running average).
    masks : frozenset of str
        Names, in the network, of buffers that may hold minus infinity.
    """

    params: dict[str, Tensor]
    notes: tuple[str, ...]
    metadata: Mapping[str, str]
    names: Mapping[str, str]
    dtypes: Mapping[str, torch.dtype]
    form: str
    tied: Mapping[str, str]
    part: tuple[str, ...]
    beside: Mapping[str, Tensor]
    masks: frozenset[str] = frozenset()
