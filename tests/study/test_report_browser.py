"""The report in a real browser: nothing fails, nothing is fetched, figures are seen, tables sort.

The browser is the system's Chromium (`apt-get install chromium`), named by the environment variable
CHROMIUM if it is not on the path. Without one these tests fail and say so; `.ci/run` installs it
where it can.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from drawn import draw
from hands import DIGITS, NETWORK, save_fresh
from made_up_report import ROOT, write_report
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from symgeom.__main__ import main
from symgeom.study.figures.style import save

pytestmark = pytest.mark.browser

OF_CASE = ["claims", "flatness", "generalisation", "barriers", "maps", "charges"]
FIGURES = {"mlp": OF_CASE, "perceptron": ["perceptron"]}
SHOWN = [*OF_CASE, "perceptron"]
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update"
)
COLOURS = """words => words.map(word => {
  const text = document.body.appendChild(document.createElement("span"));
  text.className = word;
  const colour = getComputedStyle(text).color;
  text.remove();
  return colour;
})"""
"""The colours of texts of some classes."""

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


def draw_figure(svg: Path) -> None:
    """Draw a figure of the made-up study as the workflow does."""
    save(draw(svg.stem), svg, svg.with_suffix(".png"))


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The report of the made-up study, with real figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        patch.chdir(tmp_path_factory.mktemp("report"))
        return write_report(Path("results/made_up"), FIGURES, draw_figure).resolve()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium, with a new and empty profile."""
    chromium = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if chromium is None:
        pytest.fail(
            "Cannot look at the report: no Chromium was found. Install one (apt-get install "
            "chromium), or name it: CHROMIUM=..."
        )
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium, args=[*FLAGS.split(), "--disable-sync"]
        )
        yield started
        started.close()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request, report: Path, browser: Browser) -> Iterator[Page]:
    """The report, opened."""
    with opened(browser, report, request.param) as tab:
        yield tab


@pytest.fixture(scope="module")
def comparison(tmp_path_factory) -> Path:
    """The page of two networks that a command has compared."""
    folder = tmp_path_factory.mktemp("comparison")
    for seed, name in enumerate(("first", "second")):
        save_fresh(folder / f"{name}.pt", seed)
    path = folder / "compare.html"
    words = [*NETWORK, *DIGITS, "--page", path, "--no-flatness"]
    assert main(["compare", *map(str, (folder, *words))]) == 0
    return path


@contextmanager
def opened(browser: Browser, file: Path, window: ViewportSize) -> Iterator[Page]:
    """Open a file; whatever it complains of or asks for is an error."""
    tab = browser.new_page(viewport=window)
    tab.set_default_timeout(5000)
    troubles, asked = [], []
    tab.on(
        "console",
        lambda message: (
            troubles.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("request", lambda sent: asked.append(sent.url))
    tab.goto(file.as_uri())
    yield tab
    tab.close()
    assert troubles == []
    assert {address for address in asked if not address.startswith("data:")} == {file.as_uri()}


def column(page: Page, place: int) -> list[str]:
    """Return what stands in a column of the table of claims."""
    return (
        page.locator("table").first.locator(f"tbody tr > :nth-child({place + 1})").all_inner_texts()
    )


def test_every_figure_is_seen(page):
    pictures = page.locator("figure img")
    assert pictures.count() == len(SHOWN)
    for picture in (*pictures.all(), *page.locator(".gallery img").all()):
        picture.scroll_into_view_if_needed()
        assert picture.is_visible()
        width, height, shown = picture.evaluate(
            "image => [image.naturalWidth, image.naturalHeight, "
            "image.getBoundingClientRect().width]"
        )
        assert min(width, height, shown) > 0


def test_nothing_is_wider_than_the_window(page):
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("window", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_comparison_is_seen_as_a_whole(browser, comparison, window):
    """What is wider than a phone scrolls by itself; sections lead to what they name."""
    with opened(browser, comparison, window) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        (picture,) = tab.locator("figure img").all()
        assert picture.get_attribute("alt")
        assert picture.evaluate("image => image.naturalWidth") > 0
        assert tab.locator("table").count() == 3
        for table in tab.locator("table").all():
            scrolls = "table => getComputedStyle(table.parentElement).overflowX"
            assert table.evaluate(scrolls) == "auto"
        for link in tab.get_by_role("navigation").get_by_role("link").all():
            assert tab.locator(link.get_attribute("href")).is_visible()


def test_every_verdict_has_its_colour(page):
    words = ("supported", "equivalent", "contradicted", "undecided", "something else")
    yes, equivalent, no, undecided, ink = page.evaluate(COLOURS, words)
    assert yes == equivalent
    assert len({yes, no, undecided, ink}) == 4


def test_keys_break_at_their_dots_alone(page):
    keys = page.get_by_role("region", name="Conventions").locator("tbody code").all()
    assert len(keys) > 10
    for key in keys:
        lines = key.evaluate("key => key.getClientRects().length")
        assert lines <= 1 + key.inner_text().count(".") + key.inner_text().count(" ")


@pytest.mark.parametrize("press", ["click", "Enter"])
def test_a_heading_sorts_the_claims_both_ways(page, press):
    head = page.locator("table").first.get_by_role("columnheader", name="Verdict")
    button = head.get_by_role("button")
    assert head.get_attribute("aria-sort") is None
    for order in ("ascending", "descending"):
        button.click() if press == "click" else button.press(press)
        assert head.get_attribute("aria-sort") == order
        words = [text.split()[-1] for text in column(page, 2)]
        assert words == (
            ["supported", "supported", "undecided"]
            if order == "ascending"
            else ["undecided", "supported", "supported"]
        )
    page.locator("table").first.get_by_role("columnheader", name="Claim", exact=True).get_by_role(
        "button"
    ).click()
    assert [text.split(":")[0] for text in column(page, 1)] == ["H1", "H2", "H3"]
    assert head.get_attribute("aria-sort") is None


def test_figures_are_enlarged_and_turned_over_by_keys(page):
    page.locator("#mlp-flatness").get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_attribute("aria-label").startswith("Figure 2.")
    for key, number in (
        ("ArrowRight", 3),
        ("ArrowLeft", 2),
        ("ArrowLeft", 1),
        ("ArrowLeft", len(SHOWN)),
    ):
        page.keyboard.press(key)
        assert dialog.get_attribute("aria-label").startswith(f"Figure {number}.")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    # The page hears of the closed dialog a moment later.
    page.wait_for_function(
        "document.activeElement.closest('figure')?.id === 'perceptron-perceptron'", timeout=5000
    )


def test_contents_lead_to_the_figures(page):
    page.locator(".gallery a[href='#mlp-maps']").click()
    top = page.locator("#mlp-maps").evaluate("figure => figure.getBoundingClientRect().top")
    assert -1 <= top < 100


def test_the_page_reads_without_its_script(report, browser):
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("figure img").count() == len(SHOWN)
    assert page.locator("figure img").last.is_visible()
    assert page.locator("button").count() == 0
    context.close()
