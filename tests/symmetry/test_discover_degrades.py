"""What discovery does with operations of every kind: known ones lose nothing, unknown ones fix what
they touch and are named, and every spec that comes out is proved by its certificate."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from cases import Block, mlp, randomised
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils import prune

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.spec import FixedAxis, Leg, SymmetrySpec, UnitGroup

Kinds = list[tuple[int, str, bool]]

UNITS: Kinds = [(6, "positive", True)]
"""Six hidden units as between two linear layers with a ReLU."""

RECURRENT: Kinds = [(6, "none", True), (6, "sign", False)]
"""Six units of a state behind gates and a tanh: signs pass through the tanh, not through gates."""


def vectors() -> Tensor:
    return torch.randn(4, 3, generator=stream("vectors"), dtype=torch.float64)


def pictures() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=stream("pictures"), dtype=torch.float64)


def sequences() -> Tensor:
    return torch.randn(4, 5, 3, generator=stream("sequences"), dtype=torch.float64)


def words() -> Tensor:
    return torch.arange(20).reshape(4, 5) % 9


def between(
    middle: Callable[[Block, Tensor], Tensor], read: int = 6, **modules: nn.Module
) -> Block:
    """A function of six hidden units between two linear layers."""

    def forward(self: Block, inputs: Tensor) -> Tensor:
        return self.last(middle(self, self.first(inputs)))

    return Block(forward, first=nn.Linear(3, 6), last=nn.Linear(read, 2), **modules)


def recurrent(layer: nn.Module, read: int, part: Callable = lambda result: result[0]) -> Block:
    def forward(self: Block, inputs: Tensor) -> Tensor:
        return self.last(part(self.layer(inputs)))

    return Block(forward, layer=layer, last=nn.Linear(read, 2))


def steps(cell: nn.Module, part: Callable) -> Block:
    """Two steps of a cell, from a state of zeros."""

    def forward(self: Block, inputs: Tensor) -> Tensor:
        return self.last(part(self.cell(inputs[:, 1], self.cell(inputs[:, 0]))))

    return Block(forward, cell=cell, last=nn.Linear(6, 2))


def written_by_hand(self: Block, inputs: Tensor) -> Tensor:
    state = torch.zeros(len(inputs), 6, dtype=inputs.dtype)
    for time in range(inputs.shape[1]):
        state = torch.tanh(self.read(inputs[:, time]) + self.keep(state))
    return self.last(state)


def convolutions(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 5, 1), nn.ReLU(), *layers)


class Standardised(nn.Conv2d):
    """A convolution whose filters have mean 0 and variance 1."""

    def forward(self, inputs: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, (1, 2, 3), keepdim=True)
        weight = (self.weight - mean) * (variance + 1e-6).rsqrt()
        return F.conv2d(inputs, weight, self.bias)


class Blur(nn.Module):
    """A fixed filter for every channel."""

    def forward(self, inputs: Tensor) -> Tensor:
        channels = inputs.shape[1]
        filters = torch.ones(channels, 1, 2, 2).to(inputs) / 4
        return F.conv2d(inputs, filters, groups=channels)


def pruned() -> nn.Linear:
    return prune.random_unstructured(nn.Linear(3, 6), "weight", 0.5)


def sharing_heads(attend: Callable) -> Block:
    """Four heads of queries, two of keys and values."""

    def forward(self: Block, inputs: Tensor) -> Tensor:
        queries = self.queries(inputs).unflatten(2, (4, 3)).transpose(1, 2)
        keys, values = (
            layer(inputs).unflatten(2, (2, 3)).transpose(1, 2) for layer in (self.keys, self.values)
        )
        return self.last(attend(queries, keys, values).transpose(1, 2).flatten(2))

    return Block(
        forward,
        queries=nn.Linear(3, 12),
        keys=nn.Linear(3, 6),
        values=nn.Linear(3, 6),
        last=nn.Linear(12, 2),
    )


class Frozen(nn.Module):
    """Batch norm whose vectors are buffers."""

    def __init__(self, size: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(size))

    def forward(self, inputs: Tensor) -> Tensor:
        factor = self.weight * (self.running_var + 1e-5).rsqrt()
        term = self.bias - self.running_mean * factor
        return inputs * factor[:, None, None] + term[:, None, None]


STARTS = torch.tensor([0, 1, 2, 3, 0])
ENDS = torch.tensor([1, 2, 3, 0, 2])

NETWORKS: dict[str, tuple[nn.Module, Tensor, Kinds]] = {
    "clamp at zero": (between(lambda _, h: h.clamp(min=0)), vectors(), UNITS),
    "clip from above": (between(lambda _, h: h.clip(max=0)), vectors(), UNITS),
    "clamp elsewhere": (between(lambda _, h: h.clamp(min=0.1)), vectors(), [(6, "none", True)]),
    "threshold": (between(lambda _, h: F.threshold(h, 0.0, 0.0)), vectors(), UNITS),
    "where": (between(lambda _, h: torch.where(h > 0, h, 0.1 * h)), vectors(), UNITS),
    "where not zero": (between(lambda s, h: torch.where(h != 0, h, h.abs())), vectors(), UNITS),
    "where a mask": (
        between(lambda _, h: torch.where(torch.arange(4)[:, None] > 1, h.relu(), h)),
        vectors(),
        UNITS,
    ),
    "masked by inputs": (
        Block(
            lambda s, x: s.last(torch.relu(s.first(s.table(x) * x.ne(0).unsqueeze(-1))).sum(1)),
            table=nn.Embedding(9, 6),
            first=nn.Linear(6, 7),
            last=nn.Linear(7, 2),
        ),
        words(),
        [(6, "linear", True), (7, "positive", True)],
    ),
    "masked fill": (between(lambda _, h: h.masked_fill(h < 0, 0.0)), vectors(), UNITS),
    "maximum": (
        between(lambda s, h: torch.maximum(h, s.other(h)), other=nn.Linear(6, 6)),
        vectors(),
        UNITS,
    ),
    "maximum of two layers": (
        Block(
            lambda s, x: s.last(torch.maximum(s.a(x), s.b(x))),
            a=nn.Linear(3, 6),
            b=nn.Linear(3, 6),
            last=nn.Linear(6, 2),
        ),
        vectors(),
        UNITS,
    ),
    "largest over samples": (
        between(lambda _, h: h.relu() + h.max(0, keepdim=True).values),
        vectors(),
        UNITS,
    ),
    "which is largest": (
        between(lambda _, h: h.relu().max(1, keepdim=True)[1].double(), read=1),
        vectors(),
        [],
    ),
    "sorted units": (between(lambda _, h: h.topk(6, -1).values), vectors(), []),
    "sorted samples": (between(lambda _, h: h.relu().sort(0).values), vectors(), UNITS),
    "ranks of samples": (
        between(lambda _, h: h.relu().topk(2, 0)[1].double()),
        vectors(),
        UNITS,
    ),
    "sums over time": (between(lambda _, h: h.relu().cumsum(0)), vectors(), UNITS),
    "turned round": (between(lambda _, h: h.relu().flip(0)), vectors(), UNITS),
    "shifted": (between(lambda _, h: h.relu().roll(1, 0)), vectors(), UNITS),
    "shifted units": (between(lambda _, h: h.relu().roll(1, 1)), vectors(), []),
    "normalised": (
        between(lambda _, h: F.normalize(h.relu(), dim=1)),
        vectors(),
        [(6, "none", True)],
    ),
    "direction": (
        between(lambda _, h: F.normalize(h, dim=1)),
        vectors(),
        [(6, "sign", True)],
    ),
    "root mean square": (
        between(lambda s, h: s.norm(h), norm=nn.RMSNorm(6)),
        vectors(),
        [(6, "none", True), (6, "sign", False), (6, "positive", False)],
    ),
    "root mean square alone": (
        between(lambda s, h: F.rms_norm(h, (6,))),
        vectors(),
        [(6, "sign", True)],
    ),
    "deviation": (
        between(lambda _, h: h.relu() / h.std(0)),
        vectors(),
        [(6, "positive", True)],
    ),
    "variance": (
        between(lambda _, h: h * h.var(0, keepdim=True)),
        vectors(),
        [(6, "positive", True)],
    ),
    "log of a sum": (
        between(lambda _, h: h + h.logsumexp(0)),
        vectors(),
        [(6, "none", True)],
    ),
    "axes in another order": (
        between(lambda _, h: h.relu().movedim(0, 1).swapaxes(0, 1)),
        vectors(),
        UNITS,
    ),
    "two tensors in parts": (
        between(lambda s, h: torch.lerp(h.relu(), s.other(h).relu(), 0.3), other=nn.Linear(6, 6)),
        vectors(),
        UNITS,
    ),
    "side by side": (
        between(lambda _, h: torch.hstack([h.relu(), h.new_ones(4, 1)]), read=7),
        vectors(),
        UNITS,
    ),
    "sums over axes by number": (
        between(
            lambda s, h: torch.tensordot(h.relu(), s.mix.weight, ([1], [1])), mix=nn.Linear(6, 6)
        ),
        vectors(),
        [(6, "positive", True), (6, "linear", True)],
    ),
    "spectral norm": (
        nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(3, 6)), nn.ReLU(), nn.Linear(6, 2)
        ),
        vectors(),
        [(6, "none", True)],
    ),
    "angles": (
        Block(
            lambda s, x: F.cosine_similarity(s.a(x), s.b(x))[:, None],
            a=nn.Linear(3, 6),
            b=nn.Linear(3, 6),
        ),
        vectors(),
        [(6, "sign", True)],
    ),
    "zeros like another": (between(lambda _, h: h.relu() + torch.zeros_like(h)), vectors(), UNITS),
    "new zeros": (between(lambda _, h: h.relu() + h.new_zeros(6)), vectors(), UNITS),
    "ones": (
        between(lambda _, h: h.relu() + h.new_ones(6)),
        vectors(),
        [(6, "none", True)],
    ),
    "shape of another": (between(lambda _, h: h.relu().reshape_as(h * 2)), vectors(), UNITS),
    "repeated": (between(lambda _, h: h.relu().repeat(1, 2), read=12), vectors(), UNITS),
    "repeated entries": (
        between(lambda _, h: h.relu().repeat_interleave(2, dim=1), read=12),
        vectors(),
        UNITS,
    ),
    "product added": (
        between(lambda _, h: torch.addcmul(h.relu(), h.relu(), h.new_ones(6))),
        vectors(),
        UNITS,
    ),
    "quotient added": (
        between(lambda s, h: torch.addcdiv(h.relu(), h.relu(), h.new_ones(6))),
        vectors(),
        UNITS,
    ),
    "batches of products": (
        between(lambda s, h: torch.baddbmm(h[None], h[None], torch.eye(6).to(h)[None])[0]),
        vectors(),
        [],
    ),
    "sum of products": (
        between(
            lambda s, h: torch.einsum("bi,ji->bj", h.relu(), s.mix.weight), mix=nn.Linear(6, 6)
        ),
        vectors(),
        [(6, "positive", True), (6, "linear", True)],
    ),
    "sum of products with dots": (
        between(
            lambda s, h: torch.einsum("...i,ji->...j", h.relu(), s.mix.weight), mix=nn.Linear(6, 6)
        ),
        vectors(),
        [(6, "positive", True), (6, "linear", True)],
    ),
    "sum of one tensor": (
        between(lambda s, h: torch.einsum("bi->ib", h.relu()).mT),
        vectors(),
        UNITS,
    ),
    "bilinear": (
        Block(
            lambda s, x: s.last(torch.relu(s.both(s.a(x), s.b(x)))),
            a=nn.Linear(3, 4),
            b=nn.Linear(3, 5),
            both=nn.Bilinear(4, 5, 6),
            last=nn.Linear(6, 2),
        ),
        vectors(),
        [(4, "linear", True), (5, "linear", True), (6, "positive", True)],
    ),
    "entries by number": (
        between(lambda _, h: h.relu()[torch.tensor([0, 1, 1])]),
        vectors(),
        UNITS,
    ),
    "rows by number": (
        between(lambda _, h: h.relu().index_select(0, torch.tensor([0, 2]))),
        vectors(),
        UNITS,
    ),
    "gathered": (
        between(lambda _, h: h.relu().gather(0, torch.tensor([[0], [1]]).expand(2, 6))),
        vectors(),
        UNITS,
    ),
    "entries that a mask of two axes takes": (
        Block(
            lambda s, x: s.last(s.first(x)[x[..., 0] > 0].relu()),
            first=nn.Linear(3, 6),
            last=nn.Linear(6, 2),
        ),
        sequences(),
        UNITS,
    ),
    "entries that a mask takes in a row": (
        Block(
            lambda s, x: s.last(s.first(x)[x[..., 0] > 0].relu().flatten()[:12].view(2, 6)),
            first=nn.Linear(3, 6),
            last=nn.Linear(6, 2),
        ),
        sequences(),
        [],
    ),
    "units that a mask takes": (
        Block(
            lambda s, x: s.last(s.first(x.mT)[x.new_ones(4, 6) > 0]),
            first=nn.Conv1d(3, 6, 3),
            last=nn.Linear(3, 2),
        ),
        sequences(),
        [],
    ),
    "messages along edges": (
        Block(
            lambda s, x: s.last(
                x.new_zeros(4, 5).index_add(0, ENDS, s.edge(s.first(x)[STARTS]).relu())
            ),
            first=nn.Linear(3, 6),
            edge=nn.Linear(6, 5),
            last=nn.Linear(5, 2),
        ),
        vectors(),
        [(6, "linear", True), (5, "positive", True)],
    ),
    "largest of each place": (
        between(
            lambda _, h: h.new_zeros(3, 6).scatter_reduce(
                0, torch.tensor([[0], [0], [1], [1]]).expand(4, 6), h, "amax"
            )
        ),
        vectors(),
        UNITS,
    ),
    "products of each place": (
        between(
            lambda _, h: h.new_ones(3, 6).scatter_reduce(
                0, torch.tensor([[0], [0], [1], [1]]).expand(4, 6), h, "prod"
            )
        ),
        vectors(),
        [(6, "none", True)],
    ),
    "copied": (between(lambda _, h: torch.empty_like(h).copy_(h).relu()), vectors(), UNITS),
    "larger than zeros": (
        between(lambda _, h: torch.maximum(h, torch.zeros_like(h))),
        vectors(),
        UNITS,
    ),
    "in the middle": (between(lambda _, h: h.relu().median(0, True).values), vectors(), UNITS),
    "second of all": (between(lambda _, h: h.relu().kthvalue(2, 0, True).values), vectors(), UNITS),
    "angles to prototypes": (
        Block(
            lambda s, x: F.cosine_similarity(s.first(x)[:, None], s.prototypes.weight, dim=-1),
            first=nn.Linear(3, 6),
            prototypes=nn.Embedding(4, 6),
        ),
        vectors(),
        [(6, "sign", True)],
    ),
    "weight norm of a whole weight": (
        nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Linear(3, 6), dim=None),
            nn.ReLU(),
            nn.Linear(6, 2),
        ),
        vectors(),
        [(6, "none", True)],
    ),
    "bags of words": (
        nn.Sequential(nn.EmbeddingBag(9, 6), nn.ReLU(), nn.Linear(6, 2)),
        words(),
        UNITS,
    ),
    "pixels of channels": (
        convolutions(nn.Conv2d(5, 8, 1), nn.PixelShuffle(2), nn.ReLU(), nn.Conv2d(2, 3, 1)),
        pictures(),
        [(5, "positive", True), (2, "positive", True)],
    ),
    "channels of pixels": (
        convolutions(nn.PixelUnshuffle(2), nn.Conv2d(20, 3, 1)),
        pictures(),
        [(5, "positive", True)],
    ),
    "windows": (
        Block(
            lambda s, x: s.last(F.unfold(torch.relu(s.first(x)), 2).mT),
            first=nn.Conv2d(3, 5, 1),
            last=nn.Linear(20, 2),
        ),
        pictures(),
        [(5, "positive", True)],
    ),
    "windows added up": (
        Block(
            lambda s, x: s.last(F.fold(F.unfold(torch.relu(s.first(x)), 2), (8, 8), 2)),
            first=nn.Conv2d(3, 5, 1),
            last=nn.Conv2d(5, 2, 1),
        ),
        pictures(),
        [(5, "positive", True)],
    ),
    "transposed convolution of single channels": (
        convolutions(nn.ConvTranspose2d(5, 10, 2, groups=5), nn.ReLU(), nn.Conv2d(10, 2, 1)),
        pictures(),
        [(5, "positive", True), (5, "positive", False)],
    ),
    "instances by statistics": (
        nn.Sequential(
            nn.Conv2d(3, 5, 1),
            nn.InstanceNorm2d(5, affine=True, track_running_stats=True),
            nn.ReLU(),
            nn.Conv2d(5, 2, 1),
        ),
        pictures(),
        [(5, "positive", True), (5, "positive", False)],
    ),
    "frozen batch norm": (
        nn.Sequential(nn.Conv2d(3, 6, 3), Frozen(6), nn.ReLU(), nn.Conv2d(6, 2, 1)),
        pictures(),
        [(6, "none", True)],
    ),
    "transposed convolution in groups": (
        convolutions(nn.Conv2d(5, 4, 1), nn.ConvTranspose2d(4, 6, 2, groups=2), nn.Conv2d(6, 2, 1)),
        pictures(),
        [
            (5, "positive", True),
            (2, "linear", True),
            (2, "linear", True),
            (3, "linear", True),
            (3, "linear", True),
        ],
    ),
    "standardised filters": (
        nn.Sequential(Standardised(3, 6, 2), nn.ReLU(), Standardised(6, 2, 1)),
        pictures(),
        [(6, "none", True)],
    ),
    "blurred": (
        nn.Sequential(nn.Conv2d(3, 6, 1), nn.ReLU(), Blur(), nn.Conv2d(6, 2, 1)),
        pictures(),
        UNITS,
    ),
    "pruned": (
        nn.Sequential(pruned(), nn.ReLU(), nn.Linear(6, 2)),
        vectors(),
        UNITS,
    ),
    "shared heads": (
        sharing_heads(partial(F.scaled_dot_product_attention, enable_gqa=True)),
        sequences(),
        [(2, "none", True)],
    ),
    "shared heads, repeated": (
        sharing_heads(
            lambda q, k, v: F.scaled_dot_product_attention(
                q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
            )
        ),
        sequences(),
        [(2, "none", True)],
    ),
    "direction of rows": (
        between(
            lambda s, h: s.other(h.tanh()),
            other=nn.utils.parametrizations.weight_norm(nn.Linear(6, 6)),
        ),
        vectors(),
        [(6, "sign", True), (6, "positive", True), (6, "positive", False)],
    ),
    "weight norm": (
        nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Linear(3, 6)), nn.ReLU(), nn.Linear(6, 2)
        ),
        vectors(),
        [(6, "positive", True), (6, "positive", False)],
    ),
    "layers of LSTM in both directions": (
        recurrent(nn.LSTM(3, 6, 2, bidirectional=True, batch_first=True), read=12),
        sequences(),
        4 * RECURRENT,
    ),
    "GRU": (recurrent(nn.GRU(3, 6, batch_first=True), read=6), sequences(), RECURRENT),
    "last state of a GRU": (
        recurrent(nn.GRU(3, 6, batch_first=True), read=6, part=lambda result: result[1][0]),
        sequences(),
        RECURRENT,
    ),
    "recurrence with ReLU": (
        recurrent(nn.RNN(3, 6, 2, nonlinearity="relu", batch_first=True), read=6),
        sequences(),
        2 * UNITS,
    ),
    "recurrence with tanh": (
        recurrent(nn.RNN(3, 6, batch_first=True), read=6),
        sequences(),
        [(6, "sign", True)],
    ),
    "recurrence by hand": (
        Block(written_by_hand, read=nn.Linear(3, 6), keep=nn.Linear(6, 6), last=nn.Linear(6, 2)),
        sequences(),
        [(6, "sign", True)],
    ),
    "steps of an LSTM": (
        steps(nn.LSTMCell(3, 6), lambda states: states[0]),
        sequences(),
        RECURRENT,
    ),
    "steps of a GRU": (steps(nn.GRUCell(3, 6), lambda state: state), sequences(), RECURRENT),
}


def proved(network: nn.Module, inputs: Tensor) -> SymmetrySpec:
    spec = discover(network, inputs)
    certify(
        spec,
        network,
        parameters(network),
        inputs=inputs,
        generator=stream("certificate"),
        draws=2,
    ).require()
    return spec


@pytest.mark.parametrize("name", NETWORKS)
def test_what_an_operation_leaves_free(name: str):
    network, inputs, expected = NETWORKS[name]
    spec = proved(randomised(network), inputs).exact()
    assert [(group.size, group.scale, group.permute) for group in spec.groups] == expected


# -- what no rule describes ------------------------------------------------------------------------


def with_unknown() -> nn.Sequential:
    """Three hidden layers; an operation that no rule describes stands behind the second."""
    return nn.Sequential(
        nn.Linear(3, 4),
        nn.ReLU(),
        nn.Linear(4, 5),
        Block(lambda _, x: x.cumprod(-1)),
        nn.Linear(5, 6),
        nn.ReLU(),
        nn.Linear(6, 2),
    )


def test_an_unknown_operation_fixes_what_it_touches_and_nothing_else():
    spec = proved(randomised(with_unknown()), vectors())
    sizes = [group.size for group in spec.groups if group.permute]
    assert sizes == [4, 6]


def test_a_spec_says_what_is_fixed_and_why():
    spec = discover(with_unknown(), vectors().float())
    assert spec.fixed == (
        FixedAxis("0.weight", 1, "input 'input'"),
        FixedAxis("2.weight", 0, "cumprod in module '3' (Block)"),
        FixedAxis("2.bias", 0, "cumprod in module '3' (Block)"),
        FixedAxis("4.weight", 1, "cumprod in module '3' (Block)"),
        FixedAxis("6.weight", 0, "the outputs"),
        FixedAxis("6.bias", 0, "the outputs"),
    )
    assert SymmetrySpec.from_json(spec.to_json()).fixed == spec.fixed


def test_where_torch_cannot_write_an_operation_as_others_it_fixes_what_it_touches(monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError

    turned = Block(lambda _, x: x.swapaxes(0, 1).swapaxes(0, 1))
    network = nn.Sequential(nn.Linear(3, 4), turned, nn.Linear(4, 2))
    monkeypatch.setattr("symgeom.symmetry.discovery.decomposition.in_functional_form", fail)
    spec = discover(network, vectors().float())
    assert {axis.reason for axis in spec.fixed} >= {"swapaxes in module '1' (Block)"}


def test_a_weight_that_is_never_read_is_said_to_be():
    network = Block(lambda self, x: self.a(x), a=nn.Linear(3, 2), spare=nn.Linear(3, 1))
    reason = "no use: no output depends on it"
    fixed = discover(network, vectors().float()).fixed
    assert [axis for axis in fixed if axis.reason == reason] == [
        FixedAxis("spare.weight", 1, reason)
    ]


def test_a_buffer_that_a_forward_pass_replaces_is_a_constant():
    class Placed(nn.Module):
        """Adds a layer of places, which are computed when the number of samples is known."""

        def __init__(self) -> None:
            super().__init__()
            self.read = nn.Linear(3, 5)
            self.place = nn.Linear(2, 5)
            self.head = nn.Linear(5, 2)
            self.register_buffer("places", torch.zeros(1, 2), persistent=False)

        def forward(self, inputs: Tensor) -> Tensor:
            if self.places.shape[0] != inputs.shape[1]:
                steps = torch.arange(2 * inputs.shape[1], dtype=inputs.dtype)
                self.places = steps.reshape(-1, 2)
            return self.head(torch.relu(self.read(inputs) + self.place(self.places)))

    spec = discover(Placed(), torch.randn(2, 4, 3))
    assert [group.size for group in spec.groups if group.permute] == [5]


def test_a_part_in_an_autocast_region_of_its_own_fixes_what_it_touches():
    class Guarded(nn.Module):
        """Computes a part where autocast is switched off."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 5)
            self.inner = nn.Linear(5, 5)
            self.last = nn.Linear(5, 6)
            self.head = nn.Linear(6, 2)

        def forward(self, inputs: Tensor) -> Tensor:
            hidden = torch.relu(self.first(inputs))
            with torch.autocast(inputs.device.type, enabled=False):
                inner = self.inner(hidden)
            return self.head(torch.relu(self.last(inner)))

    spec = proved(randomised(Guarded()), vectors())
    assert 6 in [group.size for group in spec.groups if group.permute]


