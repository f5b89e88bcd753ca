"""The drawing of the symmetry graph: where boxes lie, what is written, and what lines touch."""

import hashlib
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Annotation

from symgeom.study.figures.style import save
from symgeom.study.figures.wiring_drawing import caption_of, draw_graph
from symgeom.study.figures.wiring_paper import KINDS
from symgeom.study.figures.wiring_spans import Span, spans
from symgeom.symmetry.wiring import FIXED, INPUTS, OUTPUTS, SymmetryGraph, UnitNode, WeightEdge


def graph(*edges: tuple[str, int, str, str], **groups: dict) -> SymmetryGraph:
    """Make a graph from edges (tensor, step, reads, writes), by default with groups of 4 units."""
    made = tuple(
        WeightEdge(tensor, step, tuple(reads.split("+")), tuple(writes.split("+")))
        for tensor, step, reads, writes in edges
    )
    names = dict.fromkeys(name for edge in made for name in edge.reads + edge.writes)
    nodes = [
        UnitNode(name)
        if name in (INPUTS, FIXED, OUTPUTS)
        else UnitNode(name, **({"size": 4, "permute": True} | groups.get(name, {})))
        for name in names
    ]
    return SymmetryGraph(tuple(nodes), made)


CHAIN = graph(("a", 1, INPUTS, "h1"), ("b", 2, "h1", "h2"), ("c", 3, "h2", OUTPUTS))
RESIDUAL = graph(
    ("stem", 1, INPUTS, "s1"),
    ("b1.in", 2, "s1", "h1"),
    ("b1.out", 3, "h1", "s1"),
    ("b2.in", 4, "s1", "h2"),
    ("short", 4, "s1", "s2"),
    ("b2.out", 5, "h2", "s2"),
    ("head", 6, "s2", OUTPUTS),
    s1={"scale": "positive", "further": ("positive", "positive"), "tensors": 8},
    s2={"scale": "sign"},
)
DENSE = graph(
    ("a", 1, INPUTS, "d0"),
    ("b1", 2, "d0", "h1"),
    ("c1", 3, "h1", "d1"),
    ("b2", 4, "d0+d1", "h2"),
    ("c2", 5, "h2", "d2"),
    ("e", 6, "d0+d1+d2", OUTPUTS),
)
LOOPS = graph(
    ("a", 1, INPUTS, "s"),
    ("b", 2, "s", "s"),
    ("c", 2, f"s+{FIXED}", "h"),
    ("d", 3, "h", FIXED),
    ("e", 4, "s", OUTPUTS),
)
GRAPHS = {"chain": CHAIN, "residual": RESIDUAL, "dense": DENSE, "loops": LOOPS}


def texts(figure: Figure) -> list[str]:
    """Return all that is written."""
    return [
        text.get_text()
        for text in [*figure.axes[0].texts, *figure.axes[0].get_legend().get_texts()]
        if text.get_text()
    ]


def test_a_chain_lies_on_one_lane():
    assert spans(CHAIN) == {
        INPUTS: Span(0, 0, 1),
        "h1": Span(0, 1, 2),
        "h2": Span(0, 2, 3),
        OUTPUTS: Span(0, 3, 4),
    }


def test_a_stream_is_as_long_as_it_is_in_use_and_hands_its_lane_to_the_next():
    expected = {"s1": Span(0, 1, 4), "h1": Span(1, 2, 3), "s2": Span(0, 4, 6), "h2": Span(1, 4, 5)}
    assert spans(RESIDUAL) == {INPUTS: Span(0, 0, 1), **expected, OUTPUTS: Span(0, 6, 7)}


def test_what_is_concatenated_stays_in_use():
    found = spans(DENSE)
    assert [(found[name].start, found[name].end) for name in ("d0", "d1", "d2")] == [
        (1, 6),
        (3, 6),
        (5, 6),
    ]
    assert [found[name].lane for name in ("d0", "h1", "d1", "h2", "d2")] == [0, 1, 1, 2, 2]


def test_fixed_axes_begin_before_they_are_read():
    assert (spans(LOOPS)[FIXED].start, spans(LOOPS)[FIXED].end) == (1, 4)


