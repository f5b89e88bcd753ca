"""The report is complete, honest about what it left out, and needs nothing outside itself."""

import csv
import html
import json
import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import synthetic_study
import xarray as xr
from listed import list_checksums
from made_up_report import claims, outline, write_report
from snakemake.cli import get_argument_parser

from symgeom.store import read_store
from symgeom.study.claims.record import write_claims
from symgeom.study.figures.record import figure_named
from symgeom.study.report.page import markup, number, signed
from symgeom.study.report.pictures import embed, stores_of
from symgeom.study.report.tables import (
    alignment_facts,
    arm_rows,
    barrier_rows,
    ensemble_rows,
    minima_rows,
)

FIGURES = ("claims", "barriers", "ensembles")


class Page(HTMLParser):
    """What a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A made-up study of two cases, and its report."""
    monkeypatch.chdir(tmp_path)
    report = write_report(Path("results/made_up"), dict.fromkeys(("mlp", "other"), FIGURES))
    return report.read_text(encoding="utf-8"), json.loads(
        report.with_name("provenance.json").read_text()
    )


def test_the_page_asks_nobody_for_anything(study):
    page = Page(study[0])
    assert page.open == []
    addresses = [attrs[key] for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert len(page.all("img")) == 2 * 2 * len(FIGURES)  # a thumbnail and the figure
    assert not re.search(
        r"@import|url\(|fetch\(|XMLHttp|https?://(?!www\.w3\.org)", study[0].split("<body>")[0]
    )
    (policy,) = [
        attrs["content"]
        for attrs in page.all("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")


def test_links_lead_somewhere_and_names_are_unique(study):
    page = Page(study[0])
    names = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(names) == len(set(names))
    assert {attrs["href"].removeprefix("#") for attrs in page.all("a")} <= set(names)


def test_pictures_and_tables_are_described(study):
    page = Page(study[0])
    images = page.all("img")
    middle = len(images) // 2
    thumbnails, figures = images[:middle], images[middle:]
    assert all(picture["alt"] == "" for picture in thumbnails)  # the link says it in words
    assert figures[0]["alt"] == figure_named("claims").title
    assert all(
        picture["style"] == "width: 5.425in" for picture in figures
    )  # 252 points, 1.55 times
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_verdicts_stand_as_symbol_and_word_and_are_counted(study):
    text = re.sub(r"<[^>]+>", "", study[0])
    text = re.sub(r"\s+", " ", text)
    assert (
        "Of 3 claims of the literature, 2 are supported, 0 equivalent, 0 contradicted and "
        "1 undecided at 95 % intervals." in text
    )
    assert text.count("● supported") == 3  # two claims and a check
    assert text.count("◇ undecided") == 1
    assert "when 3 claims of this study are tested together (Holm)" in text
    assert "undecidedp = 0.3" in text
    assert text.count("supportedp = 0.03") == 1
    assert text.count("supportedp = 0.04") == 1
    assert "Flat &amp; &lt;small&gt;." in text
    assert "left out: sam/2" in text


def test_runs_that_were_left_out_are_named(study):
    text = re.sub(r"\s+", " ", study[0])
    assert "30 networks on 2 cases" in text
    assert "26 reached the stop rule" in text
    assert text.count("sam seed 2 (diverged)") == 2
    assert text.count("no geodesic is singled out: geodesic both: sgd/0 to sgd/1.") == 2
    assert text.count("<td>diverged (left out)</td>") == 2
    assert text.count("<td>epoch limit (left out)</td>") == 2


def test_figures_say_how_to_make_them_again(study):
    commands = [
        html.unescape(found).split()
        for found in re.findall(r'<code class="command">snakemake (.*?)</code>', study[0])
    ]
    asked = [get_argument_parser().parse_args(words) for words in commands]
    figures = [
        f"results/made_up/figures/{case}/{figure}.svg"
        for figure in FIGURES
        for case in ("mlp", "other")
    ]
    assert [target for words in asked for target in words.targets] == figures
    assert all(
        [str(file) for file in words.configfile] == ["config/made_up.yaml"] for words in asked
    )
    assert (
        "<code>results/made_up/minima/other/*.zarr.zip</code>, "
        "<code>results/made_up/paths/other/*.zarr.zip</code>" in study[0]
    )
    assert (
        'open_study("results/made_up")["other"]</code>: <code>minima</code>, <code>paths</code>'
        in study[0]
    )


def test_provenance_says_what_ran_where(study):
    made = study[1]
    assert [rule["rule"] for rule in made["rules"]] == ["train_minima"]
    assert made["rules"][0]["seconds"] == 12.5
    assert made["python"] == ".".join(map(str, sys.version_info[:3]))
    assert made["packages"]["numpy"] == np.__version__
    assert made["elapsed"] == pytest.approx(12.5)
    assert made["commit"] == "unknown" or re.fullmatch("[0-9a-f]{40}", made["commit"])


def test_every_run_is_a_row_and_unusable_ones_are_in_no_mean():
    tree = synthetic_study.case(["minima", "canonical"])
    minima = tree["minima"].to_dataset()
    minima["status"][0, 0] = ""  # an arm that was run with fewer seeds
    rows = minima_rows(minima, tree["canonical"].to_dataset(), synthetic_study.ARMS)
    assert len(rows) == 14
    sam = next(row for row in arm_rows(rows, synthetic_study.ARMS) if row["arm"] == "sam")
    errors = minima["test_error"].sel(arm="sam").values[:2]
    assert (sam["runs"], sam["usable"]) == (3, 2)
    assert sam["test_error"] == pytest.approx(errors.mean())
    assert sam["test_error_deviation"] == pytest.approx(abs(errors[0] - errors[1]) / math.sqrt(2))


def test_the_error_that_a_first_stage_left_is_shown(study):
    tree = synthetic_study.case(["minima", "canonical"])
    canonical = tree["canonical"].to_dataset()
    minima = tree["minima"].to_dataset()
    rows = minima_rows(minima, canonical, synthetic_study.ARMS)
    pretrained = [row["pretraining_error"] for row in rows if row["pretraining_status"]]
    assert pretrained == [0.03, 0.03, 0.84]
    means = {row["arm"]: row["pretraining_error"] for row in arm_rows(rows, synthetic_study.ARMS)}
    assert means["adversarial"] == pytest.approx(0.3)
    assert math.isnan(means["sgd"])
    assert "adversarial/2 (84.00 % error left): no claim takes these networks" in study[0]
    assert study[0].count("Error on random labels") == 2
    without = minima.drop_vars(["pretraining_error", "pretraining_status"])
    rows = minima_rows(without, canonical, synthetic_study.ARMS)
    assert not [row for row in rows if row["pretraining_status"]]


def test_what_was_said_of_files_of_weights_is_shown(study):
    sentence = "Weights from files. adversarial (3 networks): Removed &#39;module.&#39; from their"
    assert study[0].count(sentence) == 2


def test_alignments_are_summed_up():
    objectives = np.array([[2.0, 2.5], [4.0, 3.0], [np.nan, np.nan], [8.0, 8.0]])
    alignments = xr.Dataset(
        {
            "start_objective": (("pair", "start"), objectives),
            "converged": ("pair", [True, False, False, True]),
            "ties": (("pair", "group"), [[0, 2], [0, 0], [9, 9], [1, 0]]),
        },
        {
            "first_arm": ("pair", ["sgd"] * 4),
            "first_seed": ("pair", [0, 0, 1, 1]),
            "second_arm": ("pair", ["sgd", "adam", "adam", "adam"]),
            "second_seed": ("pair", [1, 1, 1, 0]),
        },
    )
    found = alignment_facts(alignments)
    spread = found.pop("spread")
    assert found == {
        "pairs": 3,
        "starts": 2,
        "unsettled": ["sgd/0 and adam/1"],
        "tied": 2,
        "improved": 1,
    }
    assert spread == pytest.approx(0.2)  # the median of 0.2, 0.25 and 0


def test_alignments_stand_below_the_minima_and_those_that_did_not_converge_are_named(study):
    text, pairs = re.sub(r"\s+", " ", study[0]), len(synthetic_study.pairs(synthetic_study.SEEDS))
    assert (
        f"Alignment: for {pairs - 12} of {pairs} pairs no single group could be matched better, "
        "and 0 had units" in text
    )
    assert "Of 2 searches per pair" in text
    names = [
        f"{first}/{one} and {second}/{other}"
        for first, one, second, other in synthetic_study.pairs(synthetic_study.SEEDS)
    ]
    assert (
        f"Not converged, and kept as they are: {', '.join(sorted(names[:12])[:10])} and 2 more."
        in text
    )
    assert f"are in no figure and no claim, between {names[1]}." in text
    assert text.count("this kind of network or of data does not allow it: torus trace.</p>") == 2


def test_data_are_described_without_reading_images(study, tmp_path):
    text = re.sub(r"\s+", " ", study[0])
    assert (
        "image_folder, 9 samples to train on and 3 to test on, in 2 classes; "
        "3 files in the folder were no samples" in text
    )
    assert text.count("Checksum <code>c0ffee</code>") == 2
    assert (
        text.count("numbers of the source are divided by 255; 2 inputs constant in training") == 2
    )
    assert (
        '<th scope="row">&lt;ant&gt;</th><td class="number">5</td><td class="number">2</td>' in text
    )
    counted = read_store(
        tmp_path / "results/made_up/data/mlp.zarr.zip", only=("class", "train_class_count")
    )
    assert set(counted.variables) == {"class", "train_class_count"}


def test_what_an_ensemble_buys_is_a_table(study, tmp_path):
    rows = [
        re.sub(r"<[^>]+>", " ", row).split()
        for row in re.findall("<tr>(.*?)</tr>", study[0], re.DOTALL)
    ]
    title = ["sgd", "orbit", "of", "&lt;data&gt;", "1", "4"]
    gain, of_loss = ["[−0.11,", "0.22]"], ["[−0.0011,", "0.0022]"]
    percent, loss = ["1.23", "%", *gain], ["0.0123", *of_loss]
    assert [*title, *percent, *loss, "–", "–", *percent, "–", "–"] in rows
    single = ["sgd", "the", "minimum", "alone", "1", "1", "1.23", "%"]
    assert [*single, *["–"] * 6] in rows
    table = tmp_path / "results/made_up/ensembles.csv"
    assert [row["title"] for row in ensemble_rows(table, "other")] == [
        "the minimum alone",
        "orbit of <data>",
    ]
    assert ensemble_rows(table, "mlp") == []


def test_barriers_with_all_symmetries_removed_are_a_table(study, tmp_path):
    rows = [
        re.sub(r"<[^>]+>", " ", row).split()
        for row in re.findall("<tr>(.*?)</tr>", study[0], re.DOTALL)
    ]
    losses = ["0.0567", "-0.0012", "1.25"]
    assert ["rsgd", "sgd", "2.34", "%", "1.00", "%", "3.50", "%", *losses, "3"] in rows
    assert ["rsgd", "rsgd", "1.23", "%", "1.00", "%", "3.50", "%", *losses, "3"] in rows
    assert ["rsgd", "sgd", "2.34", "%", "–", "–", *losses, "1"] in rows
    assert not [row for row in rows if "60.00" in row or "50.00" in row]
    variant, found = barrier_rows(
        tmp_path / "results/made_up/barriers.csv", "other", ["sgd", "rsgd"]
    )
    assert (variant, [row["second"] for row in found]) == ("geodesic both", ["rsgd", "rsgd"])
    assert barrier_rows(tmp_path / "results/made_up/barriers.csv", "nothing", []) == ("", [])


def test_budgets_are_means_over_what_is_compared(study):
    minima = synthetic_study.case(["minima"])["minima"].to_dataset()
    budget = minima["sample_gradients"].sel(arm="sam").values[:2].mean()
    assert study[0].count(f'<td class="number" data-value="{budget}">{budget:,.0f}</td>') == 2
    # Of the case that stopped in common, it is said at which depth.
    assert study[0].count("Case other: compared at a loss of 0.1.") == 1
    for goal in ("came to the common depth", "reached the stop rule"):
        assert study[0].count(f"Means over the seeds that {goal}") == 1


def test_captions_become_html():
    assert markup("a *b c* d\n\n2*3*4 < ``x * y``; \\|z\\|") == (
        "<p>a <em>b c</em> d</p>\n<p>2*3*4 &lt; <code>x * y</code>; |z|</p>"
    )


def test_a_picture_without_a_width_is_a_page_wide(tmp_path):
    path = tmp_path / "mlp" / "flatness.svg"
    path.parent.mkdir()
    outline(path)
    path.write_text("<svg/>")
    list_checksums(path.with_name("figures.sha256"), [path, path.with_suffix(".png")])
    words = {"question": "?", "title": "Flat.", "caption": "Yes.", "stages": []}
    shown = embed(path, {"flatness": words})
    assert (shown["inches"], shown["case"], shown["name"]) == (7.0, "mlp", "flatness")
    assert words.items() <= shown.items()


def test_numbers_read_well():
    assert [number(value) for value in (1234567.0, -0.5, 0.0, math.inf)] == [
        "1.23e+06",
        "−0.5",
        "0",
        "–",
    ]


def test_numbers_within_words_have_true_minus_signs():
    assert (
        signed("adam -0.24, sgd -.5 (-1e-05 ... [-2])") == "adam −0.24, sgd −.5 (−1e−05 ... [−2])"
    )
    assert signed("single-pass, H2a-2, 9.27e-05 - 3") == "single-pass, H2a-2, 9.27e−05 - 3"


def test_the_claims_table_is_what_the_page_reads(tmp_path):
    write_claims(tmp_path / "claims.csv", claims())
    with (tmp_path / "claims.csv").open(newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == [
            "supported",
            "undecided",
            "supported",
            "supported",
        ]


def test_stores_of_models_are_single_files(tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions/perceptron.zarr.zip").touch()
    assert stores_of(tmp_path, "perceptron", ["solutions", "minima"]) == [
        f"{tmp_path}/solutions/perceptron.zarr.zip",
        f"{tmp_path}/minima/perceptron/*.zarr.zip",
    ]
