"""Everything runs where the weights are, except assignments, which are solved on the CPU.

Whether a GPU can be found or not, no tensor is made without its device. Where there is one, what is
computed there is what the CPU computes.
"""

from collections.abc import Callable

import pytest
import torch
from hands import NETWORK as FILES_ARE_OF
from hands import answer, save_fresh
from safetensors.torch import load_file
from torch import nn

from symgeom.ground.checks import SymgeomError
from symgeom.ground.modules import copied
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, cast, parameters
from symgeom.landscape.merging import merge
from symgeom.landscape.path import LinearPath
from symgeom.landscape.path.geodesic import GeodesicPath
from symgeom.quotient.alignment import align
from symgeom.quotient.alignment.alignable import check_alignable
from symgeom.quotient.gauge import canonicalise
from symgeom.quotient.torus import Torus
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, compose, inverse, random_element
from symgeom.symmetry.spec import SymmetrySpec

ROUNDING = 1e-9
"""Relative; sums are taken in another order on a GPU."""


class Stream(nn.Module):
    """Attention in small: a linear group, signs, positive scales and a residual stream."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(5, 4)
        self.up = nn.Linear(4, 6)
        self.down = nn.Linear(6, 4)
        self.query = nn.Linear(4, 3, bias=False)
        self.key = nn.Linear(4, 3, bias=False)
        self.head = nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        stream = self.into(inputs)
        stream = stream + self.down(self.up(stream).relu())
        scores = self.query(stream) @ self.key(stream).mT
        return self.head(scores.softmax(-1) @ stream.tanh())


NETWORK = Stream().double().eval()
INPUTS = torch.randn(3, 4, 5, generator=stream("devices"), dtype=torch.float64)
SPEC = discover(NETWORK, INPUTS)


def point(seed: int) -> Parameters:
    """Return weights of the network."""
    torch.manual_seed(seed)
    return cast(parameters(Stream()), torch.float64)


def certified(spec: SymmetrySpec, first: Parameters, _: Parameters) -> object:
    """Prove the spec."""
    where = next(iter(first.values())).device
    inputs = INPUTS.to(where)
    network = copied(NETWORK).to(where)
    certificate = certify(spec, network, first, inputs=inputs, generator=stream("certificate"))
    return certificate.require().residual < 1e-10


def acted(spec: SymmetrySpec, first: Parameters, _: Parameters) -> object:
    """Apply elements, and what they are made of."""
    element = random_element(spec, generator=stream("element"))
    back = inverse(spec, compose(spec, element, element))
    return act(spec, back, first)


def aligned(spec: SymmetrySpec, first: Parameters, second: Parameters) -> object:
    """Align canonical networks, and go along the paths between them."""
    ends = [canonicalise(spec, params) for params in (first, second)]
    reference, moving = (end.parameters for end in ends)
    alignment = align(spec, reference, moving, starts=3, generator=stream("starts"))
    element = compose(spec, alignment.element, ends[1].element)
    torus = Torus(spec)
    moved = act(spec, alignment.element, moving)
    middle = GeodesicPath(spec, reference, moved)(0.5)
    straight = LinearPath(first, act(spec, element, second))(0.3)
    return [float(torus.distance(reference, moved)), middle, straight]


def merged(spec: SymmetrySpec, first: Parameters, second: Parameters) -> object:
    """Merge them on both paths."""
    networks = {"first": first, "second": second}
    return [merge(spec, networks, path=path).parameters for path in ("geodesic", "linear")]


KINDS: dict[str, Callable[[SymmetrySpec, Parameters, Parameters], object]] = {
    "certify": certified,
    "act": acted,
    "align": aligned,
    "merge": merged,
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_tensor_is_made_without_its_device(kind: str):
    """By default tensors would now have no entries, and nothing could be computed with them."""
    expected = KINDS[kind](SPEC, point(0), point(1))
    first, second = point(0), point(1)
    with torch.device("meta"):
        result = KINDS[kind](SPEC, first, second)
    torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_computes_what_the_cpu_computes(kind: str):
    if not torch.cuda.is_available():
        pytest.skip("No GPU is here, so that nothing was run on one.")
    expected = KINDS[kind](SPEC, point(0), point(1))
    on_gpu = []
    for seed in (0, 1):
        on_gpu.append({name: tensor.cuda() for name, tensor in point(seed).items()})
    result = KINDS[kind](SPEC, *on_gpu)
    torch.testing.assert_close(result, expected, rtol=ROUNDING, atol=ROUNDING, check_device=False)


def test_a_command_computes_on_a_gpu_what_it_computes_on_the_cpu(tmp_path, capsys):
    if not torch.cuda.is_available():
        pytest.skip("No GPU is here, so that nothing was run on one.")
    files = [tmp_path / "a.pt", tmp_path / "b.pt"]
    for seed, path in enumerate(files):
        save_fresh(path, seed)
    answers = []
    written = []
    for device in ("cpu", "cuda"):
        output = tmp_path / f"{device}.safetensors"
        place = ["-o", output, "--device", device]
        answers.append(answer(capsys, "align", *files, *place, *FILES_ARE_OF))
        written.append(load_file(output))
    distances = [said["distance"]["aligned"]["all"] for said in answers]
    assert distances[0] == pytest.approx(distances[1], rel=ROUNDING)
    torch.testing.assert_close(*written)


def test_networks_on_two_devices_are_refused():
    elsewhere = {name: tensor.to("meta") for name, tensor in point(1).items()}
    with pytest.raises(SymgeomError, match="is on device 'meta', that of the first network on"):
        check_alignable(SPEC, [("first", point(0)), ("second", elsewhere)])
