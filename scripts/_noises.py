"""The noises under which a minimum's local energy is measured, each with a random stream of its own."""

from collections.abc import Mapping

from _meanings import PARTS

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, ravel
from symgeom.landscape.binary.energy import flip_energy
from symgeom.landscape.flatness.layers import layers
from symgeom.landscape.flatness.local_energies import LocalEnergy, local_energy
from symgeom.landscape.flatness.noise import Noise
from symgeom.landscape.problem import Problem
from symgeom.symmetry.group import act, random_element
from symgeom.symmetry.spec import SymmetrySpec


def curves(
    spec: SymmetrySpec, problem: Problem, params: Parameters, **chosen: object
) -> dict[str, object]:
    """Return the local energies of one minimum as named curves over the amplitude."""
    found = energies(spec, problem, params, **chosen)
    return {
        f"{name}{ending}": getattr(energy, part)
        for name, energy in found.items()
        for ending, (part, *_) in PARTS.items()
    }


def energies(
    spec: SymmetrySpec,
    problem: Problem,
    params: Parameters,
    *,
    options: Mapping,
    words: tuple,
    binary: bool,
) -> dict[str, LocalEnergy]:
    """Return the local energies that the configuration asks for, by name."""
    given = {"amplitudes": options["amplitudes"], "draws": options["draws"]}
    if binary:
        flips = {"probabilities": options["amplitudes"], "draws": options["draws"]}
        return {
            "local_energy": flip_energy(
                problem, params, **flips, generator=stream("local energy", *words)
            )
        }
    found = {
        "local_energy": local_energy(
            problem, params, **given, generator=stream("local energy", *words)
        )
    }
    if "torus" in options["noises"]:
        noise = Noise("torus", spec, options["bias_in_norm"])
        found["torus_energy"] = local_energy(
            problem, params, **given, noise=noise, generator=stream("torus energy", *words)
        )
    if "additive" in options["noises"]:
        element = random_element(
            spec.exact(), generator=stream("rescaled copy", *words), spread=1.0
        )
        unit = float(ravel(_weights(problem, params)).square().mean().sqrt())
        given["amplitudes"] = [unit * amplitude for amplitude in options["amplitudes"]]
        for name, network in (
            ("additive_energy", params),
            ("rescaled_energy", act(spec.exact(), element, params)),
        ):
            generator = stream("additive energy", *words)  # the same for both
            found[name] = local_energy(
                problem, network, **given, noise="additive", generator=generator
            )
    return found


def _weights(problem: Problem, params: Parameters) -> Parameters:
    return {name: params[name] for name, _ in problem.module.named_parameters()}


def by_layer(
    problem: Problem, params: Parameters, *, options: Mapping, words: tuple
) -> dict[str, LocalEnergy]:
    """Return the local energy of each layer, all others at rest, at the middle one of the amplitudes."""
    given = {
        "amplitudes": [options["amplitudes"][len(options["amplitudes"]) // 2]],
        "draws": options["draws"],
    }
    return {
        layer: local_energy(
            problem,
            params,
            **given,
            noise=Noise(tensors=tuple(tensors)),
            generator=stream("layer energy", *words, layer),
        )
        for layer, tensors in layers(problem, params).items()
    }
