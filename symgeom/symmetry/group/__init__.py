r"""Group elements: a permutation and a scale (or a matrix) for every unit group.

The action permutes first and scales second. With :math:`\pi` the permutation and :math:`s` the
scales of a group,

.. math:: (g\theta)_k = s_k^{p}\,\theta_{\pi(k)}

on every leg of power :math:`p`. For a linear group the element is a matrix :math:`G`: incoming legs
become :math:`G\theta`, outgoing legs :math:`G^{-\top}\theta` (rows indexed by units). An element
acts on one network; ``torch.vmap`` over the network applies one element to many.

References
----------
Zhao et al., "Symmetries, flat minima, and the conserved quantities of gradient flow" (2210.17216),
section 3: the linear action ``(U, V) -> (U g^-1, g V)``, here with ``V`` the incoming and ``U`` the
outgoing legs.
"""

from symgeom.symmetry.group.action import act
from symgeom.symmetry.group.element import (
    GroupElement,
    compose,
    extend,
    identity,
    inverse,
    random_element,
    restricted,
)

__all__ = [
    "GroupElement",
    "act",
    "compose",
    "extend",
    "identity",
    "inverse",
    "random_element",
    "restricted",
]
