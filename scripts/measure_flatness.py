"""Measure how flat every minimum is: local energies under several noises, for the whole network and by layer, and margins."""

from collections.abc import Mapping

import numpy as np
from _case import Case
from _console import progress
from _labels import filled, labelled, names, write_minima
from _launch import launch
from _meanings import CURVES, DIMS
from _noises import by_layer, curves
from _problems import problems_of
from _stage import read_networks, read_symmetry

from symgeom.landscape.flatness.layers import layers
from symgeom.landscape.flatness.margin import QUANTILES, layer_margins, normalised_margins


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: list,
    seeds: list,
    options: Mapping,
    bias_in_norm: bool,
    flatness: str,
    config_digest: str,
) -> None:
    found, spec = Case.read(stores["data"], network), read_symmetry(stores["symmetry"])
    problem = problems_of(found, options["precision"], samples=options["samples"])["train"]
    networks, binary = read_networks(stores["minima"]), bool(found.binary)
    shape, arrays = (len(arms), len(seeds)), {}
    with progress("measure flatness", len(networks)) as bar:
        for (arm, seed), trained in networks.items():
            bar.update()
            place, params = (
                (arms.index(arm), seeds.index(seed)),
                found.prepared(trained, options["precision"]),
            )
            chosen = {
                "options": options | {"bias_in_norm": bias_in_norm},
                "words": (case, arm, seed),
            }
            measured = curves(spec, problem, params, **chosen, binary=binary)
            if options["layers"] and not binary:
                parts = by_layer(problem, params, **chosen)
                measured["layer_energy"] = [
                    float(energy.error_increase) for energy in parts.values()
                ]
                measured["layer_margin"] = layer_margins(problem, params, layers(problem, params))
            margins = normalised_margins(spec, problem, params, bias_in_norm=bias_in_norm)
            for name, values in (
                measured | {"margin": margins.value, "spectral_margin": margins.spectral}
            ).items():
                filled(arrays, name, shape, place, values)
    variables = {
        name: labelled(("arm", "seed", *DIMS[name]), array, *CURVES[name])
        for name, array in arrays.items()
    }
    coordinates = {
        "amplitude": labelled(
            "amplitude", options["amplitudes"], "1", "size of the noise, relative to each weight"
        )
    }
    coordinates |= {
        "quantile": labelled("quantile", np.array(QUANTILES), "1", "share of the samples below")
    }
    coordinates |= (
        names("layer", list(layers(problem, params)), "layer")
        if "layer_energy" in variables
        else {}
    )
    attrs = {
        "draws": options["draws"],
        "noise": "flips" if binary else "multiplicative",
        "precision": options["precision"],
    }
    write_minima(
        flatness,
        arms,
        seeds,
        variables,
        coordinates=coordinates,
        attrs=attrs,
        config_digest=config_digest,
    )


if __name__ == "__main__":
    launch(main, snakemake)
