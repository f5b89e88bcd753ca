"""What the workflow catalog, citation tools and package indices read says the same, and is true."""

import re
import tomllib

import yaml
from clones import ROOT

import symgeom

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
CATALOG = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_there_is_one_version_and_one_license():
    assert CITATION["version"] == PROJECT["version"] == symgeom.__version__
    assert CITATION["license"] == PROJECT["license"] == (ROOT / "LICENSE").read_text().split()[0]


def test_the_papers_that_readme_names_are_cited():
    papers = {
        paper["identifiers"][0]["value"].removeprefix("arXiv:"): paper
        for paper in CITATION["references"]
    }
    assert set(papers) == set(re.findall(r"\b\d{4}\.\d{5}\b", (ROOT / "README.md").read_text()))
    for number, paper in papers.items():
        assert paper["url"] == f"https://arxiv.org/abs/{number}"
        assert all(set(author) == {"family-names", "given-names"} for author in paper["authors"])


def test_the_catalog_finds_what_it_promises():
    usage = CATALOG["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    for file in (
        "workflow/Snakefile",
        "config/README.md",
        "config/config.yaml",
        "README.md",
        "LICENSE",
    ):
        assert (ROOT / file).is_file()
    rules = []
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        rules += re.split(r"^ *rule\b.*:$", file.read_text(), flags=re.MULTILINE)[1:]
    assert all(re.search(r'conda:\n +"../envs/symgeom.yaml"', rule) for rule in rules)
    assert any("report(" in rule for rule in rules) == usage["report"]
