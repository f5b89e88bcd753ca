"""What all local energies store: curves over the amplitude of the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgeom.landscape.flatness.measures.record import Array

if TYPE_CHECKING:
    from torch import Tensor

    from symgeom.landscape.flatness.local_energies import LocalEnergy

DIMS = ("amplitude",)


def energy_arrays(name: str, noise: str) -> tuple[Array, ...]:
    """Return the arrays of a local energy.

    Parameters
    ----------
    name : str
        Of the local energy.
    noise : str
        Which noise, in words.

    Returns
    -------
    tuple of Array
        The increase of the error, its standard error, and the increase of the loss.

    Examples
    --------
    >>> [array.name for array in energy_arrays("torus_energy", "isotropic on the torus")]
    ['torus_energy', 'torus_energy_standard_error', 'torus_energy_loss']
    """
    error = "increase of the training error"
    loss = "increase of the training loss"
    under = f"under noise {noise}"
    return (
        Array(name, "1", f"mean {error} {under}", DIMS),
        Array(
            f"{name}_standard_error", "1", f"standard error over draws of the {error} {under}", DIMS
        ),
        Array(f"{name}_loss", "nat", f"mean {loss} {under}", DIMS),
    )


def energy_values(name: str, energy: LocalEnergy) -> dict[str, Tensor]:
    """Return the values of the arrays of :func:`energy_arrays`.

    Parameters
    ----------
    name : str
        Of the local energy.
    energy : LocalEnergy
        What was measured.

    Returns
    -------
    dict of str to Tensor, shape (amplitude,)
        By the name of the array.
    """
    return {
        name: energy.error_increase,
        f"{name}_standard_error": energy.standard_error,
        f"{name}_loss": energy.loss_increase,
    }
