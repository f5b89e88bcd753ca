"""A claim of a paper: one record with its words, its threshold, and what computes its statistic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter

from symgeom.study.claims.gates import Gate
from symgeom.study.claims.measured import ROLES, Measured
from symgeom.study.claims.question import Question
from symgeom.study.claims.record import Direction, Kind, Unit


def always(_: Measured) -> bool:
    """Say that a claim is asked of every case."""
    return True


def no_words(_: Measured) -> Mapping[str, object]:
    """Return no further words for the sentences of a claim."""
    return {}


@dataclass(frozen=True, eq=False)
class Claim:
    """What is claimed, where, and how a study decides it.

    In ``statement`` and ``statistic``, names in braces stand for what the case has in their place:
    the name of a role for its arms, and whatever ``words`` returns.

    Attributes
    ----------
    identifier : str
        Short and stable ("H1a").
    statement : str
        What is claimed, as a sentence about the study.
    source : str
        Paper and section.
    statistic : str
        The number, in words, with its unit.
    unit_of_n : {"seeds", "pairs", "minima", "triples", "draws"}
        What the statistic is taken over.
    threshold : float
        The claim says on which side of it the statistic lies, or that its size is smaller; NaN: the
        answer has it.
    direction : {"above", "below", "within"}
        That side.
    stages : tuple of str
        The stages that it needs.
    ask : callable
        From what was measured to the statistic.
    applies : callable
        Whether it is asked of a case: some claims need arms or measures that not every study has.
    words : callable
        What the sentences name in braces, beside the roles.
    model : str
        The model with known theory of which it is asked; empty: of every case of a study.
    kind : {"claim", "check"}
        A check asks what can hardly fail, such as an identity.
    gates : tuple of callable
        What must be alike before it is judged (:mod:`symgeom.study.claims.gates`).
    """

    identifier: str
    statement: str
    source: str
    statistic: str
    unit_of_n: Unit
    threshold: float
    direction: Direction
    stages: tuple[str, ...]
    ask: Callable[[Measured], Question]
    applies: Callable[[Measured], bool] = always
    words: Callable[[Measured], Mapping[str, object]] = no_words
    model: str = ""
    kind: Kind = "claim"
    gates: tuple[Gate, ...] = ()

    def is_asked_of(self, measured: Measured) -> bool:
        """Say whether the case has what the claim needs, and two arms where it compares two."""
        has_stages = all(stage in measured.stages for stage in self.stages)
        return has_stages and self._differ(measured) and self.applies(measured)

    def _differ(self, measured: Measured) -> bool:
        """Whether no two roles that the statement names are played by the same arms."""
        named = {field for _, field, _, _ in Formatter().parse(self.statement)}
        players = [measured.arms(role) for role in ROLES if role in named]
        played = [arms for arms in players if arms]
        return len(set(played)) == len(played)

    def closed_gates(self, measured: Measured) -> str:
        """Say why it is not judged; nothing if all its gates are open."""
        reasons = [gate(measured) for gate in self.gates]
        return "; ".join(reason for reason in reasons if reason)

    def about(self, measured: Measured) -> tuple[str, str]:
        """Return the statement and the statistic with the words of a case."""
        words = {role: measured.named(role) for role in ROLES}
        filled = words | dict(self.words(measured))
        return self.statement.format(**filled), self.statistic.format(**filled)
