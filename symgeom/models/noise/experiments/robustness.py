r"""The balance of norms at several learning rates, sizes of batches and of networks.

The network and its data are those of :mod:`~symgeom.models.noise.experiments.split_inputs`, with
one split. Nothing but the noise drives the norms, so that neither the learning rate :math:`\eta`
nor the batch :math:`S` decides where they end, only how soon: in a time proportional to
:math:`S/\eta^2`. Every setting takes as many times its own time to balance; all of one size have
the same starts.

References
----------
Ziyin et al. (2402.07193), figure 8, in stable settings: the printed learning rate of 0.1 diverges
with the loss as it is printed.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.experiments.split_inputs import (
    BATCH,
    RATE,
    SIZE,
    observe_norms,
    split_teacher,
)
from symgeom.models.noise.linear.descent import Method, descend
from symgeom.models.noise.linear.starts import normal_layers

SPLIT = 0.35

STRETCH = 2.0
"""Factor of the incoming weights at the start, which is far from balance in every draw."""


class Setting(NamedTuple):
    """One setting.

    Attributes
    ----------
    name : str
        What differs from the first one.
    learning_rate : float
        Of the loss.
    batch : int
        Samples.
    size : int
        Inputs, units and outputs.
    """

    name: str
    learning_rate: float
    batch: int
    size: int


SETTINGS = (
    Setting("base", RATE, BATCH, SIZE),
    Setting("rate / 2", RATE / 2, BATCH, SIZE),
    Setting("rate × 2", RATE * 2, BATCH, SIZE),
    Setting("batch / 2", RATE, BATCH // 2, SIZE),
    Setting("batch × 2", RATE, BATCH * 2, SIZE),
    Setting("size 4", RATE, BATCH, 4),
    Setting("size 20", RATE, BATCH, 20),
)


def measure(steps: int, draws: int) -> Labelled:
    """Descend by SGD and by gradient descent in every setting.

    Parameters
    ----------
    steps : int
        Of SGD in the first setting; others take as many times the time that theirs takes to
        balance, gradient descent takes as many as the first.
    draws : int
        Of starts and data.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Norms and sharpness along the way, and in closed form.

    Examples
    --------
    >>> arrays, _ = measure(4, 2)
    >>> arrays["ratio"].values.shape[:3]
    (2, 7, 2)
    """
    ratios = []
    for noisy in (True, False):
        of_settings = [_follow(setting, steps, draws, noisy=noisy) for setting in SETTINGS]
        ratios.append(torch.stack(of_settings))
    axes = ("descent", "setting", "draw", "record")
    theory = (SPLIT * (2 - SPLIT)) ** -0.5
    arrays = {
        "ratio": LabelledArray(
            axes,
            torch.stack(ratios).numpy(),
            "1",
            "squared norm, incoming over outgoing weights",
        ),
        "ratio_theory": LabelledArray((), np.array(theory), "1", "the same in closed form"),
    }
    coordinates = {
        "descent": LabelledArray("descent", ["SGD", "GD"], "1", "how it is descended"),
        "setting": LabelledArray(
            "setting", [setting.name for setting in SETTINGS], "1", "what differs"
        ),
        "share": LabelledArray(
            "record", [record / steps for record in even_records(steps)], "1", "share of all steps"
        ),
    }
    return arrays, coordinates


def _follow(setting: Setting, steps: int, draws: int, *, noisy: bool) -> Tensor:
    """Return the ratio of the norms along a descent, shape (draw, record)."""
    splits = torch.full((draws,), SPLIT, dtype=torch.float64)
    teacher = split_teacher(splits, setting.size)
    widths = [setting.size] * 3
    generator = stream("robustness", "start", setting.size)
    incoming, outgoing = normal_layers(widths, draws, generator=generator)
    records = even_records(steps)
    if noisy:
        intervals = len(records) - 1
        duration = max(round(_slowness(setting) * steps), intervals)
        records = even_records(duration, intervals)
    _, observed = descend(
        [STRETCH * incoming, outgoing],
        teacher,
        Method(setting.learning_rate, setting.batch if noisy else None),
        records=records,
        observe=observe_norms(teacher),
        generator=stream("robustness", "batches", setting.name),
    )
    return observed["ratio"]


def _slowness(setting: Setting) -> float:
    """Return how long a setting takes to balance, relative to the first one."""
    of_rate = (RATE / setting.learning_rate) ** 2
    return of_rate * (setting.batch / BATCH) * (SIZE / setting.size)
