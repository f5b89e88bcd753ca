"""The rows of changed verdicts say what two tables of claims say, of whichever version they are."""

from pathlib import Path

from made_up_report import claims
from verdict_changes import NONE, changes, main, read

from symgeom.study.claims.family import as_family
from symgeom.study.claims.record import write_claims


def test_equal_tables_have_no_rows(tmp_path: Path, capsys):
    path = tmp_path / "claims.csv"
    write_claims(path, as_family(claims()))
    main("digits", str(path), str(path))
    assert capsys.readouterr().out.count("\n") == 2


def test_each_change_has_its_reason():
    same = {
        "verdict": "supported",
        "statistic": "mean",
        "estimate": "-0.12345",
        "low": "-0.2",
        "high": "-0.1",
        "threshold": "0.0",
        "note": "",
    }
    wider = same | {"verdict": "undecided", "family_verdict": "undecided", "high": "0.1"}
    few = wider | {"note": "too few data: three seeds"}
    other = wider | {"statistic": "median; of 6 seeds", "threshold": "-0.02"}
    family = same | {"family_verdict": "undecided", "statistic": "mean; all samples"}
    before = {("mlp", name): same for name in ("wider", "few", "other", "family", "gone", "same")}
    before["mlp", "word"] = same | {"verdict": "not supported"}
    now = {
        ("mlp", "wider"): wider,
        ("mlp", "few"): few,
        ("mlp", "other"): other,
        ("mlp", "family"): family,
        ("mlp", "same"): same | {"family_verdict": "supported"},
        ("mlp", "word"): same | {"verdict": "contradicted", "family_verdict": "contradicted"},
        ("mlp", "new"): same,
    }
    was = "was -0.123 [-0.2, -0.1]"
    unknown = f"-0.123 [-0.2, 0.1], {was}"
    assert changes("digits", before, now) == [
        ("wider", "digits mlp", "supported", "undecided", unknown),
        ("few", "digits mlp", "supported", "undecided", "too few data: three seeds"),
        (
            "other",
            "digits mlp",
            "supported",
            "undecided",
            f"another statistic: median; threshold -0.02, was 0; {unknown}",
        ),
        (
            "family",
            "digits mlp",
            "supported",
            "supported (with all others: undecided)",
            f"-0.123 [-0.2, -0.1], {was}",
        ),
        ("new", "digits mlp", NONE, "supported", "a new claim"),
        ("gone", "digits mlp", "supported", NONE, "no longer asked"),
    ]


def test_tables_that_are_written_are_read(tmp_path: Path):
    judgements = as_family(claims())
    write_claims(tmp_path / "claims.csv", judgements)
    table = read(tmp_path / "claims.csv")
    assert len(table) == len(judgements)
    for judgement in judgements:
        row = table[judgement.case, judgement.identifier]
        assert row["statistic"] == judgement.statistic
