"""One valid call of every public function, method and record, for tests that spoil an argument."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from cases import batch, mlp, network
from torch import nn

import symgeom
from symgeom.ground.types import parameters, stack

WIDTHS = (4, 5, 3, 2)
MODULE = mlp(*WIDTHS)
INPUTS, TARGETS = batch(12, WIDTHS[0], WIDTHS[-1])
SPEC = symgeom.discover(MODULE, INPUTS)
EXACT = SPEC.exact()
A, B, C = (network(*WIDTHS, seed=seed) for seed in range(3))
FLAT_A, FLAT_B = (symgeom.canonicalise(SPEC, params).parameters for params in (A, B))
PROBLEM = symgeom.Problem(MODULE, INPUTS, TARGETS)
TORUS = symgeom.Torus(SPEC)
NORMED = (
    nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)).double().eval()
)
MATERIAL = symgeom.EnsembleMaterial(TORUS, PROBLEM, [A], count=2)
PREDICTIONS = symgeom.member_log_probabilities(PROBLEM, stack([A, B]))
MERGED = symgeom.merge(SPEC, {"a": A, "b": B})
T = torch.linspace(0, 1, 3, dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


FILE = Path(tempfile.mkdtemp()) / "weights.pt"
atexit.register(shutil.rmtree, FILE.parent, ignore_errors=True)
torch.save({"model": A}, FILE)
ELEMENT = symgeom.random_element(SPEC, generator=seeded())
LINE = symgeom.LinearPath(A, B)
SIGNS = {name: tensor.sign() for name, tensor in A.items()}


@dataclass(frozen=True)
class Call:
    """A function and arguments with which it works.

    Randomness is made anew for each use, because generators change when they are drawn from.
    """

    function: Callable[..., object]
    arguments: dict[str, object]
    random: tuple[str, ...] = ()
    several: dict[str, int] = field(default_factory=dict)

    def keywords(self) -> dict[str, object]:
        """Return the arguments with fresh generators."""
        generators = {name: seeded() for name in self.random}
        lists = {name: [seeded(i) for i in range(count)] for name, count in self.several.items()}
        return {**self.arguments, **generators, **lists}


def call(function: Callable[..., object], *random: str, **arguments: object) -> Call:
    return Call(function, arguments, random)


CALLS = {
    "absorb_constant_inputs": call(
        symgeom.absorb_constant_inputs, spec=SPEC, params=A, inputs=INPUTS, module=MODULE
    ),
    "act": call(symgeom.act, spec=SPEC, element=ELEMENT, params=A),
    "align": call(
        symgeom.align, "generator", spec=SPEC, reference=A, params=B, method="iterated", starts=2
    ),
    "align_activations": call(
        symgeom.align_activations,
        spec=SPEC,
        reference=symgeom.unit_activations(SPEC, MODULE, A, INPUTS),
        activations=symgeom.unit_activations(SPEC, MODULE, B, INPUTS),
    ),
    "align_jointly": call(symgeom.align_jointly, spec=SPEC, networks={"a": A, "b": B}),
    "align_pairs": call(
        lambda spec, networks, pairs, matching: dict(
            symgeom.align_pairs(spec, networks, pairs, matching=matching)
        ),
        spec=SPEC,
        networks={"a": A, "b": B},
        pairs=[("a", "b")],
        matching=symgeom.Matching(),
    ),
    "angular_momentum": call(
        symgeom.angular_momentum, spec=SPEC, params=A, velocity=B, groups=["hidden1"]
    ),
    "barrier": call(symgeom.barrier, t=T, values=T, definition="above_line"),
    "binarise": call(symgeom.binarise, params=A, names=["0.weight"]),
    "broken_equilibrium": call(
        symgeom.broken_equilibrium,
        spec=EXACT,
        problem=PROBLEM,
        params=A,
        penalty=lambda network: sum((tensor**2).sum() for tensor in network.values()),
        learning_rate=0.1,
        batch_size=4.0,
    ),
    "canonicalise": call(
        symgeom.canonicalise,
        spec=SPEC,
        params=A,
        bias_in_norm=True,
        dead_units="error",
        importance_threshold=0.0,
        stream="first",
    ),
    "certify": call(
        symgeom.certify, "generator", spec=SPEC, module=MODULE, params=A, inputs=INPUTS, draws=2
    ),
    "charge_moments": call(
        symgeom.charge_moments, spec=SPEC, network=MODULE, initialisation="glorot"
    ),
    "charges": call(symgeom.charges, spec=SPEC, params=A),
    "check_laws": call(
        symgeom.check_laws,
        "generator",
        spec=EXACT,
        module=MODULE,
        params=A,
        inputs=INPUTS,
        training=False,
    ),
    "collapse_exponent": call(
        symgeom.collapse_exponent,
        "generator",
        problem=PROBLEM,
        params=A,
        invariant=symgeom.unit_at_zero(SPEC, "hidden1", 0),
        rule=symgeom.NoisySteps(learning_rate=0.1, batch_size=2),
        steps=10,
    ),
    "completed": call(symgeom.completed, vectors=INPUTS.T[:, :2]),
    "compose": call(symgeom.compose, spec=SPEC, second=ELEMENT, first=ELEMENT),
    "corrupt": call(
        symgeom.corrupt,
        "generator",
        inputs=INPUTS,
        corruption=symgeom.Corruption("gaussian_noise", 3, symgeom.DataRange.observed(INPUTS)),
    ),
    "count_laws": call(
        symgeom.count_laws, "generator", module=MODULE, params=A, inputs=INPUTS, spec=SPEC
    ),
    "curve_along": call(symgeom.curve_along, path=LINE, kind="polygonal", bends=1),
    "data_dependent_action": call(
        symgeom.data_dependent_action,
        spec=SPEC,
        problem=PROBLEM,
        params=A,
        elements={"hidden1": torch.eye(5, dtype=torch.float64) + 0.1},
        index=torch.arange(2),
        least_squares=False,
    ),
    "discover": call(symgeom.discover, module=MODULE, example=INPUTS, within_heads=False),
    "ensemble_members": call(
        symgeom.ensemble_members, "generator", kind="linear_orbit", material=MATERIAL
    ),
    "ensemble_scores": call(
        symgeom.ensemble_scores, log_probabilities=PREDICTIONS, targets=TARGETS, bins=5
    ),
    "equal_units": call(symgeom.equal_units, spec=SPEC, group="hidden1", first=0, second=1, sign=1),
    "equilibrium_of_force": call(
        symgeom.equilibrium_of_force,
        spec=EXACT,
        params=A,
        force=symgeom.noise_force(EXACT, PROBLEM, A),
        learning_rate=0.1,
        batch_size=4.0,
        weight_decay=0.01,
    ),
    "escape_angle": call(
        symgeom.escape_angle,
        "generator",
        problem=PROBLEM,
        params=A,
        torus=TORUS,
        draws=2,
        rise=0.1,
    ),
    "exact_batch_size": call(
        symgeom.exact_batch_size, spec=SPEC, problem=PROBLEM, params=A, name="hidden1"
    ),
    "find_translations": call(
        symgeom.find_translations, "generator", loss=PROBLEM.loss, params=A, draws=2
    ),
    "fold_batchnorm": call(symgeom.fold_batchnorm, module=NORMED, example=INPUTS),
    "gradient_flow": call(
        symgeom.gradient_flow,
        problem=PROBLEM,
        params=A,
        plan=symgeom.FlowPlan((0.0, 0.1)),
        spec=SPEC,
    ),
    "hessian_eigenvalues": call(
        symgeom.hessian_eigenvalues,
        "generator",
        problem=PROBLEM,
        params=A,
        count=1,
        tolerance=1e-2,
        tensors=["0.weight"],
    ),
    "hessian_trace": call(
        symgeom.hessian_trace,
        "generator",
        problem=PROBLEM,
        params=A,
        probes=3,
        tensors=["0.weight"],
        method="hutchinson",
    ),
    "identity": call(symgeom.identity, spec=SPEC),
    "inverse": call(symgeom.inverse, spec=SPEC, element=ELEMENT),
    "local_energy": call(
        symgeom.local_energy,
        "generator",
        problem=PROBLEM,
        params=A,
        amplitudes=[0.1, 0.2],
        draws=2,
        noise="multiplicative",
    ),
    "mean_prediction": call(symgeom.mean_prediction, log_probabilities=PREDICTIONS),
    "merge": call(
        symgeom.merge,
        spec=SPEC,
        networks={"a": A, "b": B},
        weights=[2.0, 1.0],
        path="geodesic",
        dead_units="error",
    ),
    "member_log_probabilities": call(
        symgeom.member_log_probabilities, problem=PROBLEM, members=stack([A, B])
    ),
    "missing_symmetries": call(
        symgeom.missing_symmetries, "generator", spec=SPEC, module=MODULE, params=A, inputs=INPUTS
    ),
    "move_on_fibre": call(
        symgeom.move_on_fibre,
        spec=SPEC,
        params=A,
        target={name: 0 * charge for name, charge in symgeom.charges(SPEC, A).items()},
    ),
    "move_to_point": call(
        symgeom.move_to_point, spec=EXACT, problem=PROBLEM, params=A, point="noise"
    ),
    "charge_drift": call(
        symgeom.charge_drift,
        spec=EXACT,
        params=A,
        force=symgeom.noise_force(EXACT, PROBLEM, A),
        recipe=symgeom.SgdRecipe(0.1, 4.0),
    ),
    "predicted_path": call(
        symgeom.predicted_path,
        spec=EXACT,
        problem=PROBLEM,
        params=A,
        recipe=symgeom.SgdRecipe(0.1, 4.0),
        steps=[0.0, 10.0],
        mean_gradient=True,
    ),
    "predicted_changes": call(
        symgeom.predicted_changes,
        steps=[0.0],
        drifts=[
            symgeom.charge_drift(
                EXACT,
                A,
                symgeom.noise_force(EXACT, PROBLEM, A),
                recipe=symgeom.SgdRecipe(0.1, 4.0),
            )
        ],
    ),
    "noise_equilibrium": call(
        symgeom.noise_equilibrium,
        spec=EXACT,
        problem=PROBLEM,
        params=A,
        learning_rate=0.1,
        batch_size=4.0,
        weight_decay=0.01,
    ),
    "noise_force": call(symgeom.noise_force, spec=SPEC, problem=PROBLEM, params=A),
    "noise_gauge": call(symgeom.noise_gauge, spec=EXACT, problem=PROBLEM, params=A),
    "noise_force_of_batches": call(
        symgeom.noise_force_of_batches,
        "generator",
        spec=SPEC,
        problem=PROBLEM,
        params=A,
        batch_size=2,
        batches=4,
    ),
    "optimise_path": Call(
        symgeom.optimise_path,
        {
            "problem": PROBLEM,
            "chain": symgeom.PolygonalPath([stack([A]), stack([B]), stack([C])]),
            "plan": symgeom.ChainPlan(epochs=1, batch_size=6, points=3, evaluate_every=1),
            "torus": None,
        },
        several={"generators": 1},
    ),
    "orbit_dimension": call(symgeom.orbit_dimension, spec=EXACT, params=A),
    "pairing": call(symgeom.pairing, spec=SPEC, u=A, v=B),
    "parameters": call(symgeom.parameters, module=MODULE),
    "profile": call(symgeom.profile, problem=PROBLEM, path=LINE, t=T, at_once=1, values="both"),
    "random_element": call(symgeom.random_element, "generator", spec=SPEC, spread=0.5),
    "random_mixing": call(symgeom.random_mixing, "generator", size=5, scale=0.1),
    "predictor": call(symgeom.predictor, problem=PROBLEM, members=stack([A, B])),
    "read_checkpoint": call(symgeom.read_checkpoint, path=FILE, network=MODULE, choice="model"),
    "read_weights": call(symgeom.read_weights, path=FILE, network=MODULE, choice="model"),
    "recompute_statistics": call(
        symgeom.recompute_statistics,
        module=NORMED,
        params=parameters(NORMED),
        inputs=INPUTS,
        chunk=6,
    ),
    "relative_curvature": call(
        symgeom.relative_curvature,
        "generator",
        problem=PROBLEM,
        params=A,
        effort=symgeom.Effort(probes=2),
        tensors=["0.weight"],
    ),
    "repair": call(
        symgeom.repair,
        spec=SPEC,
        module=MODULE,
        network=LINE(0.5),
        ends=(A, B),
        t=0.5,
        inputs=INPUTS,
    ),
    "repair_merged": call(
        symgeom.repair_merged,
        spec=SPEC,
        module=MODULE,
        merged=MERGED,
        networks={"a": A, "b": B},
        inputs=INPUTS,
    ),
    "robust_error": call(
        symgeom.robust_error,
        "generator",
        predictor=symgeom.predictor(PROBLEM, stack([A, B])),
        inputs=INPUTS,
        targets=TARGETS,
        attack=symgeom.Attack("pgd", 0.1, symgeom.DataRange.observed(INPUTS), steps=2),
        source=symgeom.predictor(PROBLEM, stack([C])),
    ),
    "sharpness": call(
        symgeom.sharpness,
        problem=PROBLEM,
        params=A,
        radius=0.1,
        adaptive=True,
        steps=1,
        tensors=["0.weight"],
    ),
    "spectral_density": call(
        symgeom.spectral_density,
        "generator",
        problem=PROBLEM,
        params=A,
        probes=2,
        steps=3,
        tensors=["0.weight"],
    ),
    "teleport": call(
        symgeom.teleport,
        spec=EXACT,
        problem=PROBLEM,
        params=A,
        objective="flattest",
        bound=1.0,
        index=None,
    ),
    "torus_curvature": call(
        symgeom.torus_curvature,
        "generator",
        torus=TORUS,
        problem=PROBLEM,
        params=A,
        effort=symgeom.Effort(probes=2),
    ),
    "unit_activations": call(
        symgeom.unit_activations, spec=SPEC, module=MODULE, params=A, inputs=INPUTS
    ),
    "unit_at_zero": call(symgeom.unit_at_zero, spec=SPEC, group="hidden1", unit=0),
    "walk_fibre": call(symgeom.walk_fibre, spec=EXACT, params=A, imbalances=[0.0, 0.5]),
    "widen": call(
        symgeom.widen,
        spec=SPEC,
        module=MODULE,
        params=A,
        wide_spec=SPEC,
        wide_module=MODULE,
        inputs=INPUTS,
    ),
    "write_weights": call(
        lambda path, params, like, overwrite: [
            symgeom.write_weights(path, params, like, overwrite=overwrite)
        ],
        path=FILE.with_name("written.pt"),
        params=A,
        like=symgeom.read_checkpoint(FILE, MODULE),
        overwrite=True,
    ),
    "Torus": call(symgeom.Torus, spec=SPEC, bias_in_norm=True),
    "Torus.angles": call(TORUS.angles, first=FLAT_A, second=FLAT_B),
    "Torus.distance": call(TORUS.distance, first=FLAT_A, second=FLAT_B, kind="rms"),
    "Torus.group_distances": call(TORUS.group_distances, first=FLAT_A, second=FLAT_B),
    "Torus.geodesic": call(TORUS.geodesic, first=FLAT_A, second=FLAT_B, t=0.5),
    "Torus.random_point": call(TORUS.random_point, "generator", like=A),
    "Problem": call(
        symgeom.Problem, module=MODULE, inputs=INPUTS, targets=TARGETS, chunk=8, task="classes"
    ),
    "Problem.outputs": call(PROBLEM.outputs, params=A, index=torch.tensor([0, 3])),
    "Problem.loss": call(PROBLEM.loss, params=A, index=torch.tensor([0, 3])),
    "Problem.error": call(PROBLEM.error, params=A),
    "Problem.loss_and_error": call(PROBLEM.loss_and_error, params=A),
    "Problem.gradient": call(PROBLEM.gradient, params=A, index=torch.tensor([0, 3])),
    "Problem.batch_outputs": call(PROBLEM.batch_outputs, params=A, inputs=INPUTS),
    "Problem.batch_loss": call(PROBLEM.batch_loss, params=A, inputs=INPUTS, targets=TARGETS),
    "Problem.sample_gradients": call(
        lambda params: list(PROBLEM.sample_gradients(params)), params=A
    ),
    "Problem.subset": call(PROBLEM.subset, index=torch.tensor([0, 3])),
    "Problem.cast": call(PROBLEM.cast, dtype=torch.float32),
    "Problem.to": call(PROBLEM.to, device="cpu"),
    "EnsembleMaterial": call(
        symgeom.EnsembleMaterial,
        torus=TORUS,
        problem=PROBLEM,
        networks=[A],
        count=2,
        scale=0.1,
        groups=("hidden1",),
        batch=2,
    ),
    "LinearPath": call(symgeom.LinearPath, start=A, end=B),
    "GeodesicPath": call(
        symgeom.GeodesicPath, spec=SPEC, start=FLAT_A, end=FLAT_B, bias_in_norm=True
    ),
    "PolygonalPath": call(symgeom.PolygonalPath, points=[A, B, C]),
    "BezierPath": call(symgeom.BezierPath, points=[A, B, C]),
    "Plane": call(symgeom.Plane, a=A, b=B, c=C),
    "ChainPlan": call(symgeom.ChainPlan, epochs=1, batch_size=4, learning_rate=0.1, momentum=0.5),
    "FlowPlan": call(symgeom.FlowPlan, times=[0.0, 1.0], tolerance=1e-6, evaluations=10),
    "Effort": call(symgeom.Effort, count=1, tolerance=1e-2, probes=10),
    "Matching": call(symgeom.Matching, method="iterated", starts=1),
    "Noise": call(symgeom.Noise, kind="torus", spec=SPEC, bias_in_norm=True),
    "NoisySteps": call(
        symgeom.NoisySteps,
        learning_rate=0.1,
        batch_size=2,
        weight_decay=0.0,
        momentum=0.9,
        moves=True,
    ),
    "InvariantSet": call(symgeom.InvariantSet, group=SPEC.groups[0], units=(0, 1), sign=1),
    "Leg": call(symgeom.Leg, tensor="w", axis=0, power=1, shift=0.0),
    "UnitGroup": call(
        symgeom.UnitGroup, name="hidden1", size=2, legs=(symgeom.Leg("w", 0),), permute=True
    ),
    "FixedAxis": call(symgeom.FixedAxis, tensor="w", axis=0, reason="the outputs"),
    "SymmetrySpec": call(symgeom.SymmetrySpec, groups=SPEC.groups),
    "SymmetrySpec.from_json": call(symgeom.SymmetrySpec.from_json, text=SPEC.to_json()),
    "GroupElement": call(
        symgeom.GroupElement, permutations=ELEMENT.permutations, scales=ELEMENT.scales
    ),
    "Ledger": call(
        symgeom.Ledger,
        spec=EXACT,
        params=stack([A, B]),
        momentum=0.9,
        weight_decay=0.0,
        equivariant=True,
    ),
    "Attack": call(
        symgeom.Attack, kind="pgd", budget=0.1, data_range=symgeom.DataRange(), steps=2, restarts=2
    ),
    "Corruption": call(
        symgeom.Corruption, kind="contrast", severity=3, data_range=symgeom.DataRange()
    ),
    "DataRange": call(symgeom.DataRange, low=(0.0,), high=(1.0,)),
    "HammingPath": call(symgeom.HammingPath, start=SIGNS, end=SIGNS, order={}),
}
