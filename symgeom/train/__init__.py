"""Train many seeds at once: the plan, the loop, the populations, the checkpoints.

:mod:`~symgeom.train.plan` says how long and on how much, :mod:`~symgeom.train.population` how stacked networks are differentiated
and evaluated, :mod:`~symgeom.train.engine` takes the steps, :mod:`~symgeom.train.checkpoint` keeps them.
"""

from symgeom.train.checkpoint import Checkpoint
from symgeom.train.device import choose_device
from symgeom.train.engine import train
from symgeom.train.plan import Observer, Plan, Trained
from symgeom.train.population import trains_together

__all__ = ["Checkpoint", "Observer", "Plan", "Trained", "choose_device", "train", "trains_together"]
