"""Write weights to a file, in the form of the one that they were read from.

Names, precisions and metadata are those of that file, and what lay beside the weights in their
state dict stays: what fitted the network before still does, because it computes the same function.
What lay beside the state dict (epochs, the state of an optimizer) is left out, because it would not
fit, and so are other networks of the same names.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_finite, names_shown
from symgeom.ground.doors import door
from symgeom.ground.types import Parameters
from symgeom.ground.whole_files import whole
from symgeom.learning.saved import save_whole
from symgeom.learning.weights.files import check_ending
from symgeom.learning.weights.record import ReadWeights

SAFETENSORS = ".safetensors"
BY_TORCH = {"format": "pt"}
"""What libraries look for in the metadata of safetensors."""


@door
def write_weights(
    path: str | Path,
    params: Parameters,
    like: ReadWeights | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write the weights of a network to a file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        ``*.safetensors``, or ``*.pt``, ``*.pth``, ``*.bin``, ``*.ckpt`` for ``torch.save``.
    params : Parameters
        The weights, under the names of the network.
    like : ReadWeights, optional
        What was read of the file whose names, precisions and metadata the new one shall have.
        Without it, names and precisions are those of ``params``.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    SymgeomError
        If the name has another ending, the file exists, a tensor is missing, has another shape or
        does not fit its precision, or the file cannot be written.

    Examples
    --------
    >>> import symgeom, tempfile
    >>> network = torch.nn.Linear(3, 2)
    >>> path = Path(tempfile.mkdtemp()) / "linear.pt"
    >>> torch.save({"model": network.half().state_dict()}, path)
    >>> weights = symgeom.read_checkpoint(path, network)
    >>> write_weights(path, weights.params, weights, overwrite=True)
    >>> torch.load(path)["model"]["weight"].dtype
    torch.float16
    """
    path = Path(path)
    _check_place(path, overwrite=overwrite)
    state = dict(params)
    keys: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    masks: set[str] = set()
    if like is not None:
        state = _as_before(params, like)
        keys = like.part
        metadata = like.metadata
        masks = {like.names[name] for name in like.masks}
    check_finite(state, "these weights in the precision of the file", masks=masks)
    if like is not None:
        state = {**like.beside, **state}
    if path.suffix == SAFETENSORS:
        _save_safetensors(path, state, {**BY_TORCH, **metadata})
        return
    content: Mapping[str, object] = _alone(state, tied=True)
    for key in reversed(keys):
        content = {key: content}
    save_whole(path, content)


def _check_place(path: Path, *, overwrite: bool) -> None:
    """Raise unless a file can be written in a form that is known."""
    check_ending(path)
    if path.exists() and not overwrite:
        raise SymgeomError(
            f"Cannot write weights to '{path}': it exists. Give another name, or replace it "
            "(overwrite=True)."
        )


def _as_before(params: Parameters, like: ReadWeights) -> dict[str, Tensor]:
    """Return weights under the names and in the precisions of the file they were read from."""
    lacking = sorted(like.params.keys() - params.keys())
    if lacking:
        raise SymgeomError(
            f"Cannot write these weights as they were read: tensors missing {names_shown(lacking)}."
            " Give all tensors of the network."
        )
    state: dict[str, Tensor] = {}
    converted: dict[tuple[str, torch.dtype], Tensor] = {}
    for name, held in like.names.items():
        first = like.tied.get(name, name)
        key = (first, like.dtypes[name])
        tensor = params[first]
        if tensor.shape != like.params[first].shape:
            raise SymgeomError(
                f"Cannot write these weights as they were read: tensor '{first}' has shape "
                f"{tuple(tensor.shape)}, expected {tuple(like.params[first].shape)}."
            )
        if key not in converted:
            converted[key] = tensor.detach().to("cpu", like.dtypes[name])
        state[held] = converted[key]
    return state


def _alone(state: Mapping[str, Tensor], *, tied: bool) -> dict[str, Tensor]:
    """Return tensors that lie in memory of their own, except those that are one if ``tied``."""
    alone: dict[str, Tensor] = {}
    written: dict[tuple[object, ...], Tensor] = {}
    for name, tensor in state.items():
        compact = tensor.detach().cpu().contiguous()
        key = (compact.data_ptr(), compact.dtype, compact.shape)
        if key in written and tied:
            alone[name] = written[key]
            continue
        is_view = compact.untyped_storage().nbytes() != compact.nbytes
        alone[name] = compact.clone() if is_view or key in written else compact
        written[key] = alone[name]
    return alone


def _save_safetensors(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    with whole(path) as partial:
        try:
            save_file(_alone(state, tied=False), partial, metadata=dict(metadata))
        except SafetensorError as error:
            raise OSError(str(error)) from error
