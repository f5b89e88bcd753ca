"""Measure the curvature at every minimum: Hessian spectra, as trained, relative to the weights and on the torus; sharpness."""

from collections.abc import Mapping

from _case import Case
from _console import progress
from _labels import filled, labelled, names, write_minima
from _launch import launch
from _meanings import CURVATURES, DIMS
from _problems import problems_of
from _spectra import left_out, measures
from _stage import read_networks, read_symmetry

from symgeom.landscape.flatness.layers import layers
from symgeom.quotient.torus import Torus


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: list,
    seeds: list,
    options: Mapping,
    bias_in_norm: bool,
    curvature: str,
    config_digest: str,
) -> None:
    found, spec = Case.read(stores["data"], network), read_symmetry(stores["symmetry"])
    problem = problems_of(found, "float64", samples=options["samples"])["train"]
    torus, networks = (
        Torus(spec, bias_in_norm),
        {} if found.binary else read_networks(stores["minima"]),
    )
    shape, arrays, layer_names = (len(arms), len(seeds)), {}, []
    with progress("measure curvature", len(networks)) as bar:
        for (arm, seed), trained in networks.items():
            bar.update()
            params, place = found.prepared(trained, "float64"), (arms.index(arm), seeds.index(seed))
            layer_names = list(layers(problem, params))
            for name, values in measures(
                torus, problem, params, options=options, words=(case, arm, seed)
            ).items():
                filled(arrays, name, shape, place, values)
    variables = {
        name: labelled(("arm", "seed", *DIMS.get(name, ())), array, *CURVATURES[name])
        for name, array in arrays.items()
    }
    coordinates = names("layer", layer_names, "layer") if "layer_trace" in variables else {}
    attrs = {name: str(value) for name, value in options.items()}
    attrs["left_out"] = left_out(options, binary=bool(found.binary), problem=problem)
    write_minima(
        curvature,
        arms,
        seeds,
        variables,
        coordinates=coordinates,
        attrs=attrs,
        config_digest=config_digest,
    )


if __name__ == "__main__":
    launch(main, snakemake)
