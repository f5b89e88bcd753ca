"""The control of all attacks: random changes of the same size.

Every input changes by the whole budget, up or down, as the range of the data allows. What errs
under such noise as it does under an attack is not robust, or its gradients lead nowhere.
"""

import torch

from symgeom.neighbours.robustness.chase import Chase
from symgeom.neighbours.robustness.kind import AttackKind, Effort


def random_corners(chase: Chase, effort: Effort, generator: torch.Generator) -> None:
    """Look at random corners of the box, one for each restart.

    Parameters
    ----------
    chase : Chase
        What is attacked.
    effort : Effort
        How many.
    generator : torch.Generator
        Draws them.
    """
    chase.look(chase.box.centre)
    for _ in range(effort.restarts):
        chase.look(chase.box.random_corner(generator))


NOISE = AttackKind("noise", "random noise", follows_gradient=False, run=random_corners)
