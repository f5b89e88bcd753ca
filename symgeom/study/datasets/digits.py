"""Handwritten digits, 8 by 8 pixels: 1797 real samples that scikit-learn carries with it.

References
----------
Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI machine learning repository
(1998).
"""

import torch
from sklearn.datasets import load_digits

from symgeom.ground.randomness import stream
from symgeom.study.datasets.checking import check_flag
from symgeom.study.datasets.choice import Choice
from symgeom.study.datasets.data import Data
from symgeom.study.datasets.splits import stratified_split

NAME = "digits"
CLASSES = 10

LEVELS = 16
"""The level of the brightest pixel."""


def read(choice: Choice, *, test_fraction: float = 0.2, images: bool = False) -> Data:
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
    >>> read(Choice()).train_inputs.shape
    torch.Size([1438, 64])
    """
    check_flag(NAME, "images", images)
    pixels, labels = load_digits(return_X_y=True)
    inputs = torch.tensor(pixels, dtype=torch.float64) / LEVELS
    targets = torch.tensor(labels, dtype=torch.int64)
    if images:
        inputs = inputs.view(-1, 1, 8, 8).float()
    generator = stream("split", NAME, choice.split)
    train, test = stratified_split(targets, test_fraction, generator=generator)
    train_subset, test_subset = choice.indices(NAME, targets[train], targets[test], classes=CLASSES)
    train = train[train_subset]
    test = test[test_subset]
    return Data(
        inputs[train],
        targets[train],
        inputs[test],
        targets[test],
        CLASSES,
        NAME,
        divisor=LEVELS,
    )
