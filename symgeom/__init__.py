"""The geometry of neural-network loss landscapes modulo their symmetries.

The map, from the ground up (a module imports only from lower floors):

* ground: ``types`` (a network is a mapping of tensors), ``checks``, ``randomness``
* words: ``sphere``, ``spec`` (the architecture as data)
* symmetry: ``group``, ``pairing``, ``translation``, ``discover``, ``certify``, ``wiring``,
  ``inspection``
* quotient: ``gauge`` (canonical representatives), ``torus``, ``align``
* landscape: ``batchnorm``, ``probe``, ``problem``, ``path``, ``barrier``, ``chain``, ``plane``,
  ``repair``, ``flatness``, ``binary`` (networks of signs), ``perceptron`` and ``two_layer`` (models
  with known theory), ``charge``, ``laws``, ``law_check``, ``flow``, ``fibre`` (moves along the
  valley), ``ledger``, ``equilibrium``
* learning: ``networks``, ``optimizers``, ``train``
* shelves: ``datasets``, ``store``, ``claims``, ``figures``

Public names are loaded on first use, so that reading a store does not import torch.
"""

import sys
from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_HOMES = {
    # networks as data
    "SymgeomError": "ground.checks",
    "parameters": "ground.types",
    "Leg": "symmetry.spec",
    "UnitGroup": "symmetry.spec",
    "SymmetrySpec": "symmetry.spec",
    # symmetry
    "discover": "symmetry.discovery",
    "certify": "symmetry.certificate",
    "fold_batchnorm": "landscape.batchnorm",
    "recompute_statistics": "landscape.batchnorm",
    "GroupElement": "symmetry.group",
    "identity": "symmetry.group",
    "random_element": "symmetry.group",
    "act": "symmetry.group",
    "compose": "symmetry.group",
    "inverse": "symmetry.group",
    "pairing": "symmetry.bilinear",
    # quotient
    "canonicalise": "quotient.gauge",
    "absorb_constant_inputs": "quotient.gauge",
    "Torus": "quotient.torus",
    "align": "quotient.alignment",
    "align_pairs": "quotient.alignment",
    "align_jointly": "quotient.alignment",
    "align_activations": "quotient.alignment",
    "unit_activations": "quotient.alignment",
    "Alignment": "quotient.alignment",
    # landscape
    "Problem": "landscape.problem",
    "LinearPath": "landscape.path",
    "GeodesicPath": "landscape.path",
    "PolygonalPath": "landscape.path",
    "BezierPath": "landscape.path",
    "curve_along": "landscape.path",
    "optimise_path": "landscape.chain",
    "profile": "landscape.barriers",
    "barrier": "landscape.barriers",
    "Plane": "landscape.plane",
    "repair": "landscape.repairing",
    "local_energy": "landscape.flatness.local_energies",
    "hessian_eigenvalues": "landscape.flatness.hessian",
    "hessian_trace": "landscape.flatness.trace",
    "spectral_density": "landscape.flatness.density",
    "sharpness": "landscape.flatness.worst_case",
    "torus_curvature": "landscape.flatness.curvature",
    "relative_curvature": "landscape.flatness.curvature",
    "binarise": "landscape.binary.weights",
    "HammingPath": "landscape.binary.path",
    # dynamics
    "charges": "dynamics.charge",
    "Ledger": "dynamics.ledger",
    "count_laws": "dynamics.laws",
    "check_laws": "dynamics.laws",
    "find_translations": "symmetry.translation",
    "gradient_flow": "dynamics.flow",
    "move_on_fibre": "dynamics.fibre",
    "walk_fibre": "dynamics.fibre",
    "orbit_dimension": "dynamics.fibre",
    "charge_moments": "learning.networks.initial_charges",
    "FlowPlan": "dynamics.flow",
    "noise_force": "dynamics.noise",
    "noise_equilibrium": "dynamics.noise",
    # studies
    "open_study": "store",
}

__all__ = ["__version__", *_HOMES]


class _Package(ModuleType):
    """The package; where a module and its function share a name (``align``), the name is the function."""

    def __getattr__(self, name: str) -> object:
        """Load a public name from the module that defines it."""
        if name not in _HOMES:
            raise AttributeError(f"module 'symgeom' has no attribute '{name}'")
        return getattr(import_module(f"symgeom.{_HOMES[name]}"), name)

    def __setattr__(self, name: str, value: object) -> None:
        """Keep the import system from putting a submodule in the place of the function of the same name."""
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        """List the public names."""
        return sorted(__all__)


sys.modules[__name__].__class__ = _Package
