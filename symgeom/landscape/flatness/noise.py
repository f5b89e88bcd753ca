r"""Random displacements of a network: relative to each weight, isotropic on the torus, or raw.

With amplitude :math:`\sigma` and standard normal :math:`z`,

.. math:: w_i \leftarrow w_i (1 + \sigma z_i), \qquad
          u_k \leftarrow |u_k| \frac{\hat u_k + \sigma \xi_k}{|\hat u_k + \sigma \xi_k|}, \;
          \xi_k = z_k / \sqrt{d_k}, \qquad
          w_i \leftarrow w_i + \sigma z_i

are *multiplicative*, *torus* and *additive* noise. The first commutes with every diagonal
rescaling. The second acts on the canonical representative of the network, on the incoming vector
:math:`u_k` (of dimension :math:`d_k`) of every unit and on the head, and moves each by an angle of
about :math:`\arctan\sigma`; tensors on no sphere stay. Both displace a unit by the share
:math:`\sigma` of its length, so that they share an axis. The third does neither: what it measures
depends on the representative.

References
----------
Pittorino et al., "Deep networks on toroids" (2202.03038). How noise is made isotropic there is not
stated; this is our choice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from symgeom.ground.checks import SymgeomError, check_choice
from symgeom.ground.doors import check_attributes
from symgeom.ground.types import Parameters, ravel, unravel
from symgeom.landscape.flatness.parts import on_the_torus, sphere_indices
from symgeom.symmetry.spec import SymmetrySpec
from symgeom.symmetry.sphere import normalise

KINDS = ("multiplicative", "torus", "additive")
"""The first two do not see which representative of its orbit a network is."""

Displacement = Callable[[float], dict[str, Tensor]]
"""From an amplitude to the displaced network."""

Draw = Callable[[torch.Generator], Displacement]
"""From a generator to one draw of the noise."""


class KindOfNoise(Protocol):
    """What the record of a local energy says of its noise."""

    @property
    def kind(self) -> str:
        """The kind's name."""


@dataclass(frozen=True)
class Noise:
    """A kind of noise with its conventions.

    Attributes
    ----------
    kind : {"multiplicative", "torus", "additive"}
        Relative to each weight, isotropic on the spheres of the canonical network, or raw.
    spec : SymmetrySpec, optional
        The architecture, which "torus" needs.
    bias_in_norm : bool
        Whether, for "torus", a unit's bias is one of its coordinates.
    tensors : tuple of str, optional
        The tensors to displace, for instance those of one layer; all trainable ones by default.
    """

    kind: str = "multiplicative"
    spec: SymmetrySpec | None = None
    bias_in_norm: bool = True
    tensors: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_attributes(self)
        check_choice(self.kind, KINDS, "noise")
        if self.kind == "torus":
            _architecture(self)

    def start(self, params: Parameters) -> Parameters:
        """Return the network that is displaced.

        It is the canonical representative for "torus", and the network itself otherwise.

        Parameters
        ----------
        params : Parameters
            One network without NaN or infinity.

        Returns
        -------
        mapping of str to Tensor
            In the precision of ``params``.
        """
        if self.kind != "torus":
            return params
        canonical = on_the_torus(_architecture(self), params, bias_in_norm=self.bias_in_norm)
        return {name: tensor.to(params[name].dtype) for name, tensor in canonical.items()}

    def around(self, network: Parameters, names: Sequence[str]) -> Draw:
        """Prepare displacements of a network.

        Parameters
        ----------
        network : Parameters
            As :meth:`start` returns it; not modified.
        names : sequence of str
            The tensors to displace; the others stay.

        Returns
        -------
        callable
            From a generator to one draw. Noise is drawn in float64, so that it does not depend on
            the precision.

        Examples
        --------
        >>> draw = Noise("additive").around({"weight": torch.tensor([1.0])}, ["weight"])
        >>> draw(torch.Generator().manual_seed(0))(0.0)
        {'weight': tensor([1.])}
        """
        if self.kind == "torus":
            return _on_spheres(self, network, names)
        return _everywhere(self, network, names)


def _architecture(noise: Noise) -> SymmetrySpec:
    """Return the architecture that noise on the torus needs."""
    if noise.spec is None:
        raise SymgeomError(
            "Cannot draw noise on the torus without knowing its spheres: "
            "give the architecture, Noise('torus', spec)."
        )
    return noise.spec


def _everywhere(noise: Noise, network: Parameters, names: Sequence[str]) -> Draw:
    """Prepare noise on every weight of some tensors."""

    def draw(generator: torch.Generator) -> Displacement:
        change = {}
        for name in names:
            z = _normal(network[name], generator)
            if noise.kind == "multiplicative":
                z.mul_(network[name])
            change[name] = z

        def displaced(sigma: float) -> dict[str, Tensor]:
            moved = dict(network)
            for name, z in change.items():
                moved[name] = torch.add(network[name], z, alpha=sigma)
            return moved

        return displaced

    return draw


def _on_spheres(noise: Noise, network: Parameters, names: Sequence[str]) -> Draw:
    """Prepare noise on the spheres to which some tensors belong."""
    weights = {name: network[name] for name in names}
    flat = ravel(weights)
    spheres = sphere_indices(_architecture(noise), network, names, bias_in_norm=noise.bias_in_norm)
    indices = list(spheres.values())
    lengths = [torch.linalg.vector_norm(flat[index], dim=1, keepdim=True) for index in indices]
    directions = [normalise(flat[index]) for index in indices]

    def draw(generator: torch.Generator) -> Displacement:
        change = []
        for direction in directions:
            z = _normal(direction, generator)
            change.append(z.div_(direction.shape[1] ** 0.5))

        def displaced(sigma: float) -> dict[str, Tensor]:
            moved = flat.clone()
            for index, length, direction, xi in zip(
                indices, lengths, directions, change, strict=True
            ):
                moved[index] = length * normalise(torch.add(direction, xi, alpha=sigma))
            return {**network, **unravel(moved, weights)}

        return displaced

    return draw


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw standard normal numbers in float64, and round them to the precision of a tensor."""
    return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)
