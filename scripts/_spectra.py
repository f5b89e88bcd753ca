"""Measures of curvature of one minimum by name, each with a random stream of its own."""

from collections.abc import Mapping

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters
from symgeom.landscape.flatness.curvature import Effort, relative_curvature, torus_curvature
from symgeom.landscape.flatness.density import spectral_density
from symgeom.landscape.flatness.hessian import hessian_eigenvalues
from symgeom.landscape.flatness.layers import layers
from symgeom.landscape.flatness.trace import hessian_trace
from symgeom.landscape.flatness.worst_case import sharpness
from symgeom.landscape.problem import Problem
from symgeom.quotient.torus import Torus

BALLS = {"sharpness": ("radius", False), "adaptive_sharpness": ("adaptive_radius", True)}
"""Measures without second derivatives: the key of their radius, and whether it is relative."""


def left_out(options: Mapping, *, binary: bool, problem: Problem) -> list[str]:
    """Return which measures cannot be taken: of signs none can, and statistics of batches allow no second derivative."""
    second = ["eigenvalue", *["trace", "relative_trace", "torus_trace"] * bool(options["probes"])]
    second += ["layer_trace"] * bool(options["probes"] and options["layers"]) + ["density"] * bool(
        options["density_steps"]
    )
    return [*BALLS, *second] if binary else second if problem.batch_norm else []


def measures(
    torus: Torus, problem: Problem, params: Parameters, *, options: Mapping, words: tuple
) -> dict[str, object]:
    """Return the measures that the configuration asks for and that can be taken, by name."""
    balls = {
        name: {"radius": options[radius], "adaptive": adaptive}
        for name, (radius, adaptive) in BALLS.items()
    }
    found = {
        name: sharpness(problem, params, steps=options["ascent_steps"], **ball).increase[-1]
        for name, ball in balls.items()
    }
    if problem.batch_norm:
        return found
    tolerance, start = options["eigenvalue_tolerance"], stream("lanczos", *words)
    top = hessian_eigenvalues(
        problem, params, count=options["eigenvalues"], tolerance=tolerance, generator=start
    )
    found |= {"eigenvalue": top.values, "eigenvalue_residual": top.residuals}
    if options["probes"]:
        found |= traces(torus, problem, params, options=options, words=words)
    if options["density_steps"]:
        seeded = {
            "probes": max(options["probes"], 2),
            "generator": stream("spectral density", *words),
        }
        density = spectral_density(problem, params, steps=options["density_steps"], **seeded)
        found |= {"density_node": density.nodes, "density_weight": density.weights}
    return found


def traces(
    torus: Torus, problem: Problem, params: Parameters, *, options: Mapping, words: tuple
) -> dict[str, object]:
    """Return the traces of the Hessian, of its invariant forms (with their largest eigenvalues), and of its layers."""
    probes, effort = (
        options["probes"],
        Effort(1, options["eigenvalue_tolerance"], options["probes"]),
    )
    relative = relative_curvature(
        problem, params, effort=effort, generator=stream("relative curvature", *words)
    )
    on_torus = torus_curvature(
        torus, problem, params, effort=effort, generator=stream("torus curvature", *words)
    )
    plain = hessian_trace(problem, params, probes=probes, generator=stream("trace", *words))
    found = {
        "relative_eigenvalue": relative.eigenvalues.values[0],
        "torus_eigenvalue": on_torus.eigenvalues.values[0],
    }
    for kind, trace in {"": plain, "relative_": relative.trace, "torus_": on_torus.trace}.items():
        found |= {f"{kind}trace": trace.trace, f"{kind}trace_standard_error": trace.standard_error}
    if options["layers"]:
        seeds = {layer: stream("layer trace", *words, layer) for layer in layers(problem, params)}
        parts = layers(problem, params).items()
        own = [
            hessian_trace(problem, params, probes=probes, tensors=part, generator=seeds[layer])
            for layer, part in parts
        ]
        found["layer_trace"] = [float(trace.trace) for trace in own]
    return found
