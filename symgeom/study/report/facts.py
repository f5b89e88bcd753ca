"""What the report says of every case: the facts of its tables, read from the stores of a study."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from symgeom.ground.checksums import checked
from symgeom.ground.sealed_json import read_sealed_json
from symgeom.store import open_study, read_store
from symgeom.study.report.tables import (
    alignment_facts,
    arm_rows,
    barrier_rows,
    data_facts,
    diverged_chains,
    ensemble_rows,
    minima_rows,
)

COUNTED = ("class", "train_class_count", "test_class_count")
"""What is read of a data set: the samples themselves are large."""


class Stores(TypedDict):
    """The files from which a report is written: those of the stages, the tables and the page."""

    minima: list[str]
    canonical: list[str]
    alignments: list[str]
    chains: list[str]
    paths: list[str]
    curvature: list[str]
    flatness: list[str]
    orbits: list[str]
    data: list[str]
    models: list[str]
    choices: list[str]
    figures: list[str]
    claims: str
    barriers: str
    ensembles: str
    template: str


@dataclass
class Facts:
    """Everything that the tables show, by case.

    Attributes
    ----------
    runs : dict of str to list of dict
        As from :func:`~symgeom.study.report.tables.minima_rows`.
    arm_rows : dict of str to list of dict
        As from :func:`~symgeom.study.report.tables.arm_rows`.
    alignments : dict of str to dict
        As from :func:`~symgeom.study.report.tables.alignment_facts`.
    diverged : dict of str to list of str
        The pairs between which a bend diverged.
    left_out : dict of str to list of str
        Measures that this kind of network, or of task, does not allow.
    tasks : dict of str to str
        What the outputs answer: "classes" or, of each position of a sample, "pixels" or "tokens".
    undefined : dict of str to list of str
        Pairs between which no geodesic is singled out.
    barriers : dict of str to tuple of (str, list of dict)
        As from :func:`~symgeom.study.report.tables.barrier_rows`.
    ensembles : dict of str to list of dict
        As from :func:`~symgeom.study.report.tables.ensemble_rows`.
    data : dict of str to dict
        As from :func:`~symgeom.study.report.tables.data_facts`.
    choices : dict of str to dict
        Of cases whose training stops in common: at which depth they are compared, and why; see
        :class:`~symgeom.study.stages.depths.Choice`.
    """

    runs: dict[str, list[dict]] = field(default_factory=dict)
    arm_rows: dict[str, list[dict]] = field(default_factory=dict)
    alignments: dict[str, dict] = field(default_factory=dict)
    diverged: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    undefined: dict[str, list[str]] = field(default_factory=dict)
    barriers: dict[str, tuple[str, list[dict]]] = field(default_factory=dict)
    ensembles: dict[str, list[dict]] = field(default_factory=dict)
    data: dict[str, dict] = field(default_factory=dict)
    choices: dict[str, dict] = field(default_factory=dict)


def read_facts(folder: Path, stores: Stores, cases: Sequence[str], arms: Sequence[str]) -> Facts:
    """Read the facts of all cases.

    Parameters
    ----------
    folder : Path
        The folder of the study.
    stores : Stores
        The files, by name; those of "data" are one per case, in their order.
    cases : sequence of str
        The cases of the study.
    arms : sequence of str
        Its arms, in order.

    Returns
    -------
    Facts
        By case.
    """
    whole_files = [*stores["minima"], *stores["canonical"], *stores["chains"]]
    study = open_study(folder, files=whole_files, weights=False)
    # Lazily, for a few columns: the permutations are large.
    matched = open_study(folder, files=stores["alignments"], lazy=True)
    barriers = checked(stores["barriers"])
    ensembles = checked(stores["ensembles"])
    facts = Facts()
    for case, data_file in zip(cases, stores["data"], strict=True):
        minima = study[case]["minima"].to_dataset()
        canonical = study[case]["canonical"].to_dataset()
        runs = minima_rows(minima, canonical, arms)
        facts.runs[case] = runs
        facts.tasks[case] = minima.attrs.get("task", "classes")
        facts.arm_rows[case] = arm_rows(runs, arms)
        facts.alignments[case] = alignment_facts(matched[case]["alignments"].to_dataset())
        facts.diverged[case] = diverged_chains(study[case]["chains"].to_dataset())
        facts.barriers[case] = barrier_rows(barriers, case, arms)
        facts.ensembles[case] = ensemble_rows(ensembles, case)
        facts.data[case] = data_facts(read_store(data_file, only=COUNTED))
    for file in stores["choices"]:
        choice = read_sealed_json(file)
        facts.choices[choice["case"]] = choice
    _add_what_is_missing(facts, stores, cases)
    return facts


def _add_what_is_missing(facts: Facts, stores: Stores, cases: Sequence[str]) -> None:
    """Add what the stores say that could not be measured or is not defined."""
    files = [*stores["paths"], *stores["curvature"], *stores["flatness"], *stores["orbits"]]
    left_out: dict[str, set[str]] = {case: set() for case in cases}
    facts.undefined = {case: [] for case in cases}
    for file in files:
        case = Path(file).parent.name
        attributes = read_store(file, only=()).attrs
        left_out[case].update(attributes["left_out"])
        facts.undefined[case] += attributes.get("undefined", [])
    for case in cases:
        facts.left_out[case] = sorted(left_out[case])
