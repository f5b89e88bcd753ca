"""Recurrent layers: a hidden unit is what several rows of the weights write and one column reads.

The weights of a layer have one row for each hidden unit and gate. Gates are sigmoids, which commute
with no scale; what is written in the state passes through a tanh, which commutes with signs (or, in
a plain layer, through a ReLU, which commutes with positive scales).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from symgeom.symmetry.discovery.families import Axis
from symgeom.symmetry.discovery.operations.record import Head, Operation
from symgeom.symmetry.discovery.relations import (
    Axes,
    Pin,
    Separate,
    Statement,
    Unread,
    UnsupportedError,
    Zeros,
    contracted,
    equal,
    fixed,
    label,
    sum_of,
)


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent layer.

    Attributes
    ----------
    gates : int
        How many rows of the weights belong to one hidden unit.
    state : int
        Which of them is written in the state.
    scales : str
        The scales of the state that pass: signs ("s") or positive ones ("p").
    """

    gates: int
    state: int
    scales: str


def recur(
    out: list[Axes],
    *,
    source: Axes,
    hx: Axes | list[Axes],
    params: Sequence[Axes],
    has_biases: bool,
    num_layers: int,
    bidirectional: bool,
    cell: Cell,
    **_: object,
) -> Iterator[Statement]:
    """Run layers of a recurrent network over a sequence."""
    directions = 2 if bidirectional else 1
    tensors = 4 if has_biases else 2
    if len(params) != tensors * directions * num_layers:
        raise UnsupportedError("a recurrent layer with projections")
    yield Pin((*source[:-1], *out[0][:-1]))
    read = source
    hidden: list[Axis] = []
    for layer in range(num_layers):
        hidden = []
        for direction in range(directions):
            first = (layer * directions + direction) * tensors
            state = Axis(params[first + 1][1].size)
            yield from _step(cell, read, state, params[first : first + tensors])
            hidden.append(state)
        joined = Axis(sum(state.size for state in hidden))
        yield equal(sum_of(hidden), joined)
        read = (*source[:-1], joined)
    yield equal(read[-1], out[0][-1])
    yield from _states(hidden, num_layers, [*_listed(hx), *out[1:]])


def step(
    out: Axes | list[Axes],
    *,
    source: Axes,
    hx: Axes | list[Axes],
    w_ih: Axes,
    w_hh: Axes,
    b_ih: Axes | None = None,
    b_hh: Axes | None = None,
    cell: Cell,
    **_: object,
) -> Iterator[Statement]:
    """Take one step of a recurrent layer."""
    state = Axis(w_hh[1].size)
    biases = [bias for bias in (b_ih, b_hh) if bias]
    yield Pin(source[:-1])
    yield from _step(cell, source, state, [w_ih, w_hh, *biases])
    yield from _states([state], 1, [*_listed(hx), *_listed(out)])


def _listed(states: Axes | list[Axes]) -> list[Axes]:
    """Return the states of a layer, which has one or several."""
    if isinstance(states, list):
        return states
    return [states]


def _step(cell: Cell, read: Axes, state: Axis, weights: Sequence[Axes]) -> Iterator[Statement]:
    """Write the rows of all gates, from what is read and from the state before."""
    inputs, before, *biases = weights
    yield from contracted(read, -1, inputs[1])
    yield from contracted((state,), -1, before[1])
    for tensor in (inputs, before, *biases):
        gates = [Axis(state.size) for _ in range(cell.gates)]
        yield equal(sum_of(gates), tensor[0])
        for number, gate in enumerate(gates):
            if number == cell.state:
                yield equal(gate, state, cell.scales)
                yield fixed(gate, "sp".replace(cell.scales, ""))
            else:
                yield label(gate, state)
                yield fixed(gate)
    yield fixed(state, "sp".replace(cell.scales, ""))
    yield Separate((state,))


def _states(hidden: Sequence[Axis], layers: int, tensors: Sequence[Axes]) -> Iterator[Statement]:
    """Give the units of the hidden layers to the states before and after the sequence."""
    for axes in tensors:
        if isinstance(axes, Zeros | Unread):
            continue
        if layers > 1 or len(hidden) > 1:
            raise UnsupportedError("a state of several recurrent layers")
        yield Pin(axes[:-1])
        yield equal(axes[-1], hidden[0])


CELLS = {
    "rnn_tanh": Cell(gates=1, state=0, scales="s"),
    "rnn_relu": Cell(gates=1, state=0, scales="p"),
    "gru": Cell(gates=3, state=2, scales="s"),
    "lstm": Cell(gates=4, state=2, scales="s"),
}
"""The kinds of recurrent layers."""


def _operations() -> Iterator[Operation]:
    """Yield a layer and a single step for each kind."""
    for name, cell in CELLS.items():
        yield Operation(
            names=(name,),
            rule=partial(recur, cell=cell),
            head=Head.HIDDEN,
        )
        yield Operation(
            names=(f"{name}_cell",),
            rule=partial(step, cell=cell),
            head=Head.HIDDEN,
        )


OPERATIONS = tuple(_operations())