def test_every_axis_of_an_output_is_fixed_for_its_own_reason():
    class Pooled(nn.Module):
        """The steps of a sequence, and a head that reads the first."""

        def __init__(self) -> None:
            super().__init__()
            self.steps = nn.Linear(3, 5)
            self.head = nn.Linear(5, 2)

        def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
            steps = self.steps(inputs)
            return steps, self.head(steps[:, 0])

    spec = discover(Pooled(), torch.randn(2, 4, 3))
    assert FixedAxis("steps.weight", 0, "the outputs") in spec.fixed


def test_an_unknown_operation_where_nothing_learnt_passes_needs_no_rule():
    network = Block(
        lambda self, x: self.b(torch.relu(self.a(x)) * x[:, :1].cumprod(0)),
        a=nn.Linear(3, 6),
        b=nn.Linear(6, 2),
    )
    spec = discover(network, vectors().float(), strict=True)
    assert [group.size for group in spec.groups if group.permute] == [6]


def test_an_unknown_operation_on_the_weight_of_a_grouped_convolution_fixes_all_its_groups():
    network = Block(
        lambda self, x: (
            self.b(torch.relu(self.a(torch.relu(self.c(x))))) + self.a.weight.cumprod(0).sum()
        ),
        c=nn.Conv2d(3, 4, 1),
        a=nn.Conv2d(4, 6, 1, groups=2),
        b=nn.Conv2d(6, 2, 1),
    )
    assert not discover(network, pictures().float()).exact().groups


