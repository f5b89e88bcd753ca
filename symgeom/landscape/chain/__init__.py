r"""Polygonal chains and Bezier curves between minima, found by training their inner points.

The ends of a curve :math:`\phi(t) = \sum_j w_j(t)\,\theta_j` stay fixed; the points between them,
its *bends*, minimise the mean loss along the curve,

.. math:: \min_{\theta_1 \dots \theta_{k-2}}\; \mathbb E_{t\sim U[0,1]}\, L\big(\phi(t)\big), \qquad
          \nabla_{\theta_j} = w_j(t)\,\nabla L(\phi(t)).

Each mini-batch draws one ``t``. The optimizer is SGD with momentum and a cosine learning rate to
zero, without weight decay. Small networks are trained together, on stacked parameters; on a CPU
large or convolutional ones one after the other. Every pair has its own generator, so that its
result does not depend on the pairs that it is trained with: bit for bit where pairs are trained one
after the other, and up to rounding where they are trained together, because matrix products of some
CPUs round by where a network lies in memory, that is, by its place in the stack.

With a torus, the bends are put back on it after every step: each unit's incoming weights (and the
head) get the length back that they had when training began. Then the distances of a bend from both
ends are comparable with that of the ends. The velocity is not projected.

That a chain exists is nearly generic in overparameterised networks; how hard it was to find is the
measure: the record keeps the largest training error along the chain as training goes on, and the
epochs and gradient steps until it came down to a threshold.

References
----------
Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of DNNs" (1802.10026),
section 3: the connection procedure, the polygonal chain and the Bezier curve. Differs from the
source: no weight decay along the curve, and a cosine learning rate in place of the piecewise linear
one. Pittorino et al., "Deep networks on toroids" (2202.03038): chains between aligned, standardised
minima.
"""

from symgeom.landscape.chain.optimise import optimise_path
from symgeom.landscape.chain.plan import ChainPlan
from symgeom.landscape.chain.record import Chains, ChainShape, chain_shape
from symgeom.landscape.chain.training import BendTraining, check_generators, train_chains

__all__ = [
    "BendTraining",
    "ChainPlan",
    "ChainShape",
    "Chains",
    "chain_shape",
    "check_generators",
    "optimise_path",
    "train_chains",
]
