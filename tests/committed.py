"""The committed tables of a study as arrays, as far as they hold what claims ask for."""

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from symgeom.study.claims.measured import Measured

REFERENCE = Path(__file__).parents[1] / "results/reference"
ENDS = ("first_arm", "first_seed", "second_arm", "second_seed")
ROLES = {
    "flat": "rsgd",
    "reference": "sgd",
    "sharp": "adversarial",
    "equivariant": ["sgd", "adversarial", "equal_budget"],
    "adaptive": "adam",
}


def rows(study: str, table: str, case: str) -> list[dict[str, str]]:
    """Return the rows of a table about a case; none of a table that was not kept yet."""
    path = REFERENCE / study / f"{table}.csv"
    if not path.exists():
        return []
    with path.open() as file:
        return [row for row in csv.DictReader(file) if row["case"] == case]


def numbers(table: list[dict[str, str]], name: str) -> np.ndarray:
    """Return a column; NaN where it is empty or missing."""
    return np.array([float(row.get(name) or "nan") for row in table])


def neighbours(study: str, case: str) -> dict[str, xr.Dataset]:
    """Return what a study measured of ensembles, as a stage; nothing if it measured none."""
    table = rows(study, "neighbours", case)
    if not table:
        return {}
    index = pd.MultiIndex.from_arrays(
        [
            [row["arm"] for row in table],
            [int(row["seed"]) for row in table],
            [row["kind"] for row in table],
        ],
        names=("arm", "seed", "kind"),
    )
    counts = {row["kind"]: int(float(row["minima"])) for row in table}
    claimed = {name: float(table[0][name]) for name in ("scale", "budget", "members")}
    claimed["attack"] = table[0]["attack"]
    labels = {
        "scale": [claimed["scale"]],
        "attack": [claimed["attack"]],
        "budget": [claimed["budget"]],
    }

    def column(name: str) -> xr.DataArray:
        series = pd.Series(numbers(table, name), index)
        return xr.DataArray.from_series(series)

    stage = {}
    for name in ("error", "loss", "calibration_error", "disagreement"):
        stage[name] = column(f"{name} {claimed['scale']:g}").expand_dims(scale=labels["scale"])
    stage["attacked_error"] = column("attacked_error")
    if claimed["attack"]:
        by_aim = []
        for aim in ("aimed", "transferred", "either"):
            words = f"robust_error {claimed['attack']} {claimed['budget']:g} {aim}"
            by_aim.append(column(words).expand_dims(attack=labels["attack"]))
        aims = xr.IndexVariable("aim", ["aimed", "transferred", "either"])
        robust = xr.concat(by_aim, aims)
        stage["robust_error"] = robust.expand_dims(budget=labels["budget"])
    corrupted = [name for name in table[0] if name.startswith("corrupted_error ")]
    if corrupted:
        mean = sum(column(name) for name in corrupted) / len(corrupted)
        stage["corrupted_error"] = mean.expand_dims(corruption=["all"], severity=[0])
    dataset = xr.Dataset(stage, attrs=claimed)
    kinds = dataset["kind"].values.tolist()
    dataset["minima"] = ("kind", [counts[kind] for kind in kinds])
    return {"neighbours": dataset}


