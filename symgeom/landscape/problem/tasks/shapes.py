"""Tasks with one output for each target."""

from torch import Tensor


def mean_of_sample(values: Tensor) -> Tensor:
    """Return the mean of the values of each sample.

    Parameters
    ----------
    values : Tensor, shape (sample, ...)
        One for each target.

    Returns
    -------
    Tensor, shape (sample,)
        The means.

    Examples
    --------
    >>> import torch
    >>> mean_of_sample(torch.tensor([[1.0, 2.0]])), mean_of_sample(torch.tensor([1.0]))
    (tensor([1.5000]), tensor([1.]))
    """
    return values.reshape(len(values), -1).mean(1)


def fault_of_shapes(outputs: Tensor, targets: Tensor) -> str:
    """Say whether a sample has other outputs than targets, axes of length one aside.

    Parameters
    ----------
    outputs, targets : Tensor, shape (sample, ...)
        The number of samples does not matter.

    Returns
    -------
    str
        Empty if it has not.

    Examples
    --------
    >>> import torch
    >>> fault_of_shapes(torch.ones(1, 1), torch.ones(5))
    ''
    """
    shape = tuple(outputs.shape[1:])
    expected = tuple(targets.shape[1:])
    if [length for length in shape if length > 1] == [n for n in expected if n > 1]:
        return ""
    return f"a sample has targets of shape {expected}, and outputs of shape {shape}"
