"""A linear teacher of noisy labels, from which samples are drawn for many networks at once."""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError
from symgeom.models.noise.linear.descent import Batch


@dataclass(frozen=True, eq=False)
class Teacher:
    """Labels that are a linear function of normal inputs, and normal noise.

    Attributes
    ----------
    inputs : Tensor, shape (network, input)
        Standard deviations of the inputs, which are independent.
    target : Tensor, shape (network, output, input)
        The function.
    noise : Tensor, shape (network, output)
        Standard deviations of the noise of the labels.

    Raises
    ------
    SymgeomError
        If the shapes do not belong together.

    Examples
    --------
    >>> ones = torch.ones(3, 2)
    >>> teacher = Teacher(ones, torch.zeros(3, 2, 2), ones)
    >>> [part.shape for part in teacher.draw(5, generator=torch.Generator().manual_seed(0))]
    [torch.Size([3, 5, 2]), torch.Size([3, 5, 2])]
    """

    inputs: Tensor
    target: Tensor
    noise: Tensor

    def __post_init__(self) -> None:
        networks, outputs, inputs = self.target.shape
        if self.inputs.shape != (networks, inputs) or self.noise.shape != (networks, outputs):
            raise SymgeomError(
                f"Cannot teach a function of shape {tuple(self.target.shape)} with inputs of shape "
                f"{tuple(self.inputs.shape)} and noise of shape {tuple(self.noise.shape)}: give "
                "(network, output, input), (network, input) and (network, output)."
            )

    def draw(self, samples: int, *, generator: torch.Generator) -> Batch:
        """Draw a batch for every network.

        Parameters
        ----------
        samples : int
            Its size.
        generator : torch.Generator
            Where the randomness comes from.

        Returns
        -------
        inputs, labels : Tensor, shapes (network, sample, input) and (network, sample, output)
            The batch.
        """
        networks, outputs, inputs = self.target.shape
        dtype = self.target.dtype
        x = torch.randn((networks, samples, inputs), generator=generator, dtype=dtype)
        y = torch.randn((networks, samples, outputs), generator=generator, dtype=dtype)
        x.mul_(self.inputs[:, None])
        y.mul_(self.noise[:, None])
        return x, y.baddbmm_(x, self.target.mT)

    def population(self) -> Batch:
        """Return a batch on which the gradient is the mean gradient of all samples.

        Returns
        -------
        inputs, labels : Tensor, shapes (network, input, input) and (network, input, output)
            Inputs with the second moments of all inputs, and labels without noise.
        """
        size = self.target.shape[-1]
        x = torch.diag_embed(self.inputs * size**0.5)
        return x, x @ self.target.mT
