"""The replicas of one seed of replicated SGD: one training as costly as one for each member.

What training yields is their centre; :class:`~symgeom.learning.visited.VisitedNetworks` keeps them.
They attract each other ever more, so that little is left of their differences in the end.
"""

from symgeom.neighbours.ensembles.independent import independent_members
from symgeom.neighbours.ensembles.kind import EnsembleKind

REPLICAS = EnsembleKind(
    "replicas",
    title="replicas of one seed",
    members=independent_members,
    networks=0,
    of_training=True,
)
