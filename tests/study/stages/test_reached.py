"""After training it is said how many networks are minima, how far the others came, what to do."""

import numpy as np
import pytest
import xarray as xr

from symgeom.ground.checks import SymgeomError
from symgeom.study.stages.reached import Reached, measure

ASKED = {
    "epochs": ("arms.sgd.epochs", 30),
    "stop_error": ("training.stop_error", 0.0),
    "stop_loss": ("cases.table.training.stop_loss", 0.02),
}
GOOD = ("reached", 0.01, 0.0)
SLOW = ("epoch limit", 0.03, 0.0)
STUCK = ("epoch limit", 0.7, 0.25)
EARLY = ("epoch limit", 0.01, 0.0)
LOST = ("diverged", np.nan, np.nan)
BROUGHT = ("imported", 0.5, 0.1)


def trained(*seeds: tuple[str, float, float], labels: tuple[tuple[str, float], ...] = ()):
    """Return the minima of an arm; labels say how a first stage on random ones ended."""
    columns = dict(
        zip(("status", "train_loss", "train_error"), zip(*seeds, strict=True), strict=True)
    )
    columns["usable"] = [status in ("reached", "imported") for status in columns["status"]]
    if labels:
        columns["pretraining_status"] = [status for status, _ in labels]
        columns["pretraining_error"] = [error for _, error in labels]
    variables = {name: (("arm", "seed"), [list(column)]) for name, column in columns.items()}
    return xr.Dataset(variables, {"arm": ["sgd"], "seed": list(range(len(seeds)))})


LIMIT = "ended at epoch 30 with training loss"
MEMORISED = ("reached", 0.04)
UNLEARNED = ("epoch limit", 0.84)


@pytest.mark.parametrize(
    ("minima", "line"),
    [
        (trained(GOOD, GOOD), ""),
        (trained(BROUGHT, BROUGHT), ""),
        (trained(GOOD, GOOD, labels=(MEMORISED, MEMORISED)), ""),
        (
            trained(GOOD, SLOW),
            f"1 of 2; 1 {LIMIT} 0.03 (asked: 0.02) and training error 0 (asked: 0): raise "
            "arms.sgd.epochs or cases.table.training.stop_loss",
        ),
        (
            trained(SLOW, STUCK),
            f"0 of 2; 2 {LIMIT} 0.03 to 0.7 (asked: 0.02) and training error 0 to 0.25 (asked: 0): "
            "raise arms.sgd.epochs or cases.table.training.stop_loss or training.stop_error",
        ),
        (
            trained(GOOD, EARLY),  # a mean of weights that had too few terms
            f"1 of 2; 1 {LIMIT} 0.01 (asked: 0.02) and training error 0 (asked: 0): raise "
            "arms.sgd.epochs",
        ),
        (trained(LOST, GOOD, LOST), "1 of 3; 2 diverged: lower arms.sgd.learning_rate"),
        (
            trained(GOOD, ("budget spent", 0.03, 0.0), ("no budget", 2.3, 0.9)),
            "1 of 3; 1 had spent the budget of the other arm with training loss 0.03 (asked: 0.02) "
            "and training error 0 (asked: 0): raise cases.table.training.stop_loss; 1 without a "
            "budget: the seeds that were to set it diverged",
        ),
        (
            trained(GOOD, GOOD, GOOD, labels=(UNLEARNED, MEMORISED, ("epoch limit", 0.8))),
            "3 of 3; 2 did not memorise the random labels of the first stage (error 0.8 to 0.84 "
            "left), and no claim takes them for sharp: raise arms.sgd.pretraining_epochs or "
            "arms.sgd.pretraining_error",
        ),
        (
            trained(LOST, LOST, labels=(("diverged", np.nan), MEMORISED)),
            "0 of 2; 2 diverged: lower arms.sgd.learning_rate",
        ),
    ],
)
def test_every_arm_says_how_far_it_came(minima: xr.Dataset, line: str):
    reached = measure("table", minima, {"sgd": ASKED})
    good = int(minima["usable"].sum())
    total = minima.sizes["seed"]
    first = f"Case table: {good} of {total} networks reached the stop rule.\n"
    assert reached.words == first + (f"  sgd: {line}\n" if line else "")
    assert (reached.networks, reached.usable) == ({"sgd": total}, {"sgd": good})


@pytest.mark.parametrize(("depth", "asked"), [(0.1, "0.1"), (np.nan, "1")])
def test_of_a_common_depth_only_the_loss_is_asked(depth: float, asked: str):
    minima = trained(GOOD, STUCK).assign_attrs(depth=depth)
    common = {"epochs": ("arms.sgd.epochs", 30), "depths": ("training.depths", 1.0)}
    words = measure("table", minima, {"sgd": common}).words
    assert words.startswith("Case table: 1 of 2 networks came to the common depth.\n")
    assert f"1 of 2; 1 {LIMIT} 0.7 (asked: {asked}): raise arms.sgd.epochs" in words


def test_arms_without_fault_are_listed_beside_others():
    others = trained(GOOD, LOST).assign_coords(arm=["mine"])
    minima = xr.concat([trained(GOOD, GOOD), others], "arm")
    reached = measure("table", minima, {"sgd": ASKED})
    assert reached.words.endswith("rule.\n  sgd: 2 of 2\n  mine: 1 of 2; 1 diverged\n")


@pytest.mark.parametrize(
    ("networks", "usable", "goes_on"),
    [
        ({"sgd": 4, "adam": 4}, {"sgd": 0, "adam": 0}, False),
        ({"sgd": 4, "adam": 4}, {"sgd": 1, "adam": 0}, False),
        ({"sgd": 4, "adam": 4}, {"sgd": 1, "adam": 1}, True),  # a pair across arms
        ({"sgd": 4, "adam": 4}, {"sgd": 2, "adam": 0}, True),
        ({"sgd": 1}, {"sgd": 0}, False),
        ({"sgd": 1}, {"sgd": 1}, True),  # nobody asked for a pair
    ],
)
def test_a_case_without_a_usable_pair_is_refused(networks, usable, goes_on: bool):
    reached = Reached("table", networks, usable, "")
    if goes_on:
        reached.check()
        return
    total = sum(networks.values())
    counted = f"Cannot compare the minima of case 'table': {sum(usable.values())} of {total} "
    with pytest.raises(SymgeomError, match=f"{counted}.* set training.go_on_without_usable: true"):
        reached.check()
