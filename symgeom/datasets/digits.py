"""Handwritten digits, 8 by 8 pixels: 1797 real samples that scikit-learn carries with it.

References
----------
Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI machine learning repository (1998).
"""

from pathlib import Path

import torch
from sklearn.datasets import load_digits

from symgeom.datasets.data import Data, balanced_subset, stratified_split
from symgeom.randomness import stream


def digits(root: Path, *, test_fraction: float = 0.2, split: int = 0, subset: int | None = None) -> Data:
    """Load the digits; nothing is read from or written to disk.

    Parameters
    ----------
    root : Path
        Not used.
    test_fraction : float
        Share of each class that is kept for testing.
    split : int
        Seed of the split.
    subset : int, optional
        Number of training samples, equally many of every class; all by default.

    Returns
    -------
    Data
        Inputs of shape (sample, 64), the 17 grey levels divided by 16.

    Examples
    --------
    >>> digits(Path()).train_inputs.shape
    torch.Size([1438, 64])
    """
    raw, labels = load_digits(return_X_y=True)
    inputs, targets = torch.tensor(raw, dtype=torch.float64) / 16, torch.tensor(labels, dtype=torch.int64)
    train, test = stratified_split(targets, test_fraction, generator=stream("split", "digits", split))
    if subset is not None:
        train = train[balanced_subset(targets[train], subset, generator=stream("subset", "digits", split))]
    return Data(inputs[train], targets[train], inputs[test], targets[test], 10, "digits")
