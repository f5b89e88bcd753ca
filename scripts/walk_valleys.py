"""Walk along the valley from every network, before and after training, and measure what charges change at one function."""

from collections.abc import Mapping

from _case import Case, build_network
from _console import progress
from _labels import filled, write_minima
from _launch import launch
from _problems import problems_of
from _stage import read_networks, read_symmetry
from _valley import along, own_charges
from _valley_tables import MOMENTS, valley_tables

from symgeom.ground.types import parameters
from symgeom.symmetry.bilinear import charged_groups


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    arms: list,
    trained: list,
    seeds: list,
    options: Mapping,
    valleys: str,
    config_digest: str,
) -> None:
    found, spec, ends = (
        Case.read(stores["data"], network),
        read_symmetry(stores["symmetry"]),
        read_networks(stores["minima"]),
    )
    problem = problems_of(found, "float64", samples=options["samples"])["train"]
    shape, arrays, own = (len(arms), len(seeds), len(MOMENTS)), {}, {}
    charged = charged_groups(spec.exact()).groups and not (found.binary or problem.batch_norm)
    with progress("walk the valleys", len(ends)) as bar:
        for (arm, seed), end in ends.items() if charged else ():
            start = parameters(
                build_network(found.data, network, ("initialisation", case, arm, seed, 0))
            )
            for m, params in enumerate(
                found.prepared(params, "float64") for params in (start, end)
            ):
                if m == 0 and arm not in trained:  # nobody knows where it started
                    continue
                place, words = (
                    (arms.index(arm), seeds.index(seed), m),
                    (case, arm, seed, MOMENTS[m]),
                )
                for name, values in along(
                    spec, problem, params, options=options, words=words, flow=m == 0
                ).items():
                    filled(arrays, name, shape, place, values)
                for name, values in own_charges(spec, params).items():
                    filled(own, name, shape, place, values)
            bar.update()
    variables, coordinates = valley_tables(arrays, own, options)
    write_minima(
        valleys,
        arms,
        seeds,
        variables,
        coordinates=coordinates,
        attrs={},
        config_digest=config_digest,
    )


if __name__ == "__main__":
    launch(main, snakemake)
