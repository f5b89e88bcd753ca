"""What neighbours do to the places of a strand."""

import torch

from symgeom.quotient.alignment.moves import Move, moved, share_changed

ORDER = torch.tensor([2, 0, 1])
SIGN = torch.tensor([1.0, -1.0, 1.0])


def test_a_matrix_does_what_a_selection_with_signs_does():
    rows = torch.arange(24.0).reshape(2, 3, 4)
    matrix = SIGN[:, None] * torch.eye(3)[ORDER]
    mixed = Move(ORDER, SIGN, matrix).apply(rows, 1)
    assert torch.equal(Move(ORDER, SIGN).apply(rows, 1), mixed)


def test_the_move_of_a_few_places_is_a_part_of_the_whole():
    rows = torch.arange(24.0).reshape(2, 3, 4)
    few = torch.tensor([0, 2])
    move = Move(ORDER, SIGN)
    assert torch.equal(move.at(few).apply(rows, 1), moved(rows, [move])[:, few])


def test_what_changes_is_a_place_a_sign_or_a_row_of_a_matrix():
    stay = Move(torch.arange(3), torch.ones(3))
    assert stay.changed(Move(torch.arange(3), SIGN)).tolist() == [1]
    assert stay.changed(Move(torch.tensor([1, 0, 2]), torch.ones(3))).tolist() == [0, 1]
    matrix = Move(torch.arange(3), matrix=torch.eye(3))
    turned = torch.eye(3)
    turned[2, 0] = 0.5
    assert matrix.changed(Move(torch.arange(3), matrix=turned)).tolist() == [2]


def test_the_axis_that_changed_most_counts_and_no_axis_is_no_change():
    stay = Move(torch.arange(4))
    swapped = Move(torch.tensor([1, 0, 2, 3]))
    assert share_changed([stay, stay], [stay, swapped]) == 0.5
    assert share_changed([], []) == 0.0
