"""All sections of measures, and what figures and tables show of them."""

from symgeom.landscape.flatness.measures.curvature_section import CURVATURE
from symgeom.landscape.flatness.measures.flatness_section import FLATNESS
from symgeom.landscape.flatness.measures.record import FAMILIES, Measure, Panel, Row

SECTIONS = (FLATNESS, CURVATURE)
"""In the order of the stages."""


def all_measures() -> list[Measure]:
    """Return the measures of all sections.

    Returns
    -------
    list of Measure
        In the order of the sections.
    """
    measures: list[Measure] = []
    for section in SECTIONS:
        measures.extend(section.measures)
    return measures


def rows() -> list[Row]:
    """Return the rows of the figure that compares measures, from top to bottom.

    Returns
    -------
    list of Row
        Family by family; in each first what is invariant.

    Examples
    --------
    >>> [row.array for row in rows() if row.family == "worst case"]
    ['adaptive_sharpness', 'sharpness']
    """
    listed: list[Row] = []
    for measure in all_measures():
        listed.extend(measure.rows)
    return sorted(listed, key=lambda row: (FAMILIES.index(row.family), not row.invariant))


def panels(dim: str) -> dict[str, Panel]:
    """Return the panels of one of the figures of curves and layers.

    Parameters
    ----------
    dim : {"amplitude", "layer"}
        The dimension over which the panels of the figure show their arrays.

    Returns
    -------
    dict of str to Panel
        By the name of the array, in the order of the sections.

    Examples
    --------
    >>> list(panels("layer"))
    ['layer_energy', 'layer_margin', 'layer_trace']
    """
    shown = {}
    for measure in all_measures():
        panel = measure.panel
        dims = {array.name: array.dims for array in measure.arrays}
        if panel is not None and dim in dims[panel.array]:
            shown[panel.array] = panel
    return shown
