"""The geometry of neural-network loss landscapes modulo their symmetries.

The map, from the ground up (a module imports only from lower floors):

* ground: ``types`` (a network is a mapping of tensors), ``checks``, ``randomness``
* words: ``sphere``, ``spec`` (the architecture as data)
* symmetry: ``group``, ``pairing``, ``translation``, ``discover``, ``certify``, ``wiring``, ``inspection``
* quotient: ``gauge`` (canonical representatives), ``torus``, ``align``
* landscape: ``batchnorm``, ``probe``, ``problem``, ``path``, ``barrier``, ``chain``, ``plane``, ``repair``, ``flatness``,
  ``binary`` (networks of signs), ``perceptron`` and ``two_layer`` (models with known theory), ``charge``, ``laws``,
  ``law_check``, ``flow``, ``fibre`` (moves along the valley), ``ledger``, ``equilibrium``
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
    "SymgeomError": "checks",
    "parameters": "types",
    "Leg": "spec",
    "UnitGroup": "spec",
    "SymmetrySpec": "spec",
    # symmetry
    "discover": "discover",
    "certify": "certify",
    "fold_batchnorm": "batchnorm",
    "recompute_statistics": "batchnorm",
    "GroupElement": "group",
    "identity": "group",
    "random_element": "group",
    "act": "group",
    "compose": "group",
    "inverse": "group",
    "pairing": "pairing",
    # quotient
    "canonicalise": "gauge",
    "absorb_constant_inputs": "gauge",
    "Torus": "torus",
    "align": "align",
    "align_pairs": "align",
    "align_jointly": "align",
    "align_activations": "align",
    "unit_activations": "align",
    "Alignment": "align",
    # landscape
    "Problem": "problem",
    "LinearPath": "path",
    "GeodesicPath": "path",
    "PolygonalPath": "path",
    "BezierPath": "path",
    "curve_along": "path",
    "optimise_path": "chain",
    "profile": "barrier",
    "barrier": "barrier",
    "Plane": "plane",
    "repair": "repair",
    "local_energy": "flatness.local_energy",
    "hessian_eigenvalues": "flatness.hessian",
    "hessian_trace": "flatness.trace",
    "spectral_density": "flatness.spectral_density",
    "sharpness": "flatness.sharpness",
    "torus_curvature": "flatness.curvature",
    "relative_curvature": "flatness.curvature",
    "binarise": "binary.weights",
    "HammingPath": "binary.path",
    # dynamics
    "charges": "charge",
    "Ledger": "ledger",
    "count_laws": "laws",
    "check_laws": "law_check",
    "find_translations": "translation",
    "gradient_flow": "flow",
    "move_on_fibre": "fibre",
    "walk_fibre": "fibre.walk",
    "orbit_dimension": "fibre.dimension",
    "charge_moments": "networks.charge_moments",
    "FlowPlan": "flow",
    "noise_force": "equilibrium",
    "noise_equilibrium": "equilibrium",
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
