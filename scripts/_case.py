"""A case: its data, and its network as it was trained and as it is measured (with its batch norms folded, or not)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor, nn

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, cast
from symgeom.landscape.batchnorm import Folded, batch_norms, fold_batchnorm
from symgeom.landscape.binary.layers import BinaryLinear
from symgeom.landscape.binary.weights import binarise, binary_tensors
from symgeom.learning import networks
from symgeom.learning.training.device import choose_device
from symgeom.store import read_store


@dataclass(frozen=True, eq=False)
class Case:
    """Data and architecture; ``options`` are the network's name and options, the policy for batch norm, and the device."""

    data: xr.Dataset
    options: Mapping
    trained: nn.Module
    measured: nn.Module
    folded: Folded | None

    @classmethod
    def read(cls, path: str, options: Mapping) -> "Case":
        """Read a case's data and build its architecture."""
        data = read_store(path)
        trained, example = (
            build_network(data, options),
            torch.from_numpy(data["train_inputs"].values[:2]).float(),
        )
        folded = (
            fold_batchnorm(trained, example)
            if options["batch_norm"] == "fold" and batch_norms(trained)
            else None
        )
        return cls(data, options, trained, folded.module if folded else trained, folded)

    @property
    def binary(self) -> tuple[str, ...]:
        """Return the names of the tensors of which only the signs count."""
        signs = any(isinstance(layer, BinaryLinear) for layer in self.trained.modules())
        return tuple(binary_tensors(self.trained)) if signs else ()

    def signed(self, params: Parameters) -> dict[str, Tensor]:
        """Return a network with its latent weights replaced by their signs."""
        return binarise(params, self.binary) if self.binary else dict(params)

    def prepared(self, params: Parameters, precision: str) -> dict[str, Tensor]:
        """Return a trained network as it is measured: folded where the configuration says so, in a precision, on the device."""
        params, device = cast(params, torch.float64), choose_device(self.options["device"])
        params = self.folded.parameters(params) if self.folded else params
        return {
            name: tensor.to(device)
            for name, tensor in cast(params, getattr(torch, precision)).items()
        }


def build_network(
    data: xr.Dataset, options: Mapping, words: Sequence[str | int] = ("architecture",)
) -> nn.Module:
    """Build a case's network as it is trained, with weights drawn from the stream of the given words."""
    shape = tuple(options.get("input_shape", data["train_inputs"].shape[1:]))
    chosen = {
        "input_shape": shape,
        "classes": data.attrs["classes"],
        "options": options.get("options", {}),
    }
    return networks.build(options["name"], **chosen, generator=stream(*words))
