"""Which of the constants that are printed survive, as rows: for the report, and to be kept.

The rows come from the experiments with models of noise that a study has; a study without them has
no row, and this module imports nothing that computes.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

STAGES = (
    "charge_decay",
    "free_lengths",
    "scalar_chain",
    "decay_constant",
    "layer_norms",
    "sharpening",
)
"""The experiments that measure a constant."""


def constant_rows(files: Sequence[str], *, level: float) -> list[dict]:
    """Measure the constants that a source prints.

    Parameters
    ----------
    files : sequence of str
        Stores of a study, ``<stage>/<model>.zarr.zip``; those of other stages are not read.
    level : float
        Coverage of the intervals.

    Returns
    -------
    list of dict
        One row for each constant that an experiment measures: its ``name`` and ``place``, what is
        ``printed``, what is derived instead (``corrected``), what was ``measured`` with the ends of
        its interval (``low``, ``high``), the number of ``draws`` and the ``verdict``.

    Examples
    --------
    >>> constant_rows(["results/digits/solutions/perceptron.zarr.zip"], level=0.95)
    []
    """
    of_stages = {Path(file).parent.name: file for file in files}
    measured = [stage for stage in STAGES if stage in of_stages]
    if not measured:
        return []
    from symgeom.store import read_store
    from symgeom.study.printed import measured_constants

    stages = {stage: read_store(of_stages[stage]) for stage in measured}
    return [asdict(constant) for constant in measured_constants(stages, level=level)]
