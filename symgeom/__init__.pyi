# The public names of symgeom, and the module that defines each; they are loaded on first use.

# networks as data
from .ground.calling import Inputs as Inputs
from .ground.calling import NetworkCall as NetworkCall
from .ground.checks import SymgeomError as SymgeomError
from .ground.types import Parameters as Parameters
from .ground.types import parameters as parameters
from .symmetry.spec import FixedAxis as FixedAxis
from .symmetry.spec import Leg as Leg
from .symmetry.spec import SymmetrySpec as SymmetrySpec
from .symmetry.spec import UnitGroup as UnitGroup

# symmetry
from .symmetry.bilinear import pairing as pairing
from .symmetry.certificate import Certificate as Certificate
from .symmetry.certificate import certify as certify
from .symmetry.completeness import Exchange as Exchange
from .symmetry.completeness import MissingSymmetries as MissingSymmetries
from .symmetry.completeness import SignFlip as SignFlip
from .symmetry.completeness import Surplus as Surplus
from .symmetry.completeness import missing_symmetries as missing_symmetries
from .symmetry.discovery import discover as discover
from .symmetry.group import GroupElement as GroupElement
from .symmetry.group import act as act
from .symmetry.group import compose as compose
from .symmetry.group import identity as identity
from .symmetry.group import inverse as inverse
from .symmetry.group import random_element as random_element
from .symmetry.translation import Translation as Translation
from .symmetry.translation import find_translations as find_translations

# quotient
from .quotient.alignment import Alignment as Alignment
from .quotient.alignment import JointAlignment as JointAlignment
from .quotient.alignment import Matching as Matching
from .quotient.alignment import align as align
from .quotient.alignment import align_activations as align_activations
from .quotient.alignment import align_jointly as align_jointly
from .quotient.alignment import align_pairs as align_pairs
from .quotient.alignment import unit_activations as unit_activations
from .quotient.gauge import Canonical as Canonical
from .quotient.gauge import absorb_constant_inputs as absorb_constant_inputs
from .quotient.gauge import canonicalise as canonicalise
from .quotient.torus import Torus as Torus
from .quotient.widening import Widened as Widened
from .quotient.widening import widen as widen

# landscape
from .landscape.barriers import Profile as Profile
from .landscape.barriers import barrier as barrier
from .landscape.barriers import profile as profile
from .landscape.batchnorm import BatchMode as BatchMode
from .landscape.batchnorm import Fold as Fold
from .landscape.batchnorm import Folded as Folded
from .landscape.batchnorm import fold_batchnorm as fold_batchnorm
from .landscape.batchnorm import recompute_statistics as recompute_statistics
from .landscape.binary.path import HammingPath as HammingPath
from .landscape.binary.weights import binarise as binarise
from .landscape.chain import ChainPlan as ChainPlan
from .landscape.chain import Chains as Chains
from .landscape.chain import optimise_path as optimise_path
from .landscape.flatness.curvature import Curvature as Curvature
from .landscape.flatness.curvature import Effort as Effort
from .landscape.flatness.curvature import relative_curvature as relative_curvature
from .landscape.flatness.curvature import torus_curvature as torus_curvature
from .landscape.flatness.density import SmoothDensity as SmoothDensity
from .landscape.flatness.density import SpectralDensity as SpectralDensity
from .landscape.flatness.density import spectral_density as spectral_density
from .landscape.flatness.escape import Escape as Escape
from .landscape.flatness.escape import escape_angle as escape_angle
from .landscape.flatness.hessian import HessianEigenvalues as HessianEigenvalues
from .landscape.flatness.hessian import hessian_eigenvalues as hessian_eigenvalues
from .landscape.flatness.local_energies import LocalEnergy as LocalEnergy
from .landscape.flatness.local_energies import local_energy as local_energy
from .landscape.flatness.noise import KindOfNoise as KindOfNoise
from .landscape.flatness.noise import Noise as Noise
from .landscape.flatness.trace import HessianTrace as HessianTrace
from .landscape.flatness.trace import hessian_trace as hessian_trace
from .landscape.flatness.worst_case import Sharpness as Sharpness
from .landscape.flatness.worst_case import sharpness as sharpness
from .landscape.merging import Merged as Merged
from .landscape.merging import merge as merge
from .landscape.merging import repair_merged as repair_merged
from .landscape.path import BezierPath as BezierPath
from .landscape.path import GeodesicPath as GeodesicPath
from .landscape.path import LinearPath as LinearPath
from .landscape.path import Path as Path
from .landscape.path import PolygonalPath as PolygonalPath
from .landscape.path import curve_along as curve_along
from .landscape.path.curves import Curve as Curve
from .landscape.plane import ErrorMap as ErrorMap
from .landscape.plane import Plane as Plane
from .landscape.problem import Problem as Problem
from .landscape.repairing import repair as repair

