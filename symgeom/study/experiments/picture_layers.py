r"""The norms of the layers of deep linear networks that learn pictures, without decay.

The networks tell classes apart with the squared error, from layers of equal and of unequal norms.
Noise gives all layers in the middle one norm, whatever the start; the first and the last one have
others. Where the noise leads is predicted in two ways, without a fitted number. "measured": at the
function that SGD has in the end, each pair of layers is moved to the balance of the noise that the
pictures make, again and again until all rest; this assumes nothing of the data. "independent": the
closed form at the minimum of the loss, as if what the labels are off by had nothing to do with the
pictures.

Pictures are taken as their leading principal components, scaled alike, so that all inputs carry
gradients: along the others, of next to no variance, weights stay as they start. Labels are
contrasts of the classes, of which there are one fewer than classes.

References
----------
Ziyin et al. (2402.07193), figure 5 (MNIST) and theorems E.1 and 5.4. Depth, widths, rates and
batches are ours: the source does not give them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from symgeom.dynamics.noise.mixing import Mixing, mixing
from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.models.labels import Labelled, LabelledArray
from symgeom.models.noise.experiments.catalogue import PICTURES
from symgeom.models.noise.experiments.schedule import even_records
from symgeom.models.noise.linear.deep import deep_equilibrium
from symgeom.models.noise.linear.descent import Batch, Method, descend
from symgeom.models.noise.linear.norms import net_force, observe_norms, squares
from symgeom.models.noise.linear.starts import normal_layers
from symgeom.study.datasets import load

COMPONENTS = 20
"""Leading principal components of the pictures, which are the inputs."""

DEPTH = 4
RATE = 0.005
BATCH = 1
METHODS = {"SGD": Method(RATE, BATCH), "GD": Method(RATE)}

STARTS = {"equal norms": (1.0,) * DEPTH, "unequal norms": (0.5, 1.5, 0.6, 1.4)}
"""Squared norms of the layers at the start, relative to one another."""

ROUNDS = 1000
"""How often every pair of layers is balanced, at most."""

AT_REST = 1e-8
"""Share of their length that layers move in the last round."""


class Pictures(NamedTuple):
    """Pictures and labels, of which every network draws its own batches.

    Attributes
    ----------
    inputs : Tensor, shape (sample, input)
        Principal components.
    labels : Tensor, shape (sample, output)
        Contrasts of classes.
    networks : int
        How many networks draw.
    """

    inputs: Tensor
    labels: Tensor
    networks: int

    def draw(self, samples: int, *, generator: torch.Generator) -> Batch:
        """Draw a batch for every network.

        Parameters
        ----------
        samples : int
            Its size.
        generator : torch.Generator
            Where the randomness comes from.

        Returns
        -------
        inputs, labels : Tensor, shapes (network, sample, input) and (network, sample, output)
            The batch, drawn with replacement.
        """
        shape = (self.networks, samples)
        rows = torch.randint(len(self.inputs), shape, generator=generator)
        return self.inputs[rows], self.labels[rows]

    def population(self) -> Batch:
        """Return a batch on which the gradient is the mean gradient of all pictures.

        Returns
        -------
        inputs, labels : Tensor, shapes (network, row, input) and (network, row, output)
            As many rows as there are inputs and labels, of the same second moments.
        """
        together = torch.cat([self.inputs, self.labels], 1)
        rows = torch.linalg.qr(together, mode="r").R
        rows = rows * (len(rows) / len(together)) ** 0.5
        sizes = (self.inputs.shape[1], self.labels.shape[1])
        inputs, labels = rows.expand(self.networks, *rows.shape).split(sizes, -1)
        return inputs.contiguous(), labels.contiguous()


def measure(steps: int, draws: int, *, pictures: str, root: str) -> Labelled:
    """Descend from both starts, and predict where it leads.

    Parameters
    ----------
    steps : int
        Of descent.
    draws : int
        Of starts and batches.
    pictures : str
        The data set, one of
        :data:`~symgeom.models.noise.experiments.catalogue.PICTURES`.
    root : str
        The folder where data sets lie.

    Returns
    -------
    arrays, coordinates : dict of str to LabelledArray
        Norms along the way, and as predicted; how much of the force on each pair of layers remains.

    Examples
    --------
    >>> arrays, _ = measure(4, 2, pictures="digits", root="")
    >>> arrays["squared_norm"].values.shape, arrays["squared_norm_theory"].values.shape
    ((2, 2, 2, 5, 4), (2, 2, 2, 4))
    """
    records = even_records(steps)
    source = read_pictures(pictures, root, networks=len(STARTS) * draws)
    rows: dict[str, list[np.ndarray]] = {"norm": [], "force": []}
    predicted = []
    for name, method in METHODS.items():
        seen = stream("picture layers", "observed batches")
        ends, observed = descend(
            _start(source, draws),
            source,
            method,
            records=records,
            observe=observe_norms(source, BATCH, generator=seen),
            generator=stream("picture layers", name),
        )
        of_starts = {name: rows.unflatten(0, (-1, draws)) for name, rows in observed.items()}
        rows["norm"].append(of_starts["norm"].numpy())
        rows["force"].append(net_force(**of_starts, steps=steps, rate=RATE))
        if method.batch is not None:
            measured = _measured(ends, source).unflatten(0, (-1, draws))
            independent = squares(at_the_minimum(source)).expand_as(measured)
            predicted = [measured.numpy(), independent.numpy()]
    path = ("descent", "start", "draw", "record", "layer")
    norms = np.stack(rows["norm"])
    forces = np.stack(rows["force"])
    theory = np.stack(predicted)
    arrays = {
        "squared_norm": LabelledArray(path, norms, "weight^2", "squared norm of a layer"),
        "squared_norm_theory": LabelledArray(
            ("form", *path[1:3], "layer"), theory, "weight^2", "squared norm of a layer, predicted"
        ),
        "net_force": LabelledArray(
            (*path[:3], "pair"),
            forces,
            "1",
            "force of all batches of the second half on a layer and the next, net over gross",
        ),
    }
    forms = ["measured", "independent"]
    coordinates = {
        "descent": LabelledArray("descent", list(METHODS), "1", "how it is descended"),
        "start": LabelledArray("start", list(STARTS), "1", "how it starts"),
        "form": LabelledArray("form", forms, "1", "what is assumed of the noise"),
        "step": LabelledArray("record", records, "1", "steps of descent"),
    }
    return arrays, coordinates


def read_pictures(name: str, root: str, *, networks: int) -> Pictures:
    """Read pictures of ten classes.

    Parameters
    ----------
    name : str
        The data set.
    root : str
        The folder where data sets lie.
    networks : int
        How many networks draw from them.

    Returns
    -------
    Pictures
        Their mean is zero, and the mean square of inputs, and that of labels, is one.

    Examples
    --------
    >>> pictures = read_pictures("digits", "", networks=2)
    >>> pictures.inputs.shape, pictures.labels.shape
    (torch.Size([1438, 20]), torch.Size([1438, 9]))
    """
    data = load(name, root=Path(root), options=PICTURES[name])
    pixels = _centred(data.train_inputs.flatten(1).double())
    _, _, components = torch.linalg.svd(pixels, full_matrices=False)
    inputs = pixels @ components[:COMPONENTS].T
    classes = torch.eye(data.classes, dtype=torch.float64)
    together = torch.cat([torch.ones_like(classes[:, :1]), classes[:, 1:]], 1)
    contrasts = torch.linalg.qr(together).Q[:, 1:]
    labels = _centred(contrasts[data.train_targets])
    return Pictures(_scaled(inputs), _scaled(labels), networks)


def _centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(0)


def _scaled(rows: Tensor) -> Tensor:
    return rows / rows.square().mean().sqrt()


def _start(source: Pictures, draws: int) -> list[Tensor]:
    """Return the same directions with the norms of every start."""
    outputs = source.labels.shape[1]
    widths = [source.inputs.shape[1], *[outputs] * DEPTH]
    drawn = normal_layers(widths, draws, generator=stream("picture layers", "start"))
    layers = []
    for number, layer in enumerate(drawn):
        factors = torch.tensor([shares[number] ** 0.5 for shares in STARTS.values()])
        scaled = factors.to(layer.dtype)[:, None, None, None] * layer
        layers.append(scaled.flatten(0, 1))
    return layers


def _measured(ends: Sequence[Tensor], source: Pictures) -> Tensor:
    """Return the squared norms of the layers of all networks at the balance of their noise."""
    norms = []
    for network in zip(*ends, strict=True):
        norms.append(squares(balanced(network, source)))
    return torch.stack(norms)


def at_the_minimum(source: Pictures) -> list[Tensor]:
    """Return the closed form, for labels whose noise does not depend on the pictures.

    Parameters
    ----------
    source : Pictures
        The data.

    Returns
    -------
    list of Tensor
        Layers from input to output.
    """
    target = torch.linalg.lstsq(source.inputs, source.labels).solution.T
    off = source.labels - source.inputs @ target.T
    count = len(source.inputs)
    of_inputs = source.inputs.T @ source.inputs / count
    of_noise = off.T @ off / count
    return deep_equilibrium(target, of_inputs, of_noise, DEPTH)


def balanced(layers: Sequence[Tensor], source: Pictures) -> list[Tensor]:
    """Move a network to where the noise of its samples balances every layer and the next.

    Parameters
    ----------
    layers : sequence of Tensor, shapes (output, input)
        One network.
    source : Pictures
        The data.

    Returns
    -------
    list of Tensor
        A network of the same function.

    Raises
    ------
    SymgeomError
        If it does not come to rest.
    """
    moved = list(layers)
    for _ in range(ROUNDS):
        largest = 0.0
        for number in range(len(moved) - 1):
            step = _balance_of_pair(moved, number, source)
            moved[number] = step.matrix @ moved[number]
            following = torch.linalg.solve(step.matrix, moved[number + 1], left=False)
            moved[number + 1] = following
            largest = max(largest, step.moved)
        if largest < AT_REST:
            return moved
    raise SymgeomError(
        f"Cannot balance the layers: after {ROUNDS} rounds they still move by {largest:.1g} of "
        "their length. Descend for more steps, or at a smaller rate."
    )


def _balance_of_pair(layers: Sequence[Tensor], number: int, source: Pictures) -> Mixing:
    """Return what balances a layer and the next while all others rest."""
    activations = [source.inputs]
    for layer in layers:
        activations.append(activations[-1] @ layer.T)
    slope = 2 * (activations.pop() - source.labels)
    for layer in layers[: number + 1 : -1]:
        slope = slope @ layer
    hidden = activations[number + 1]
    below = slope @ layers[number + 1]
    incoming = _covariance(below, activations[number])
    outgoing = _covariance(hidden, slope)
    return mixing(incoming, outgoing)


def _covariance(units: Tensor, others: Tensor) -> Tensor:
    """Return how products of units and others vary over samples, summed over the others."""
    count = len(units)
    weighted = units * others.square().sum(1, keepdim=True)
    mean = units.T @ others / count
    return units.T @ weighted / count - mean @ mean.T
