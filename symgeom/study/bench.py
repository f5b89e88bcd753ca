"""What an ensemble is measured on: test samples as they are, attacked and corrupted.

An attack is *aimed* at the ensemble whose error is measured, or *transferred*: aimed at the minimum
alone, the same for all kinds. "either" counts a sample as wrong if one of both succeeds; the
minimum alone is attacked twice for it, too, so that no side is tried more often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from symgeom.ground.randomness import stream
from symgeom.ground.types import Parameters, cast, stack
from symgeom.landscape.problem import Problem
from symgeom.neighbours.ensembles import KINDS, ensemble_scores, member_log_probabilities
from symgeom.neighbours.robustness import (
    CORRUPTIONS,
    Attack,
    Corruption,
    DataRange,
    Predictor,
    RobustError,
    corrupt,
    misclassified_samples,
    predictor,
    robust_error,
)
from symgeom.study.cases import SPLITS, Case
from symgeom.study.labels import Labelled, labelled, names

AIMS = ("aimed", "transferred", "either")
"""At what an attack is aimed."""

SCORES = {
    "error": ("error", "1", "fraction of the test samples that the mean prediction gets wrong"),
    "vote_error": ("vote_error", "1", "the same of the vote of the members"),
    "member_error": ("member_error", "1", "mean of the members' errors"),
    "loss": ("negative_log_likelihood", "nat", "negative log likelihood of the mean prediction"),
    "calibration_error": (
        "calibration_error",
        "1",
        "expected calibration error of the mean prediction",
    ),
    "disagreement": ("disagreement", "1", "fraction of pairs of members that decide differently"),
}
"""Of every score its name among the scores of an ensemble, its unit and its meaning."""

OTHERS = {
    "distance": (
        "1",
        "length by which the weights of a member differ from the minimum's, over theirs; of kinds "
        "that are made of one minimum",
    ),
    "attacked_error": ("1", "error of the mean prediction on the samples that are attacked, clean"),
    "robust_error": ("1", "the same under attack"),
    "corrupted_error": ("1", "the same on corrupted samples"),
}
"""Units and meanings of everything else."""

MEANINGS = {**OTHERS, **{name: words[1:] for name, words in SCORES.items()}}
"""Units and meanings of all variables."""

ROUNDINGS = 8
"""Last bits of single precision, in which images are stored, that scaling may have lost."""

CHUNK = 256
"""Samples that are predicted at once."""

DIMS = {
    "distance": ("scale",),
    "attacked_error": (),
    "robust_error": ("attack", "budget", "aim"),
    "corrupted_error": ("corruption", "severity"),
    **dict.fromkeys(SCORES, ("scale",)),
}
"""The axes of every variable after arm, seed and kind."""


@dataclass(frozen=True, eq=False)
class Bench:
    """On what ensembles are measured.

    Attributes
    ----------
    scored, attacked : Problem
        The landscape of the test samples that are predicted, and of those that are attacked.
    attacks : list of Attack
        Every kind of attack at every budget.
    corruptions : list of Corruption
        Every kind of corruption that the samples allow, at every severity.
    options : mapping
        The section ``neighbours`` of the configuration.
    """

    scored: Problem
    attacked: Problem
    attacks: list[Attack]
    corruptions: list[Corruption]
    options: Mapping

    @classmethod
    def of(cls, case: Case, options: Mapping) -> "Bench":
        """Return the bench of a case.

        Parameters
        ----------
        case : Case
            The case.
        options : mapping
            The section ``neighbours`` of the configuration.

        Returns
        -------
        Bench
            With test samples alone. Tokens are neither attacked nor corrupted: there is no small
            change of a whole number that stands for something.
        """
        precision = options["precision"]
        attacked = case.problems(precision, samples=options["attacked"])["test"]
        scored = case.problems(precision, samples=options["samples"])["test"]
        attacks: list[Attack] = []
        corruptions: list[Corruption] = []
        if case.has_tokens:
            return cls(scored, attacked, attacks, corruptions, options)
        data_range = range_of(case)
        for kind in options["attacks"]:
            for budget in budgets_of(options):
                attacks.append(
                    Attack(
                        kind,
                        budget,
                        data_range,
                        steps=options["steps"],
                        restarts=options["restarts"],
                    )
                )
        for kind in options["corruptions"]:
            if CORRUPTIONS[kind].images and attacked.inputs.ndim != 4:
                continue
            for severity in options["severities"]:
                corruptions.append(Corruption(kind, severity, data_range))
        return cls(scored, attacked, attacks, corruptions, options)

    @property
    def left_out(self) -> list[str]:
        """What the configuration asks for in vain, and why."""
        sentences = []
        if not self.scored.inputs.is_floating_point():
            sentences.append(
                "attacks and corruptions: inputs are tokens, whole numbers without small changes"
            )
        if self.scored.task != "classes":
            sentences.append("ensembles: samples have more answers than one class")
        return sentences

    @property
    def labels(self) -> dict[str, list]:
        """What stands along every axis."""
        return {
            "scale": scales_of(self.options),
            "attack": list(self.options["attacks"]),
            "budget": budgets_of(self.options),
            "aim": list(AIMS),
            "corruption": list(dict.fromkeys(corruption.kind for corruption in self.corruptions)),
            "severity": list(self.options["severities"]),
        }

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """The axes of every variable that is measured, after arm, seed and kind."""
        dims = dict(DIMS)
        if not self.attacks:
            del dims["robust_error"]
        if not self.corruptions:
            del dims["corrupted_error"]
        return dims

    def coordinates(self, kinds: Sequence[str]) -> Labelled:
        """Return the labels of the axes."""
        titles = ["the minimum alone"]
        titles += [KINDS[kind].title for kind in kinds[1:]]
        meanings = {
            "scale": "scale of the group elements",
            "attack": "kind of attack",
            "budget": "largest change of an input, as a share of the range of the data",
            "aim": "at what an attack is aimed",
            "corruption": "kind of corruption",
            "severity": "severity of a corruption, from 1 to 5",
        }
        coordinates = names("kind", kinds, "what the members of an ensemble are")
        coordinates["kind_title"] = labelled("kind", titles, "1", "the same in words")
        axes = {dim: None for dims in self.dims.values() for dim in dims}
        for dim in axes:
            coordinates[dim] = labelled(dim, self.labels[dim], "1", meanings[dim])
        return coordinates


@dataclass(frozen=True, eq=False)
class Subject:
    """A minimum whose ensembles are measured.

    Attributes
    ----------
    bench : Bench
        On what.
    network : Parameters
        The minimum, in float64.
    words : tuple of (str, str, int)
        Case, arm and seed.
    """

    bench: Bench
    network: Parameters
    words: tuple[str, str, int]

    def measures(
        self, kind: str, ensembles: Sequence[Parameters], *, of_one: bool
    ) -> dict[str, Tensor]:
        """Measure ensembles of one kind.

        Parameters
        ----------
        kind : str
            The kind.
        ensembles : sequence of Parameters
            One for every scale, or one for all; the first is attacked.
        of_one : bool
            Whether they are made of one minimum, so that there is a distance from it.

        Returns
        -------
        dict of str to Tensor
            What :data:`SCORES` and :data:`OTHERS` name.
        """
        bench = self.bench
        rows: dict[str, list[Tensor]] = {name: [] for name in (*SCORES, "distance")}
        dtype = bench.scored.precision
        for members in ensembles:
            predictions = member_log_probabilities(bench.scored, cast(members, dtype))
            scores = ensemble_scores(predictions, bench.scored.targets)
            for name, (attribute, _, _) in SCORES.items():
                rows[name].append(getattr(scores, attribute).mean())
            if of_one:
                rows["distance"].append(distance(self.network, members))
        scales = len(bench.labels["scale"])
        measured = {}
        for name, values in rows.items():
            if not values:
                continue
            of_scales = torch.stack(values)
            measured[name] = of_scales.expand(scales) if len(values) == 1 else of_scales
        ensemble = predictor(bench.attacked, cast(ensembles[0], dtype))
        return measured | self._attacked(kind, ensemble)

    def _attacked(self, kind: str, ensemble: Predictor) -> dict[str, Tensor]:
        """Measure an ensemble under all attacks, and on the same samples without any."""
        bench = self.bench
        problem = bench.attacked
        sizes = [len(bench.labels[dim]) for dim in DIMS["robust_error"]]
        clean = misclassified_samples(ensemble, problem.inputs, problem.targets, CHUNK)
        errors = []
        for attack, inputs in zip(bench.attacks, self.transferred, strict=True):
            wrong = misclassified_samples(ensemble, inputs, problem.targets, CHUNK)
            aimed = self._attack(kind, ensemble, attack).wrong_attacked
            by_aim = torch.stack([aimed, wrong, aimed | wrong])
            errors.append(by_aim.double().mean(dim=1))
        measured = {"attacked_error": clean.double().mean()}
        if errors:
            measured["robust_error"] = torch.stack(errors).reshape(sizes)
        return measured | self._corrupted(ensemble)

    def _corrupted(self, ensemble: Predictor) -> dict[str, Tensor]:
        """Measure an ensemble on corrupted samples."""
        if not self.corrupted:
            return {}
        targets = self.bench.attacked.targets
        errors = []
        for inputs in self.corrupted:
            wrong = misclassified_samples(ensemble, inputs, targets, CHUNK)
            errors.append(wrong.double().mean())
        sizes = [len(self.bench.labels[dim]) for dim in DIMS["corrupted_error"]]
        return {"corrupted_error": torch.stack(errors).reshape(sizes)}

    @cached_property
    def corrupted(self) -> list[Tensor]:
        """The samples, corrupted in every way; the same of all kinds of ensembles."""
        changed = []
        for corruption in self.bench.corruptions:
            generator = stream("corruption", *self.words, corruption.kind, corruption.severity)
            inputs = self.bench.attacked.inputs
            changed.append(corrupt(inputs, corruption, generator=generator))
        return changed

    @cached_property
    def transferred(self) -> list[Tensor]:
        """What every attack makes of the samples when it is aimed at the minimum alone."""
        problem = self.bench.attacked
        network = cast(stack([self.network]), problem.precision)
        alone = predictor(problem, network)
        examples = []
        for attack in self.bench.attacks:
            examples.append(self._attack("transferred", alone, attack).inputs)
        return examples

    def _attack(self, word: str, aim: Predictor, attack: Attack) -> RobustError:
        """Attack the samples."""
        problem = self.bench.attacked
        return robust_error(
            aim,
            problem.inputs,
            problem.targets,
            attack,
            generator=stream("attack", *self.words, word, attack.kind, f"{attack.budget:g}"),
        )


def range_of(case: Case) -> DataRange:
    """Return the range in which the inputs of a case lie.

    Parameters
    ----------
    case : Case
        The case.

    Returns
    -------
    DataRange
        From black to white where the source has levels, wider by what scaling has rounded; else
        that of all samples.
    """
    attributes = case.data.attrs
    if attributes["divisor"] == 1:
        both = [case.data[f"{split}_inputs"].values.ravel() for split in SPLITS]
        return DataRange.observed(torch.from_numpy(np.concatenate(both)))
    levels = DataRange.of_levels(mean=attributes["mean"], deviation=attributes["deviation"])
    rounding = ROUNDINGS * torch.finfo(torch.float32).eps
    spare = rounding * max(map(abs, (*levels.low, *levels.high)))
    low = tuple(end - spare for end in levels.low)
    high = tuple(end + spare for end in levels.high)
    return DataRange(low, high)


def scales_of(options: Mapping) -> list[float]:
    """Return all scales of group elements, that of which claims are first."""
    return list(dict.fromkeys([options["scale"], *options["further_scales"]]))


def budgets_of(options: Mapping) -> list[float]:
    """Return all budgets of attacks, in ascending order."""
    return sorted({options["budget"], *options["further_budgets"]})


def distance(network: Parameters, members: Parameters) -> Tensor:
    """Return how far members are from a network, over its length, as a mean over members.

    Parameters
    ----------
    network : Parameters
        One network.
    members : Parameters
        Stacked networks.

    Returns
    -------
    Tensor, shape ()
        Of all tensors together.

    Examples
    --------
    >>> float(distance({"w": torch.tensor([4.0])}, {"w": torch.tensor([[5.0], [2.0]])}))
    0.375
    """
    squares = []
    for name, tensor in members.items():
        squares.append((tensor - network[name]).flatten(1).square().sum(dim=1))
    length = sum(float(tensor.square().sum()) for tensor in network.values()) ** 0.5
    return torch.stack(squares).sum(dim=0).sqrt().mean() / length
