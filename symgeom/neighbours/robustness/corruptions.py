r"""Corruptions of images that nobody aims: noise, blur and loss of contrast, in five severities.

They act on levels from 0 (the low end of the range of the data) to 1 (the high end), whatever the
scaling of the inputs, and what leaves the range is clipped:

* Gaussian noise :math:`x + s\,z` with :math:`z \sim N(0, 1)` for every input;
* Gaussian blur of width :math:`s` pixels, the border continued outwards;
* contrast :math:`\bar x + s\,(x - \bar x)`, with the mean :math:`\bar x` of every channel of every
  image.

References
----------
Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and
perturbations" (1903.12261); the severities :math:`s` are those of their CIFAR-10-C.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice, check_range
from symgeom.ground.doors import check_attributes, door
from symgeom.neighbours.robustness.data_range import DataRange


@dataclass(frozen=True)
class CorruptionKind:
    """A kind of corruption.

    Attributes
    ----------
    name : str
        What a configuration calls it.
    title : str
        In words, for figures and tables.
    unit : str
        Of its strength.
    strengths : tuple of float
        One for each severity, from the mildest to the worst.
    change : callable
        From levels (sample, ...), a strength and a generator to levels, not clipped.
    images : bool
        Whether it needs neighbouring pixels.
    """

    name: str
    title: str
    unit: str
    strengths: tuple[float, ...]
    change: Callable[[Tensor, float, torch.Generator], Tensor]
    images: bool = False


def _noisy(levels: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    noise = torch.randn(levels.shape, generator=generator, dtype=levels.dtype)
    return levels + strength * noise.to(levels.device)


def _blurred(levels: Tensor, strength: float, _generator: torch.Generator) -> Tensor:
    pixels = levels.cpu().numpy()
    blurred = gaussian_filter(pixels, strength, mode="nearest", axes=(2, 3))
    return torch.from_numpy(blurred).to(levels.device)


def _flattened(levels: Tensor, strength: float, _generator: torch.Generator) -> Tensor:
    axes = tuple(range(2, levels.ndim)) if levels.ndim > 2 else (1,)
    mean = levels.mean(axes, keepdim=True)
    return mean + strength * (levels - mean)


_KINDS = (
    CorruptionKind(
        "gaussian_noise",
        title="Gaussian noise",
        unit="share of the range",
        strengths=(0.04, 0.06, 0.08, 0.09, 0.1),
        change=_noisy,
    ),
    CorruptionKind(
        "gaussian_blur",
        title="Gaussian blur",
        unit="pixel",
        strengths=(0.4, 0.6, 0.7, 0.8, 1.0),
        change=_blurred,
        images=True,
    ),
    CorruptionKind(
        "contrast",
        title="low contrast",
        unit="share of the contrast",
        strengths=(0.75, 0.5, 0.4, 0.3, 0.15),
        change=_flattened,
    ),
)

CORRUPTIONS = {kind.name: kind for kind in _KINDS}
"""By name."""


@dataclass(frozen=True, eq=False)
class Corruption:
    """A corruption of some severity.

    Attributes
    ----------
    kind : str
        One of :data:`CORRUPTIONS`.
    severity : int
        From 1 to 5.
    data_range : DataRange
        Where inputs lie.

    Examples
    --------
    >>> Corruption("gaussian_noise", 5, DataRange()).strength
    0.1
    """

    kind: str
    severity: int
    data_range: DataRange

    def __post_init__(self) -> None:
        check_attributes(self)
        check_choice(self.kind, CORRUPTIONS, "corruption")
        worst = len(CORRUPTIONS[self.kind].strengths)
        check_range(self.severity, "the severity of a corruption", least=1, most=worst)

    @property
    def strength(self) -> float:
        """Return the strength, in the unit of the kind."""
        return CORRUPTIONS[self.kind].strengths[self.severity - 1]


@door
def corrupt(inputs: Tensor, corruption: Corruption, *, generator: torch.Generator) -> Tensor:
    """Corrupt inputs.

    Parameters
    ----------
    inputs : Tensor, shape (sample, ...)
        In the range of the data. Blur needs images (sample, channel, height, width).
    corruption : Corruption
        Kind and severity.
    generator : torch.Generator
        Draws noise, on the CPU.

    Returns
    -------
    Tensor, shape (sample, ...)
        In the same range.

    Raises
    ------
    SymgeomError
        If the inputs lie beyond the range, or are no images where it takes images.

    Examples
    --------
    >>> pale = Corruption("contrast", 2, DataRange())
    >>> corrupt(torch.tensor([[0.0, 1.0]]), pale, generator=torch.Generator())
    tensor([[0.2500, 0.7500]])
    """
    kind = CORRUPTIONS[corruption.kind]
    low, high = corruption.data_range.ends(inputs)
    if kind.images and inputs.ndim != 4:
        raise SymgeomError(
            f"Cannot apply '{kind.name}' to inputs of shape {tuple(inputs.shape)}: it takes images "
            "(sample, channel, height, width). Choose a data set of images, or another corruption."
        )
    levels = (inputs.detach() - low) / (high - low)
    changed = kind.change(levels, corruption.strength, generator)
    return low + changed.clamp(0, 1) * (high - low)
