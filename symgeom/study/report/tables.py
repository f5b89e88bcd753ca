"""The tables of the report as plain rows: minima, alignments, chains, barriers, ensembles, data."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from symgeom.study.claims.barriers import FULL

MEASURES_OF_RUNS = (
    "train_error",
    "test_error",
    "train_loss",
    "test_loss",
    "epochs",
    "gradient_evaluations",
    "sample_gradients",
)
"""What is shown of every run."""

BOUNDS = ("mean", "low", "high", "loss_mean", "loss_low", "loss_high")
"""What is shown of the barriers between two arms."""

BOUNDS_OF_ENSEMBLES = ("mean", "difference_low", "difference_high")
"""What is shown of a score of an ensemble."""

MEANS_OF_ARMS = ("train_error", "test_error", "epochs", "sample_gradients")
"""What is averaged over the runs of an arm."""


def minima_rows(minima: xr.Dataset, canonical: xr.Dataset, arms: Sequence[str]) -> list[dict]:
    """List the trained networks of a case.

    Parameters
    ----------
    minima : xr.Dataset
        With ``status``, ``usable``, ``epochs``, both budgets of gradients, and the errors and
        losses over (arm, seed); with ``pretraining_error`` and ``pretraining_status`` if an arm has
        a first stage, and ``file_notes`` if one was imported.
    canonical : xr.Dataset
        With ``certificate`` over (arm, seed).
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    list of dict
        One row per run, none left out.
    """
    rows = []
    trained_arms = minima["arm"].values
    for arm in arms:
        if arm not in trained_arms:
            continue
        for seed in minima["seed"].values.tolist():
            run = minima.sel(arm=arm, seed=seed)
            status = str(run["status"].item())
            if not status:
                continue
            row = {
                "arm": arm,
                "seed": seed,
                "status": status,
                "usable": bool(run["usable"]),
                "certificate": canonical["certificate"].sel(arm=arm, seed=seed).item(),
            }
            for name in MEASURES_OF_RUNS:
                row[name] = float(run[name])
            row |= _first_stage(run)
            row["file_notes"] = str(run["file_notes"].item()) if "file_notes" in run else ""
            rows.append(row)
    return rows


def _first_stage(run: xr.Dataset) -> dict:
    """Say how a first stage on random labels ended; NaN and nothing if there was none."""
    if "pretraining_error" not in run:
        return {"pretraining_error": math.nan, "pretraining_status": ""}
    error = float(run["pretraining_error"])
    return {"pretraining_error": error, "pretraining_status": str(run["pretraining_status"].item())}


def arm_rows(rows: Sequence[Mapping], arms: Sequence[str]) -> list[dict]:
    """Average the runs of each arm that can be used.

    Parameters
    ----------
    rows : sequence of mapping
        As from :func:`minima_rows`.
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    list of dict
        One row per arm: ``runs``, ``usable``, means of errors, epochs and budget, the deviation of
        the test error, and the mean over all runs of the error on random labels at the end of a
        first stage.
    """
    summary = []
    for arm in arms:
        runs = [row for row in rows if row["arm"] == arm]
        usable = [row for row in runs if row["usable"]]
        row: dict[str, object] = {"arm": arm, "runs": len(runs), "usable": len(usable)}
        for name in MEANS_OF_ARMS:
            row[name] = _mean([run[name] for run in usable])
        row["test_error_deviation"] = _deviation([run["test_error"] for run in usable])
        row["pretraining_error"] = _mean([run["pretraining_error"] for run in runs])
        summary.append(row)
    return summary


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def alignment_facts(alignments: xr.Dataset) -> dict:
    """Say how well the pairs of a case could be aligned.

    Parameters
    ----------
    alignments : xr.Dataset
        With ``start_objective`` over (pair, start), ``converged`` and ``ties`` (pair, group); NaN
        where a network is missing.

    Returns
    -------
    dict
        ``pairs`` and ``tied`` (numbers of pairs), ``unsettled`` (names of pairs that did not
        converge), ``starts``, ``improved`` (pairs whose later starts led higher than the first) and
        ``spread`` (median over pairs of the gap between best and worst start, as a share of the
        best).
    """
    all_objectives = alignments["start_objective"].values
    aligned = np.isfinite(all_objectives).all(1)
    objectives = all_objectives[aligned]
    best = objectives.max(1)
    ties = alignments["ties"].values[aligned].sum(1)
    return {
        "pairs": int(aligned.sum()),
        "starts": objectives.shape[1],
        "unsettled": pair_names(alignments, aligned & ~alignments["converged"].values),
        "tied": int((ties > 0).sum()),
        "improved": int((best > objectives[:, 0]).sum()),
        "spread": _median_spread(objectives),
    }


def _median_spread(objectives: NDArray[np.float64]) -> float:
    """Return the median over pairs of the gap between best and worst, as a share of the best."""
    if len(objectives) == 0:
        return math.nan
    best = objectives.max(1)
    worst = objectives.min(1)
    return float(np.median((best - worst) / np.abs(best)))


def pair_names(pairs: xr.Dataset, selected: Sequence[bool] | NDArray[np.bool_]) -> list[str]:
    """Name some pairs of minima.

    Parameters
    ----------
    pairs : xr.Dataset
        With the coordinates ``first_arm``, ``first_seed``, ``second_arm`` and ``second_seed`` over
        pair.
    selected : sequence of bool
        Which pairs.

    Returns
    -------
    list of str
        "sgd/0 and sgd/1", and so on.
    """
    names = []
    for index in np.flatnonzero(selected):
        first = f"{pairs['first_arm'].values[index]}/{pairs['first_seed'].values[index]}"
        second = f"{pairs['second_arm'].values[index]}/{pairs['second_seed'].values[index]}"
        names.append(f"{first} and {second}")
    return names


def diverged_chains(chains: xr.Dataset) -> list[str]:
    """Name the pairs between which a bend of the chain diverged in training.

    Parameters
    ----------
    chains : xr.Dataset
        With ``diverged`` over pair: 1, 0, or NaN where a network is missing.

    Returns
    -------
    list of str
        As from :func:`pair_names`.
    """
    return pair_names(chains, chains["diverged"].values == 1)


def data_facts(data: xr.Dataset) -> dict:
    """Say which data a case was trained and tested on.

    Parameters
    ----------
    data : xr.Dataset
        With ``train_class_count`` and ``test_class_count`` over class, and the attributes that
        loading them gave.

    Returns
    -------
    dict
        ``name``, ``checksum``, ``ignored`` (files that were no samples), ``divisor`` (of the
        source's numbers), ``constant`` (how many inputs are so in training), ``classes`` (name,
        counts), ``samples`` (both sums).
    """
    names = data["class"].values.tolist()
    train_counts = data["train_class_count"].values.tolist()
    test_counts = data["test_class_count"].values.tolist()
    return {
        "name": data.attrs["data_set"],
        "checksum": data.attrs["checksum"],
        "ignored": data.attrs["ignored_files"],
        "divisor": data.attrs["divisor"],
        "constant": len(data.attrs["constant"]),
        "classes": list(zip(names, train_counts, test_counts, strict=True)),
        "samples": [sum(train_counts), sum(test_counts)],
    }


def barrier_rows(path: str | Path, case: str, arms: Sequence[str]) -> tuple[str, list[dict]]:
    """Read the mean barriers of a case between every two arms.

    They are those of the training data, with all symmetries removed.

    Parameters
    ----------
    path : str or Path
        ``barriers.csv``.
    case : str
        Name of the case.
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    variant : str
        The kind of path; empty if none was measured.
    rows : list of dict
        ``first`` and ``second`` arm, ``mean``, ``low``, ``high`` (fractions of the samples; NaN:
        unknown), the same of the loss (``loss_mean`` and so on; nats), ``pairs``.
    """
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    of_case = [line for line in lines if line["case"] == case and line["split"] == "train"]
    variant = _full_variant(of_case)
    rows = []
    for line in of_case:
        if line["variant"] != variant:
            continue
        first, second = sorted((line["first_arm"], line["second_arm"]), key=arms.index)
        row: dict[str, object] = {"first": first, "second": second, "pairs": int(line["pairs"])}
        for name in BOUNDS:
            row[name] = float(line[name])
        rows.append(row)

    def place_of_arms(row: Mapping[str, str]) -> tuple[int, int]:
        return arms.index(row["first"]), arms.index(row["second"])

    return variant, sorted(rows, key=place_of_arms)


def ensemble_rows(path: str | Path, case: str) -> list[dict]:
    """Read the scores of all kinds of ensembles of a case.

    Parameters
    ----------
    path : str or Path
        ``ensembles.csv``.
    case : str
        Name of the case.

    Returns
    -------
    list of dict
        One row per arm and kind, in the order of the file: ``arm``, ``title``, ``minima``,
        ``members``, and ``scores`` by name, each with ``mean``, ``difference_low`` and
        ``difference_high``.
    """
    with open(path, newline="", encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["case"] == case]
    rows: dict[tuple[str, str], dict] = {}
    for line in lines:
        row = rows.setdefault((line["arm"], line["kind"]), _about_ensemble(line))
        row["scores"][line["score"]] = {name: float(line[name]) for name in BOUNDS_OF_ENSEMBLES}
    return list(rows.values())


def _about_ensemble(line: Mapping[str, str]) -> dict:
    """Return what a row says of an ensemble, and no scores yet."""
    return {
        "arm": line["arm"],
        "title": line["title"],
        "minima": int(line["minima"]),
        "members": int(line["members"]),
        "scores": {},
    }


def _full_variant(lines: Sequence[Mapping[str, str]]) -> str:
    """Return the variant with all symmetries removed, or nothing."""
    measured_variants = {line["variant"] for line in lines}
    for name in FULL:
        if name in measured_variants:
            return name
    return ""
