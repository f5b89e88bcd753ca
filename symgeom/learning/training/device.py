"""Where to compute."""

import torch

from symgeom.ground.checks import SymgeomError, check_choice


def choose_device(name: str) -> torch.device:
    """Return the device of a name.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}
        ``auto`` is the GPU if torch can use one, else the CPU.

    Returns
    -------
    torch.device
        Where the problem and the weights belong.

    Raises
    ------
    SymgeomError
        If the name is unknown, or ``cuda`` cannot be used.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    check_choice(name, ("auto", "cpu", "cuda"), "device")
    usable = torch.cuda.is_available()
    if name == "cuda" and not usable:
        raise SymgeomError(
            f"Cannot compute on device 'cuda': torch {torch.__version__} finds no GPU that it can "
            "use. Choose 'auto' or 'cpu', or install a build of torch for the GPU."
        )
    if usable and name != "cpu":
        return torch.device("cuda")
    return torch.device("cpu")
