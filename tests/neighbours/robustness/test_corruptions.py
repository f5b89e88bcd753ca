"""Corruptions: in the data's own range, of the published strengths, worse with severity."""

import pytest
import torch

from symgeom.ground.checks import SymgeomError
from symgeom.ground.randomness import stream
from symgeom.neighbours.robustness import CORRUPTIONS, Corruption, DataRange, corrupt

MEAN = (0.4, 0.6)
DEVIATION = (0.2, 0.5)
SCALED = DataRange.of_levels(mean=MEAN, deviation=DEVIATION)
LEVELS = torch.rand(6, 2, 8, 9, generator=stream("levels"), dtype=torch.float64)
CENTRE = torch.tensor(MEAN, dtype=torch.float64).view(2, 1, 1)
SCALE = torch.tensor(DEVIATION, dtype=torch.float64).view(2, 1, 1)


def corrupted(kind: str, severity: int = 5) -> torch.Tensor:
    """Return the corrupted levels."""
    corruption = Corruption(kind, severity, DataRange())
    return corrupt(LEVELS, corruption, generator=stream("corruption"))


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corruptions_are_the_same_however_inputs_are_scaled(kind: str):
    corruption = Corruption(kind, 4, SCALED)
    scaled = corrupt((LEVELS - CENTRE) / SCALE, corruption, generator=stream("corruption"))
    torch.testing.assert_close(scaled * SCALE + CENTRE, corrupted(kind, 4))


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corruptions_stay_in_the_range_and_grow_with_severity(kind: str):
    changes = []
    for severity in range(1, 6):
        levels = corrupted(kind, severity)
        assert levels.min() >= 0
        assert levels.max() <= 1
        assert levels.dtype == LEVELS.dtype
        changes.append((levels - LEVELS).square().mean().sqrt().item())
    assert changes == sorted(changes)
    assert 0 < changes[0] < changes[-1]


def test_noise_has_the_published_deviations_and_clips():
    grey = torch.full((200, 50), 0.5, dtype=torch.float64)
    for severity, deviation in enumerate((0.04, 0.06, 0.08, 0.09, 0.1), start=1):
        corruption = Corruption("gaussian_noise", severity, DataRange())
        noise = corrupt(grey, corruption, generator=stream("noise")) - 0.5
        assert noise.std().item() == pytest.approx(deviation, rel=0.03)
        assert abs(noise.mean()) < 0.05 * deviation
    black = corrupt(0 * grey, corruption, generator=stream("noise"))
    assert (black == 0).double().mean().item() == pytest.approx(0.5, abs=0.02)


def test_noise_is_as_random_as_its_generator():
    assert torch.equal(corrupted("gaussian_noise"), corrupted("gaussian_noise"))
    corruption = Corruption("gaussian_noise", 5, DataRange())
    others = corrupt(LEVELS, corruption, generator=stream("others"))
    assert not torch.equal(corrupted("gaussian_noise"), others)


def test_blur_spreads_a_point_as_a_gaussian_does():
    point = torch.zeros(1, 1, 15, 15, dtype=torch.float64)
    point[0, 0, 7, 7] = 1
    blurred = corrupt(point, Corruption("gaussian_blur", 5, DataRange()), generator=stream("none"))
    places = torch.arange(-7, 8, dtype=torch.float64)
    weights = torch.exp(-(places**2) / 2) * (places.abs() <= 4)
    weights = weights / weights.sum()
    torch.testing.assert_close(blurred[0, 0], torch.outer(weights, weights))


def test_blur_leaves_even_images_and_mixes_no_channels():
    even = torch.ones(2, 3, 4, 4) * torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1)
    blurred = corrupt(even, Corruption("gaussian_blur", 5, DataRange()), generator=stream("none"))
    torch.testing.assert_close(blurred, even)


def test_contrast_shrinks_about_the_mean_of_every_channel_of_every_image():
    pale = corrupted("contrast", 5)
    for image, original in zip(pale.flatten(0, 1), LEVELS.flatten(0, 1), strict=True):
        torch.testing.assert_close(image.mean(), original.mean())
        torch.testing.assert_close(image.std(), 0.15 * original.std())
    vectors = LEVELS.flatten(1)
    pale = corrupt(vectors, Corruption("contrast", 5, DataRange()), generator=stream("none"))
    torch.testing.assert_close(pale.std(1), 0.15 * vectors.std(1))
    torch.testing.assert_close(pale.mean(1), vectors.mean(1))


@pytest.mark.parametrize(
    ("kind", "severity", "sentence"),
    [
        ("fog", 1, "Unknown corruption 'fog': choose one of 'gaussian_noise', 'gaussian_blur', 'c"),
        ("contrast", 0, "Cannot use 0 as the severity of a corruption: give a number from 1 to 5"),
        ("contrast", 6, "Cannot use 6 as the severity of a corruption"),
    ],
)
def test_what_is_no_corruption_is_refused(kind: str, severity: int, sentence: str):
    with pytest.raises(SymgeomError, match=sentence):
        Corruption(kind, severity, DataRange())


def test_what_cannot_be_corrupted_is_refused():
    blur = Corruption("gaussian_blur", 1, DataRange())
    with pytest.raises(SymgeomError, match=r"'gaussian_blur' to inputs of shape \(6, 144\): it ta"):
        corrupt(LEVELS.flatten(1), blur, generator=stream("none"))
    with pytest.raises(SymgeomError, match="inputs lie outside; .* Give the range of these"):
        corrupt(2 * LEVELS, blur, generator=stream("none"))
