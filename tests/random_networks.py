"""Networks made at random, each with the units that a complete spec of it has.

A network is a list of steps. Whoever adds a step knows what it does to units: a layer makes new
ones or adds to those of a stream, an activation lets a scale pass or not, a normalisation begins a
second scale of the same units, a group norm keeps units within their run. That is noted beside the
step, in the words of this file, and not in those of discovery.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from cases import randomised
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from symgeom.ground.randomness import stream
from symgeom.symmetry.spec import SymmetrySpec, UnitGroup


@dataclass(eq=False)
class Units:
    """Interchangeable units, found by where a layer writes them.

    ``scales`` counts the unknown exponents of their slices, ``laws`` are the equations on them:
    the free ones are the positive scalings. ``together`` says whether nothing treats the units one
    by one, ``odd`` whether all that they pass is odd, so that a sign passes where no scale does.
    """

    size: int
    writer: Tensor
    axis: int = 0
    start: int = 0
    block: int = 1
    scales: int = 0
    laws: list[dict[int, int]] = field(default_factory=list)
    together: bool = True
    odd: bool = True

    def new_scale(self) -> int:
        self.scales += 1
        return self.scales - 1

    def law(self, **terms: int) -> None:
        self.laws.append({int(name[1:]): factor for name, factor in terms.items()})

    def freedom(self) -> int:
        """The dimension of the positive scalings."""
        if not self.laws:
            return self.scales
        rows = torch.zeros(len(self.laws), self.scales, dtype=torch.float64)
        for row, terms in zip(rows, self.laws, strict=True):
            for scale, factor in terms.items():
                row[scale] += factor
        return self.scales - int(torch.linalg.matrix_rank(rows))

    def kind(self) -> str | None:
        """The kind of the only scaling; None where several exponents leave it open."""
        if self.scales != 1:
            return None
        if self.freedom():
            return "linear" if self.together else "positive"
        return "sign" if self.odd else "none"

    def pieces(self, count: int) -> list[Units]:
        """The units in runs, which mix no more."""
        size = self.size // count
        runs = []
        for number in range(count):
            start = self.start + number * size * self.block
            laws = [dict(law) for law in self.laws]
            runs.append(replace(self, size=size, start=start, laws=laws))
        return runs


@dataclass(frozen=True)
class Run:
    """A run of the channels of a tensor: units with the exponent that they have there.

    Without units it is one that cannot move. It is even if an absolute value swallowed its signs.
    """

    size: int
    units: Units | None = None
    scale: int = 0
    block: int = 1
    even: bool = False

    @property
    def entries(self) -> int:
        return self.size * self.block


@dataclass(frozen=True)
class Signal:
    """A tensor (sample, channel), (sample, channel, row, column) or (sample, position, channel)."""

    value: int
    kind: str
    runs: tuple[Run, ...]
    extent: tuple[int, ...] = ()
    fresh: bool = False

    @property
    def channels(self) -> int:
        return sum(run.entries for run in self.runs)

    @property
    def plain(self) -> bool:
        """Whether every unit has one channel."""
        return all(run.block == 1 for run in self.runs)

    def moved(self) -> list[Run]:
        return [run for run in self.runs if run.units is not None]


class RandomNetwork(nn.Module):
    """Apply one step after another to all that came before."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.steps: list[tuple[Callable[..., Tensor], tuple[int, ...]]] = []
        self.words: list[str] = []
        self.units: list[Units] = []

    def forward(self, inputs: Tensor) -> Tensor:
        values = [inputs]
        for function, sources in self.steps:
            values.append(function(*[values[source] for source in sources]))
        return values[-1]

    def __repr__(self) -> str:
        return "\n".join(self.words)

    def add(self, word: str, function: Callable[..., Tensor], *sources: int) -> int:
        self.steps.append((function, sources))
        number = len(self.steps)
        self.words.append(f"  v{number} = {word}({', '.join(f'v{source}' for source in sources)})")
        return number

    def layer(self, layer: nn.Module, source: int) -> int:
        self.layers.append(layer)
        return self.add(str(layer), layer, source)


class Learnt(nn.Module):
    """Combine the input with a learnt tensor."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], *shape: int) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.function(inputs, self.weight)

    def extra_repr(self) -> str:
        return f"{self.function.__name__}, {tuple(self.weight.shape)}"


def before_all(inputs: Tensor, weight: Tensor) -> Tensor:
    return torch.cat([weight.expand(len(inputs), -1, -1), inputs], 1)


class Twice(nn.Module):
    """Apply a layer and a ReLU twice."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.relu(self.layer(torch.relu(self.layer(inputs))))


