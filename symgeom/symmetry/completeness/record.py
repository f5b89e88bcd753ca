"""What a spec leaves out, as records."""

from dataclasses import dataclass

from symgeom.symmetry.translation import Translation

CLEAR = 1e2
"""A gap between singular values that is wider than this tells zero from small."""


@dataclass(frozen=True)
class Surplus:
    """Directions that keep the function and lie in no orbit of the spec.

    Attributes
    ----------
    tensors : tuple of str
        The weights that move together; with any of them fixed, none of these directions is left.
    dimension : int
        How many independent directions they are.
    """

    tensors: tuple[str, ...]
    dimension: int


@dataclass(frozen=True)
class Exchange:
    """Exchanges of weights that keep the function, and that the spec has not.

    Attributes
    ----------
    parts : tuple of str
        The tensors whose entries move, as ``tensor[axis]`` if they move along one axis alone.
    count : int
        How many such exchanges were met; their products are not counted.
    """

    parts: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class SignFlip:
    """Tensors that may change their sign together, unit by unit.

    Attributes
    ----------
    group : str
        The group whose units index them.
    tensors : tuple of str
        The tensors.
    """

    group: str
    tensors: tuple[str, ...]


@dataclass(frozen=True)
class MissingSymmetries:
    """What a spec leaves out, of one network.

    Attributes
    ----------
    orbit : int
        Dimension of the orbit under the spec, in directions that fix the buffers.
    translated : int
        Further directions that are translations of weights, which no spec lists, or of weights
        without a gradient.
    dimension : int
        Further directions that keep the function.
    margin : float
        The gap between the singular values of the Jacobian that count as zero and the others: the
        ratio of the two that face each other.
    surpluses : tuple of Surplus
        The further directions, by the tensors that move.
    translations : tuple of Translation
        What :func:`~symgeom.symmetry.translation.find_translations` finds.
    exchanges : tuple of Exchange
        Permutations that are left out.
    flips : tuple of SignFlip
        Signs that are left out.
    """

    orbit: int
    translated: int
    dimension: int
    margin: float
    surpluses: tuple[Surplus, ...]
    translations: tuple[Translation, ...]
    exchanges: tuple[Exchange, ...]
    flips: tuple[SignFlip, ...]

    @property
    def decided(self) -> bool:
        """Whether the singular values tell zero from small."""
        return self.margin > CLEAR

    @property
    def complete(self) -> bool:
        """Whether nothing is left out, as far as the check can see."""
        nothing = not (self.dimension or self.exchanges or self.flips)
        return self.decided and nothing

    @property
    def verdict(self) -> str:
        """What the check says, in a sentence."""
        if not self.decided:
            return (
                "Undecided: the singular values of the Jacobian fall without a gap (a factor of "
                f"{self.margin:.1g}), so that its rank cannot be read off."
            )
        if self.complete:
            return (
                f"Complete: {self.orbit} continuous directions, beside {self.translated} "
                "translations; no exchange and no sign is left out."
            )
        return f"Incomplete: the spec leaves out {'; '.join(self._left_out())}."

    def _left_out(self) -> list[str]:
        """Name what is left out."""
        parts: list[str] = []
        for surplus in self.surpluses:
            noun = "direction" if surplus.dimension == 1 else "directions"
            parts.append(f"{surplus.dimension} {noun} of {' + '.join(surplus.tensors)}")
        for exchange in self.exchanges:
            noun = "exchange" if exchange.count == 1 else "exchanges"
            parts.append(f"{exchange.count} {noun} of {' + '.join(exchange.parts)}")
        for flip in self.flips:
            parts.append(f"signs of {' + '.join(flip.tensors)} at '{flip.group}'")
        return parts
