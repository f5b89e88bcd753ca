"""Tokens: whole numbers stay whole numbers, with a label for each sample or position."""

from pathlib import Path

import numpy as np
import pytest
import torch

from symgeom.ground.checks import SymgeomError
from symgeom.study.datasets import load

TOKENS = np.random.default_rng(1).integers(7, size=(30, 4))
OF_POSITIONS = np.where(TOKENS == 0, -100, TOKENS % 3)
TARGETS = np.arange(30) % 3
WHOLE = {"inputs": TOKENS, "targets": TARGETS}
SPLIT = {
    "train_inputs": TOKENS[:20],
    "train_targets": TARGETS[:20],
    "test_inputs": TOKENS[20:],
    "test_targets": TARGETS[20:],
}


def read(root: Path, arrays: dict, **options: object):
    np.savez(root / "mine.npz", **arrays)
    return load("tokens", root=root, options={"path": "mine.npz", **options})


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64"])
def test_tokens_stay_whole_numbers(tmp_path: Path, dtype: str):
    arrays = SPLIT | {"train_inputs": TOKENS[:20].astype(dtype), "test_inputs": TOKENS[20:]}
    data = read(tmp_path, arrays)
    assert torch.equal(data.train_inputs, torch.from_numpy(TOKENS[:20]))
    assert (data.train_inputs.dtype, data.divisor) == (torch.int64, 1)


def test_positions_have_labels_of_which_some_do_not_count(tmp_path: Path):
    arrays = WHOLE | {"targets": OF_POSITIONS}
    options = {"labels": "position", "test_fraction": 0.2, "subset": 15}
    data = read(tmp_path, arrays, **options)
    assert (len(data.train_targets), len(data.test_targets), data.classes) == (15, 6, 3)
    rows = [TOKENS.tolist().index(row) for row in data.test_inputs.tolist()]
    assert torch.equal(data.test_targets, torch.from_numpy(OF_POSITIONS[rows]))
    counts = [int((OF_POSITIONS[rows] == label).sum()) for label in range(3)]
    assert list(data.class_counts[1]) == counts


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"inputs": TOKENS / 2}, {}, "as tokens: .* type float64. Give whole numbers"),
        ({"inputs": TOKENS - 1}, {}, "as tokens: .* smallest value -1"),
        (
            {},
            {"normalise": "standard"},
            "Cannot standardise data set 'tokens': its inputs are tokens",
        ),
        ({"targets": OF_POSITIONS}, {}, r"has shape \(30, 4\), .* per sample"),
        ({}, {"labels": "position"}, r"has shape \(30,\), .* per position \(-100 where"),
        ({"targets": OF_POSITIONS - 1}, {"labels": "position"}, "smallest value -101"),
        ({}, {"labels": "token"}, "Unknown labels 'token'"),
        (
            {"targets": OF_POSITIONS},
            {"labels": "position", "subset": 25},
            "Cannot take a subset of 25 samples: there are 24",
        ),
    ],
)
def test_what_are_no_tokens_and_no_labels_is_named(tmp_path, arrays, options, message):
    with pytest.raises(SymgeomError, match=message):
        read(tmp_path, WHOLE | arrays, test_fraction=0.2, **options)


def test_samples_of_both_parts_have_labels_of_one_shape(tmp_path: Path):
    targets = {"train_targets": OF_POSITIONS[:20], "test_targets": OF_POSITIONS[20:, :3]}
    with pytest.raises(SymgeomError, match=r"training sample have shape \(4,\), of a test .* \(3"):
        read(tmp_path, SPLIT | targets, labels="position")