def contracted(inputs: Tensor, weight: Tensor) -> Tensor:
    letters = "bti,oi->bto" if inputs.ndim == 3 else "bi,oi->bo"
    return torch.einsum(letters, inputs, weight)


class States(nn.Module):
    """Hand on the states of a recurrent layer at all positions."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs)[0]


class Maker:
    """Makes a network from a seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.network = RandomNetwork()

    def width(self) -> int:
        return self.dice.choice([2, 3, 4, 4, 6])

    # -- what writes units -------------------------------------------------------------------------

    def written(self, weight: Tensor, sizes: Sequence[int], axis: int = 0) -> tuple[Run, ...]:
        """Runs of new units, one after another along an axis of a weight."""
        runs = []
        start = 0
        for size in sizes:
            units = Units(size, weight, axis, start)
            self.network.units.append(units)
            runs.append(Run(size, units, units.new_scale()))
            start += size
        return tuple(runs)

    def rewritten(self, runs: Sequence[Run]) -> tuple[Run, ...]:
        """Runs that another layer writes of units that are already there."""
        again = []
        for run in runs:
            scale = run.units.new_scale() if run.units else 0
            again.append(replace(run, scale=scale))
        return tuple(again)

    def write(self, signal: Signal, width: int, runs: tuple[Run, ...] | None = None) -> Signal:
        """Apply a linear layer or a convolution, of new units unless they are given."""
        bias = self.dice.random() < 0.7
        extent = signal.extent
        axis = 0
        if signal.kind == "image":
            form = self.dice.choice(["point", "same", "same", "spread"])
            if form == "spread":
                layer = nn.ConvTranspose2d(signal.channels, width, 3, padding=1, bias=bias)
                axis = 1
            else:
                window = 3 if form == "same" else 1
                layer = nn.Conv2d(signal.channels, width, window, padding=window // 2, bias=bias)
        else:
            layer = nn.Linear(signal.channels, width, bias=bias)
        value = self.network.layer(layer, signal.value)
        if runs is None:
            runs = self.written(layer.weight, [width], axis)
            return Signal(value, signal.kind, runs, extent, fresh=True)
        return Signal(value, signal.kind, self.rewritten(runs), extent)

    def new(self, signal: Signal) -> Signal:
        return self.write(signal, self.width())

    def summed(self, signal: Signal) -> Signal | None:
        """Apply a weight in the notation of Einstein."""
        if signal.kind == "image":
            return None
        layer = Learnt(contracted, self.width(), signal.channels)
        value = self.network.layer(layer, signal.value)
        runs = self.written(layer.weight, [len(layer.weight)])
        return Signal(value, signal.kind, runs, signal.extent, fresh=True)

    def directed(self, signal: Signal) -> Signal | None:
        """Apply a layer whose rows have lengths and directions of their own."""
        if signal.kind == "image":
            return None
        for run in signal.moved():
            run.units.law(**{f"s{run.scale}": 1})
        layer = nn.utils.parametrizations.weight_norm(nn.Linear(signal.channels, self.width()))
        value = self.network.layer(layer, signal.value)
        directions = layer.parametrizations.weight.original1
        runs = self.written(directions, [len(directions)])
        for run in runs:
            run.units.new_scale()
            run.units.together = False
        return Signal(value, signal.kind, runs, signal.extent)

    def apart(self, signal: Signal, count: int) -> Signal | None:
        """The signal in as many equal runs as asked for, if it can be seen so."""
        sizes = {run.entries for run in signal.runs}
        if len(signal.runs) == count and len(sizes) == 1:
            return signal
        (first, *others) = signal.runs
        if others or not signal.fresh or first.units is None or first.size % count:
            return None
        pieces = first.units.pieces(count)
        self.network.units.remove(first.units)
        self.network.units += pieces
        runs = tuple(replace(first, size=piece.size, units=piece) for piece in pieces)
        return replace(signal, runs=runs)

    # -- entry by entry ----------------------------------------------------------------------------

    def each(self, signal: Signal, word: str, function: Callable[..., Tensor]) -> Signal:
        return replace(signal, value=self.network.add(word, function, signal.value))

    def activate(self, signal: Signal) -> Signal:
        name = self.dice.choice(list(ACTIVATIONS))
        function, scales, odd = ACTIVATIONS[name]
        for run in signal.moved():
            note_activation(run, scales=scales, odd=odd)
        runs = tuple(replace(run, even=run.even or name == "abs") for run in signal.runs)
        return self.each(replace(signal, runs=runs), name, function)

    def negative(self, signal: Signal) -> Signal:
        return self.each(signal, "negative", torch.neg)

    def slopes(self, signal: Signal) -> Signal | None:
        if signal.kind == "sequence":
            return None
        for run in signal.moved():
            note_activation(run, scales=True, odd=False)
        value = self.network.layer(nn.PReLU(signal.channels), signal.value)
        return replace(signal, value=value)

    def gain(self, signal: Signal) -> Signal:
        """Multiply every channel by a weight of its own."""
        shape = [signal.channels, 1, 1] if signal.kind == "image" else [signal.channels]
        value = self.network.layer(Learnt(torch.mul, *shape), signal.value)
        return replace(signal, value=value, runs=product(signal.runs, self.rewritten(signal.runs)))

    def constant(self, signal: Signal) -> Signal:
        for run in signal.moved():
            run.units.law(**{f"s{run.scale}": 1})
            run.units.odd = run.units.odd and run.even
        return self.each(signal, "add 0.5", lambda x: x + 0.5)

    # -- normalisations ----------------------------------------------------------------------------

    def second_scale(self, runs: Sequence[Run], *, affine: bool) -> tuple[Run, ...]:
        after = self.rewritten(runs)
        for run in after:
            if run.units:
                run.units.together = False
                run.units.odd = False
                if not affine:
                    run.units.law(**{f"s{run.scale}": 1})
        return after

    def batch_norm(self, signal: Signal) -> Signal | None:
        if signal.kind == "sequence":
            return None
        affine = self.dice.random() < 0.8
        kind = nn.BatchNorm2d if signal.kind == "image" else nn.BatchNorm1d
        value = self.network.layer(kind(signal.channels, affine=affine), signal.value)
        runs = self.second_scale(signal.runs, affine=affine)
        return replace(signal, value=value, runs=runs)

    def layer_norm(self, signal: Signal) -> Signal | None:
        if signal.kind == "image":
            return None
        affine = self.dice.random() < 0.8
        layer = nn.LayerNorm(signal.channels, elementwise_affine=affine)
        return self.normalised(signal, layer, affine)

    def root_mean_square(self, signal: Signal) -> Signal | None:
        if signal.kind == "image":
            return None
        affine = self.dice.random() < 0.8
        layer = nn.RMSNorm(signal.channels, elementwise_affine=affine)
        return self.normalised(signal, layer, affine)

    def normalised(self, signal: Signal, layer: nn.Module, affine: bool) -> Signal:
        for run in signal.moved():
            run.units.law(**{f"s{run.scale}": 1})
        value = self.network.layer(layer, signal.value)
        return replace(signal, value=value, runs=self.second_scale(signal.runs, affine=affine))

    def group_norm(self, signal: Signal) -> Signal | None:
        if signal.kind != "image" or not signal.plain:
            return None
        groups = self.dice.choice([1, 2, 3, signal.channels])
        if signal.channels % groups:
            return None
        if 1 < groups < signal.channels:
            signal = self.apart(signal, groups)
        if signal is None:
            return None
        affine = self.dice.random() < 0.8
        layer = nn.GroupNorm(groups, signal.channels, affine=affine)
        return self.normalised(signal, layer, affine)

    def length_one(self, signal: Signal) -> Signal:
        for run in signal.moved():
            run.units.law(**{f"s{run.scale}": 1})
        axis = 2 if signal.kind == "sequence" else 1
        return self.each(signal, f"normalise {axis}", lambda x: F.normalize(x, dim=axis))

    # -- branches ----------------------------------------------------------------------------------

    def body(self, signal: Signal, runs: tuple[Run, ...] | None = None) -> Signal:
        """A short chain from a signal, whose last layer may write the units of given runs."""
        branch = replace(signal, fresh=False)
        for _ in range(self.dice.choice([0, 1, 1, 2])):
            branch = self.step(self.new(branch), self.dice.choice(INSIDE))
        if runs is None:
            return self.new(branch)
        return self.write(branch, sum(run.entries for run in runs), runs)

    def residual(self, signal: Signal) -> Signal | None:
        runs = signal.runs
        branch = self.body(signal, runs)
        if self.dice.random() < 0.5:
            norm = self.batch_norm(branch)
            branch = norm or branch
        if branch.extent != signal.extent:
            return None
        value = self.network.add("add", torch.add, signal.value, branch.value)
        for first, second in zip(runs, branch.runs, strict=True):
            if first.units:
                first.units.law(**{f"s{first.scale}": 1, f"s{second.scale}": -1})
        return replace(signal, value=value, fresh=False)

    def widened(self, signal: Signal) -> Signal | None:
        """Add a wider branch to channels that are lengthened by zeros."""
        if signal.kind == "sequence":
            return None
        extra = self.dice.choice([2, 3])
        margins = [0, 0] * len(signal.extent) + [0, extra]
        padded = self.network.add(f"pad {margins}", lambda x: F.pad(x, margins), signal.value)
        narrow = replace(signal, fresh=False)
        layer: nn.Module = nn.Linear(signal.channels, signal.channels + extra)
        if signal.kind == "image":
            layer = nn.Conv2d(signal.channels, signal.channels + extra, 1)
        branch = self.network.layer(layer, narrow.value)
        value = self.network.add("add", torch.add, padded, branch)
        again = self.rewritten(signal.runs)
        for first, second in zip(signal.runs, again, strict=True):
            if first.units:
                first.units.law(**{f"s{first.scale}": 1, f"s{second.scale}": -1})
        units = Units(extra, layer.weight, 0, signal.channels)
        self.network.units.append(units)
        runs = (*signal.runs, Run(extra, units, units.new_scale()))
        return Signal(value, signal.kind, runs, signal.extent)

    def joined(self, signal: Signal) -> Signal | None:
        first = replace(signal, fresh=False) if self.dice.random() < 0.5 else self.body(signal)
        second = self.body(signal)
        if first.extent != second.extent:
            return None
        axis = 2 if signal.kind == "sequence" else 1
        function = partial(torch.cat, dim=axis)
        value = self.network.add(f"cat {axis}", lambda *x: function(x), first.value, second.value)
        return Signal(value, signal.kind, first.runs + second.runs, signal.extent)

    def gated(self, signal: Signal) -> Signal | None:
        """Multiply two branches entry by entry."""
        first = self.new(replace(signal, fresh=False))
        second = self.write(replace(signal, fresh=False), first.channels, first.runs)
        if self.dice.random() < 0.6:
            second = self.activate(second)
        value = self.network.add("mul", torch.mul, first.value, second.value)
        return replace(first, value=value, runs=product(first.runs, second.runs), fresh=False)

    def halves(self, signal: Signal) -> Signal | None:
        """Gate the first half of the channels by the second."""
        width = self.width()
        axis = 2 if signal.kind == "sequence" else 1
        layer: nn.Module = nn.Linear(signal.channels, 2 * width)
        if signal.kind == "image":
            layer = nn.Conv2d(signal.channels, 2 * width, 1)
        value = self.network.layer(layer, signal.value)
        (run,) = self.written(layer.weight, [width])
        note_activation(run, scales=True, odd=True)
        value = self.network.add(f"glu {axis}", lambda x: F.glu(x, axis), value)
        return Signal(value, signal.kind, (run,), signal.extent)

    def parts(self, signal: Signal) -> Signal | None:
        """Treat two halves of the units in two ways."""
        signal = self.apart(signal, 2)
        if signal is None:
            return None
        axis = 2 if signal.kind == "sequence" else 1
        branches = []
        for number in range(2):
            value = self.network.add(
                f"half {number} of {axis}",
                lambda x, number=number: x.chunk(2, axis)[number],
                signal.value,
            )
            half = replace(signal, value=value, runs=signal.runs[number : number + 1], fresh=False)
            branches.append(self.activate(half))
        function = partial(torch.cat, dim=axis)
        values = [branch.value for branch in branches]
        value = self.network.add(f"cat {axis}", lambda *x: function(x), *values)
        runs = branches[0].runs + branches[1].runs
        return replace(signal, value=value, runs=runs, fresh=False)

    def squeezed(self, signal: Signal) -> Signal | None:
        """Gate the channels of an image by what is seen in all of it."""
        if signal.kind != "image":
            return None
        hidden = self.pooled(replace(signal, fresh=False))
        gates = self.write(self.activate(self.new(hidden)), signal.channels, signal.runs)
        for run in gates.moved():
            note_activation(run, scales=False, odd=False)
        function = lambda x, y: x * torch.sigmoid(y)[:, :, None, None]  # noqa: E731
        value = self.network.add("gate", function, signal.value, gates.value)
        runs = product(signal.runs, gates.runs)
        return replace(signal, value=value, runs=runs, fresh=False)

    def repeated(self, signal: Signal) -> Signal | None:
        """Apply one layer twice: what it reads is what it writes."""
        if signal.kind == "image":
            return None
        layer = nn.Linear(signal.channels, signal.channels)
        again = self.rewritten(signal.runs)
        for first, second in zip(signal.runs, again, strict=True):
            if first.units:
                first.units.law(**{f"s{first.scale}": 1, f"s{second.scale}": -1})
                note_activation(second, scales=True, odd=False)
        value = self.network.layer(Twice(layer), signal.value)
        return replace(signal, value=value, fresh=False)

    # -- images ------------------------------------------------------------------------------------

    def depthwise(self, signal: Signal) -> Signal | None:
        if signal.kind != "image":
            return None
        filters = self.dice.choice([1, 1, 2])
        channels = signal.channels
        layer = nn.Conv2d(channels, filters * channels, 3, padding=1, groups=channels)
        value = self.network.layer(layer, signal.value)
        runs = product(signal.runs, self.rewritten(signal.runs))
        for run in runs:
            if run.units:
                run.units.together = False
        runs = tuple(replace(run, block=run.block * filters) for run in runs)
        return replace(signal, value=value, runs=runs)

    def grouped(self, signal: Signal) -> Signal | None:
        if signal.kind != "image":
            return None
        groups = self.dice.choice([2, 3])
        if signal.channels == groups:
            return None
        signal = self.apart(signal, groups)
        if signal is None:
            return None
        width = groups * self.dice.choice([2, 3])
        layer = nn.Conv2d(signal.channels, width, 3, padding=1, groups=groups)
        value = self.network.layer(layer, signal.value)
        runs = self.written(layer.weight, [width // groups] * groups)
        return Signal(value, "image", runs, signal.extent)

    def of_pixels(self, signal: Signal) -> Signal | None:
        if signal.kind != "image" or min(signal.extent) < 3:
            return None
        name = self.dice.choice(list(PIXELS))
        function, smooth = PIXELS[name]
        for run in signal.moved():
            if not smooth:
                note_activation(run, scales=True, odd=False)
        extent = function(torch.zeros(1, 1, *signal.extent)).shape[2:]
        return replace(self.each(signal, name, function), extent=tuple(extent))

    def split(self, signal: Signal) -> Signal | None:
        """Reshape so that pixels are split while channels are merged with them, and back."""
        if signal.kind != "image" or signal.extent[0] % 2:
            return None

        def reshaped(x: Tensor) -> Tensor:
            samples, channels, rows, columns = x.shape
            pairs = x.reshape(samples * channels * (rows // 2), 2, columns)
            return pairs.reshape(samples, channels, rows, columns)

        return self.each(signal, "split and merge", reshaped)

    def both_signs(self, signal: Signal) -> Signal:
        """Join what a ReLU leaves of a tensor and of its negative."""
        axis = 2 if signal.kind == "sequence" else 1
        for run in signal.moved():
            note_activation(run, scales=True, odd=False)
        function = lambda x: torch.cat([torch.relu(x), torch.relu(-x)], axis)  # noqa: E731
        both = self.each(signal, f"both signs along {axis}", function)
        return replace(both, runs=signal.runs + signal.runs, fresh=False)

    def twofold(self, signal: Signal) -> Signal:
        """Repeat every channel."""
        axis = 2 if signal.kind == "sequence" else 1
        runs = tuple(replace(run, block=2 * run.block) for run in signal.runs)
        function = lambda x: x.repeat_interleave(2, dim=axis)  # noqa: E731
        twice = self.each(signal, f"repeat every entry of {axis}", function)
        return replace(twice, runs=runs, fresh=False)

    def shuffled(self, signal: Signal) -> Signal | None:
        """Make pixels of the channels of a new layer."""
        if signal.kind != "image" or max(signal.extent) > 4:
            return None
        layer = nn.Conv2d(signal.channels, 12, 1)
        value = self.network.layer(layer, signal.value)
        value = self.network.add("pixel shuffle", lambda x: F.pixel_shuffle(x, 2), value)
        units = Units(3, layer.weight, block=4)
        self.network.units.append(units)
        rows, columns = signal.extent
        runs = (Run(3, units, units.new_scale()),)
        return Signal(value, "image", runs, (2 * rows, 2 * columns))

    def pooled(self, signal: Signal) -> Signal:
        axes = (2, 3) if signal.kind == "image" else 1
        value = self.network.add(f"mean {axes}", lambda x: x.mean(axes), signal.value)
        return Signal(value, "vector", signal.runs, fresh=signal.fresh)

    def flattened(self, signal: Signal) -> Signal | None:
        if signal.kind != "image":
            return None
        rows, columns = signal.extent
        if self.dice.random() < 0.6:
            value = self.network.add("flatten", lambda x: x.flatten(1), signal.value)
            runs = tuple(replace(run, block=run.block * rows * columns) for run in signal.runs)
            return Signal(value, "vector", runs)
        value = self.network.add(
            "flatten, channels last", lambda x: x.permute(0, 2, 3, 1).flatten(1), signal.value
        )
        layer = nn.Linear(signal.channels * rows * columns, self.width())
        value = self.network.layer(layer, value)
        return Signal(value, "vector", self.written(layer.weight, [len(layer.weight)]), fresh=True)

    def tokens(self, signal: Signal) -> Signal | None:
        if signal.kind != "image" or max(signal.extent) > 4:
            return None
        rows, columns = signal.extent
        value = self.network.add("tokens", lambda x: x.flatten(2).transpose(1, 2), signal.value)
        return Signal(value, "sequence", signal.runs, (rows * columns,), signal.fresh)

    # -- sequences ---------------------------------------------------------------------------------

    def positions(self, signal: Signal) -> Signal | None:
        """Add a learnt vector for every position."""
        if signal.kind != "sequence":
            return None
        layer = Learnt(torch.add, 1, *signal.extent, signal.channels)
        return replace(signal, value=self.network.layer(layer, signal.value))

    def first_token(self, signal: Signal) -> Signal | None:
        """Put a learnt vector before the others."""
        if signal.kind != "sequence":
            return None
        layer = Learnt(before_all, 1, 1, signal.channels)
        value = self.network.layer(layer, signal.value)
        return replace(signal, value=value, extent=(signal.extent[0] + 1,))

    def first_of_all(self, signal: Signal) -> Signal | None:
        if signal.kind != "sequence":
            return None
        value = self.network.add("first position", lambda x: x[:, 0], signal.value)
        return Signal(value, "vector", signal.runs, fresh=signal.fresh)

    def recurrent(self, signal: Signal) -> Signal | None:
        if signal.kind != "sequence":
            return None
        kind = self.dice.choice([nn.RNN, nn.GRU, nn.LSTM])
        layer = kind(signal.channels, self.width(), batch_first=True)
        value = self.network.layer(States(layer), signal.value)
        (run,) = self.written(layer.weight_ih_l0, [layer.hidden_size])
        run.units.law(s0=1)
        run.units.together = False
        if kind is not nn.RNN:
            run.units.law(**{f"s{run.units.new_scale()}": 1})
        return Signal(value, "sequence", (run,), signal.extent)

    def mixed(self, signal: Signal) -> Signal | None:
        """Mix the positions by a layer with a bias, which forbids the scale of the channels."""
        if signal.kind != "sequence":
            return None
        (length,) = signal.extent
        width = self.width()
        into, out = nn.Linear(length, width), nn.Linear(width, length)
        value = self.network.add("turn", lambda x: x.transpose(1, 2), signal.value)
        value = self.network.layer(into, value)
        (run,) = self.written(into.weight, [width])
        note_activation(run, scales=True, odd=False)
        value = self.network.layer(out, self.network.add("relu", torch.relu, value))
        value = self.network.add("turn", lambda x: x.transpose(1, 2), value)
        for channels in signal.moved():
            note_activation(channels, scales=False, odd=False)
        return replace(signal, value=value)

    def attention(self, signal: Signal) -> Signal | None:
        if signal.kind != "sequence":
            return None
        heads = self.dice.choice([2, 3])
        attend = self.dice.choice(list(HEADS))
        turn = self.dice.choice([*TURNS, "behind one norm", "behind one norm"])
        layer = nn.Linear(signal.channels, 3 * heads * 4, bias=self.dice.random() < 0.5)
        value = self.network.layer(layer, signal.value)
        start, block = 0, 4
        if attend == "heads first":
            block = 12
        units = Units(heads, layer.weight, 0, start, block, together=False, odd=False)
        run = Run(heads, units, units.new_scale(), block=4)
        units.law(s0=1)
        self.network.units.append(units)
        turned = TURNS[turn] if turn in TURNS else self.norm(attend)
        function = partial(HEADS[attend], heads=heads, turn=turned)
        value = self.network.add(f"attention, {heads} heads, {attend}, {turn}", function, value)
        return Signal(value, "sequence", (run,), signal.extent)

    def norm(self, attend: str) -> nn.Module:
        """A norm that queries and keys of all heads share: their coordinates are units."""
        norm = nn.LayerNorm(4)
        self.network.layers.append(norm)
        if attend in ("three apart", "fused"):  # else values or pinned entries share them, too
            coordinates = Units(4, norm.weight, together=False, odd=False)
            coordinates.new_scale()
            coordinates.law(s0=2)
            self.network.units.append(coordinates)
        return norm

    # -- the whole ---------------------------------------------------------------------------------

    def step(self, signal: Signal, name: str) -> Signal:
        """Add a step, unless it cannot be added to this signal."""
        return getattr(self, name)(signal) or signal

    def begin(self) -> tuple[Signal, Tensor]:
        generator = stream("random network", self.dice.randrange(2**31))
        kind = self.dice.choice(["vector", "image", "image", "sequence", "words"])
        shape = {"vector": (5,), "image": (2, 4, 4), "sequence": (4, 3), "words": (4,)}[kind]
        if kind == "words":
            self.network.words.append("  v0: 3 samples of 4 words")
            words = torch.randint(7, (3, *shape), generator=generator)
            layer = nn.Embedding(7, self.width())
            value = self.network.layer(layer, 0)
            runs = self.written(layer.weight, [layer.embedding_dim], axis=1)
            return Signal(value, "sequence", runs, shape, fresh=True), words
        inputs = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
        self.network.words.append(f"  v0: {kind} of shape {shape}")
        channels = shape[-1] if kind == "sequence" else shape[0]
        extent = {"vector": (), "image": shape[1:], "sequence": shape[:1]}[kind]
        return self.new(Signal(0, kind, (Run(channels),), extent)), inputs

    def make(self) -> tuple[RandomNetwork, Tensor]:
        signal, inputs = self.begin()
        for _ in range(self.dice.choice([2, 3, 4, 5, 6])):
            signal = self.step(signal, self.dice.choice(STEPS))
        if signal.kind == "image":
            signal = self.dice.choice([self.pooled, self.flattened])(signal)
        elif signal.kind == "sequence" and self.dice.random() < 0.5:
            signal = self.pooled(signal)
        layer = nn.Linear(signal.channels, 2)
        self.network.layer(layer, signal.value)
        return randomised(self.network, self.dice.randrange(2**31)), inputs


def note_activation(run: Run, *, scales: bool, odd: bool) -> None:
    """Note what a function of single entries leaves of a scale."""
    if run.units is None:
        return
    run.units.together = False
    run.units.odd = run.units.odd and (odd or run.even)
    if not scales:
        run.units.law(**{f"s{run.scale}": 1})


def product(first: Sequence[Run], second: Sequence[Run]) -> tuple[Run, ...]:
    """The runs of a product of two tensors of the same units."""
    runs = []
    for one, other in zip(first, second, strict=True):
        scale = 0
        if one.units:
            scale = one.units.new_scale()
            one.units.laws.append({scale: -1})
            for factor in (one.scale, other.scale):
                terms = one.units.laws[-1]
                terms[factor] = terms.get(factor, 0) + 1
            one.units.together = False
            one.units.odd = False
        runs.append(replace(one, scale=scale))
    return tuple(runs)


ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], bool, bool]] = {
    "relu": (torch.relu, True, False),
    "leaky relu": (F.leaky_relu, True, False),
    "abs": (torch.abs, True, True),
    "where": (lambda x: torch.where(x > 0, x, x / 9), True, False),
    "larger than 0": (lambda x: torch.maximum(x, torch.zeros_like(x)), True, False),
    "with the largest": (lambda x: x + x.amax(0, keepdim=True), True, False),
    "clamp at 0": (lambda x: x.clamp(min=0), True, False),
    "tanh": (torch.tanh, False, True),
    "gelu": (F.gelu, False, False),
    "sigmoid": (torch.sigmoid, False, False),
}
"""Functions of single entries; whether positive scales pass, and whether they are odd."""

PIXELS: dict[str, tuple[Callable[[Tensor], Tensor], bool]] = {
    "largest of 2 x 2": (lambda x: F.max_pool2d(x, 2), False),
    "mean of 2 x 2": (lambda x: F.avg_pool2d(x, 2), True),
    "margin of zeros": (lambda x: F.pad(x, (1, 0, 0, 1)), True),
    "margin reflected": (lambda x: F.pad(x, (1, 1, 0, 0), mode="reflect"), True),
    "every second row": (lambda x: x[:, :, ::2], True),
    "crop": (lambda x: x[:, :, 1:, :-1], True),
    "turned round": (lambda x: x.flip(3), True),
}
"""Functions of the pixels of every channel, and whether they are linear."""


def by_halves(x: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat([-second, first], -1)


ANGLES = torch.linspace(0.1, 1.2, 17 * 4, dtype=torch.float64).reshape(17, 4)


def product_first(x: Tensor) -> Tensor:
    angles = ANGLES[: x.shape[-2]]
    return x * angles.cos() + by_halves(x) * angles.sin()


def halves_first(x: Tensor) -> Tensor:
    angles = ANGLES[: x.shape[-2]]
    turned = by_halves(x)
    return x * angles.cos() + turned * angles.sin()


TURNS = {"not turned": lambda x: x, "product first": product_first, "halves first": halves_first}
"""Rotary embeddings, which are one function, written in two orders."""


def attended(queries: Tensor, keys: Tensor, values: Tensor, turn: Callable) -> Tensor:
    weights = torch.softmax(turn(queries) @ turn(keys).mT / 2, -1)
    return (weights @ values).transpose(1, 2).flatten(2)


def three_apart(x: Tensor, *, heads: int, turn: Callable) -> Tensor:
    parts = [part.unflatten(-1, (heads, 4)).transpose(1, 2) for part in x.chunk(3, -1)]
    return attended(*parts, turn)


def axis_of_three(x: Tensor, *, heads: int, turn: Callable) -> Tensor:
    parts = x.unflatten(-1, (3, heads, 4)).permute(2, 0, 3, 1, 4).unbind()
    return attended(*parts, turn)


def heads_first(x: Tensor, *, heads: int, turn: Callable) -> Tensor:
    parts = x.unflatten(-1, (heads, 12)).transpose(1, 2).chunk(3, -1)
    return attended(*parts, turn)


def fused(x: Tensor, *, heads: int, turn: Callable) -> Tensor:
    parts = [part.unflatten(-1, (heads, 4)).transpose(1, 2) for part in x.chunk(3, -1)]
    queries, keys, values = parts
    mixed = F.scaled_dot_product_attention(turn(queries), turn(keys), values)
    return mixed.transpose(1, 2).flatten(2)


HEADS = {
    "three apart": three_apart,
    "axis of three": axis_of_three,
    "heads first": heads_first,
    "fused": fused,
}
"""Attention from queries, keys and values in one tensor, packed in several ways."""

INSIDE = (
    "activate",
    "activate",
    "batch_norm",
    "layer_norm",
    "group_norm",
    "gain",
    "slopes",
    "negative",
    "root_mean_square",
)
"""Steps within branches."""

STEPS = (
    *INSIDE,
    "new",
    "new",
    "constant",
    "length_one",
    "residual",
    "residual",
    "widened",
    "joined",
    "gated",
    "halves",
    "parts",
    "squeezed",
    "repeated",
    "depthwise",
    "grouped",
    "of_pixels",
    "of_pixels",
    "shuffled",
    "flattened",
    "tokens",
    "positions",
    "first_token",
    "mixed",
    "attention",
    "attention",
    "summed",
    "directed",
    "recurrent",
    "split",
    "both_signs",
    "twofold",
    "first_of_all",
)
"""Steps of a network."""


def random_network(seed: int) -> tuple[RandomNetwork, Tensor]:
    """Return a network and a batch of its inputs."""
    return Maker(seed).make()


def incomplete(spec: SymmetrySpec, network: RandomNetwork) -> list[str]:
    """Say which units of a network a spec has not, or with other scales."""
    names = {id(weight): name for name, weight in network.named_parameters()}
    faults = []
    for units in network.units:
        name = names[id(units.writer)]
        where = f"{units.size} units of '{name}' from {units.start} in blocks of {units.block}"
        group = _permuted(spec, name, units)
        if group is None and units.size == 1 and not units.freedom():
            continue
        if group is None:
            faults.append(f"{where} are not permuted")
            continue
        hosted = [other for other in spec.exact().groups if spec.hosts[other.name] == group.name]
        positive = [other for other in hosted if other.scale in ("positive", "linear")]
        if len(positive) != units.freedom():
            faults.append(f"{where}: {len(positive)} scalings, not {units.freedom()}")
        elif units.kind() not in (None, group.scale):
            faults.append(f"{where}: scale '{group.scale}', not '{units.kind()}'")
    return faults


def _permuted(spec: SymmetrySpec, name: str, units: Units) -> UnitGroup | None:
    for group in spec.exact().groups:
        for leg in group.legs:
            where = (leg.tensor, leg.axis, leg.start, leg.block)
            same_place = where == (name, units.axis, units.start, units.block)
            if group.permute and same_place and group.size == units.size:
                return group
    return None
