"""What of SGD decides how it moves charges."""

from dataclasses import dataclass

from symgeom.dynamics.noise.equilibrium import decay_ratio


@dataclass(frozen=True)
class SgdRecipe:
    """Rates and sizes of SGD, constant over the steps that it is asked of.

    Attributes
    ----------
    learning_rate : float
        Step of SGD.
    batch_size : float
        Samples per mini-batch, drawn with replacement; of shuffled epochs the
        :func:`~symgeom.dynamics.noise.effective_batch_size`, infinite for all samples at once.
    weight_decay : float
        Coupled decay: the multiple of the weights that is added to the gradient.
    momentum : float
        Of the heavy ball, not dampened.

    Raises
    ------
    SymgeomError
        If a number is out of range.

    Examples
    --------
    >>> SgdRecipe(learning_rate=0.125, batch_size=8, momentum=0.75).rate
    0.5
    """

    learning_rate: float
    batch_size: float
    weight_decay: float = 0.0
    momentum: float = 0.0

    def __post_init__(self) -> None:
        decay_ratio(
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
        )

    @property
    def rate(self) -> float:
        """The effective learning rate: what a gradient moves the weights by in all later steps."""
        return self.learning_rate / (1 - self.momentum)

    @property
    def noise_factor(self) -> float:
        """By what a step multiplies the variance of sample gradients."""
        return self.rate**2 / self.batch_size

    @property
    def gradient_factor(self) -> float:
        """By what a step multiplies the square of the mean gradient, which momentum adds up."""
        return self.rate**2 * (1 + self.momentum) / (1 - self.momentum)

    @property
    def decay_factor(self) -> float:
        """By what a step multiplies the square of weights, to take it away."""
        return 2 * self.rate * self.weight_decay
