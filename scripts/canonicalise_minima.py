"""Certify the symmetries of every minimum and put it on the torus."""

from collections.abc import Mapping

import numpy as np
from _case import Case
from _gauge import all_data, on_torus
from _labels import labelled, names, write_minima
from _launch import launch
from _problems import problems_of
from _stage import read_networks, read_symmetry

from symgeom.ground.randomness import stream
from symgeom.store import parameters_to_variables
from symgeom.symmetry.certificate import certify


def main(
    *,
    stores: Mapping,
    network: Mapping,
    arms: list,
    seeds: list,
    options: Mapping,
    canonical: str,
    config_digest: str,
) -> None:
    case, spec = (
        Case.read(stores["data"], network | {"device": "cpu"}),
        read_symmetry(stores["symmetry"]),
    )
    problem = all_data(problems_of(case, "float64"))
    shape, draws, inputs = (
        (len(arms), len(seeds)),
        options["certificate_draws"],
        problem.inputs[:256],
    )
    certificate, lengths, absorbed = (
        np.full(shape, np.nan),
        np.full(shape, np.nan),
        np.zeros(shape, int),
    )
    signs = {
        group.name: np.full((*shape, group.size), np.nan)
        for group in spec.groups
        if group.scale == "sign"
    }
    dead, weak, stacked = (
        np.zeros((*shape, len(spec.groups)), int),
        np.zeros((*shape, len(spec.groups)), int),
        {},
    )
    for (arm, seed), params in read_networks(stores["minima"]).items():
        place, params = (
            (arms.index(arm), seeds.index(seed)),
            case.signed(case.prepared(params, "float64")),
        )
        words = stream("certificate", arm, seed)
        proof = certify(spec, problem.module, params, inputs=inputs, generator=words, draws=draws)
        result, constant = on_torus(spec, params, problem, options, f"Minimum {arm}/{seed}")
        certificate[place], lengths[place] = (
            proof.require().residual,
            1 / float(result.element.scales[spec.groups[-1].name][0]),
        )
        absorbed[place] = len(constant)
        for name, values in signs.items():
            values[place] = result.element.scales[name].sign()
        for count, units in ((dead, result.dead), (weak, result.weak)):
            count[place] = [len(units.get(group.name, ())) for group in spec.groups]
        for name, tensor in result.parameters.items():
            empty = np.full(
                (*shape, *tensor.shape),
                np.nan if tensor.is_floating_point() else 0,
                tensor.numpy().dtype,
            )
            stacked.setdefault(name, empty)[place] = tensor
    proved, each = (
        "largest relative change of the outputs under random group elements",
        ("arm", "seed"),
    )
    variables = parameters_to_variables(spec, stacked, leading=each) | {
        "certificate": labelled(each, certificate, "1", proved),
        "head_length": labelled(each, lengths, "1", "length of the head before normalisation"),
        "absorbed_inputs": labelled(each, absorbed, "1", "constant inputs moved into the biases"),
        "dead_units": labelled(
            (*each, "group"), dead, "1", "dropped units without incoming weights"
        ),
        "weak_units": labelled(
            (*each, "group"), weak, "1", "dropped units below the importance threshold"
        ),
    }
    flips = "sign that was given to each unit of {}"
    variables |= {
        f"sign_{name}": labelled((*each, name), values, "1", flips.format(name))
        for name, values in signs.items()
    }
    groups = names("group", [group.name for group in spec.groups], "unit group")
    attrs = {key: str(value) for key, value in options.items()}
    write_minima(
        canonical,
        arms,
        seeds,
        variables,
        coordinates=groups,
        attrs=attrs,
        config_digest=config_digest,
    )


if __name__ == "__main__":
    launch(main, snakemake)
