"""The geometry of neural-network loss landscapes modulo their symmetries.

The map, from the ground up; a module imports only from lower floors:

* ``ground``: a network is a mapping of tensors; checks, randomness, files that are written whole
* ``symmetry``: the architecture as data, found in the network's graph, with a certificate
* ``quotient``: one representative of every orbit, the torus that they live on, alignment
* ``landscape``: loss and error, paths, barriers, chains, planes, flatness, networks of signs
* ``models``: models with known theory
* ``dynamics``: conserved charges, their ledger, moves along the valley, the noise of SGD
* ``neighbours``: networks with nearly the same function, ensembles of them, their robustness
* ``learning``: networks, optimizers, training
* ``store``: labelled arrays on disk
* ``study``: data sets, stages, claims, figures, the report
* ``commands``: what ``symgeom`` does in a terminal

The public names are listed in ``__init__.pyi``, where editors and type checkers read them. Each is
loaded on first use, so that reading a store does not import torch.
"""

import lazy_loader

from symgeom.ground.near_names import with_near_names

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = with_near_names(__getattr__, __all__, __name__)
