"""Take minima that were trained elsewhere into a study: check their files, and evaluate them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
import xarray as xr
from torch import Tensor

from symgeom.ground.checks import check_finite
from symgeom.ground.types import cast, stack
from symgeom.landscape.problem.evaluation import evaluate
from symgeom.learning.training import Trained
from symgeom.learning.weights.files import INDEX, all_files
from symgeom.learning.weights.reading import read_checkpoint
from symgeom.study.cases import Case
from symgeom.study.labels import MINIMUM, labelled
from symgeom.study.stages.ledgers import charges_alone, label_ledger
from symgeom.study.stages.minima import label_minima, minima_of_arm
from symgeom.symmetry.spec import SymmetrySpec

NOTES = "what was unwrapped, renamed, cast and ignored when the file was read"

BLOCK = 2**20
"""Bytes that are read of a file at a time."""


def measure(
    case: Case,
    spec: SymmetrySpec,
    *,
    arm: str,
    files: Mapping[int, str],
    choice: str | None,
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
    files : mapping of int to str
        By seed, its file or the index of its shards.
    choice : str, optional
        Which of several networks in each file is meant.
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
    notes = []
    for file in files.values():
        read = read_checkpoint(file, case.trained, choice=choice)
        network = cast(read.params, dtype)
        check_finite(network, f"'{file}' in {precision}")
        networks.append(network)
        notes.append(" ".join(read.notes))
    measured = stack([case.prepared(network, precision) for network in networks])
    problems = case.problems(precision)
    losses, _ = evaluate(problems["train"], measured)
    imported = _untrained(stack(networks), losses)
    attrs = {
        "method": "checkpoints",
        "task": str(problems["train"].task),
        "files": [_name(Path(file)) for file in files.values()],
        "checksums": [_checksum(Path(file)) for file in files.values()],
    }
    record = charges_alone(spec, imported.parameters)
    ledgers = label_ledger(record, None, arm=arm, seeds=list(files), attrs=attrs)
    variables = label_minima(spec, imported, problems, measured=measured)
    variables["file_notes"] = labelled(MINIMUM, [notes], "1", NOTES)
    return minima_of_arm(arm, list(files), variables, attrs=attrs), ledgers


def _name(file: Path) -> str:
    """Return what a network is called by its file: shards by their folder."""
    return file.parent.name if file.name.endswith(INDEX) else file.name


def _checksum(file: Path) -> str:
    """Return the sha256 of a file, or of an index and its shards in a row."""
    digest = hashlib.sha256()
    for part in all_files(file):
        with part.open("rb") as content:
            while block := content.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()


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
