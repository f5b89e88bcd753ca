"""What the claims need of a study, read from its stores."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

from symgeom.store import open_study
from symgeom.study.claims.evaluate import STAGES
from symgeom.study.claims.measured import Measured, Roles, Tolerances


def read_cases(
    folder: str | Path,
    stores: Mapping[str, Sequence[str]],
    cases: Sequence[str],
    *,
    roles: Roles,
    bend_threshold: float,
    tolerances: Tolerances,
) -> dict[str, Measured]:
    """Read the stages that the claims need, without weights.

    Parameters
    ----------
    folder : str or Path
        The folder of the study.
    stores : mapping of str to sequence of str
        The files of each stage; none for a stage that the study does not have.
    cases : sequence of str
        The cases of the study.
    roles : mapping of str to str or sequence of str
        The roles that the study gives its arms; "equivariant" is added.
    bend_threshold : float
        How much above the training error of its worse end (fraction) a chain may rise to count as
        connecting.
    tolerances : Tolerances
        How much two sides may differ and still be compared.

    Returns
    -------
    dict of str to Measured
        What was measured in each case.
    """
    stages = [stage for stage in STAGES if stores.get(stage)]
    files: list[str] = []
    for stage in stages:
        files.extend(stores[stage])
    study = open_study(folder, files=files, weights=False)
    measured = {}
    for case in cases:
        arrays = {stage: study[case][stage].to_dataset() for stage in stages}
        equivariant = equivariant_arms(arrays["ledgers"])
        all_roles = dict(roles) | {"equivariant": equivariant}
        measured[case] = Measured(arrays, all_roles, bend_threshold, tolerances)
    return measured


def equivariant_arms(ledgers: xr.Dataset) -> list[str]:
    """Return the arms whose optimizer commutes with the symmetry.

    Parameters
    ----------
    ledgers : xr.Dataset
        With ``equivariant(arm)``.

    Returns
    -------
    list of str
        In the order of the arrays.
    """
    commutes = ledgers["equivariant"].values.astype(bool)
    return [str(arm) for arm in ledgers["arm"].values[commutes]]
