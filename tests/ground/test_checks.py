import math

import pytest
import torch

from symgeom.ground.architecture import check_same_tensors
from symgeom.ground.checks import SymgeomError, check_choice, check_finite


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_counted_and_named(value):
    bad = torch.tensor([1.0, value, value])
    with pytest.raises(
        SymgeomError,
        match=(
            r"Cannot use minimum 3: tensor 'b' holds 2 values that are NaN or infinite of 3\. "
            r"Repair it"
        ),
    ):
        check_finite({"a": torch.ones(2), "b": bad}, "minimum 3")


def test_finite_and_integer_tensors_pass():
    check_finite(
        {"a": torch.ones(2), "count": torch.tensor(3), "empty": torch.ones(0)}, "the network"
    )


def test_a_mask_may_hold_minus_infinity_and_nothing_else():
    tensors = {"mask": torch.tensor([0.0, -math.inf]), "w": torch.ones(1)}
    check_finite(tensors, "the network", masks={"mask"})
    with pytest.raises(SymgeomError, match="'mask' holds 1 values"):
        check_finite(tensors, "the network", masks={"w"})
    for value in (math.nan, math.inf):
        tensors["mask"][0] = value
        with pytest.raises(SymgeomError, match="'mask' holds 1 values"):
            check_finite(tensors, "the network", masks={"mask"})


def test_networks_of_one_architecture_may_differ_in_values_and_order():
    check_same_tensors(
        {"b": torch.ones(3), "a": torch.ones(2)},
        {"a": torch.zeros(2), "b": torch.zeros(3)},
        "the network",
    )


def test_networks_of_two_architectures_are_told_apart():
    expected = {"a": torch.zeros(2), "b": torch.zeros(3)}
    with pytest.raises(
        SymgeomError,
        match=(
            r"compare minimum 2 with its reference: tensors missing \['b'\], tensors not "
            r"expected \['c'\]"
        ),
    ):
        check_same_tensors({"a": torch.ones(2), "c": torch.ones(3)}, expected, "minimum 2")
    with pytest.raises(SymgeomError, match=r"tensor 'b' has shape \(4,\), expected \(3,\)"):
        check_same_tensors({"a": torch.ones(2), "b": torch.ones(4)}, expected, "minimum 2")


def test_a_choice_that_is_none_lists_what_there_is():
    check_choice("sgd", ("sgd", "adam"), "optimizer")
    check_choice("adam", iter(["sgd", "adam"]), "optimizer")
    with pytest.raises(SymgeomError, match="Unknown optimizer 'adm': choose one of 'sgd', 'adam'"):
        check_choice("adm", iter(["sgd", "adam"]), "optimizer")


def test_a_caller_s_mistake_is_a_value_error():
    assert issubclass(SymgeomError, ValueError)
