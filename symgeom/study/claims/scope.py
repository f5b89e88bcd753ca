"""On what a statistic is taken: samples, amplitudes and grids, in words for its sentence."""

from collections.abc import Mapping, Sequence

import xarray as xr

from symgeom.study.claims.measured import Measured


def samples_of(arrays: xr.Dataset) -> str:
    """Say which training samples a stage measured.

    Parameters
    ----------
    arrays : xr.Dataset
        With the attribute ``samples``.

    Returns
    -------
    str
        For the end of a sentence.

    Examples
    --------
    >>> samples_of(xr.Dataset(attrs={"samples": 500})), samples_of(xr.Dataset())
    ('about 500 training samples', 'all training samples')
    """
    count = arrays.attrs.get("samples")
    return "all training samples" if count is None else f"about {count} training samples"


def noise_words(measured: Measured) -> Mapping[str, object]:
    """Name the noise of which the local energy is the mean, and the samples.

    Parameters
    ----------
    measured : Measured
        With the stage "flatness".

    Returns
    -------
    mapping of str to object
        ``noise`` and ``samples``.
    """
    flatness = measured.stages["flatness"]
    noise = "one amplitude of noise"
    if "amplitude" in flatness.coords:
        amplitudes = sorted(flatness["amplitude"].values.tolist())
        noise = f"noise amplitudes {', '.join(f'{size:g}' for size in amplitudes)}"
    if "draws" in flatness.attrs:
        noise = f"{noise}, {flatness.attrs['draws']} draws of each"
    return {"noise": noise, "samples": samples_of(flatness)}


def path_words(measured: Measured) -> Mapping[str, object]:
    """Name the grid along paths, and the samples.

    Parameters
    ----------
    measured : Measured
        With the stage "paths".

    Returns
    -------
    mapping of str to object
        ``grid`` and ``samples``.
    """
    return {
        "grid": _grid(measured.stages["paths"]),
        "samples": samples_of(measured.stages["paths"]),
    }


def chain_words(measured: Measured) -> Mapping[str, object]:
    """Name what a chain may rise to connect, the grid along it, and the samples.

    Parameters
    ----------
    measured : Measured
        With the stage "chains", and ``bend_threshold``.

    Returns
    -------
    mapping of str to object
        ``threshold``, ``grid`` and ``samples``.
    """
    chains = measured.stages["chains"]
    return {
        "threshold": measured.bend_threshold,
        "grid": _grid(chains),
        "samples": samples_of(chains),
    }


def outermost(imbalances: Sequence[float]) -> list[float]:
    """Return the imbalances of a walk that are furthest from balance.

    Parameters
    ----------
    imbalances : sequence of float
        Zero is the balanced network.

    Returns
    -------
    list of float
        The smallest and the largest, without zero.

    Examples
    --------
    >>> outermost([-4.0, 0.0, 0.5, 4.0])
    [-4.0, 4.0]
    """
    return sorted({min(imbalances), max(imbalances)} - {0.0})


def least_positive(imbalances: Sequence[float]) -> list[float]:
    """Return the imbalance of a walk that is the nearest to balance on the side of long inputs.

    Parameters
    ----------
    imbalances : sequence of float
        Zero is the balanced network.

    Returns
    -------
    list of float
        One, or none if none is positive.

    Examples
    --------
    >>> least_positive([-4.0, 0.0, 0.5, 4.0])
    [0.5]
    """
    positive = [value for value in imbalances if value > 0]
    return sorted(positive)[:1]


def walk_words(measured: Measured) -> Mapping[str, object]:
    """Name the imbalances of a walk.

    Parameters
    ----------
    measured : Measured
        With the stage "valleys".

    Returns
    -------
    mapping of str to object
        All as ``grid``, and what ``outermost`` and ``least_positive`` return, under their names.
    """
    imbalances = measured.stages["valleys"]["imbalance"].values.tolist()
    return {
        "grid": ", ".join(f"{value:g}" for value in sorted(imbalances)),
        "outermost": " and ".join(f"{value:g}" for value in outermost(imbalances)),
        "least_positive": " and ".join(f"{value:g}" for value in least_positive(imbalances)),
    }


def _grid(arrays: xr.Dataset) -> str:
    """Name the points at which a path is looked at."""
    points = arrays.attrs.get("points", arrays.sizes.get("t", 0))
    refinements = arrays.attrs.get("refinements", 0)
    grid = f"{points} points"
    if refinements:
        times = "once" if refinements == 1 else f"{refinements} times"
        grid = f"{grid}, refined {times} at the peak"
    return grid
