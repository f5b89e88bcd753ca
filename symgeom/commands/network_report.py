"""What ``symgeom inspect`` says about a network: its symmetries, their certificate, their graph."""

import argparse
import shutil
import sys
from copy import deepcopy
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn

from symgeom.ground.calling import Inputs, NetworkCall
from symgeom.ground.modules import in_mode
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.learning.networks.by_reference import network_of
from symgeom.study.in_hand.drawn_inputs import example_inputs, input_forms
from symgeom.symmetry.certificate import Certificate, certify
from symgeom.symmetry.discovery import discover
from symgeom.symmetry.inspection import fixed_text, summary, table
from symgeom.symmetry.spec import SymmetrySpec
from symgeom.symmetry.wiring import symmetry_graph


def report(options: argparse.Namespace) -> None:
    """Print the table of symmetries with its certificate, and draw the graph."""
    module, name = options.network
    network = deepcopy(network_of(module, name, dict(options.option), seed=options.seed))
    network = in_mode(network.double(), training=False)
    generator = stream("inspect", options.seed)
    forms = input_forms(options.input, options.tokens, {})
    example = example_inputs(forms, options.batch, generator=generator)
    began = perf_counter()
    spec = discover(network, example, strict=options.strict)
    discovered = perf_counter()
    certificate = _certified(spec, network, example, generator)
    certified = perf_counter()
    weights = sum(tensor.numel() for tensor in network.parameters())
    width = shutil.get_terminal_size((130, 24)).columns
    fixed = fixed_text(spec, width=width, all_axes=options.all_legs)
    if fixed:
        fixed += "\n\n"
    sys.stdout.write(
        f"{name} ({type(network).__name__}): {weights:,} parameters, "
        f"{NetworkCall.of(example).described()}; "
        f"{len(spec.groups)} groups found in {discovered - began:.1f} s, "
        f"certified in {certified - discovered:.1f} s\n\n"
        f"{table(spec, width=width, all_legs=options.all_legs)}\n\n"
        f"{fixed}"
        f"{summary(spec, certificate)}\n"
    )
    sys.stdout.flush()
    certificate.require()
    if options.figure:
        _draw(spec, network, example, name, options.figure)


def _certified(
    spec: SymmetrySpec, network: nn.Module, example: Inputs, generator: torch.Generator
) -> Certificate:
    """Certify with random values in tensors that are all zero, as fresh biases and heads are."""
    trained = {name for name, _ in network.named_parameters()}
    weights: dict[str, Tensor] = {}
    for name, tensor in parameters(network).items():
        is_fresh = name in trained and not bool(tensor.any())
        if is_fresh:
            noise = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
            weights[name] = 0.1 * noise
        else:
            weights[name] = tensor
    return certify(spec, network, weights, inputs=example, generator=generator)


def _draw(spec: SymmetrySpec, network: nn.Module, example: Inputs, name: str, path: Path) -> None:
    """Draw the graph; only this loads matplotlib."""
    from symgeom.study.figures.style import save
    from symgeom.study.figures.wiring_drawing import caption_of, draw_graph

    graph = symmetry_graph(spec, network, example)
    save(draw_graph(graph, title=f"Symmetries of {name}: {len(spec.groups)} groups"), path)
    sys.stdout.write(f"\n{path}: {caption_of(graph)}\n")