# -- what is written in place ----------------------------------------------------------------------


def scaled_in_part(self: Block, inputs: Tensor) -> Tensor:
    hidden = self.a(inputs)
    hidden[:, :3].mul_(self.c.weight[0])
    return self.b(torch.relu(hidden))


def scaled_through_a_view(self: Block, inputs: Tensor) -> Tensor:
    hidden = self.a(inputs)
    hidden.unsqueeze(1).mul_(self.d.weight[0])
    return self.b(hidden)


def read_through_a_view(self: Block, inputs: Tensor) -> Tensor:
    hidden = self.a(inputs)
    view = hidden.view(-1, 6)
    hidden.relu_()
    return self.b(view)


def behind_dropout(self: Block, inputs: Tensor) -> Tensor:
    hidden = self.a(inputs)
    F.dropout(hidden, 0.5, training=False).relu_()
    return self.b(hidden)


WRITTEN = {
    scaled_in_part: [(3, "positive", True), (3, "positive", True)],
    scaled_through_a_view: [(6, "positive", True), (6, "positive", False)],
    read_through_a_view: [(6, "positive", True)],
    behind_dropout: [(6, "positive", True)],
}


@pytest.mark.parametrize("forward", WRITTEN)
def test_what_is_written_through_a_view_is_seen_by_later_readers(forward: Callable):
    network = Block(
        forward,
        a=nn.Linear(3, 6),
        b=nn.Linear(6, 2),
        c=nn.Linear(3, 1),
        d=nn.Linear(6, 1),
    )
    spec = proved(randomised(network), vectors()).exact()
    assert [(group.size, group.scale, group.permute) for group in spec.groups] == WRITTEN[forward]