@pytest.mark.parametrize("name", GRAPHS)
def test_boxes_do_not_overlap_and_lines_end_at_boxes(name):
    subject = GRAPHS[name]
    for a, b in combinations(spans(subject).values(), 2):
        assert a.lane != b.lane or a.end <= b.start or b.end <= a.start
    axes = draw_graph(subject, title="t").axes[0]
    boxes = np.array(
        [
            box.get_path().get_extents().extents
            for box in axes.patches
            if isinstance(box, FancyBboxPatch)
        ]
    )
    tips = [text.xy for text in axes.texts if isinstance(text, Annotation)]
    assert len(tips) == sum(len(edge.writes) for edge in subject.edges)
    for x, y in tips:
        touched = (
            (boxes[:, 0] <= x + 1e-6)
            & (boxes[:, 1] <= y + 1e-6)
            & (boxes[:, 2] >= x - 1e-6)
            & (boxes[:, 3] >= y - 1e-6)
        )
        assert touched.any()
    dots = sum(line.get_marker() == "o" for line in axes.lines)
    assert dots == sum(
        spans(subject)[source].end > edge.step for edge in subject.edges for source in edge.reads
    )


@pytest.mark.parametrize("name", GRAPHS)
def test_everything_is_named_once_and_inside_the_page(name):
    subject = GRAPHS[name]
    figure = draw_graph(subject, title="Symmetries of a network")
    figure.draw_without_rendering()
    written = texts(figure)
    assert "Symmetries of a network" in written
    for edge in subject.edges:
        assert written.count(edge.tensor) == 1
    for node in subject.nodes:
        assert (
            sum(text.replace("\n", "  ·  ").split("  ·  ")[0] == node.name for text in written) == 1
        )
    width, height = figure.get_size_inches() * figure.dpi
    for text in [*figure.axes[0].texts, figure.axes[0].get_legend()]:
        box = text.get_window_extent()
        assert min(box.x0, box.y0) >= -1
        assert box.x1 <= width + 1, text
        assert box.y1 <= height + 1, text


def test_colours_frames_and_numbers():
    figure = draw_graph(RESIDUAL, title="t")
    written = texts(figure)
    assert "s1  ·  4 units + 8  ·  2 further scalings" in written
    assert {"positive scales", "signs", "permutations only", "further: positive scales"} <= set(
        written
    )
    assert "head: keeps the classes" not in written
    blue = sum(
        np.allclose(box.get_edgecolor()[:3], mcolour(KINDS["positive"]))
        for box in figure.axes[0].patches
    )
    assert blue == 2  # the box of s1 and its frame
    assert "outer frame" in caption_of(RESIDUAL)
    assert "outer frame" not in caption_of(CHAIN)


def mcolour(name: str) -> tuple[float, ...]:
    """Return a colour as numbers."""
    return tuple(int(name[place : place + 2], 16) / 255 for place in (1, 3, 5))


def test_units_that_may_not_be_permuted_have_square_corners_and_a_head_dashes():
    fixed = graph(("a", 1, INPUTS, "h1"), ("b", 2, "h1", OUTPUTS), h1={"permute": False})
    nodes = (*fixed.nodes[:-1], UnitNode(OUTPUTS, further=("positive",), tensors=1))
    written = texts(draw_graph(SymmetryGraph(nodes, fixed.edges), title="t"))
    assert "square corners: not permuted" in written
    assert "head: keeps the classes" in written
    assert "outputs\n+ 1" in written


def test_deep_networks_are_drawn_wider_and_long_names_are_cut():
    deep = graph(
        *((f"block.{'inner.' * 8}{k}.weight", k, f"h{k - 1}", f"h{k}") for k in range(1, 40)),
    )
    figure = draw_graph(deep, title="t")
    assert 12 < figure.get_figwidth() < 15
    names = [text for text in texts(figure) if text.endswith(".weight")]
    assert {len(text) for text in names} == {36}
    assert names[0].startswith("…")
    assert draw_graph(CHAIN, title="t").get_figwidth() < 5


def test_equal_graphs_give_equal_bytes(tmp_path):
    sums = set()
    for place in "ab":
        save(draw_graph(RESIDUAL, title="t"), tmp_path / f"{place}.svg")
        sums.add(hashlib.sha256((tmp_path / f"{place}.svg").read_bytes()).hexdigest())
    assert len(sums) == 1
