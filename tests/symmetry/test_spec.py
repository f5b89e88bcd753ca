from itertools import product

import pytest
import torch
from cases import mlp_spec, network
from hypothesis import given, settings
from hypothesis import strategies as st

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.symmetry.spec import Leg, SymmetrySpec, UnitGroup, check_spec, put, take


@st.composite
def segments(draw):
    """A tensor shape, a leg in it, and the number of units."""
    shape = draw(st.lists(st.integers(1, 3), min_size=0, max_size=2))
    axis = draw(st.integers(0, len(shape)))
    size, block, outer, start, end = (
        draw(st.integers(*limits)) for limits in ((1, 3), (1, 3), (1, 2), (0, 2), (0, 2))
    )
    shape.insert(axis, start + size * block * outer + end)
    region = ()
    for other in draw(
        st.sets(st.integers(0, len(shape) - 1).filter(lambda other: other != axis), max_size=1)
    ):
        first = draw(st.integers(0, shape[other] - 1))
        region = ((other, first, draw(st.integers(first + 1, shape[other]))),)
    return shape, Leg("w", axis, start=start, block=block, outer=outer, region=region), size


def owner(leg, size, index):
    """The unit that owns an entry, or None: the definition of a leg, entry by entry."""
    if any(not first <= index[axis] < last for axis, first, last in leg.region):
        return None
    place = index[leg.axis] - leg.start
    return place // leg.block % size if 0 <= place < leg.outer * size * leg.block else None


@given(segments())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_take_gives_every_entry_to_its_owner_and_put_brings_it_back(case):
    shape, leg, size = case
    tensor = torch.randn(shape, generator=stream("leg"), dtype=torch.float64)
    owned = [[] for _ in range(size)]
    for index in product(*map(range, shape)):
        unit = owner(leg, size, index)
        if unit is not None:
            owned[unit].append(float(tensor[index]))
    rows = take(tensor, leg, size)
    assert [sorted(row) for row in rows.tolist()] == [sorted(row) for row in owned]
    # Put on an empty tensor: the units' entries are back in their places, all others are untouched.
    back = put(torch.full_like(tensor, torch.inf), leg, rows)
    for index in product(*map(range, shape)):
        expected = tensor[index] if owner(leg, size, index) is not None else torch.inf
        assert back[index] == expected


def test_put_returns_a_copy():
    tensor = torch.zeros(2, 2)
    put(tensor, Leg("w", 0), torch.ones(2, 2))
    assert float(tensor.abs().max()) == 0


def test_flattened_maps_are_blocks_and_channels_last_are_outer_runs():
    # Two channels of three pixels each, flattened channel first, then channel last.
    tensor = torch.arange(6.0)
    assert take(tensor, Leg("w", 0, block=3), 2).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert take(tensor, Leg("w", 0, outer=3), 2).tolist() == [[0, 2, 4], [1, 3, 5]]


def test_a_spec_survives_its_text():
    legs = (
        Leg("a", 1, power=-2, start=3, block=2, outer=4, region=((0, 1, 2), (2, 0, 5))),
        Leg("b", 0, buffer=True, shift=1e-5),
    )
    spec = SymmetrySpec((UnitGroup("g", 7, legs, "sign", permute=False), *mlp_spec(3, 4, 2).groups))
    back = SymmetrySpec.from_json(spec.to_json())
    assert back == spec
    assert hash(back) == hash(spec)
    assert back.to_json() == spec.to_json()
    assert back != mlp_spec(3, 4, 2)


def test_groups_by_name_and_by_what_they_keep():
    spec = mlp_spec(3, 4, 5, 2)
    assert spec["hidden2"].size == 5
    assert [group.name for group in spec.exact().groups] == ["hidden1", "hidden2"]
    with pytest.raises(
        SymgeomError,
        match="Unknown unit group 'hidden3': choose one of 'hidden1', 'hidden2', 'head'",
    ):
        spec["hidden3"]


def test_incoming_and_outgoing_legs_are_told_by_their_power():
    legs = (
        Leg("in", 0),
        Leg("mean", 0, buffer=True),
        Leg("out", 1, power=-2),
        Leg("other", 0, power=0),
    )
    group = UnitGroup("g", 2, legs)
    assert [leg.tensor for leg in group.incoming()] == ["in"]
    assert [leg.tensor for leg in group.outgoing()] == ["out"]


def test_a_spec_fits_its_network():
    check_spec(mlp_spec(3, 4, 2), network(3, 4, 2))


