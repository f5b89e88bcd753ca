"""The networks of a case with none, one or both kinds of symmetry removed.

What is removed has a name: "raw" is a network as trained, "normalised" has unit norms (scales are
removed), "aligned" has its units matched to those of the other network (permutations are removed),
"both" has both. Canonical networks have a head of length 1; between some of them all get the
geometric mean of the lengths that their heads had, which changes no error and makes losses
comparable.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from torch import Tensor

from symgeom.ground.on_demand import OnDemand
from symgeom.ground.types import Parameters, size
from symgeom.landscape.path import GeodesicPath, LinearPath, Path
from symgeom.quotient.torus import Torus
from symgeom.study.cases import Case
from symgeom.study.elements import read_elements
from symgeom.study.pairs import Key, Pair
from symgeom.study.stored_networks import Ends, read_networks, read_records
from symgeom.symmetry.group import GroupElement, act, identity
from symgeom.symmetry.spec import SymmetrySpec
from symgeom.symmetry.sphere import AntipodalError


@dataclass(frozen=True, eq=False)
class Gauges:
    """Every network as trained and on the torus, and what aligns the pairs.

    Attributes
    ----------
    torus : Torus
        The torus, with the study's convention for biases.
    raw : mapping of (str, int) to Parameters
        The networks as trained, by arm and seed.
    canonical : mapping of (str, int) to Parameters
        The same on the torus.
    records : mapping of (str, int) to dict of str to Tensor
        What was removed: ``head_length``, and ``sign_<group>`` of groups with signs.
    elements : mapping of Pair to GroupElement
        What aligns the second network of a pair to the first.
    """

    torus: Torus
    raw: Mapping[Key, Parameters]
    canonical: Mapping[Key, Parameters]
    records: Mapping[Key, Mapping[str, Tensor]]
    elements: Mapping[Pair, GroupElement]

    @classmethod
    def read(cls, case: Case, torus: Torus, stores: Mapping, pairs: Container[Pair]) -> "Gauges":
        """Read the alignments of some pairs now, and their networks when they are asked for.

        Parameters
        ----------
        case : Case
            The case.
        torus : Torus
            The torus of its architecture.
        stores : mapping of str to path or paths
            ``canonical`` and ``alignments``, and ``minima`` if networks as trained are wanted.
        pairs : container of Pair
            The pairs.

        Returns
        -------
        Gauges
            The networks and alignments.
        """
        trained = read_networks(stores.get("minima", ()))
        signs = [f"sign_{group.name}" for group in torus.spec.groups]
        return cls(
            torus=torus,
            raw=OnDemand(trained, lambda key: case.prepared(trained[key], "float64"), size=size),
            canonical=read_networks(stores["canonical"]),
            records=read_records(stores["canonical"], "head_length", *signs),
            elements=read_elements(stores["alignments"], torus.spec, pairs),
        )

    @property
    def spec(self) -> SymmetrySpec:
        """The architecture."""
        return self.torus.spec

    def has(self, *pairs: Pair) -> bool:
        """Return whether all networks of some pairs are there.

        Parameters
        ----------
        *pairs : Pair
            The pairs.

        Returns
        -------
        bool
            False if one of the networks diverged in training.
        """
        keys = [pair[:2] for pair in pairs] + [pair[2:] for pair in pairs]
        return all(key in self.canonical for key in keys)

    def ends(self, pair: Pair, element: GroupElement | None = None) -> dict[str, Ends]:
        """Return both ends of a pair by what was removed from them.

        Parameters
        ----------
        pair : Pair
            Which pair; :meth:`has` it.
        element : GroupElement, optional
            What aligns the second to the first; by default the element of the study.

        Returns
        -------
        dict of str to Ends
            "normalised" and "both"; "raw" and "aligned" too, if networks as trained are there.
        """
        keys = (pair[:2], pair[2:])
        if element is None:
            element = self.elements[pair]
        first, second = self._canonical(keys)
        ends = {"normalised": (first, second), "both": (first, act(self.spec, element, second))}
        if keys[0] in self.raw:
            first, second = self._signed(keys)
            ends["raw"] = (self.raw[keys[0]], self.raw[keys[1]])
            ends["aligned"] = (first, act(self.spec, element, second))
        return ends

    def ends_as_trained(self, pair: Pair) -> Ends:
        """Return both ends of a pair with all symmetries removed, each with a head of its length.

        They compute the same functions as the networks that were trained.

        Parameters
        ----------
        pair : Pair
            Which pair; :meth:`has` it.

        Returns
        -------
        Ends
            On the torus but for the length of the head, the second aligned to the first.
        """
        networks = []
        for key in (pair[:2], pair[2:]):
            head = {"error": float(self.records[key]["head_length"])}
            networks.append(scaled(self.spec, self.canonical[key], head))
        first, second = networks
        return first, act(self.spec, self.elements[pair], second)

    def corners(self, pairs: Sequence[Pair], *, latent: bool) -> list[Parameters]:
        """Return some networks, all others aligned to the first.

        Parameters
        ----------
        pairs : sequence of Pair
            The first network with each of the others; :meth:`has` all.
        latent : bool
            Whether the networks are wanted as trained (of binary networks: latent weights), not on
            the torus.

        Returns
        -------
        list of Parameters
            The networks.
        """
        keys = [pairs[0][:2], *(pair[2:] for pair in pairs)]
        first, *others = self._signed(keys) if latent else self._canonical(keys)
        corners = [first]
        for pair, network in zip(pairs, others, strict=True):
            corners.append(act(self.spec, self.elements[pair], network))
        return corners

    def _signed(self, keys: Sequence[Key]) -> list[Parameters]:
        """Return networks as trained, their units with the signs of the canonical ones."""
        return [scaled(self.spec, self.raw[key], self.records[key]) for key in keys]

    def _canonical(self, keys: Sequence[Key]) -> list[Parameters]:
        """Return networks on the torus, with heads of one length."""
        lengths = [float(self.records[key]["head_length"]) for key in keys]
        head = {"error": prod(lengths) ** (1 / len(lengths))}
        return [scaled(self.spec, self.canonical[key], head) for key in keys]


def scaled(
    spec: SymmetrySpec, network: Parameters, scales: Mapping[str, float | Tensor]
) -> dict[str, Tensor]:
    """Scale the head of a network, or give its units their signs.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture.
    network : Parameters
        The network.
    scales : mapping of str to float or Tensor
        The length of the head as "error" (its group is exact for the error only), and the signs of
        a group as "sign_<group>"; groups without an entry stay as they are.

    Returns
    -------
    dict of str to Tensor
        The network, scaled.
    """
    neutral = identity(spec)
    factors = dict(neutral.scales)
    for group in spec.groups:
        scale = scales.get(group.exact_for, scales.get(f"sign_{group.name}"))
        if scale is not None:
            factors[group.name] = factors[group.name] * scale
    return act(spec, GroupElement(neutral.permutations, factors), network)


def geodesic_between(torus: Torus, ends: Ends) -> GeodesicPath | None:
    """Return the geodesic between two canonical networks.

    Parameters
    ----------
    torus : Torus
        The torus, with the study's convention for biases.
    ends : Ends
        The networks.

    Returns
    -------
    GeodesicPath or None
        None if a unit is antipodal in the two, so that there is more than one geodesic.
    """
    try:
        return GeodesicPath(torus.spec, *ends, bias_in_norm=torus.bias_in_norm)
    except AntipodalError:
        return None


def first_path(case: Case, torus: Torus, ends: Ends) -> Path | None:
    """Return the path along which a chain between two networks begins.

    Parameters
    ----------
    case : Case
        The case.
    torus : Torus
        As in :func:`geodesic_between`.
    ends : Ends
        The networks.

    Returns
    -------
    Path or None
        The geodesic; of binary networks the straight line of the latent weights. None if no
        geodesic is singled out.
    """
    return LinearPath(*ends) if case.binary else geodesic_between(torus, ends)


def connected_ends(case: Case, gauges: Gauges, pairs: Iterable[Pair]) -> OnDemand[Pair, Ends]:
    """Return the ends of every pair that a chain can connect, with all symmetries removed.

    Parameters
    ----------
    case : Case
        The case.
    gauges : Gauges
        The networks.
    pairs : iterable of Pair
        The pairs.

    Returns
    -------
    OnDemand
        From the pair to its ends, made when they are asked for; without pairs of which a network
        diverged or that have no geodesic.
    """
    removed = "aligned" if case.binary else "both"

    def ends_of(pair: Pair) -> Ends:
        return gauges.ends(pair)[removed]

    def has_path(pair: Pair) -> bool:
        return gauges.has(pair) and first_path(case, gauges.torus, ends_of(pair)) is not None

    def size_of(ends: Ends) -> int:
        return sum(map(size, ends))

    return OnDemand(filter(has_path, pairs), ends_of, size=size_of)
