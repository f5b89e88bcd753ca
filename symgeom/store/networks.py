"""Networks as labelled variables of a dataset, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from symgeom.store.layout import PARAMETER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from symgeom.ground.types import Parameters
    from symgeom.symmetry.spec import Leg, SymmetrySpec


def parameters_to_variables(
    spec: SymmetrySpec, params: Parameters, *, leading: Sequence[str]
) -> dict[str, xr.Variable]:
    """Label stacked networks, so that they can be put in a dataset.

    Parameters
    ----------
    spec : SymmetrySpec
        The architecture; its unit groups name the axes.
    params : Parameters
        Stacked networks, tensors or numpy arrays.
    leading : sequence of str
        Dimensions of the stack, which come first in every tensor: ``("arm", "seed")``.

    Returns
    -------
    dict of str to xr.Variable
        ``parameter.<tensor>`` for each tensor; :func:`dataset_to_parameters` is the inverse.

    Examples
    --------
    >>> from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup
    >>> spec = SymmetrySpec((UnitGroup("hidden1", 3, (Leg("0.weight", 0),)),))
    >>> stacked = {"0.weight": np.zeros((2, 3, 5))}
    >>> parameters_to_variables(spec, stacked, leading=["seed"])["parameter.0.weight"].dims
    ('seed', 'hidden1', '0.weight.axis1')
    """
    variables = {}
    for position, (name, tensor) in enumerate(params.items()):
        array = np.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor)
        tensor_shape = array.shape[len(leading) :]
        dims = list(leading)
        for axis, length in enumerate(tensor_shape):
            units = _units_of_axis(spec, name, axis, length)
            dims.append(units if units and units not in dims else f"{name}.axis{axis}")
        attrs = {
            "units": "1",
            "long_name": f"tensor {name}",
            "position": position,
            "tensor_axes": len(tensor_shape),
        }
        variables[PARAMETER + name] = xr.Variable(dims, array, attrs)
    return variables


def _units_of_axis(spec: SymmetrySpec, tensor: str, axis: int, length: int) -> str | None:
    """Return the group whose units are the entries of an axis, if there is exactly one."""
    names = set()
    for group in spec.groups:
        if group.size == length and any(_covers(leg, tensor, axis) for leg in group.legs):
            names.add(group.name)
    return names.pop() if len(names) == 1 else None


def _covers(leg: Leg, tensor: str, axis: int) -> bool:
    """Return whether a leg takes the entries of an axis from the first on, one for each unit."""
    simple = (leg.start, leg.block, leg.outer, leg.region) == (0, 1, 1, ())
    return simple and leg.tensor == tensor and leg.axis == axis


def dataset_to_parameters(
    dataset: xr.Dataset, *, at: tuple[int, ...] = ()
) -> dict[str, np.ndarray]:
    """Return the stacked networks of a dataset, or one of them.

    Parameters
    ----------
    dataset : xr.Dataset
        With the variables of :func:`parameters_to_variables`; of one that was opened lazily,
        nothing else is read.
    at : tuple of int
        Indices along the first dimensions, for instance those of an arm and a seed.

    Returns
    -------
    dict of str to array
        Tensors by name, in the order of the architecture.

    Examples
    --------
    >>> from symgeom.symmetry.spec import SymmetrySpec
    >>> params = {"bias": np.array([[1.0, 2.0], [3.0, 4.0]])}
    >>> stacked = parameters_to_variables(SymmetrySpec(()), params, leading=["seed"])
    >>> dataset_to_parameters(xr.Dataset(stacked), at=(1,))["bias"].tolist()
    [3.0, 4.0]
    """
    variables = {}
    for name, variable in dataset.variables.items():
        if str(name).startswith(PARAMETER):
            variables[str(name).removeprefix(PARAMETER)] = variable
    ordered = sorted(variables, key=lambda name: variables[name].attrs["position"])
    return {name: variables[name][at].values for name in ordered}
