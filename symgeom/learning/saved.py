"""Write what torch saves whole, or not at all."""

from pathlib import Path

import torch

from symgeom.ground.whole_files import whole


def save_whole(path: str | Path, content: object) -> None:
    """Write a file as ``torch.save`` does, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made if need be.
    content : object
        What to save.

    Raises
    ------
    SymgeomError
        If it cannot be written: a full disk, no such place, no rights.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.pt"
    >>> save_whole(path, {"w": torch.ones(1)})
    >>> torch.load(path)
    {'w': tensor([1.])}
    """
    with whole(path) as partial, open(partial, "wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            # Behind a complaint of its own, torch hides why writing failed.
            reason = error.__context__ or error
            raise reason from None
