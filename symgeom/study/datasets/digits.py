"""Handwritten digits, 8 by 8 pixels: 1797 real samples that scikit-learn carries with it.

References
----------
Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI machine learning repository
(1998).
"""

import torch
from sklearn.datasets import load_digits

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.study.datasets.data import Choice, Data, stratified_split


def digits(choice: Choice, *, test_fraction: float = 0.2, images: bool = False) -> Data:
    """Load the digits; nothing is read from or written to disk.

    Parameters
    ----------
    choice : Choice
        Which samples, and their scale.
    test_fraction : float
        Share of each class that is kept for testing.
    images : bool
        Whether samples are float32 images, or float64 vectors of 64 pixels.

    Returns
    -------
    Data
        Inputs of shape (sample, 64) or (sample, 1, 8, 8), the 17 grey levels divided by 16.

    Raises
    ------
    SymgeomError
        If an option has a value that makes no data set.

    Examples
    --------
    >>> digits(Choice()).train_inputs.shape
    torch.Size([1438, 64])
    """
    if not isinstance(images, bool):
        raise SymgeomError(
            f"Cannot load data set 'digits' with images = {images!r}: give true or false."
        )
    raw, labels = load_digits(return_X_y=True)
    inputs, targets = (
        torch.tensor(raw, dtype=torch.float64) / 16,
        torch.tensor(labels, dtype=torch.int64),
    )
    if images:
        inputs = inputs.view(-1, 1, 8, 8).float()
    train, test = stratified_split(
        targets, test_fraction, generator=stream("split", "digits", choice.split)
    )
    first, second = choice.indices("digits", targets[train], targets[test])
    train, test = train[first], test[second]
    return choice.normalised(
        Data(inputs[train], targets[train], inputs[test], targets[test], 10, "digits")
    )
