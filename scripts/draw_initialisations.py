"""Draw networks from every initialisation: the charges at which training may start, beside their moments in closed form."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from _case import Case
from _console import progress
from _labels import filled, labelled, names
from _launch import launch
from _stage import read_symmetry

from symgeom.dynamics.charge import charges
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.learning.networks.initial_charges import charge_moments
from symgeom.learning.networks.initialise import INITIALISATIONS, initialise
from symgeom.store import write_store


def main(
    *,
    case: str,
    stores: Mapping,
    network: Mapping,
    draws: int,
    initialisations: str,
    config_digest: str,
) -> None:
    found, spec = Case.read(stores["data"], network), read_symmetry(stores["symmetry"])
    drawn, expected = {}, {}
    with progress("draw initialisations", len(INITIALISATIONS)) as bar:
        for row, kind in enumerate(INITIALISATIONS if not (found.folded or found.binary) else ()):
            generator = stream("initial charges", case, kind)
            for draw in range(draws):
                initialise(found.trained, kind, name=network["name"], generator=generator)
                for name, values in charges(spec, parameters(found.trained)).items():
                    if values.ndim == 1:
                        filled(drawn, name, (len(INITIALISATIONS), draws), (row, draw), values)
            for name, moments in charge_moments(spec, found.trained, kind).items():
                filled(
                    expected,
                    name,
                    (len(INITIALISATIONS),),
                    (row,),
                    np.stack([moment.numpy() for moment in moments]),
                )
            bar.update()
    variables = {}
    for name, values in drawn.items():
        axes = ("initialisation", "draw", name)
        variables[f"charge_{name}"] = labelled(
            axes, values, "weight^2", f"charges of {name} at random starts"
        )
        for moment, (unit, column) in {
            "mean": ("weight^2", 0),
            "variance": ("weight^4", 1),
        }.items():
            meaning = f"{moment} of the charges of {name}, in closed form"
            variables[f"{moment}_{name}"] = labelled(
                axes[::2], expected[name][:, column], unit, meaning
            )
    dataset = xr.Dataset(
        variables, names("initialisation", list(INITIALISATIONS), "distribution of the weights")
    )
    write_store(initialisations, dataset, config_digest=config_digest, seeds=list(range(draws)))


if __name__ == "__main__":
    launch(main, snakemake)
