"""What pulls the units of a group, on all of their legs: noise, mean gradient and weight decay.

There are two kinds. Units with positive scales are pulled one by one. Units that matrices mix are
pulled together; where they balance, combinations of them are as good as units, and look like them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from symgeom.dynamics.noise.force import NoiseForce
from symgeom.dynamics.noise.matrices import by_side, side_products
from symgeom.dynamics.noise.mixing import Mixing, mixing
from symgeom.dynamics.noise.root import roots
from symgeom.ground.types import Parameters
from symgeom.symmetry.bilinear import leg_powers, leg_products
from symgeom.symmetry.spec import SymmetrySpec


@dataclass(frozen=True, eq=False)
class UnitPull:
    """What pulls units one by one.

    Attributes
    ----------
    powers : Tensor, shape (leg,)
        Powers of the legs.
    variance : Tensor of float64, shape (leg, size)
        Of the sample gradients.
    drift : Tensor, shape (leg, size)
        Squared length of the mean gradient.
    lengths : Tensor, shape (leg, size)
        Squared length of the weights.
    without_block : Tensor, shape (block, leg, size)
        The variance of all samples but those of one block.
    """

    powers: Tensor
    variance: Tensor
    drift: Tensor
    lengths: Tensor
    without_block: Tensor

    def displacement(self, falling: Tensor, growing: Tensor) -> Tensor:
        """Return how far units are from the balance of what falls and what grows on their legs.

        Parameters
        ----------
        falling, growing : Tensor, shape (leg, size)
            Like a variance, and like squared weights.

        Returns
        -------
        Tensor, shape (size,)
            Logarithms of scales.

        Examples
        --------
        >>> ones = torch.ones(1, 1).double()
        >>> pull = UnitPull(torch.ones(1), ones, ones, ones, ones)
        >>> pull.displacement(16 * ones, ones).exp()
        tensor([2.], dtype=torch.float64)
        """
        return roots(self.powers, falling, growing)


@dataclass(frozen=True, eq=False)
class MatrixPull:
    """What pulls units that matrices mix.

    Attributes
    ----------
    variance : Tensor of float64, shape (2, size, size)
        Covariance of the sample gradients of every two units, on incoming and on outgoing legs.
    drift : Tensor, shape (2, size, size)
        Products of the mean gradients.
    lengths : Tensor, shape (2, size, size)
        Products of the weights.
    without_block : Tensor, shape (block, 2, size, size)
        The covariance of all samples but those of one block.
    """

    variance: Tensor
    drift: Tensor
    lengths: Tensor
    without_block: Tensor

    def displacement(self, falling: Tensor, growing: Tensor) -> Tensor:
        """Return how far combinations of units are from their balance.

        Parameters
        ----------
        falling, growing : Tensor, shape (2, size, size)
            Like a covariance, and like products of weights.

        Returns
        -------
        Tensor, shape (size,)
            Logarithms of scales, as :attr:`~symgeom.dynamics.noise.mixing.Mixing.displacement`.

        Examples
        --------
        >>> ones = torch.ones(2, 1, 1).double()
        >>> pull = MatrixPull(ones, ones, ones, ones)
        >>> pull.displacement(torch.tensor([16.0, 1.0]).double().view(2, 1, 1), 0 * ones).exp()
        tensor([2.], dtype=torch.float64)
        """
        return self.balance(falling, growing).displacement

    def balance(self, falling: Tensor, growing: Tensor) -> Mixing:
        """Return the matrix that balances the units while all others rest.

        Parameters
        ----------
        falling, growing : Tensor, shape (2, size, size)
            See :meth:`displacement`.

        Returns
        -------
        Mixing
            The matrix, and what it does.

        Examples
        --------
        >>> ones = torch.ones(2, 1, 1).double()
        >>> MatrixPull(ones, ones, ones, ones).balance(ones, ones).matrix
        tensor([[1.]], dtype=torch.float64)
        """
        return mixing(falling[0] + growing[1], falling[1] + growing[0])

    def along(self, directions: Tensor) -> UnitPull:
        """Return what pulls combinations of units, as if they were units.

        Parameters
        ----------
        directions : Tensor, shape (direction, size)
            Combinations of length one.

        Returns
        -------
        UnitPull
            With two legs, incoming and outgoing.

        Examples
        --------
        >>> eyes = torch.eye(2).expand(2, 2, 2)
        >>> MatrixPull(2 * eyes, eyes, eyes, eyes[None]).along(torch.eye(2)).variance
        tensor([[2., 2.],
                [2., 2.]])
        """

        def rows(matrices: Tensor) -> Tensor:
            return torch.einsum("ki,...il,kl->...k", directions, matrices, directions)

        return UnitPull(
            powers=torch.tensor([1.0, -1.0]),
            variance=rows(self.variance),
            drift=rows(self.drift),
            lengths=rows(self.lengths),
            without_block=rows(self.without_block),
        )


Pull = UnitPull | MatrixPull
"""What pulls the units of a group."""


def pulls_of(
    spec: SymmetrySpec,
    force: NoiseForce,
    *,
    params: Parameters,
) -> dict[str, Pull]:
    """Return what pulls the units of every group.

    Parameters
    ----------
    spec : SymmetrySpec
        The groups that move, with a continuous scale.
    force : NoiseForce
        The noise on them.
    params : Parameters
        The network, in float64.

    Returns
    -------
    dict of str to UnitPull or MatrixPull
        In the order of the groups.

    Examples
    --------
    >>> noise = NoiseForce({}, {}, {}, {}, samples=1, heaviest=1.0)
    >>> pulls_of(SymmetrySpec(()), noise, params={})
    {}
    """
    lengths = leg_products(spec, params, params)
    pulls: dict[str, Pull] = {}
    for group in spec.groups:
        name = group.name
        if group.scale == "linear":
            matrices = force.matrices
            pulls[name] = MatrixPull(
                variance=by_side(group, matrices.covariance[name]),
                drift=matrices.drift[name],
                lengths=side_products(group, params),
                without_block=matrices.without_block[name],
            )
        else:
            pulls[name] = UnitPull(
                powers=leg_powers(spec, name).flatten(),
                variance=force.variance[name],
                drift=force.drift[name],
                lengths=lengths[name],
                without_block=force.without_block[name],
            )
    return pulls
