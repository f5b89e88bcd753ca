"""Map loss and error on planes through three minima, the second and third aligned to the first."""

from collections.abc import Mapping

import numpy as np
from _case import Case
from _console import progress
from _ends import Gauges
from _labels import filled, labelled
from _launch import launch
from _problems import problems_of
from _stage import read_symmetry
from xarray import Dataset

from symgeom.ground.types import cast
from symgeom.landscape.plane import Plane, error_map
from symgeom.quotient.torus import Torus
from symgeom.store import write_store

MEANINGS = {
    "error": (("row", "column"), "1", "training error on the plane"),
    "loss": (("row", "column"), "nat", "training loss on the plane"),
    "x": (("column",), "weight", "distance along the line from the first minimum to the second"),
    "y": (("row",), "weight", "distance from that line"),
    "places": (("vertex", "axis"), "weight", "where the three minima lie"),
}


def main(
    *,
    stores: Mapping,
    network: Mapping,
    planes: list,
    options: Mapping,
    bias_in_norm: bool,
    maps: str,
    config_digest: str,
) -> None:
    case, spec = Case.read(stores["data"], network), read_symmetry(stores["symmetry"])
    problem = problems_of(case, options["precision"], samples=options["samples"])["train"]
    torus = Torus(spec, bias_in_norm) if options["project"] and not case.binary else None
    chosen = {"tensors": [name for name, _ in problem.module.named_parameters()], "torus": torus}
    gauges = Gauges.read(case, spec, stores, {tuple(pair) for pairs in planes for pair in pairs})
    arrays, vertices = {}, [(*pairs[0], *pairs[1][2:]) for pairs in planes]
    with progress("map planes", len(planes)) as bar:
        for row, (first, second) in enumerate(planes):
            bar.update()
            corners = gauges.corners((tuple(first), tuple(second)), latent=bool(case.binary))
            if corners:
                plane = Plane(*(cast(corner, problem.inputs.dtype) for corner in corners), **chosen)
                measured = error_map(
                    problem, plane, points=options["points"], margin=options["margin"]
                )
                for name in MEANINGS:
                    filled(arrays, name, (len(planes),), (row,), getattr(measured, name))
    variables = {
        name: labelled(("plane", *MEANINGS[name][0]), array, *MEANINGS[name][1:])
        for name, array in arrays.items()
    }
    ends = {
        "vertex_arm": [three[::2] for three in vertices],
        "vertex_seed": [three[1::2] for three in vertices],
    }
    coordinates = {
        name: labelled(
            ("plane", "vertex"),
            np.array(values).reshape(-1, 3),
            "1",
            f"{name.split('_')[1]} of each of the three",
        )
        for name, values in ends.items()
    }
    dataset = Dataset(variables, coordinates, {name: str(value) for name, value in options.items()})
    write_store(
        maps,
        dataset,
        config_digest=config_digest,
        seeds=sorted({seed for three in vertices for seed in three[1::2]}),
    )


if __name__ == "__main__":
    launch(main, snakemake)
