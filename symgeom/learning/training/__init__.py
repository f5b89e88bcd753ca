"""Train many seeds at once: the plan, the stages, the populations, the checkpoints.

:mod:`~symgeom.learning.training.plan` says how long and on how much,
:mod:`~symgeom.learning.training.mode` what a network does in training mode,
:mod:`~symgeom.learning.training.population` how stacked networks are differentiated and evaluated,
:mod:`~symgeom.learning.training.engine` checks what is asked for and runs the stages,
:mod:`~symgeom.learning.training.stage` takes the steps of one stage,
:mod:`~symgeom.learning.training.checkpoint` keeps them.
"""

from symgeom.learning.training.checkpoint import Checkpoint
from symgeom.learning.training.device import choose_device
from symgeom.learning.training.engine import train
from symgeom.learning.training.mode import TrainingMode
from symgeom.learning.training.plan import Observer, Plan, RestorableObserver, Trained
from symgeom.learning.training.population import trains_together

__all__ = [
    "Checkpoint",
    "Observer",
    "Plan",
    "RestorableObserver",
    "Trained",
    "TrainingMode",
    "choose_device",
    "train",
    "trains_together",
]
