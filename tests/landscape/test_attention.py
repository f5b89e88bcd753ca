"""Fused attention is differentiated twice as attention that is written out."""

import torch
from cases import randomised
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import symgeom
from symgeom import Problem
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=stream("inputs"), dtype=torch.float64)


def numbers(high: int, *shape: int) -> Tensor:
    return torch.randint(high, shape, generator=stream("numbers"))


class Attention(nn.Module):
    """A layer of attention with two heads of two entries, fused or written out."""

    def __init__(self, *, inputs: int, outputs: int, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.mixed = nn.Linear(inputs, 12, bias=False)
        self.head = nn.Linear(4, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.mixed(x).reshape(*x.shape[:2], 3, 2, 2).permute(2, 0, 3, 1, 4)
        q, k, v = heads.unbind(0)
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.mT / 2**0.5).softmax(-1) @ v
        return self.head(mixed.transpose(1, 2).flatten(2).mean(1))


def of_second_derivatives(*, fused: bool) -> dict[str, Tensor]:
    module = randomised(Attention(inputs=2, outputs=3, fused=fused))
    problem = Problem(module, drawn(6, 3, 2), numbers(3, 6))
    params = parameters(module)
    leading = symgeom.hessian_eigenvalues(problem, params, count=2, generator=stream("start"))
    hutchinson = symgeom.hessian_trace(problem, params, probes=3, generator=stream("trace"))
    density = symgeom.spectral_density(problem, params, probes=2, steps=3, generator=stream("d"))
    return {
        "eigenvalues": leading.values,
        "trace": hutchinson.trace,
        "nodes": density.nodes,
    }


def test_fused_attention_has_second_derivatives():
    values = of_second_derivatives(fused=True)
    for name, expected in of_second_derivatives(fused=False).items():
        torch.testing.assert_close(values[name], expected, rtol=1e-7, atol=1e-9)


def test_the_laws_of_fused_attention_are_counted():
    counts = []
    for fused in (True, False):
        module = randomised(Attention(inputs=1, outputs=1, fused=fused))
        count = symgeom.count_laws(
            module, parameters(module), inputs=drawn(2, 2, 1), generator=stream("laws")
        )
        counts.append(count.laws)
    assert counts[0] == counts[1]