# dynamics
from .dynamics.charge import charges as charges
from .dynamics.collapse import CollapseExponent as CollapseExponent
from .dynamics.collapse import InvariantSet as InvariantSet
from .dynamics.collapse import NoisySteps as NoisySteps
from .dynamics.collapse import collapse_exponent as collapse_exponent
from .dynamics.collapse import equal_units as equal_units
from .dynamics.collapse import unit_at_zero as unit_at_zero
from .dynamics.fibre import move_on_fibre as move_on_fibre
from .dynamics.fibre import move_to_point as move_to_point
from .dynamics.fibre import orbit_dimension as orbit_dimension
from .dynamics.fibre import walk_fibre as walk_fibre
from .dynamics.flow import Flow as Flow
from .dynamics.flow import FlowPlan as FlowPlan
from .dynamics.flow import gradient_flow as gradient_flow
from .dynamics.flow.integrators import Steps as Steps
from .dynamics.laws import LawCheck as LawCheck
from .dynamics.laws import LawCount as LawCount
from .dynamics.laws import check_laws as check_laws
from .dynamics.laws import count_laws as count_laws
from .dynamics.ledger import Ledger as Ledger
from .dynamics.ledger import LedgerRecord as LedgerRecord
from .dynamics.ledger import LedgerState as LedgerState
from .dynamics.ledger import SplitState as SplitState
from .dynamics.noise import Balance as Balance
from .dynamics.noise import MatrixForce as MatrixForce
from .dynamics.noise import Mixing as Mixing
from .dynamics.noise import ChargeDrift as ChargeDrift
from .dynamics.noise import ChargePath as ChargePath
from .dynamics.noise import NoiseEquilibrium as NoiseEquilibrium
from .dynamics.noise import NoiseForce as NoiseForce
from .dynamics.noise import SgdRecipe as SgdRecipe
from .dynamics.noise import charge_drift as charge_drift
from .dynamics.noise import noise_equilibrium as noise_equilibrium
from .dynamics.noise import noise_force as noise_force
from .dynamics.noise import noise_gauge as noise_gauge
from .dynamics.noise import predicted_changes as predicted_changes
from .dynamics.noise import predicted_path as predicted_path
from .dynamics.noise import BrokenEquilibrium as BrokenEquilibrium
from .dynamics.noise import broken_equilibrium as broken_equilibrium
from .dynamics.rotation import angular_momentum as angular_momentum
from .dynamics.noise import equilibrium_of_force as equilibrium_of_force
from .dynamics.noise import noise_force_of_batches as noise_force_of_batches

# neighbours
from .neighbours.action import DataDependentMove as DataDependentMove
from .neighbours.action import completed as completed
from .neighbours.action import data_dependent_action as data_dependent_action
from .neighbours.action import exact_batch_size as exact_batch_size
from .neighbours.action import random_mixing as random_mixing
from .neighbours.ensembles import EnsembleMaterial as EnsembleMaterial
from .neighbours.ensembles import EnsembleScores as EnsembleScores
from .neighbours.ensembles import ensemble_members as ensemble_members
from .neighbours.ensembles import ensemble_scores as ensemble_scores
from .neighbours.ensembles import mean_prediction as mean_prediction
from .neighbours.ensembles import member_log_probabilities as member_log_probabilities
from .neighbours.robustness import Attack as Attack
from .neighbours.robustness import Corruption as Corruption
from .neighbours.robustness import DataRange as DataRange
from .neighbours.robustness import RobustError as RobustError
from .neighbours.robustness import corrupt as corrupt
from .neighbours.robustness import predictor as predictor
from .neighbours.robustness import robust_error as robust_error
from .neighbours.teleportation import Teleportation as Teleportation
from .neighbours.teleportation import teleport as teleport

# learning
from .learning.networks.initial_charges import charge_moments as charge_moments
from .learning.optimizers import Method as Method
from .learning.optimizers.method import Pretraining as Pretraining
from .learning.weights.reading import read_checkpoint as read_checkpoint
from .learning.weights.reading import read_weights as read_weights
from .learning.weights.record import ReadWeights as ReadWeights
from .learning.weights.writing import write_weights as write_weights

# studies
from .store import open_study as open_study
from .study.figures.single import draw_figure as draw_figure

__version__: str
