"""A case: its data, and its network as it was trained and as it is measured.

The two networks differ where batch norms are folded before anything is measured.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, cast, parameters
from symgeom.landscape.batchnorm import Folded, batch_norms, fold_batchnorm
from symgeom.landscape.binary.layers import BINARY_LAYERS
from symgeom.landscape.binary.weights import binarise, binary_tensors
from symgeom.landscape.problem import Problem
from symgeom.learning import networks
from symgeom.learning.training.device import choose_device
from symgeom.store import read_store
from symgeom.study.datasets.splits import stratified_split

SPLITS = ("train", "test")
"""The parts of a data set."""

TIE_BREAKING = 1e-3
"""Standard deviation of what moves the inputs of binary networks where symmetries are certified."""


@dataclass(frozen=True, eq=False)
class Case:
    """A data set and a network.

    Attributes
    ----------
    name : str
        Its name, which the random streams of its networks have.
    data : xr.Dataset
        Inputs and targets of both splits.
    options : mapping
        The network's name and options, its policy for batch norm, the device, and perhaps the task.
    trained : nn.Module
        The network as it is trained.
    measured : nn.Module
        The network as it is measured: without batch norms, if the policy is to fold them.
    folded : Folded or None
        What maps the one to the other, if they differ.
    """

    name: str
    data: xr.Dataset
    options: Mapping
    trained: nn.Module
    measured: nn.Module
    folded: Folded | None

    @classmethod
    def read(cls, name: str, path: str, options: Mapping) -> "Case":
        """Read a case's data from its store and build its network.

        Parameters
        ----------
        name : str
            Name of the case.
        path : str
            The store of the data.
        options : mapping
            As the attribute.

        Returns
        -------
        Case
            The case.
        """
        return cls.build(name, read_store(path), options)

    @classmethod
    def build(cls, name: str, data: xr.Dataset, options: Mapping) -> "Case":
        """Build the network of a case.

        Parameters
        ----------
        name, options
            As the attributes.
        data : xr.Dataset
            Its data, whose shapes the network fits.

        Returns
        -------
        Case
            The case.
        """
        trained = build_network(data, options)
        example = torch.from_numpy(data["train_inputs"].values[:2])
        return cls.of(name, data, options, trained, example)

    @classmethod
    def of(
        cls, name: str, data: xr.Dataset, options: Mapping, trained: nn.Module, example: Inputs
    ) -> "Case":
        """Make a case of a network that is built already.

        Parameters
        ----------
        name, data, options, trained
            As the attributes.
        example : Tensor, tuple, mapping or NetworkCall
            Some inputs.

        Returns
        -------
        Case
            The case.
        """
        folded = None
        if options["batch_norm"] == "fold" and batch_norms(trained):
            folded = fold_batchnorm(trained, NetworkCall.of(example).in_precision(torch.float32))
        measured = folded.module if folded else trained
        return cls(name, data, options, trained, measured, folded)

    @property
    def has_tokens(self) -> bool:
        """Return whether inputs are whole numbers that stand for something."""
        return self.data["train_inputs"].dtype.kind == "i"

    @property
    def binary(self) -> tuple[str, ...]:
        """Return the names of the tensors of which only the signs count."""
        if any(isinstance(layer, BINARY_LAYERS) for layer in self.trained.modules()):
            return tuple(binary_tensors(self.trained))
        return ()

    def signed(self, params: Parameters) -> dict[str, Tensor]:
        """Return a network with its latent weights replaced by their signs.

        Parameters
        ----------
        params : Parameters
            A network of the case.

        Returns
        -------
        dict of str to Tensor
            The same, if the network has no binary weights.
        """
        return binarise(params, self.binary) if self.binary else dict(params)

    def prepared(self, params: Parameters, precision: str) -> dict[str, Tensor]:
        """Return a trained network as it is measured.

        Parameters
        ----------
        params : Parameters
            A network as it was trained.
        precision : str
            Name of a floating point type of torch.

        Returns
        -------
        dict of str to Tensor
            Folded where the configuration says so, in that precision, on the case's device.
        """
        if self.folded:
            params = self.folded.parameters(cast(params, torch.float64))
        device = choose_device(self.options["device"])
        rounded = cast(params, getattr(torch, precision))
        return {name: tensor.to(device) for name, tensor in rounded.items()}

    def without_ties(self, inputs: Tensor) -> Tensor:
        """Return inputs at which a symmetry of the network can be seen.

        Parameters
        ----------
        inputs : Tensor, shape (sample, ...)
            Inputs of the case.

        Returns
        -------
        Tensor, shape (sample, ...)
            The same for real networks. A unit with binary weights may add up pixels to exactly
            zero, whose sign is a matter of rounding: inputs of binary networks are moved a little.
        """
        if not self.binary:
            return inputs
        generator = stream("inputs without ties")
        noise = torch.randn(inputs.shape, generator=generator, dtype=torch.float64)
        return inputs + TIE_BREAKING * noise.to(inputs)

    def any_network(self) -> dict[str, Tensor]:
        """Return a network as it is measured, for the names and shapes of its tensors.

        Returns
        -------
        dict of str to Tensor
            In float64, on the case's device.
        """
        return self.prepared(parameters(self.trained), "float64")

    def start(self, arm: str, seed: int, replica: int = 0) -> dict[str, Tensor]:
        """Return a network before training, drawn from a random stream of its own.

        Parameters
        ----------
        arm : str
            Name of the arm.
        seed : int
            The seed.
        replica : int
            Which of the networks that train together for the seed.

        Returns
        -------
        dict of str to Tensor
            The initial weights of the network as it is trained.
        """
        words = ("initialisation", self.name, arm, seed, replica)
        return parameters(build_network(self.data, self.options, words))

    def problems(
        self, precision: str, *, samples: int | None = None, trained: bool = False
    ) -> dict[str, Problem]:
        """Return the landscape on each split.

        The statistics of batch norms that are kept are measured anew for every network, on the
        training samples of the problem, unless the case says that networks carry theirs.

        Parameters
        ----------
        precision : str
            Name of a floating point type of torch.
        samples : int, optional
            Take about so many samples of each split, evenly over the classes; by default all.
        trained : bool
            Whether of the network as trained, not as measured.

        Returns
        -------
        dict of str to Problem
            By the name of the split.
        """
        dtype = getattr(torch, precision)
        device = choose_device(self.options["device"])
        module = self.trained if trained else self.measured
        module = deepcopy(module).to(dtype)
        inputs_of = {}
        targets_of = {}
        for split in SPLITS:
            inputs, targets = self._samples(split, samples)
            tensor = torch.from_numpy(inputs)
            inputs_of[split] = tensor.to(dtype) if tensor.is_floating_point() else tensor
            targets_of[split] = targets
        policy = None
        training_inputs = None
        if batch_norms(module):
            carried = self.options["batch_norm"] == "carried"
            policy = "carried" if carried else "recompute"
            training_inputs = None if carried else inputs_of["train"]
        problems = {}
        for split in SPLITS:
            problem = Problem(
                module,
                inputs_of[split],
                targets_of[split],
                batch_norm=policy,
                training_inputs=training_inputs,
                task=self.options.get("task"),
            )
            problems[split] = problem.to(device)
        return problems

    def _samples(self, split: str, count: int | None) -> tuple[np.ndarray, Tensor]:
        inputs = self.data[f"{split}_inputs"].values
        targets = torch.from_numpy(self.data[f"{split}_targets"].values)
        if count is None or count >= len(targets):
            return inputs, targets
        generator = stream("samples", split)
        _, rows = stratified_split(targets, count / len(targets), generator=generator)
        return inputs[rows.numpy()], targets[rows]


def build_network(
    data: xr.Dataset, options: Mapping, words: Sequence[str | int] = ("architecture",)
) -> nn.Module:
    """Build a case's network as it is trained.

    Parameters
    ----------
    data : xr.Dataset
        The case's data, whose shapes the network fits.
    options : mapping
        The network's name and options.
    words : sequence of str or int
        Name of the random stream of the weights.

    Returns
    -------
    nn.Module
        The network.
    """
    shape = options.get("input_shape", data["train_inputs"].shape[1:])
    return networks.build(
        options["name"],
        input_shape=tuple(shape),
        classes=data.attrs["classes"],
        options=options.get("options", {}),
        generator=stream(*words),
    )
