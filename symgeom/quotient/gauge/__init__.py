r"""Choose one representative of every orbit of the scaling symmetries.

Positive scales: every unit's incoming vector (its bias included, by default) is scaled to length 1
and its outgoing weights by the old length. Groups are visited from the input to the output, because
normalising a layer changes the incoming vectors of the next. The head is one sphere: a common
factor on all its weights changes the outputs but not their order. Signs (odd activations): the
incoming coordinate of largest magnitude is made positive. Linear groups (no activation): the
incoming vectors become the orthonormal basis of their span that a pivoted Gram-Schmidt process on
the projector :math:`P` onto the span finds; it depends on :math:`P` alone. What is left of
:math:`GL(n)`, and the permutations, have no useful canonical form; they are removed pairwise by
:mod:`symgeom.quotient.alignment`.

**Which weights fix a scale.** In a chain, all incoming weights of a unit. In a residual stream
:math:`h \leftarrow h + W_2 \mathrm{relu}(W_1 h)` the rows of the first writer (the stem) depend on
the stream's scale :math:`s` alone, but those of :math:`W_2` are also rescaled when, later, the
units within the block are normalised. So a scale is fixed by the *settled* incoming weights
(``stream="first"``): those that no later group rescales, and that no other axis of the same group
rescales. Visited in order the conditions are triangular: there is exactly one solution, whatever
the weights. Writers with a batch norm are all settled (the scale of the stream belongs to the
norms), so that their joint length is 1.

The other convention (``stream="all"``) asks for joint length 1 of all writers of every stream. With
:math:`x_c = s_c^{-2}` of the stream and :math:`y_k = t_k^{-2}` of the units within the blocks the
conditions are linear,

.. math:: x_c = \sum_j (W_0)_{cj}^2 + \sum_k (W_2)_{ck}^2\, y_k, \quad
          y_k = \sum_c (W_1)_{kc}^2\, x_c,

that is :math:`x = a + Mx` with :math:`M = (W_2^{\circ 2})(W_1^{\circ 2})`: with :math:`a > 0` a
positive solution exists if and only if the blocks do not amplify (spectral radius of :math:`M`
below 1). It is found by sweeps over all groups. For chains both conventions agree.

References
----------
Pittorino et al., "Deep networks on toroids" (2202.03038), normalisation step. Whether the bias is
inside the norm is not stated there, nor what to do with residual streams and linear layers; the
first two are options here (``bias_in_norm``, ``stream``). Godfrey et al. (2205.14258), section 3,
for the groups that commute with an activation.
"""

from symgeom.quotient.gauge.canonical import Canonical, canonicalise
from symgeom.quotient.gauge.constant_inputs import absorb_constant_inputs

__all__ = ["Canonical", "absorb_constant_inputs", "canonicalise"]
