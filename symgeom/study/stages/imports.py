"""Take minima that were trained elsewhere into a study: check their files, and evaluate them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
import xarray as xr
from torch import Tensor

from symgeom.ground.checks import check_finite
from symgeom.ground.types import cast, stack
from symgeom.landscape.problem.evaluation import evaluate
from symgeom.learning.training import Trained
from symgeom.learning.weight_files import read_weights
from symgeom.study.cases import Case
from symgeom.study.stages.ledgers import charges_alone, label_ledger
from symgeom.study.stages.minima import label_minima, minima_of_arm
from symgeom.symmetry.spec import SymmetrySpec


def measure(
    case: Case,
    spec: SymmetrySpec,
    *,
    arm: str,
    seeds: Sequence[int],
    files: Sequence[str],
    precision: str,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Read the weights of an arm's seeds from files, and evaluate them.

    Parameters
    ----------
    case : Case
        The case.
    spec : SymmetrySpec
        The architecture as trained.
    arm : str
        Name of the arm.
    seeds : sequence of int
        Its seeds.
    files : sequence of str
        The file of every seed.
    precision : str
        Of the weights: name of a floating point type of torch.

    Returns
    -------
    minima, ledgers : xr.Dataset
        The networks with their losses and errors, and their charges.

    Raises
    ------
    SymgeomError
        If a file does not fit the network, or its weights do not fit the precision.
    """
    dtype = getattr(torch, precision)
    networks = []
    for file in files:
        network = cast(read_weights(file, case.trained), dtype)
        check_finite(network, f"'{file}' in {precision}")
        networks.append(network)
    measured = stack([case.prepared(network, precision) for network in networks])
    problems = case.problems(precision)
    losses, _ = evaluate(problems["train"], measured)
    imported = _untrained(stack(networks), losses)
    attrs = {
        "method": "checkpoints",
        "task": str(problems["train"].task),
        "files": [Path(file).name for file in files],
        "checksums": [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files],
    }
    record = charges_alone(spec, imported.parameters)
    ledgers = label_ledger(record, None, arm=arm, seeds=list(seeds), attrs=attrs)
    variables = label_minima(spec, imported, problems, measured=measured)
    return minima_of_arm(arm, list(seeds), variables, attrs=attrs), ledgers


def _untrained(networks: dict[str, Tensor], losses: Tensor) -> Trained:
    """Return networks as training would, with no epoch and no history."""
    status = ["imported" if finite else "diverged" for finite in losses.isfinite().tolist()]
    nothing = torch.zeros(len(status), dtype=torch.int64)
    unseen = torch.full((len(status), 1), torch.nan, dtype=torch.float64)
    return Trained(
        networks,
        tuple(status),
        epochs=nothing,
        gradients=nothing,
        sample_gradients=nothing,
        loss=unseen,
        error=unseen,
        together=False,
    )
