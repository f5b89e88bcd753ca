"""Descents with the radial activation from one function at several charges."""

import numpy as np

from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.two_layer.descent import descend
from symgeom.models.two_layer.experiments.schedule import geometric_records
from symgeom.models.two_layer.starts import radial_start

OUTPUTS = 5
SAMPLES = 10
MEANS = (0.01, 0.1, 1.0, 10.0)
"""Means of the starts."""

RATE = 1e-5
"""Learning rate of the error over the length of the targets."""


def descend_radially(steps: int) -> Labelled:
    """Descend with the radial activation from one function at several charges.

    Parameters
    ----------
    steps : int
        Of descent, of the error over the length of the targets. The authors' number is 1,000,000.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Losses along the way and charges at the start (figure 7).

    Examples
    --------
    >>> arrays, _ = descend_radially(10)
    >>> losses_at_start = arrays["radial_loss"].values[:, 0]
    >>> bool(np.ptp(losses_at_start) < 1e-12)  # one function
    True
    """
    records = geometric_records(steps)
    starts = [radial_start(OUTPUTS, SAMPLES, mean) for mean in MEANS]
    targets = starts[0].targets
    length = float(np.linalg.norm(targets))
    descent = descend(
        "radial",
        targets,
        np.stack([start.outgoing for start in starts]),
        np.stack([start.incoming for start in starts]),
        learning_rates=[RATE / length] * len(starts),
        records=records,
    )
    arrays = {
        "radial_loss": LabelledArray(
            ("mean", "radial_record"),
            descent.loss / length,
            "1",
            "mean squared error over the length of the targets",
        ),
        "radial_charge": LabelledArray(
            "mean",
            descent.charge[:, 0].sum(-1),
            "weight^2",
            "sum of all charges at the start",
        ),
    }
    coordinates = {
        "mean": LabelledArray("mean", list(MEANS), "weight", "mean and deviation of the start"),
        "radial_step": LabelledArray("radial_record", records, "1", "steps of descent"),
    }
    return arrays, coordinates
