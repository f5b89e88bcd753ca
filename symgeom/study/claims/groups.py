"""Ensembles of one arm's minima: which of them a claim compares, and of which networks they are.

Of every kind there is one ensemble for every seed: around its minimum, or of several minima in a
row, of which it is the first (after the last seed comes the first again). A unit of a comparison is
a run of minima, as long as the larger of the two kinds needs, and the value of a kind is its mean
over the ensembles inside the run. Both sides of a comparison are therefore made of the same
networks. The jackknife leaves out a network with all runs that it is part of. In simulations at
nominal 95 %, with six to twelve networks in runs of one to four, intervals cover 94 to 96 % for
means over networks (they are up to half wider than those of Student) and 91 to 96 % for squares of
means, which are skewed.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from symgeom.study.claims.jackknife import leave_one_out, student
from symgeom.study.claims.measured import Measured
from symgeom.study.claims.question import Answer, Question
from symgeom.study.claims.selection import Selection, usable_networks
from symgeom.study.pairs import ring_runs

STAGE = "neighbours"
"""The stage in which ensembles are measured."""

SINGLE = "single"
"""The kind that is the minimum alone."""


def compared(
    stage: xr.Dataset, name: str, *, aim: str = "", scale: float | None = None
) -> xr.DataArray:
    """Return a score at the scale, the attack and the budget that claims are about.

    Parameters
    ----------
    stage : xr.Dataset
        The stage "neighbours", whose attributes say what claims are about.
    name : str
        The score.
    aim : str
        Of robust errors: at what the attack was aimed.
    scale : float, optional
        Another scale of the group elements.

    Returns
    -------
    xr.DataArray, dims (arm, seed, kind)
        Of corruptions the mean over all of them and all severities.
    """
    score = stage[name]
    if "scale" in score.dims:
        wanted = stage.attrs["scale"] if scale is None else scale
        score = score.sel(scale=wanted, drop=True)
    if "budget" in score.dims:
        which = {"budget": stage.attrs["budget"], "attack": stage.attrs["attack"], "aim": aim}
        score = score.sel(which, drop=True)
    if "corruption" in score.dims:
        score = score.mean(("corruption", "severity"), skipna=False)
    return score.transpose("arm", "seed", "kind")


def select_groups(
    score: xr.DataArray, stage: xr.Dataset, minima: xr.Dataset, arm: str, kinds: Sequence[str]
) -> Selection:
    """Select the runs of an arm's minima in which some kinds of ensembles are compared.

    Parameters
    ----------
    score : xr.DataArray, dims (arm, seed, kind)
        What was measured of every ensemble.
    stage : xr.Dataset
        With ``minima(kind)``, the number of minima that an ensemble is made of.
    minima : xr.Dataset
        With ``usable(arm, seed)``.
    arm : str
        The arm.
    kinds : sequence of str
        The kinds.

    Returns
    -------
    Selection
        One column for each kind.
    """
    networks, left_out = usable_networks(minima, [arm])
    number = {seed: index for index, (_, seed) in enumerate(networks)}
    sizes = [int(stage["minima"].sel(kind=kind)) for kind in kinds]
    of_arm = score.sel(arm=arm, kind=list(kinds)).sortby("seed")
    columns = of_arm.transpose("kind", "seed").values
    seeds = of_arm["seed"].values.tolist()
    row_of = {seed: row for row, seed in enumerate(seeds)}
    members = []
    values = []
    for first, run in ring_runs(seeds, max(sizes)).items():
        if not number.keys() >= set(run):
            continue
        rows = [row_of[seed] for seed in run]
        means = []
        for column, size in zip(columns, sizes, strict=True):
            inside = rows[: len(run) - size + 1]
            means.append(float(column[inside].mean()))
        if np.isfinite(means).all():
            members.append([number[seed] for seed in run])
            values.append(means)
        else:
            left_out.append(f"{arm}/{first} (no finite value)")
    return Selection(
        np.array([arm] * len(networks), dtype=str),
        np.array(members, dtype=np.int64).reshape(-1, max(sizes)),
        np.array(values, dtype=float).reshape(-1, len(kinds)),
        tuple(left_out),
    )


def difference_of_kinds(
    measured: Measured, *, score: str, kind: str, other: str, aim: str = "", clean: str = ""
) -> Question:
    """Ask for a score of one kind of ensemble minus that of another, of the same minima.

    Parameters
    ----------
    measured : Measured
        With the stage "neighbours".
    score : str
        Which score.
    kind, other : str
        The two kinds.
    aim : str
        Of robust errors: at what the attack was aimed.
    clean : str
        A score that the note names beside: of the same inputs as they are.

    Returns
    -------
    Question
        The mean difference, over the minima of the reference.
    """
    stage = measured.stages[STAGE]
    (arm,) = measured.arms("reference")
    kinds = (kind, other)
    values = compared(stage, score, aim=aim)
    selection = select_groups(values, stage, measured.minima, arm, kinds)
    remark = ""
    if clean and len(selection.values):
        unchanged = compared(stage, clean)
        beside = select_groups(unchanged, stage, measured.minima, arm, kinds)
        first, second = beside.values.mean(axis=0)
        remark = f"on the same inputs as they are: {kind} {first:.3g}, {other} {second:.3g}"
    return _ask_difference(selection, measured.named("reference"), kinds, remark)


def difference_of_aims(measured: Measured, *, kind: str, aim: str, other: str) -> Question:
    """Ask for the robust error of a kind of ensemble under one attack minus that under another.

    Parameters
    ----------
    measured : Measured
        With the stage "neighbours".
    kind : str
        The kind.
    aim, other : str
        At what the two attacks were aimed.

    Returns
    -------
    Question
        The mean difference, over the minima of the reference.
    """
    stage = measured.stages[STAGE]
    (arm,) = measured.arms("reference")
    errors = []
    for name in (aim, other):
        of_kind = compared(stage, "robust_error", aim=name).sel(kind=[kind])
        errors.append(of_kind.assign_coords(kind=[name]))
    sizes = stage["minima"].sel(kind=[kind, kind]).assign_coords(kind=[aim, other])
    values = xr.concat(errors, "kind")
    described = xr.Dataset({"minima": sizes})
    selection = select_groups(values, described, measured.minima, arm, (aim, other))
    return _ask_difference(selection, measured.named("reference"), (aim, other), "")


def _ask_difference(
    selection: Selection, side: str, columns: Sequence[str], remark: str
) -> Question:
    """Ask for the mean of the first column minus that of the second."""

    def difference() -> Answer:
        everything = np.ones(len(selection.values), dtype=bool)
        means = selection.mean_of(everything, leave_one_out(len(selection.strata)))
        named = zip(columns, means[0], strict=True)
        words = ", ".join(f"{name} {mean:.3g}" for name, mean in named)
        evidence = student(means[:, 0] - means[:, 1], selection.strata)
        return Answer(evidence, f"{words}; {remark}" if remark else words)

    sizes = {side: len(selection.values)}
    return Question(difference, selection.strata, sizes, selection.left_out)


def has_kinds(measured: Measured, *, score: str, kinds: Sequence[str], aim: str = "") -> bool:
    """Say whether a score of some kinds of ensembles was measured of the reference.

    Parameters
    ----------
    measured : Measured
        With the stage "neighbours".
    score : str
        Which score.
    kinds : sequence of str
        The kinds.
    aim : str
        Of robust errors: at what the attack was aimed.

    Returns
    -------
    bool
        False, too, where it was not measured of any network.
    """
    stage = measured.stages[STAGE]
    arms = [arm for arm in measured.arms("reference") if arm in stage["arm"].values]
    if score not in stage or not arms or not set(kinds) <= set(stage["kind"].values.tolist()):
        return False
    values = compared(stage, score, aim=aim).sel(arm=arms, kind=list(kinds))
    return bool(values.notnull().all("kind").any())
