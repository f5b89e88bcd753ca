"""Binary networks: weights and activations are +1 and -1; paths flip weights, and so does noise.

Their symmetries are permutations and signs of units; discovery, canonical representatives and
alignment are those of all networks (of binarised weights, so that every weight counts alike; the
element found then acts on the latent ones).
"""

from symgeom.landscape.binary.chain import optimise_binary_chain
from symgeom.landscape.binary.energy import Flips, flip_energy
from symgeom.landscape.binary.layers import BinaryConv2d, BinaryLinear, SignActivation, sign
from symgeom.landscape.binary.path import HammingChain, HammingPath, LatentPath, random_order
from symgeom.landscape.binary.weights import (
    binarise,
    binary_tensors,
    hamming_distance,
    unit_hamming_distances,
)

__all__ = [
    "BinaryConv2d",
    "BinaryLinear",
    "Flips",
    "HammingChain",
    "HammingPath",
    "LatentPath",
    "SignActivation",
    "binarise",
    "binary_tensors",
    "flip_energy",
    "hamming_distance",
    "optimise_binary_chain",
    "random_order",
    "sign",
    "unit_hamming_distances",
]
