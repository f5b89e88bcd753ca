"""The experiments that were published of the two-layer model, with the controls that they lack.

Each returns named arrays and coordinates with their dimensions, values, units and meanings. What is
added to the source: double beside single precision; rescaled copies of one network, so that the
charge varies alone, where the authors vary the scale of the start and with it function, loss and
charge together; closed forms.

References
----------
Zhao et al. (2210.17216), figures 3 to 7 and 9. Seeds and sizes are theirs where they are known; the
starts of figures 4, 5 and 7 are our reconstruction.
"""

from symgeom.models.two_layer.experiments.catalogue import EXPERIMENTS
from symgeom.models.two_layer.experiments.drift import measure_drift
from symgeom.models.two_layer.experiments.initial_charges import draw_charges
from symgeom.models.two_layer.experiments.minima import measure_minima
from symgeom.models.two_layer.experiments.radial import descend_radially

__all__ = [
    "EXPERIMENTS",
    "descend_radially",
    "draw_charges",
    "measure_drift",
    "measure_minima",
]
