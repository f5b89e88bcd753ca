"""Every figure of the made-up study: legible, and honest about what it leaves out."""

import pytest
from drawn import OF_CASES, draw_all, texts, visible
from matplotlib.figure import Figure


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    """All figures, laid out."""
    return draw_all()


def test_everything_is_written_inside_the_page_and_large_enough(drawn):
    for name, figure in drawn.items():
        width, height = figure.get_size_inches() * figure.dpi
        assert figure.get_figwidth() in {3.4, 7.0}
        for text in visible(figure):
            box = text.get_window_extent()
            assert box.x0 >= -1, (name, text)
            assert box.y0 >= -1, (name, text)
            assert box.x1 <= width + 1, (name, text)
            assert box.y1 <= height + 1, (name, text)
            assert text.get_fontsize() >= 6, (name, text)


@pytest.mark.parametrize("name", OF_CASES)
def test_runs_that_cannot_be_used_are_named(drawn, name):
    assert "sam seed 2 (diverged), adam seed 0 (epoch limit)" in texts(drawn[name])
