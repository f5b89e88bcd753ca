r"""Ensembles of networks with nearly the same function, on test data: clean, attacked, corrupted.

Of every kind (:mod:`symgeom.neighbours.ensembles`) there is one ensemble for every seed: around its
minimum, or of several minima in a row, of which it is the first (after the last seed comes the
first again). All have as many members, so that their predictions cost the same; "single" is the
minimum alone. An orbit and its controls have the same group elements, drawn for every seed, so that
they differ in nothing but what is compared.

Nothing here sees a test sample before it is scored (:mod:`symgeom.study.bench`): batches of
data-dependent moves and the bends of chains are of training data, and scales and budgets are those
of the configuration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import xarray as xr
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, stack
from symgeom.landscape.chain import ChainPlan
from symgeom.landscape.problem import Problem
from symgeom.neighbours.ensembles import KINDS, EnsembleMaterial, ensemble_members
from symgeom.study.bench import MEANINGS, Bench, Subject, scales_of
from symgeom.study.cases import Case
from symgeom.study.gauges import Gauges
from symgeom.study.labels import MINIMUM, Labelled, as_attributes, labelled, minima_dataset
from symgeom.study.named_arrays import NamedArrays
from symgeom.study.pairs import pairs_of_simplex, ring_runs
from symgeom.study.progress import progress

SINGLE = "single"
"""The kind that is the minimum alone."""


def measure(
    case: Case,
    gauges: Gauges,
    *,
    arm: str,
    seeds: Sequence[int],
    with_ensembles: bool,
    options: Mapping,
) -> xr.Dataset:
    """Measure the ensembles of an arm.

    Parameters
    ----------
    case : Case
        The case.
    gauges : Gauges
        The networks as trained and on the torus, and what aligns those that an ensemble needs.
    arm : str
        The arm.
    seeds : sequence of int
        Its seeds, in the order of the study.
    with_ensembles : bool
        Whether there are any; of other arms the single minima are measured.
    options : mapping
        The section ``neighbours`` of the configuration, and as ``chains`` that of chains.

    Returns
    -------
    xr.Dataset
        What :data:`SCORES` and :data:`OTHERS` name, over arm, seed and kind; NaN of what was not
        asked for, where a network diverged, of networks of signs, which have no symmetry, and where
        samples have more than one class. The attribute ``left_out`` says which ensembles a network
        does not have and what cannot be done with its data, and why.
    """
    kinds = (SINGLE, *options["kinds"])
    bench = Bench.of(case, options)
    makers = Makers(case, gauges, arm, seeds, options)
    in_order = sorted(seeds)
    table = NamedArrays((1, len(seeds), len(kinds)))
    for name, dims in bench.dims.items():
        table.begin(name, tuple(len(bench.labels[dim]) for dim in dims))
    measurable = not case.binary and bench.scored.task == "classes"
    measured_kinds = kinds if with_ensembles else (SINGLE,)
    with progress("measure ensembles", len(seeds) * len(measured_kinds)) as bar:
        for row, seed in enumerate(in_order):
            if not measurable or (arm, seed) not in gauges.raw:
                continue
            subject = Subject(bench, gauges.raw[arm, seed], (case.name, arm, seed))
            for kind in measured_kinds:
                bar.update()
                ensembles = makers.ensembles(kind, seed)
                if not ensembles:
                    continue
                of_one = makers.minima(kind) == 1
                measures = subject.measures(kind, ensembles, of_one=of_one)
                for name, values in measures.items():
                    table.put(name, (0, row, kinds.index(kind)), values)
    return minima_dataset(
        [arm],
        in_order,
        _variables(table, bench, makers, kinds),
        coordinates=bench.coordinates(kinds),
        attrs=as_attributes(options)
        | claimed(options)
        | {"left_out": [*bench.left_out, *makers.left_out]},
    )


def claimed(options: Mapping) -> dict[str, object]:
    """Return what claims are about: the scale, the attack, the budget and the size of ensembles.

    Parameters
    ----------
    options : mapping
        The section ``neighbours`` of the configuration.

    Returns
    -------
    dict
        ``scale``, ``budget`` and ``members`` as numbers, and the last of the attacks.
    """
    attack = options["attacks"][-1] if options["attacks"] else ""
    numbers = {name: options[name] for name in ("scale", "budget", "members")}
    return {**numbers, "attack": attack}


@dataclass(frozen=True, eq=False)
class Makers:
    """What makes the ensembles of an arm.

    Attributes
    ----------
    case, gauges, arm, seeds, options
        As of :func:`measure`.
    left_out : list of str
        Which ensembles could not be made so far, and why.
    """

    case: Case
    gauges: Gauges
    arm: str
    seeds: Sequence[int]
    options: Mapping
    left_out: list[str] = field(default_factory=list)

    @cached_property
    def training(self) -> Problem:
        """The landscape of the training data, on which ensembles are made."""
        return self.case.problems("float64")["train"]

    @property
    def plan(self) -> ChainPlan:
        """How bends of chains are trained."""
        of_chains = self.options["chains"]
        names_of_plan = [option.name for option in fields(ChainPlan)]
        return ChainPlan(**{name: of_chains[name] for name in names_of_plan if name in of_chains})

    @property
    def scales(self) -> list[float]:
        """All scales of group elements; the first is that of which claims are."""
        return scales_of(self.options)

    def minima(self, kind: str) -> int:
        """Return of how many minima an ensemble is made."""
        if kind == SINGLE:
            return 1
        return KINDS[kind].networks_needed(self.options["members"])

    def ensembles(self, kind: str, seed: int) -> list[dict[str, Tensor]]:
        """Return an ensemble at all scales, or the only one of a kind that has no scale.

        Parameters
        ----------
        kind : str
            The kind.
        seed : int
            Around which minimum, or of which one it is the first.

        Returns
        -------
        list of dict of str to Tensor
            Stacked members in float64; nothing if a network that it needs is missing.
        """
        networks = self._networks(kind, seed)
        if not networks:
            return []
        if kind == SINGLE:
            return [stack(networks)]
        scales = self.scales if self.minima(kind) == 1 else self.scales[:1]
        ensembles = []
        for scale in scales:
            material = EnsembleMaterial(
                self.gauges.torus,
                self.training,
                networks,
                count=self.options["members"],
                scale=scale,
                plan=self.plan,
            )
            # The same of all kinds, so that an orbit and its controls have the same elements.
            generator = stream("ensemble", self.case.name, self.arm, seed)
            try:
                ensembles.append(ensemble_members(kind, material, generator=generator))
            except SymgeomError as obstacle:  # this network has no such ensemble
                self.left_out.append(f"{kind} of {self.arm}/{seed}: {obstacle}")
                return []
        return ensembles

    def _networks(self, kind: str, seed: int) -> list[Parameters]:
        """Return the minima that an ensemble is made of; nothing if one is missing."""
        run = ring_runs(sorted(self.seeds), self.minima(kind)).get(seed, ())
        keys = [(self.arm, member) for member in run]
        if not all(key in self.gauges.raw for key in keys):
            return []
        if kind == SINGLE or not KINDS[kind].aligned:
            return [self.gauges.raw[key] for key in keys]
        vertices = tuple(sorted(run, key=self.seeds.index))
        pairs = pairs_of_simplex((self.arm, vertices))
        return self.gauges.corners(pairs, latent=False)


def _variables(table: NamedArrays, bench: Bench, makers: Makers, kinds: Sequence[str]) -> Labelled:
    """Label what was measured, and of how many minima each kind of ensemble is made."""
    variables: Labelled = {}
    for name, array in table.items():
        dims = (*MINIMUM, "kind", *bench.dims[name])
        variables[name] = labelled(dims, array, *MEANINGS[name])
    counts = [makers.minima(kind) for kind in kinds]
    variables["minima"] = labelled("kind", counts, "1", "minima that an ensemble is made of")
    return variables
