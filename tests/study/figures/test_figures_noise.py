"""Figures of models of noise, against the numbers that they draw."""

import numpy as np
import pytest
import xarray as xr
from drawn import RECORDS, draw, panel, prose
from synthetic_dynamics import noise_models

from symgeom.study.figures.style import ordered_looks

NAMES = [name for name, figure in RECORDS.items() if figure.model == "noise_models"]


def markers(axes: object, colour: str) -> list[np.ndarray]:
    """Heights of what is drawn as markers without a line, in one colour."""
    return [
        line.get_ydata()
        for line in axes.lines
        if line.get_color() == colour and line.get_linestyle() == "None"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_study_without_the_experiment_says_so(name):
    assert "to show" in prose(draw(name, xr.DataTree()))


def test_norms_stand_at_the_means_of_the_second_half():
    splits = noise_models()["split_inputs"].to_dataset()
    colours = [look.colour for look in ordered_looks(splits["descent"].values.tolist()).values()]
    axes = panel(draw("noise_split_inputs"), "norms")
    for number, colour in enumerate(colours):
        expected = splits["ratio"][number].values[..., 4:].mean((-1, -2))
        np.testing.assert_allclose(markers(axes, colour)[0], expected)


def test_changes_stand_beside_their_prediction():
    sharpening = noise_models()["sharpening"].to_dataset().isel(initialisation=2)
    names = noise_models()["sharpening"]["initialisation"].values.tolist()
    colour = ordered_looks(names)[names[2]].colour
    of_sgd, of_gd = markers(panel(draw("noise_sharpening"), "all widths"), colour)
    for drawn, number in ((of_sgd, 0), (of_gd, 1)):
        followed = sharpening["sharpness"][number].values
        expected = (followed[..., 4:].mean(-1) / followed[..., 0]).mean(-1)
        np.testing.assert_allclose(drawn, expected)