FAULTS = {
    "no tensor": (
        Leg("v", 0),
        r"group 'g': leg on tensor 'v', axis 0: the network has no such tensor; it has \['w'\]",
    ),
    "no axis": (Leg("w", 2), r"axis 2: the tensor has shape \(4, 6\), so its axes are 0 to 1"),
    "negative axis": (Leg("w", -1), "axis -1: the tensor has shape"),
    "too long": (
        Leg("w", 0, block=3),
        r"2 units need the entries 0 to 6 of that axis, which has 4 \(tensor shape \(4, 6\)\)",
    ),
    "too late": (Leg("w", 0, start=3), "the entries 3 to 5 of that axis, which has 4"),
    "too early": (Leg("w", 0, start=-1), "the entries -1 to 1 of that axis"),
    "region too long": (
        Leg("w", 0, region=((1, 2, 7),)),
        r"its region \(1, 2, 7\) .*shape is \(4, 6\)",
    ),
    "empty region": (Leg("w", 0, region=((1, 2, 2),)), r"its region \(1, 2, 2\)"),
    "region on the units' axis": (Leg("w", 0, region=((0, 0, 1),)), "is no part of another axis"),
    "region nowhere": (Leg("w", 0, region=((2, 0, 1),)), "is no part of another axis"),
    "region with an axis twice": (
        Leg("w", 0, region=((1, 0, 2), (1, 2, 4))),
        r"its region \(1, 2, 4\) .* names each axis once",
    ),
    "no block": (Leg("w", 0, block=0), r"start \(0\), block \(0\), outer \(1\)"),
    "no runs": (Leg("w", 0, outer=0), r"start \(0\), block \(1\), outer \(0\)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spec_that_does_not_fit_is_refused(fault):
    leg, message = FAULTS[fault]
    with pytest.raises(SymgeomError, match=message):
        check_spec(SymmetrySpec((UnitGroup("g", 2, (leg,)),)), {"w": torch.ones(4, 6)})


TWICE = {
    "the same leg": (Leg("w", 0), Leg("w", 0)),
    "another power": (Leg("w", 0), Leg("w", 0, power=-1)),
    "overlapping ranges": (Leg("w", 1, block=2), Leg("w", 1, start=3)),
    "one within the other": (Leg("w", 1, start=2), Leg("w", 1, outer=3)),
    "a region and the whole": (Leg("w", 1, region=((0, 0, 2),)), Leg("w", 1)),
    "overlapping regions": (Leg("w", 1, region=((0, 0, 2),)), Leg("w", 1, region=((0, 1, 4),))),
}


@pytest.mark.parametrize("fault", TWICE)
def test_a_slice_listed_twice_is_refused(fault):
    message = (
        r"group 'g': leg on tensor 'w', axis [01]: its entries . to . are listed twice in the "
        r"group \(entries . to .\)"
    )
    for legs in (TWICE[fault], TWICE[fault][::-1]):
        with pytest.raises(SymgeomError, match=message):
            check_spec(SymmetrySpec((UnitGroup("g", 2, legs),)), {"w": torch.ones(4, 6)})


@pytest.mark.parametrize("fault", TWICE)
def test_a_slice_that_two_groups_permute_is_refused(fault):
    first, second = TWICE[fault]
    one, other = UnitGroup("one", 2, (first,)), UnitGroup("other", 2, (second,), "none")
    with pytest.raises(
        SymgeomError,
        match=r"group '(one|other)': leg on tensor 'w', .* are also permuted by group "
        r"'(one|other)'",
    ):
        check_spec(SymmetrySpec((one, other)), {"w": torch.ones(4, 6)})
    # Any number of scalings may act on units that one group permutes.
    still = [UnitGroup(name, 2, (second,), permute=False) for name in ("scale1", "scale2")]
    check_spec(SymmetrySpec((one, *still)), {"w": torch.ones(4, 6)})


PARTS = {
    "heads and coordinates": ((2, Leg("w", 1, block=3)), (3, Leg("w", 1, outer=2))),
    "with an axis between": ((2, Leg("w", 1, block=6)), (3, Leg("w", 1, outer=4))),
    "three times": ((2, Leg("w", 1, block=3, outer=2)), (3, Leg("w", 1, outer=4))),
}


@pytest.mark.parametrize("case", PARTS)
def test_units_and_parts_that_all_of_them_share_may_both_be_permuted(case):
    params = {"w": torch.arange(24.0).reshape(2, 12)}
    (units, leg), (parts, part_leg) = PARTS[case]
    groups = [UnitGroup("units", units, (leg,)), UnitGroup("parts", parts, (part_leg,))]
    for spec in (SymmetrySpec(tuple(groups)), SymmetrySpec(tuple(groups[::-1]))):
        check_spec(spec, params)
    # Parts that straddle two units, and units that are read in blocks of another width.
    for crossed in (Leg("w", 1, block=2), Leg("w", 1, start=1, outer=2)):
        other = UnitGroup("other", 3, (crossed,))
        with pytest.raises(SymgeomError, match="also permuted by group"):
            check_spec(SymmetrySpec((groups[0], other)), params)


APART = {
    "ranges that touch": (Leg("w", 1, block=2), Leg("w", 1, start=4)),
    "regions that touch": (Leg("w", 1, region=((0, 0, 2),)), Leg("w", 1, region=((0, 2, 4),))),
    "two axes": (Leg("w", 0), Leg("w", 1)),
    "two tensors": (Leg("w", 0), Leg("v", 0)),
}


@pytest.mark.parametrize("case", APART)
def test_slices_that_touch_are_no_fault(case):
    params = {"w": torch.ones(4, 6), "v": torch.ones(2)}
    check_spec(SymmetrySpec((UnitGroup("g", 2, APART[case]),)), params)
    check_spec(
        SymmetrySpec(tuple(UnitGroup(leg.tensor + str(leg), 2, (leg,)) for leg in APART[case])),
        params,
    )


GROUPS = {
    "no units": (
        UnitGroup("g", 0, (Leg("w", 0),)),
        "group 'g': it has 0 units and 1 legs. A group has at least one of each",
    ),
    "fewer than none": (UnitGroup("g", -1, (Leg("w", 0),)), "group 'g': it has -1 units"),
    "no legs": (UnitGroup("g", 2, ()), "group 'g': it has 2 units and 0 legs"),
    "a scale without powers": (
        UnitGroup("g", 2, (Leg("w", 0, power=0), Leg("v", 0, power=0))),
        "group 'g': it has 2 units and 2 legs, all of power 0, so that its scale 'positive' "
        "does nothing",
    ),
    "a leg that never moves": (
        UnitGroup("g", 2, (Leg("w", 0), Leg("v", 0, power=0)), permute=False),
        "group 'g': leg on tensor 'v', axis 0: its power is 0 and its group is not permuted",
    ),
    "a matrix of degree two": (
        UnitGroup("g", 2, (Leg("w", 0, power=2),), "linear"),
        "tensor 'w', axis 0: power 2, shift 0.0, and",
    ),
    "a matrix of degree zero": (
        UnitGroup("g", 2, (Leg("w", 0, power=0),), "linear"),
        "tensor 'w', axis 0: power 0, shift 0.0, and",
    ),
    "a matrix and a shift": (
        UnitGroup("g", 2, (Leg("v", 0, shift=0.1),), "linear"),
        "'linear', which allows powers 1 and -1 without",
    ),
}


@pytest.mark.parametrize("fault", GROUPS)
def test_a_group_that_makes_no_sense_is_refused(fault):
    group, message = GROUPS[fault]
    with pytest.raises(SymgeomError, match=message):
        check_spec(SymmetrySpec((group,)), {"w": torch.ones(4, 6), "v": torch.ones(2)})


def test_unknown_kinds_are_refused():
    with pytest.raises(SymgeomError, match="its 'exact_for' is the text 'losses'; one of 'loss', "):
        UnitGroup("g", 2, (Leg("w", 0),), exact_for="losses")
    with pytest.raises(SymgeomError, match="its 'scale' is the text 'any'; one of 'positive', "):
        UnitGroup("g", 2, (Leg("w", 0),), scale="any")


def test_a_name_used_twice_is_refused():
    group = UnitGroup("g", 2, (Leg("w", 0),))
    with pytest.raises(
        SymgeomError, match=r"Cannot use the spec: it has several groups of the name \['g'\]"
    ):
        check_spec(
            SymmetrySpec((group, UnitGroup("g", 2, (Leg("w", 1),)))), {"w": torch.ones(4, 6)}
        )


def test_a_permutation_may_have_legs_of_power_zero():
    check_spec(
        SymmetrySpec((UnitGroup("g", 2, (Leg("w", 0, power=0), Leg("v", 0))),)),
        {"w": torch.ones(4, 6), "v": torch.ones(2)},
    )
