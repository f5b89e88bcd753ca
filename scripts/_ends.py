"""The two ends of a path between minima, with none, one or both kinds of symmetry removed."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from _case import Case
from _elements import Ends, read_elements
from _gauge import scaled
from _labels import Pair
from _stage import Key, read_networks, read_records

from symgeom.ground.on_demand import OnDemand
from symgeom.ground.types import Parameters, size
from symgeom.symmetry.group import GroupElement, act
from symgeom.symmetry.spec import SymmetrySpec


@dataclass(frozen=True, eq=False)
class Gauges:
    """Every network as trained and on the torus, and the elements that align the pairs."""

    spec: SymmetrySpec
    raw: Mapping[Key, Parameters]
    canonical: Mapping[Key, Parameters]
    records: Mapping[Key, Parameters]
    elements: Mapping[Pair, GroupElement]

    @classmethod
    def read(
        cls, case: Case, spec: SymmetrySpec, stores: Mapping, pairs: Container[Pair]
    ) -> "Gauges":
        """Read the alignments of some pairs; their networks, canonical and (if they are there) as trained, when asked for."""
        trained, canonical = (
            read_networks(stores.get("minima", ())),
            read_networks(stores["canonical"]),
        )
        raw = OnDemand(trained, lambda key: case.prepared(trained[key], "float64"), size=size)
        records = read_records(
            stores["canonical"], "head_length", *(f"sign_{group.name}" for group in spec.groups)
        )
        return cls(spec, raw, canonical, records, read_elements(stores["alignments"], spec, pairs))

    def ends(self, pair: Pair, element: GroupElement | None = None) -> dict[str, Ends] | None:
        """Return the ends by what was removed: "raw", "normalised", "aligned" or "both"; None if one of them diverged."""
        keys, element = (pair[:2], pair[2:]), element or self.elements[pair]
        if not all(key in self.canonical for key in keys):
            return None
        first, second = self._canonical(keys)
        found = {"normalised": (first, second), "both": (first, act(self.spec, element, second))}
        if keys[0] in self.raw:
            first, second = (scaled(self.spec, self.raw[key], self.records[key]) for key in keys)
            found |= {
                "raw": (self.raw[keys[0]], self.raw[keys[1]]),
                "aligned": (first, act(self.spec, element, second)),
            }
        return found

    def corners(self, pairs: tuple[Pair, Pair], *, latent: bool) -> list[Parameters] | None:
        """Return three networks, the second and third aligned to the first, canonical or (of binary networks) as latents."""
        keys = pairs[0][:2], pairs[0][2:], pairs[1][2:]
        if not all(key in self.canonical for key in keys):
            return None
        plain = (
            [scaled(self.spec, self.raw[key], self.records[key]) for key in keys]
            if latent
            else self._canonical(keys)
        )
        return [
            plain[0],
            *(
                act(self.spec, self.elements[pair], network)
                for pair, network in zip(pairs, plain[1:], strict=True)
            ),
        ]

    def _canonical(self, keys: Sequence[Key]) -> list[Parameters]:
        # The head is a direction: all get the geometric mean of their lengths, which changes no error, only losses.
        length = prod(float(self.records[key]["head_length"]) for key in keys) ** (1 / len(keys))
        return [scaled(self.spec, self.canonical[key], {"error": length}) for key in keys]
