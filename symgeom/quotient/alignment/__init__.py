r"""Remove the permutations between networks: match the units of one to the units of another.

On canonical weights every tensor is a set of sphere coordinates, so that the inner product of two
networks is the sum of the cosines of their units. Alignment maximises it over the permutations (and
signs, and rotations of linear groups) of the second,

.. math:: \max_{g}\ \langle \theta_\mathrm{ref},\, g\,\theta\rangle ,

over all trainable tensors, biases and norm weights included. ``greedy`` is the single pass of the
toroids paper: one linear assignment per group from input to output, on the incoming weights, with
the groups already matched applied. ``iterated`` starts from what is known first and goes on until
nothing changes (:mod:`symgeom.quotient.alignment.ascent`). It finds one local maximum of many;
further starts show how far they scatter, and find higher ones. The second is git-re-basin's
algorithm (from the identity, groups in random order), so that from two starts the objective is
never below it; those that follow kick the best maximum so far.

The search runs in the precision of the networks. Scales are not touched: align canonical networks
(:func:`symgeom.quotient.gauge.canonicalise`), or scales distort the match.

Two networks are matched by :func:`align`, many pairs by :func:`align_pairs`, many networks to one
frame by :func:`align_jointly`, and two networks by what they do on data, instead of by their
weights, by :func:`align_activations`.

References
----------
Pittorino et al. (2202.03038), alignment step; Ainsworth et al., "Git Re-Basin" (2209.04836),
section 3.2 and algorithm 1.
"""

from symgeom.quotient.alignment.activations import align_activations, unit_activations
from symgeom.quotient.alignment.joint import JointAlignment, align_jointly
from symgeom.quotient.alignment.pairwise import align, align_pairs
from symgeom.quotient.alignment.records import Alignment, Matching

__all__ = [
    "Alignment",
    "JointAlignment",
    "Matching",
    "align",
    "align_activations",
    "align_jointly",
    "align_pairs",
    "unit_activations",
]
