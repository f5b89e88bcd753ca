"""Every figure of the made-up study: legible, and honest about what it leaves out."""

import pytest
from drawn import OF_CASES, draw_all, faults, prose, visible
from matplotlib.figure import Figure


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    """All figures, laid out."""
    return draw_all()


def test_everything_is_written_inside_the_page_apart_and_large_enough(drawn):
    for name, figure in drawn.items():
        assert figure.get_figwidth() in {3.4, 7.0}
        assert faults(figure) == [], name
        for text in visible(figure):
            assert text.get_fontsize() >= 6, (name, text)


@pytest.mark.parametrize("name", OF_CASES)
def test_runs_that_cannot_be_used_are_named(drawn, name):
    assert "sam seed 2 (diverged), adam seed 0 (epoch limit)" in prose(drawn[name])


NUMBERS = (
    "epoch",
    "optimizer step",
    "steps",
    "learning rate",
    "rate, measured / predicted",
    "density of ln",
    "temperature / critical temperature",
    "fraction of runs",
    "position on the geodesic, t",
    "first weight, w₁",
    "second weight, w₂",
    "scale of the group elements",
    "trace / smallest of the orbit",
    "growth / that without noise",
    "half the trace of the Hessian",
    "length / length",
    "inputs",
    "noise",
    "likeness",
    "position along",
    "rank correlation",
    "imbalance of every unit",
    "number of",
    "amplitude",
    "probability",
    "relative",
    "share of",
    "log",
    "error / length",
    "mean squared error",
    "largest defect / scale",
    "layer, from",
    "outputs, units, samples",
    "gradients of single samples",
)
"""How the labels of axes without a unit begin: they count, or are ratios."""


def test_axes_of_quantities_have_units(drawn):
    for name, figure in drawn.items():
        for axes in figure.axes:
            for label in (axes.get_xlabel(), axes.get_ylabel()):
                assert not label or "(" in label or label.startswith(NUMBERS), (name, label)
