"""What a descent is like where it is stationary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr


def late_mean(followed: xr.DataArray) -> xr.DataArray:
    """Return the mean over the second half of a descent.

    Parameters
    ----------
    followed : xr.DataArray
        Over ``record``, in evenly spaced steps, and whatever else.

    Returns
    -------
    xr.DataArray
        Over what else there is; NaN for a descent that diverged.

    Examples
    --------
    >>> import xarray as xr
    >>> float(late_mean(xr.DataArray([9.0, 9.0, 2.0, 4.0], dims="record")))
    3.0
    """
    first = followed.sizes["record"] // 2
    return followed.isel(record=slice(first, None)).mean("record", skipna=False)
