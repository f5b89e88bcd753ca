"""Small stores of a study, to write, read and join."""

from pathlib import Path

import numpy as np
import torch
import xarray as xr
from cases import mlp_spec, network

from symgeom.ground.types import stack
from symgeom.store import parameters_to_variables, write_store

SPEC = mlp_spec(4, 3, 5, 2)
DESCRIBED = {"units": "1", "long_name": "a test"}


def networks(arms: int, seeds: int) -> dict[str, torch.Tensor]:
    """Return networks stacked over arms and seeds."""
    return stack(
        [
            stack([network(4, 3, 5, 2, seed=10 * arm + seed) for seed in range(seeds)])
            for arm in range(arms)
        ]
    )


def minima(
    arms: tuple[str, ...] = ("sgd", "adam"), seeds: tuple[int, ...] = (0, 1, 2)
) -> xr.Dataset:
    """Return a stage with numbers, flags, text and weights."""
    shape = (len(arms), len(seeds))
    variables = {
        "error": (("arm", "seed"), np.arange(float(np.prod(shape))).reshape(shape), DESCRIBED),
        "usable": (("arm", "seed"), np.ones(shape, bool), DESCRIBED),
        "state": (("arm", "seed"), np.full(shape, "reached the stop rule"), DESCRIBED),
        "steps": (("arm", "seed"), np.zeros(shape, int), DESCRIBED),
        "samples": ((), 1797, DESCRIBED),
    }
    weights = parameters_to_variables(SPEC, networks(*shape), leading=("arm", "seed"))
    return xr.Dataset(
        variables | weights, {"arm": list(arms), "seed": list(seeds)}, {"spec": SPEC.to_json()}
    )


def pairs(first: list[int], second: list[int], control: float = 0.5) -> xr.Dataset:
    """Return a stage over pairs of minima, with a control that does not depend on them."""
    text = np.full(len(first), "sgd")
    coordinates = {
        "first_arm": text,
        "first_seed": first,
        "second_arm": text,
        "second_seed": second,
    }
    distance = ("pair", np.add(first, second) / 2, {"units": "rad", "long_name": "distance"})
    return xr.Dataset(
        {"distance": distance, "control": ((), control, DESCRIBED)},
        {name: ("pair", values) for name, values in coordinates.items()},
    )


def write(path: Path, dataset: xr.Dataset, seeds: tuple[int, ...] = (0, 1, 2)) -> Path:
    """Write with a fixed digest."""
    write_store(path, dataset, config_digest="ab12", seeds=seeds)
    return path
