"""What the tables of the report say of a study's minima, alignments, chains, barriers and data, as plain rows."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from symgeom.study.claims.barriers import FULL


def minima_rows(minima: Mapping, canonical: Mapping, arms: Sequence[str]) -> list[dict]:
    """List the trained networks of a case.

    Parameters
    ----------
    minima : xr.Dataset
        With ``status``, ``usable``, ``epochs``, both budgets of gradients, and the errors and
        losses over (arm, seed).
    canonical : xr.Dataset
        With ``certificate`` over (arm, seed).
    arms : sequence of str
        All arms of the study, in order.

    Returns
    -------
    list of dict
        One row per run, none left out.
    """
    names = (
        "train_error",
        "test_error",
        "train_loss",
        "test_loss",
        "epochs",
        "gradient_evaluations",
        "sample_gradients",
    )
    rows = []
    for arm in (arm for arm in arms if arm in minima["arm"].values):
        for seed in minima["seed"].values.tolist():
            run = {"arm": arm, "seed": seed}
            status, certificate = (
                str(minima["status"].sel(run).item()),
                canonical["certificate"].sel(run).item(),
            )
            if status:
                measured = {name: float(minima[name].sel(run)) for name in names}
                usable = bool(minima["usable"].sel(run))
                rows.append(
                    run
                    | {"status": status, "usable": usable, "certificate": certificate}
                    | measured
                )
    return rows


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
        One row per arm: ``runs``, ``usable``, means of errors, epochs and budget, and the deviation
        of the test error.
    """
    summary = []
    for arm in arms:
        runs = [row for row in rows if row["arm"] == arm]
        kept = [row for row in runs if row["usable"]]
        names, errors = (
            ("train_error", "test_error", "epochs", "sample_gradients"),
            [row["test_error"] for row in kept],
        )
        means = {
            name: float(np.mean([row[name] for row in kept])) if kept else math.nan
            for name in names
        }
        means["test_error_deviation"] = float(np.std(errors, ddof=1)) if len(kept) > 1 else math.nan
        summary.append({"arm": arm, "runs": len(runs), "usable": len(kept)} | means)
    return summary


def alignment_facts(alignments: Mapping) -> dict:
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
    objectives = alignments["start_objective"].values
    there = np.isfinite(objectives).all(1)
    objectives, best = objectives[there], objectives[there].max(1)
    spread = (
        float(np.median((best - objectives.min(1)) / np.abs(best))) if there.any() else math.nan
    )
    return {
        "pairs": int(there.sum()),
        "starts": objectives.shape[1],
        "unsettled": pair_names(alignments, there & ~alignments["converged"].values),
        "tied": int((alignments["ties"].values[there].sum(1) > 0).sum()),
        "improved": int((best > objectives[:, 0]).sum()),
        "spread": spread,
    }


def pair_names(pairs: Mapping, chosen: Sequence[bool]) -> list[str]:
    """Name some pairs of minima.

    Parameters
    ----------
    pairs : xr.Dataset
        With the coordinates ``first_arm``, ``first_seed``, ``second_arm`` and ``second_seed`` over
        pair.
    chosen : sequence of bool
        Which pairs.

    Returns
    -------
    list of str
        "sgd/0 and sgd/1", and so on.
    """
    ends = zip(
        *(pairs[f"{end}_{what}"].values for end in ("first", "second") for what in ("arm", "seed")),
        strict=True,
    )
    return [
        f"{first}/{one} and {second}/{other}"
        for (first, one, second, other), put in zip(ends, chosen, strict=True)
        if put
    ]


def diverged_chains(chains: Mapping) -> list[str]:
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


def data_facts(data: Mapping) -> dict:
    """Say which data a case was trained and tested on.

    Parameters
    ----------
    data : xr.Dataset
        With ``train_class_count`` and ``test_class_count`` over class, and the attributes that
        loading them gave.

    Returns
    -------
    dict
        ``name``, ``checksum``, ``ignored`` (files that were no samples), ``classes`` (name,
        counts), ``samples`` (both sums).
    """
    counts = [data[f"{split}_class_count"].values.tolist() for split in ("train", "test")]
    return {
        "name": data.attrs["data_set"],
        "checksum": data.attrs["checksum"],
        "ignored": data.attrs["ignored_files"],
        "classes": list(zip(data["class"].values.tolist(), *counts, strict=True)),
        "samples": [sum(count) for count in counts],
    }


def barrier_rows(path: str | Path, case: str, arms: Sequence[str]) -> tuple[str, list[dict]]:
    """Read the mean barriers of a case between every two arms, with all symmetries removed, on the training data.

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
        unknown), ``pairs``.
    """
    with open(path, newline="", encoding="utf-8") as file:
        found = [
            row for row in csv.DictReader(file) if (row["case"], row["split"]) == (case, "train")
        ]
    variant, rows = (
        next((name for name in FULL if name in {row["variant"] for row in found}), ""),
        [],
    )
    for row in (row for row in found if row["variant"] == variant):
        first, second = sorted((row["first_arm"], row["second_arm"]), key=arms.index)
        numbers = {name: float(row[name]) for name in ("mean", "low", "high")}
        rows.append({"first": first, "second": second, "pairs": int(row["pairs"])} | numbers)
    return variant, sorted(
        rows, key=lambda row: (arms.index(row["first"]), arms.index(row["second"]))
    )
