"""Networks of Hugging Face are read under the names that the library writes."""

import sys
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from symgeom.ground.checks import SymgeomError
from symgeom.learning.weights.reading import read_checkpoint
from symgeom.learning.weights.writing import write_weights


class Renamed(nn.Module):
    """A network of the library, whose head is tied to its table."""

    __module__ = "transformers.models.renamed"

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.table.weight


def merged(_: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict of other tensors."""
    return {"old.all": torch.cat([tensor.flatten() for tensor in state.values()])}


def install(monkeypatch: pytest.MonkeyPatch, revert: object) -> None:
    """Stand in for the library."""
    library = ModuleType("transformers")
    monkeypatch.setitem(sys.modules, "transformers", library)
    loading = SimpleNamespace(revert_weight_conversion=revert)
    monkeypatch.setitem(sys.modules, "transformers.core_model_loading", loading)


def rename_inner(_: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict whose names differ within, as no stem explains."""
    return {name.replace("weight", "kernel"): tensor for name, tensor in state.items()}


def test_names_that_the_library_writes_are_read_and_written_back(tmp_path, monkeypatch):
    install(monkeypatch, rename_inner)
    network = Renamed()
    path = tmp_path / "model.pt"
    torch.save(rename_inner(network, network.state_dict()), path)
    weights = read_checkpoint(path, network)
    assert torch.equal(weights.params["table.weight"], network.table.weight)
    assert weights.names == {"table.weight": "table.kernel", "head.weight": "head.kernel"}
    assert "Read their names as the library of the network writes them." in weights.notes
    copy = tmp_path / "copy.pt"
    write_weights(copy, weights.params, weights)
    assert list(torch.load(copy)) == ["table.kernel", "head.kernel"]


def test_names_are_kept_where_the_library_says_nothing(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    network = Renamed()
    torch.save(rename_inner(network, network.state_dict()), path)
    install(monkeypatch, merged)
    with pytest.raises(SymgeomError, match=r"tensors missing \['table.weight'\]"):
        read_checkpoint(path, network)
    monkeypatch.setitem(sys.modules, "transformers.core_model_loading", None)
    with pytest.raises(SymgeomError, match=r"tensors missing \['table.weight'\]"):
        read_checkpoint(path, network)