def measured(study: str, case: str, *, threshold: float = 0.005) -> Measured:
    """Return what a study measured, without curves."""
    minima, pairs = rows(study, "minima", case), rows(study, "pairs", case)
    arms = sorted({row["arm"] for row in minima})
    seeds = sorted({int(row["seed"]) for row in minima})
    order = np.array([(arms.index(row["arm"]), int(row["seed"])) for row in minima]).T

    def over_minima(name: str) -> xr.DataArray:
        values = np.full((len(arms), len(seeds)), np.nan)
        values[tuple(order)] = numbers(minima, name)
        return xr.DataArray(values, {"arm": arms, "seed": seeds})

    usable = over_minima("epochs") > np.inf
    usable.values[tuple(order)] = [row["usable"] == "True" for row in minima]
    ends = {name: ("pair", [row[name] for row in pairs]) for name in ENDS}
    for name in ENDS[1::2]:
        ends[name] = ("pair", [int(row[name]) for row in pairs])

    def over_pairs(name: str) -> xr.DataArray:
        return xr.DataArray(numbers(pairs, name), ends, "pair")

    variants = [
        name.removeprefix("barrier ").removesuffix(" train")
        for name in pairs[0]
        if name.startswith("barrier ") and name.endswith(" train")
    ]
    variant_names = xr.IndexVariable("variant", variants)
    paths = {}
    for name in ("barrier", "relative_barrier", "loss_barrier"):
        of_variants = [over_pairs(f"{name} {variant} train") for variant in variants]
        paths[name] = xr.concat(of_variants, variant_names).expand_dims(split=["train"])
    geodesics = [name for name in variants if f"escape_angle {name} first" in pairs[0]]
    for name in ("escape_angle", "escape_reached") if geodesics else ():
        of_ends = []
        for end in ("first", "second"):
            columns = [over_pairs(f"{name} {variant} {end}") for variant in geodesics]
            of_ends.append(xr.concat(columns, xr.IndexVariable("geodesic", geodesics)))
        paths[name] = xr.concat(of_ends, xr.IndexVariable("end", ["first", "second"]))
    # The tables hold no curves along the chains: their ends are the minima.
    error = over_minima("train_error")
    at_ends = []
    for end in ("first", "second"):
        labels = zip(ends[f"{end}_arm"][1], ends[f"{end}_seed"][1], strict=True)
        at_ends.append([float(error.sel(arm=arm, seed=seed)) for arm, seed in labels])
    worse = over_pairs("bend_error").copy(data=np.maximum(*at_ends))
    along = xr.concat([worse, worse], "t").expand_dims(split=["train"])
    energy = over_minima("mean_local_energy").expand_dims(amplitude=[1.0])
    margin = over_minima("margin_0.1").expand_dims(quantile=[0.1])
    points = ("trained", "balanced", "noise", "flattest", "random", "shuffled")
    orbits = {}
    for name in ("trace", "eigenvalue"):
        if f"{name} noise" in minima[0]:
            of_points = [over_minima(f"{name} {point}") for point in points]
            orbits[name] = xr.concat(of_points, xr.IndexVariable("point", list(points)))
    moments = xr.IndexVariable("moment", ["start", "end"])
    displaced = [over_minima(f"displacement {moment}") for moment in ("start", "end")]
    displacement = xr.concat(displaced, moments)
    stages = {
        "minima": {
            "test_error": over_minima("test_error"),
            "train_error": error,
            "train_loss": over_minima("train_loss"),
            "usable": usable,
        },
        "flatness": {
            "local_energy": energy,
            "margin": margin,
        },
        "distances": {"distance": over_pairs("distance aligned").expand_dims(stage=["aligned"])},
        "paths": paths,
        "chains": {
            "bend_error": over_pairs("bend_error"),
            "straight_error": over_pairs("straight_error"),
            "error": along,
        },
        "ledgers": {
            "closure": over_minima("closure"),
            "first_order": over_minima("first_order"),
            "charge_hidden1": over_minima("charge_hidden1 end"),
        },
        "equilibria": {
            "displacement": displacement,
            "displacement_hidden1": displacement,  # the tables hold no units
        },
        "orbits": orbits,
    }
    if "escape_angle" in minima[0]:
        stages["flatness"]["escape_angle"] = over_minima("escape_angle")
    controls = re.findall(r"control_distance (\w+) aligned", " ".join(pairs[0]))
    if controls:
        columns = [over_pairs(f"control_distance {control} aligned") for control in controls]
        of_controls = xr.concat(columns, xr.IndexVariable("control", controls))
        titled = of_controls.assign_coords(control_title=("control", controls))
        stages["distances"]["control_distance"] = titled.expand_dims(stage=["aligned"])
    attrs = {"escape_rise": 0.05}
    datasets = {name: xr.Dataset(arrays, attrs=attrs) for name, arrays in stages.items()}
    simplices = rows(study, "simplices", case)
    if simplices:
        datasets["simplices"] = over_simplices(simplices)
    datasets |= neighbours(study, case)
    equivariant = [arm for arm in ROLES["equivariant"] if arm in arms]
    roles = ROLES | {"equal_budget": control_of(arms), "equivariant": equivariant}
    return Measured(datasets, roles, threshold)


def over_simplices(table: list[dict[str, str]]) -> xr.Dataset:
    """Return errors in the middle of simplices and at their vertices, on training data."""
    seeds = [row["seeds"].split() for row in table]
    vertices = np.full((len(table), max(map(len, seeds))), -1)
    for number, of_simplex in enumerate(seeds):
        vertices[number, : len(of_simplex)] = of_simplex
    errors = {}
    for name in ("centre_error", "vertex_error"):
        errors[name] = (("split", "simplex"), [numbers(table, f"{name} train")])
    corners = {
        "split": ["train"],
        "simplex_arm": ("simplex", [row["arm"] for row in table]),
        "vertices": ("simplex", [len(of_simplex) for of_simplex in seeds]),
        "simplex_seed": (("simplex", "vertex"), vertices),
    }
    return xr.Dataset(errors, corners)


def control_of(arms: list[str]) -> str:
    """Return the arm at equal compute; of a study of before it had one, the last stands in."""
    return "equal_budget" if "equal_budget" in arms else arms[-1]
