"""Where a study comes from: what was measured of its jobs, and what cannot be known."""

import math
import os

import synthetic_study

from symgeom.study.provenance import describe_run, run_statistics


def test_without_git_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    made = describe_run([], tmp_path)
    assert (made["commit"], made["changed_files"], made["elapsed"], "started" in made) == (
        "unknown",
        0,
        0.0,
        False,
    )


def test_benchmarks_are_summed_rule_by_rule(tmp_path):
    for rule, job, seconds, memory, ended in (
        ("b", "1", "2.0", "10.0", 100),
        ("b", "2", "3.0", "30.0", 200),
        ("a", "1", "0.5", "NA", 300),
    ):
        synthetic_study.write_benchmark(tmp_path / rule / f"{job}.tsv", seconds, memory)
        os.utime(tmp_path / rule / f"{job}.tsv", (ended, ended))
    later, earlier = (dict(row) for row in reversed(run_statistics(tmp_path)))
    assert earlier.pop("spans") == [(98.0, 100.0), (197.0, 200.0)]
    assert earlier == {
        "rule": "b",
        "jobs": 2,
        "seconds": 5.0,
        "longest": 3.0,
        "memory": 30.0,
        "started": 98.0,
        "ended": 200.0,
    }
    assert (later["rule"], math.isnan(later["memory"]), later["started"]) == ("a", True, 299.5)


def test_elapsed_time_is_that_in_which_a_job_ran(tmp_path):
    for job, seconds, ended in (
        ("first", 10, 110),
        ("beside", 4, 108),
        ("across", 5, 113),
        ("next day", 2, 90_000),
    ):
        synthetic_study.write_benchmark(tmp_path / "rule" / f"{job}.tsv", str(seconds), "10.0")
        os.utime(tmp_path / "rule" / f"{job}.tsv", (ended, ended))
    assert describe_run(run_statistics(tmp_path), tmp_path)["elapsed"] == 15.0


def test_benchmarks_that_were_cut_off_are_left_out(tmp_path):
    for job, seconds in (("whole", "2.0"), ("cut", ""), ("no number", "two")):
        synthetic_study.write_benchmark(tmp_path / "a" / f"{job}.tsv", seconds, "10.0")
    (tmp_path / "a/empty.tsv").write_bytes(b"")
    (tmp_path / "a/half.tsv").write_bytes(b"s\th:m:s\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/other.tsv").write_bytes(b"\xff\xfe\n\xff\n")
    rows = run_statistics(tmp_path)
    assert [(row["rule"], row["jobs"], row["seconds"]) for row in rows] == [("a", 1, 2.0)]
