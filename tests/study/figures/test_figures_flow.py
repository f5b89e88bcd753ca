"""Figures of paths of charges and of points of orbits, against the numbers that they draw."""

import numpy as np
import pytest
from drawn import draw, panel
from synthetic_dynamics import noise_models

from symgeom.study.figures.style import INK, ordered_looks


def colour_of(names: list[str], name: str) -> str:
    return ordered_looks(names)[name].colour


def heights(axes: object, colour: str) -> np.ndarray:
    """What is drawn as lines of a colour."""
    return np.array([line.get_ydata() for line in axes.lines if line.get_color() == colour])


@pytest.mark.parametrize("name", ["SGD", "full batches", "Adam"])
def test_paths_stand_beside_their_prediction(name):
    flow = noise_models()["relu_flow"].to_dataset()
    colour = colour_of(flow["descent"].values.tolist(), name)
    axes = panel(draw("noise_flow"), name)
    first = flow.sel(descent=name).isel(draw=0)
    np.testing.assert_array_equal(heights(axes, colour).T, first["charge"].values)
    np.testing.assert_array_equal(heights(axes, INK).T, first["path"].values)


def test_every_change_is_drawn_against_what_was_predicted_of_it():
    flow = noise_models()["relu_flow"].to_dataset().isel(record=-1)
    of_descents = panel(draw("noise_flow"), "every unit").collections
    for number, drawn in enumerate(of_descents):
        predicted = flow["predicted"][number].values.sum(1)
        change = flow["booked"][number].values.sum(1)
        expected = np.stack([predicted.ravel(), change.ravel()], -1)
        expected[np.isnan(expected[:, 0])] = np.nan  # of Adam nothing is predicted
        np.testing.assert_allclose(np.ma.filled(drawn.get_offsets(), np.nan), expected)
    assert len(of_descents) == flow.sizes["descent"]


def test_survivors_are_counted_at_every_rate():
    rates = noise_models()["large_rates"].to_dataset()
    figure = draw("noise_large_rates")
    points = rates["point"].values.tolist()
    for number, size in enumerate(rates["size"].values):
        axes = panel(figure, size)
        for row, point in enumerate(points):
            (drawn,) = heights(axes, colour_of(points, point))
            expected = rates["survived"].values[number, row].mean(1)
            np.testing.assert_allclose(drawn, expected)


def test_traces_are_means_over_draws():
    trainings = noise_models()["training_on"].to_dataset()
    points = trainings["point"].values.tolist()
    axes = panel(draw("noise_training_on"), "trace of the Hessian")
    for row, point in enumerate(points):
        (drawn,) = heights(axes, colour_of(points, point))
        np.testing.assert_allclose(drawn, trainings["trace"].values[row].mean(0))
