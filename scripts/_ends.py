"""The two ends of a path between minima, with none, one or both kinds of symmetry removed."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from _labels import Pair
from _stage import Key, read_elements, read_networks
from torch import Tensor

from symgeom.group import GroupElement, act
from symgeom.spec import SymmetrySpec
from symgeom.store import read_store
from symgeom.types import Parameters, cast

Ends = tuple[dict[str, Tensor], dict[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Gauges:
    """Every network as trained and on the torus, and the elements that align the pairs."""

    spec: SymmetrySpec
    raw: Mapping[Key, Parameters]
    canonical: Mapping[Key, Parameters]
    lengths: Mapping[Key, float]
    elements: Mapping[Pair, GroupElement]

    @classmethod
    def read(cls, spec: SymmetrySpec, stores: Mapping) -> "Gauges":
        """Read the canonical networks of a part, its alignments, and the networks as trained if they are there."""
        lengths, canonical = {}, stores["canonical"]
        for path in canonical:
            table = read_store(path)["head_length"].stack(network=("arm", "seed"))
            lengths |= {(str(arm), int(seed)): float(table.sel(arm=arm, seed=seed)) for arm, seed in table["network"].values}
        raw, elements = read_networks(stores.get("minima", ())), read_elements(stores["alignments"], spec)
        return cls(spec, raw, read_networks(canonical), lengths, elements)

    def ends(self, pair: Pair) -> dict[str, Ends] | None:
        """Return the ends by what was removed: "raw", "normalised", "aligned" or "both"; None if one of them diverged."""
        # The head is a direction: both ends get the geometric mean of their lengths, which changes no error, only losses.
        first, second = pair[:2], pair[2:]
        if first not in self.canonical or second not in self.canonical:
            return None
        length = (self.lengths[first] * self.lengths[second]) ** 0.5
        found = {}
        if first in self.raw:
            found["raw"] = (cast(self.raw[first], torch.float64), cast(self.raw[second], torch.float64))
        found["normalised"] = (self._at_length(first, length), self._at_length(second, length))
        for name, plain in (("aligned", "raw"), ("both", "normalised")):
            if plain in found:
                start, end = found[plain]
                found[name] = (start, act(self.spec, self.elements[pair], end))
        return found

    def _at_length(self, key: Key, length: float) -> dict[str, Tensor]:
        heads = SymmetrySpec(tuple(group for group in self.spec.groups if group.exact_for == "error"))
        orders = {group.name: torch.arange(group.size) for group in heads.groups}
        scales = {group.name: torch.full((group.size,), length, dtype=torch.float64) for group in heads.groups}
        return act(heads, GroupElement(orders, scales), self.canonical[key])
