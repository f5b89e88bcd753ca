"""Arms are compared at the lowest training loss that all of them came to."""

import numpy as np
import pytest
import xarray as xr
from tiny_study import ARMS, SEEDS, TinyStudy, train_arm

from symgeom.store import dataset_to_parameters
from symgeom.study.stages.depths import at_depth, choose

DEPTHS = [2.2, 1.8, 1.4, 1.0, 0.6, 0.2, 0.01]


@pytest.fixture(scope="module")
def arms(tiny: TinyStudy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, xr.Dataset]:
    """Every arm along its depths; 'wild' diverges."""
    options = tiny.options["training"] | {"depths": DEPTHS}
    folder = tmp_path_factory.mktemp("depths")
    outcomes = {}
    for arm, recipe in ARMS.items():
        outcome = train_arm(tiny.case, tiny.trained_spec, arm, recipe, options, folder)
        outcomes[arm] = outcome.minima
    return outcomes


def histories(arms: dict[str, xr.Dataset]) -> dict[tuple[str, int], np.ndarray]:
    """Return the training losses of every seed to its end, by arm and seed."""
    losses = {}
    for arm, networks in arms.items():
        for seed in SEEDS:
            history = networks["history_loss"].sel(depth=0, arm=arm, seed=seed).values
            losses[arm, seed] = history[1:]
    return losses


def test_the_depth_is_the_lowest_that_all_histories_cross(arms: dict[str, xr.Dataset]):
    """Recomputed from the histories: the lowest depth above the lowest loss of every seed."""
    chosen = choose("tiny", list(arms.values()), {})
    least = {who: np.nanmin(losses) for who, losses in histories(arms).items() if who[0] != "wild"}
    (arm, seed), loss = max(least.items(), key=lambda item: item[1])
    assert chosen.depth == min(depth for depth in DEPTHS if depth >= loss)
    assert chosen.decided_by == f"{arm} seed {seed}"
    assert chosen.exempt == {f"wild seed {seed}": "diverged" for seed in SEEDS}
    assert f"compared at training loss {chosen.depth:g}, the lowest of 2.2, 1.8" in chosen.words
    assert f"{arm} seed {seed} came least far, to {loss:.3g}." in chosen.words
    lost = ", ".join(f"wild seed {seed} (diverged)" for seed in SEEDS)
    assert chosen.words.endswith(f"\n  Without {lost}.\n")


def test_networks_at_a_depth_are_those_of_the_first_evaluation_there(
    tiny: TinyStudy, arms: dict[str, xr.Dataset]
):
    depth = choose("tiny", list(arms.values()), {}).depth
    for (arm, seed), losses in histories(arms).items():
        if arm == "wild":
            continue
        minima = at_depth(arms[arm], depth)
        row = minima.sel(arm=arm, seed=seed)
        epoch = 1 + int(np.flatnonzero(losses <= depth)[0])
        assert row["usable"].item()
        assert row["status"].item() == "reached"
        assert row["epochs"].item() == epoch
        assert row["train_loss"].item() == pytest.approx(losses[epoch - 1], rel=1e-12)
        shown = row["history_loss"].values
        assert np.isfinite(shown).sum() == epoch + 1
        assert minima.attrs["depth"] == depth
        short = tiny.options["training"] | {"stop_error": 1.0, "stop_loss": depth}
        ruled = train_arm(
            tiny.case, tiny.trained_spec, arm, ARMS[arm], short, tiny.folder / "short"
        )
        expected = dataset_to_parameters(ruled.minima.sel(arm=arm, seed=seed))
        for name, tensor in dataset_to_parameters(row).items():
            np.testing.assert_array_equal(tensor, expected[name])


def test_exempt_arms_do_not_decide(arms: dict[str, xr.Dataset]):
    trained = [arms["sgd"], arms["adam"]]
    both = choose("tiny", trained, {})
    slow = both.decided_by.split()[0]
    without = choose("tiny", trained, {slow: "named in training.exempt"})
    assert without.depth < both.depth
    assert f"Without {slow} (named in training.exempt)." in without.words
    minima = at_depth(arms[slow], without.depth)
    came = arms[slow]["history_loss"].sel(depth=0).min("epoch") <= without.depth
    assert (minima["usable"].values == came.values).all()
    alone = choose("tiny", [arms[slow]], {slow: "trained elsewhere"})
    assert (alone.depth, alone.decided_by) == (None, "")
    assert "no seed is left that decides" in alone.words


def test_without_a_common_depth_nothing_is_usable(arms: dict[str, xr.Dataset]):
    low = [arm.sel(depth=[0.01, 0.0]) for arm in (arms["sgd"], arms["adam"])]
    chosen = choose("tiny", low, {})
    assert chosen.depth is None
    assert "no depth of training.depths (0.01) that all seeds came to" in chosen.words
    assert f"{chosen.decided_by} came least far" in chosen.words
    for arm in low:
        minima = at_depth(arm, None)
        assert not minima["usable"].any()
        assert np.isnan(minima.attrs["depth"])


def test_all_that_came_to_the_lowest_depth_have_no_last(arms: dict[str, xr.Dataset]):
    high = [arm.sel(depth=[2.2, 0.0]) for arm in (arms["sgd"], arms["adam"])]
    chosen = choose("tiny", high, {})
    assert (chosen.depth, chosen.decided_by) == (2.2, "")
    assert chosen.words == "Case tiny: compared at training loss 2.2; all seeds came to it.\n"
