"""Train many seeds at once: the plan, the loop, the populations, the checkpoints.

:mod:`~symgeom.learning.training.plan` says how long and on how much,
:mod:`~symgeom.learning.training.population` how stacked networks are differentiated and evaluated,
:mod:`~symgeom.learning.training.engine` takes the steps,
:mod:`~symgeom.learning.training.checkpoint` keeps them.
"""

from symgeom.learning.training.checkpoint import Checkpoint
from symgeom.learning.training.device import choose_device
from symgeom.learning.training.engine import train
from symgeom.learning.training.plan import Observer, Plan, Trained
from symgeom.learning.training.population import trains_together

__all__ = ["Checkpoint", "Observer", "Plan", "Trained", "choose_device", "train", "trains_together"]
