r"""Attacks that follow the sign of the gradient of the loss: FGSM and PGD.

With the loss :math:`\ell(x) = -\log p(y \,|\, x)`, the box :math:`B` of allowed points and its
nearest point :math:`\Pi_B`, the fast gradient sign method looks at

.. math:: x_1 = \Pi_B\big(x + \epsilon\, \mathrm{sign}\, \nabla \ell(x)\big),

and projected gradient descent at all points of

.. math:: x_{k+1} = \Pi_B\big(x_k + \tfrac{\epsilon}{4}\, \mathrm{sign}\, \nabla \ell(x_k)\big),

from points :math:`x_0` that are uniform in the box. For a linear network of two classes the first
is the worst point of the box. The length of a step does not depend on their number, so that more
steps look at more points of the same path.

The sign is taken of the gradient of the log odds :math:`\log(1 - p) - \log p`, which has the same
direction. In single precision that of the loss itself vanishes, or is rounding, where
:math:`p = 1` but for :math:`10^{-8}`, and a network is not robust for being sure of itself.

References
----------
Goodfellow, Shlens and Szegedy, "Explaining and harnessing adversarial examples" (1412.6572).
Madry et al., "Towards deep learning models resistant to adversarial attacks" (1706.06083).
"""

import torch

from symgeom.neighbours.robustness.chase import Chase
from symgeom.neighbours.robustness.kind import AttackKind, Effort

STEP = 0.25
"""The length of a step of PGD, as a share of the budget."""


def one_step(chase: Chase, _effort: Effort, _generator: torch.Generator) -> None:
    """Go the whole budget along the sign of the gradient at the clean inputs.

    Parameters
    ----------
    chase : Chase
        What is attacked.
    """
    box = chase.box
    _, gradients = chase.ascent(box.centre)
    chase.look(box.nearest(box.centre + box.reach * gradients.sign()))


def many_steps(chase: Chase, effort: Effort, generator: torch.Generator) -> None:
    """Go many short steps along the sign of the gradient, from random points.

    Parameters
    ----------
    chase : Chase
        What is attacked.
    effort : Effort
        Steps and restarts.
    generator : torch.Generator
        Draws the starts.
    """
    box = chase.box
    for _ in range(effort.restarts):
        points = box.random(generator)
        for _ in range(effort.steps):
            _, gradients = chase.ascent(points)
            points = box.nearest(points + STEP * box.reach * gradients.sign())
        chase.look(points)


FGSM = AttackKind("fgsm", "fast gradient sign", follows_gradient=True, run=one_step)
PGD = AttackKind("pgd", "projected gradient descent", follows_gradient=True, run=many_steps)
