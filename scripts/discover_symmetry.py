"""Discover the symmetry groups of a case's network, as trained and as measured, and certify them before use."""

from collections.abc import Mapping

import torch
from _case import Case
from _launch import launch
from _problems import problems_of

from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.ground.whole_files import write_text
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover


def main(*, data: str, network: Mapping, symmetry: str, trained: str) -> None:
    case = Case.read(data, network)
    inputs = problems_of(case, "float64", samples=64)["train"].inputs.cpu()
    for path, module in ((symmetry, case.measured), (trained, case.trained)):
        module = module.to("cpu", torch.float64).eval()
        spec = discover(module, inputs[:2])
        certify(
            spec,
            module,
            parameters(module),
            inputs=inputs,
            generator=stream("certificate", "architecture"),
        ).require()
        write_text(path, spec.to_json())


if __name__ == "__main__":
    launch(main, snakemake)
