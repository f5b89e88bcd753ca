"""A property of discovery: of any network the spec is exact, and as large as the network was built.

What fails is printed with its seed and its steps: `random_network(seed)` makes it again.
"""

import pytest
from random_networks import incomplete, random_network

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import parameters
from symgeom.symmetry.certificate import certify
from symgeom.symmetry.discovery import discover

TOGETHER = 30
"""Networks in one test."""

UNSEEN = "no output depends visibly on the weights of group"
"""What a certificate says of units behind a norm of single channels and a mean over all pixels."""


def fault_of(seed: int) -> str:
    """Say what is wrong with the spec of a random network; nothing if it is exact and complete."""
    network, inputs = random_network(seed)
    spec = discover(network, inputs, strict=True)
    faults = incomplete(spec, network)
    try:
        certificate = certify(
            spec,
            network,
            parameters(network),
            inputs=inputs,
            generator=stream("certificate", seed),
            draws=1,
        )
        if not certificate.passed:
            faults.append(f"wrong: {certificate}")
    except SymgeomError as refusal:
        if UNSEEN not in str(refusal):
            faults.append(str(refusal))
    return "\n".join([f"seed {seed}:", *faults, str(network)]) if faults else ""


@pytest.mark.parametrize("first", range(0, 300, TOGETHER))
def test_specs_of_random_networks_are_exact_and_complete(first: int):
    faults = list(map(fault_of, range(first, first + TOGETHER)))
    assert not any(faults), "\n\n".join(filter(None, faults))
