"""Speed and memory of the symmetry floor, for `make bench`: discover, certify and act on networks
as torchvision has them.

Every network is measured in a process of its own. Figures are of this machine; compare shares and
ratios, not digits. Nothing here is a test.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from unittest import mock

import torch
from cases import mlp, torchvision_models
from references import act_leg_by_leg
from torch import Tensor, nn
from torch.func import functional_call

from symgeom.ground.randomness import stream
from symgeom.ground.types import cast, parameters
from symgeom.quotient.gauge import canonicalise
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.group import act, random_element

NETWORKS = (
    "mlp",
    "vgg11",
    "resnet50",
    "densenet121",
    "mobilenet_v2",
    "regnet_y_400mf",
    "vit_b_16",
)
LIMIT_SECONDS, LIMIT_MEMORY = 5.0, 2000
LIMITS_CERTIFY = {"vgg11": 3.3, "vit_b_16": 8.0}
"""A third of what certificates took before heads were tried together with the other groups."""
LIMIT_MANY_GROUPS = 6.5


def timed(action: Callable[[], object], repetitions: int = 1) -> tuple[float, object]:
    """Return the wall time of an action in seconds, the best of some, and its last result."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - start)
    return min(times), result


def network(name: str) -> tuple[nn.Module, Tensor]:
    """Return a network with random weights, none of them zero, and one example."""
    pixels = 224 if name.startswith("vit") else 64
    module = (
        mlp(784, 512, 512, 512, 256, 10).float()
        if name == "mlp"
        else getattr(torchvision_models(), name)()
    )
    with torch.no_grad():
        for tensor in module.parameters():
            tensor.add_(torch.randn(tensor.shape, generator=stream("weights")), alpha=0.01)
    return module, torch.randn(
        1, *((784,) if name == "mlp" else (3, pixels, pixels)), generator=stream("example")
    )


def measure(name: str) -> dict[str, float]:
    """Measure one network."""
    module, example = network(name)
    exporting = []

    def export(*arguments: object, **options: object) -> object:
        seconds, program = timed(lambda: original(*arguments, **options))
        exporting.append(seconds)
        return program

    original = torch.export.export
    loading, _ = timed(lambda: discover(mlp(2, 2), torch.zeros(1, 2).double()))
    with mock.patch("torch.export.export", export):
        seconds, spec = timed(lambda: discover(module, example))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    module, inputs = module.double().eval(), example.double()
    params, generator = parameters(module), stream("certificate")
    proving, certificate = timed(
        lambda: certify(spec, module, params, inputs=inputs, generator=generator)
    )
    with torch.no_grad():
        forward, _ = timed(lambda: functional_call(module, params, (inputs,)), 3)
    element = random_element(spec, generator=stream("element"))
    fast, moved = timed(lambda: act(spec, element, params), 3)
    plain, expected = timed(lambda: act_leg_by_leg(spec, element, params), 2)
    return {
        "groups": len(spec.groups),
        "legs": sum(len(group.legs) for group in spec.groups),
        "loading": loading,
        "discover": seconds,
        "export": exporting[0] / seconds,
        "memory": memory,
        "certify": proving,
        "forward": forward,
        "act": fast,
        "ratio": plain / fast,
        "right": certificate.passed and all(map(torch.equal, moved.values(), expected.values())),
    }


def canonical_forms() -> str:
    """Time what is done to a network of 2,167 groups: discovery, two canonical forms, three
    elements."""
    module, inputs = network("regnet_y_400mf")
    params = cast(parameters(module), torch.float64)
    discovering, spec = timed(lambda: discover(module, inputs))
    canonical, _ = timed(lambda: [canonicalise(spec, params) for _ in range(2)])
    elements = [random_element(spec, generator=stream("element", number)) for number in range(3)]
    acting, _ = timed(lambda: [act(spec, element, params) for element in elements])
    return (
        f"{len(spec.groups)} groups            {discovering + canonical + acting:6.2f} s "
        f"(limit {LIMIT_MANY_GROUPS} s): discovery {discovering:.2f} s, two canonical forms "
        f"{canonical:.2f} s, three elements {acting:.2f} s"
    )


def main() -> None:
    """Run the benchmark and print its table."""
    rows = {}
    for name in NETWORKS:
        child = subprocess.run(
            [sys.executable, __file__, name], check=True, stdout=subprocess.PIPE, text=True
        )
        rows[name] = json.loads(child.stdout.splitlines()[-1])
    titles = (
        "groups",
        "legs",
        "discover s",
        "export %",
        "peak MB",
        "certify s",
        "forward s",
        "act s",
        "plain act",
        "right",
    )
    table = [" ".join([f"{'network':13}", *(f"{title:>10}" for title in titles)])]
    for name, row in rows.items():
        cells = (
            *(
                f"{row['groups']}",
                f"{row['legs']}",
                f"{row['discover']:.2f}",
                f"{100 * row['export']:.0f}",
                f"{row['memory']:.0f}",
            ),
            *(
                f"{row['certify']:.2f}",
                f"{row['forward']:.3f}",
                f"{row['act']:.3f}",
                f"{row['ratio']:.1f} x",
                f"{row['right']}",
            ),
        )
        table.append(" ".join([f"{name:13}", *(f"{cell:>10}" for cell in cells)]))
    found = rows["resnet50"]
    table += [
        "",
        f"discover resnet50    {found['discover']:6.2f} s (limit {LIMIT_SECONDS:.0f} s)",
        (
            f"first export         {found['loading']:6.2f} s of any network in a process, "
            f"before: torch.export loads itself"
        ),
        (
            f"peak memory          {found['memory']:6.0f} MB up to the end of discover, torch "
            f"included (limit {LIMIT_MEMORY} MB)"
        ),
        (
            "certify: float64, one sample, three draws; plain act: each leg taken out as a "
            "matrix and put back, in units of act"
        ),
    ]
    transformer = rows["vit_b_16"]
    beyond = transformer["discover"] * (1 - transformer["export"])
    table.append(
        f"discover vit_b_16    {beyond:6.2f} s beyond the export (limit {LIMIT_SECONDS} s)"
    )
    for name, limit in LIMITS_CERTIFY.items():
        table.append(f"certify {name:12} {rows[name]['certify']:6.2f} s (limit {limit} s)")
    table.append(canonical_forms())
    sys.stdout.write("\n".join(table) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(measure(sys.argv[1])) + "\n")
    else:
        main()
