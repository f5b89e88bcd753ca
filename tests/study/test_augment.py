"""Random crops and reflections: every image is one of the possible ones, all equally often."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from symgeom.ground.checks import SymgeomError
from symgeom.study.datasets.augment import augmentation

BLACK = (-1.5, 0.25)


def images(samples: int, height: int = 5, width: int = 7) -> Tensor:
    """Return images of two channels whose pixels are all different."""
    return torch.arange(1.0, samples * 2 * height * width + 1).view(samples, 2, height, width)


def possible(image: Tensor, move: int, reflect: bool) -> dict[tuple[int, int, bool], Tensor]:
    """Return every crop of a padded image by its corner, slowly: pad channel by channel, cut, and
    reflect."""
    height, width = image.shape[1:]
    padded = torch.stack(
        [
            pad(channel, (move,) * 4, value=black)
            for channel, black in zip(image, BLACK, strict=True)
        ]
    )
    crops = {
        (top, left, False): padded[:, top : top + height, left : left + width]
        for top in range(2 * move + 1)
        for left in range(2 * move + 1)
    }
    return crops | {
        (top, left, True): crop.flip(2) for (top, left, _), crop in crops.items() if reflect
    }


@pytest.mark.parametrize(
    ("name", "move", "reflect"), [("crop", 4, False), ("flip", 0, True), ("crop_flip", 4, True)]
)
def test_every_image_becomes_one_of_its_crops_all_equally_often(
    name: str, move: int, reflect: bool
):
    """Counts are within five standard deviations of a uniform choice, and the choice differs from
    image to image."""
    image, draws = images(1), 8100
    crops = possible(image[0], move, reflect)
    keys = {tuple(crop.flatten().tolist()): key for key, crop in crops.items()}
    assert len(keys) == len(crops) == (2 * move + 1) ** 2 * (1 + reflect)
    drawn = augmentation(name, black=BLACK)(
        image.expand(draws, -1, -1, -1), torch.Generator().manual_seed(0)
    )
    assert drawn.shape == (draws, 2, 5, 7)
    found = [keys[tuple(row)] for row in drawn.flatten(1).tolist()]
    expected = draws / len(crops)
    assert all(abs(found.count(key) - expected) < 5 * expected**0.5 for key in crops)


def test_images_of_a_batch_are_cropped_each_for_itself():
    batch = images(6)
    drawn = augmentation("crop_flip", black=BLACK)(batch, torch.Generator().manual_seed(1))
    for image, crop in zip(batch, drawn, strict=True):
        assert any(torch.equal(crop, candidate) for candidate in possible(image, 4, True).values())


@pytest.mark.parametrize("name", ["crop", "flip", "crop_flip"])
def test_randomness_comes_from_the_generator_alone(name: str):
    augment, batch = augmentation(name, black=BLACK), images(20)
    kept, state = batch.clone(), torch.get_rng_state()
    first = augment(batch, torch.Generator().manual_seed(3))
    torch.rand(5)
    torch.set_rng_state(state)
    again, other = (augment(batch, torch.Generator().manual_seed(seed)) for seed in (3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(batch, kept)


def test_precision_stays():
    drawn = augmentation("crop", black=BLACK)(images(3).double(), torch.Generator())
    assert drawn.dtype == torch.float64


def test_none_is_nothing():
    assert augmentation("none", black=BLACK) is None


def test_an_unknown_augmentation_is_named():
    with pytest.raises(
        SymgeomError,
        match="Unknown augmentation 'rotate': choose one of 'none', 'crop', 'flip', 'crop_flip'",
    ):
        augmentation("rotate", black=BLACK)


@pytest.mark.parametrize("shape", [(5, 64), (5, 2, 7), (5, 3, 7, 7)])
def test_what_is_no_image_is_named(shape: tuple[int, ...]):
    with pytest.raises(
        SymgeomError, match=r"Cannot augment inputs of shape \(5, .*\) by 'crop': .* of 2 channels"
    ):
        augmentation("crop", black=BLACK)(torch.zeros(shape), torch.Generator())