# -- what is computed in a lower precision, and what cannot be captured ----------------------------


class LowerNorm(nn.Module):
    """Root-mean-square norm in float32."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, inputs: Tensor) -> Tensor:
        lower = inputs.to(torch.float32)
        size = lower.pow(2).mean(-1, keepdim=True)
        return self.weight * (lower * torch.rsqrt(size + 1e-6)).to(inputs.dtype)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_a_part_in_a_lower_precision_is_judged_by_its_steps(precision: torch.dtype):
    network = nn.Sequential(
        nn.Linear(3, 6), LowerNorm(6), nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 2)
    )
    network = randomised(network).to(precision)
    inputs = vectors().to(precision)
    spec = discover(network, inputs)
    weights = parameters(network)
    for seed in range(4):
        proof = certify(
            spec, network, weights, inputs=inputs, generator=stream("certificate", seed), draws=2
        )
        assert proof.passed
        assert proof.residual > 1e-12


def test_a_wrong_group_of_a_network_in_a_lower_precision_is_found():
    network = nn.Sequential(nn.Linear(3, 6), LowerNorm(6), nn.Linear(6, 2))
    network = randomised(network)
    legs = (Leg("0.weight", 0), Leg("0.bias", 0), Leg("2.weight", 1, power=-1))
    wrong = SymmetrySpec((UnitGroup("hidden1", 6, legs),))
    proof = certify(
        wrong, network, parameters(network), inputs=vectors(), generator=stream("certificate")
    )
    assert not proof.passed


class Biased(nn.Module):
    """Attention of three heads with a learnt bias for each head and distance."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Linear(3, 18)
        self.last = nn.Linear(6, 2)
        self.table = nn.Parameter(torch.randn(9, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        samples, positions, _ = inputs.shape
        heads = self.queries(inputs).view(samples, positions, 3, 3, 2).permute(2, 0, 3, 1, 4)
        places = torch.arange(positions)
        bias = self.table[places[:, None] - places + positions - 1].permute(2, 0, 1)
        mixed = F.scaled_dot_product_attention(*heads.unbind(), attn_mask=bias[None])
        return self.last(mixed.transpose(1, 2).reshape(samples, positions, 6))


def test_a_learnt_bias_of_attention_belongs_to_its_heads():
    spec = proved(randomised(Biased()), sequences()).exact()
    (heads,) = spec.groups
    assert heads.size == 3
    assert "table" in {leg.tensor for leg in heads.legs}


def test_joining_with_an_empty_tensor_changes_nothing():
    network = between(lambda _, h: torch.cat([torch.zeros(0).to(h), h.relu()], 0))
    spec = proved(randomised(network), vectors()).exact()
    assert [(group.size, group.scale, group.permute) for group in spec.groups] == UNITS


def test_networks_that_have_no_graph_or_no_weights_are_refused():
    network = mlp(3, 4, 2).float()
    inputs = torch.zeros(2, 3)
    with pytest.warns(DeprecationWarning, match="jit"):
        traced = torch.jit.trace(network, inputs)
    with pytest.raises(SymgeomError, match="it is scripted or traced. Give the module"):
        discover(traced, inputs)
    with pytest.raises(SymgeomError, match="weight 'weight' has no shape yet. Run the network"):
        discover(nn.LazyLinear(4), inputs)


def test_old_weight_norm_after_a_forward_pass():
    network = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)).double()
    with pytest.warns(FutureWarning, match="weight_norm"):
        nn.utils.weight_norm(network[0])
    network(vectors())
    spec = proved(network, vectors())
    assert [group.size for group in spec.exact().groups] == [6, 6]
    assert cast(parameters(network), torch.float32)["0.weight_g"].dtype == torch.float32
