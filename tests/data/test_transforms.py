"""Augmentation moves image and label together and repeats itself from its generator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.data.sample import Sample
from cirkd.data.transforms import Augmentation, augment

FILL = np.array([1, 2, 3], np.uint8)


def coded_sample(height: int, width: int) -> Sample:
    """Each pixel's label is also its red value, so that a crop can be checked against itself."""
    label = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8) % 200
    return Sample("coded", np.repeat(label[..., None], 3, axis=2), label)


@given(height=st.integers(3, 40), width=st.integers(3, 40), seed=st.integers(0, 10_000))
@settings(max_examples=60)
def test_crops_have_their_size_and_labels_stay_on_their_pixels(height: int, width: int, seed: int) -> None:
    augmentation = Augmentation(crop=(16, 24), scale=(1.0, 1.0), color=0.0)
    rng = np.random.default_rng(seed)
    image, label = augment(coded_sample(height, width), augmentation, rng, ignore_index=255, fill=FILL)
    assert image.shape == (16, 24, 3)
    assert label.shape == (16, 24)
    inside = label != 255
    assert np.array_equal(image[inside][:, 0], label[inside])
    assert (image[~inside] == FILL).all()
    assert inside.sum() == min(height, 16) * min(width, 24)


def test_the_same_generator_gives_the_same_crop_and_another_seed_another() -> None:
    augmentation = Augmentation(crop=(16, 16))
    draws = [
        augment(coded_sample(40, 40), augmentation, np.random.default_rng(seed), ignore_index=255, fill=FILL)[0]
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_scaled_labels_hold_no_class_that_was_not_there() -> None:
    sample = Sample("two", np.zeros((20, 20, 3), np.uint8), np.tile(np.array([0, 9], np.uint8), (20, 10)))
    for seed in range(10):
        _, label = augment(
            sample, Augmentation(crop=(12, 12)), np.random.default_rng(seed), ignore_index=255, fill=FILL
        )
        assert set(np.unique(label)) <= {0, 9, 255}


def test_unlabelled_samples_cannot_be_trained_on() -> None:
    sample = Sample("bare", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="label"):
        augment(sample, Augmentation(crop=(2, 2)), np.random.default_rng(0), ignore_index=255, fill=FILL)


def test_a_network_that_sees_half_size_gets_crops_at_half_size() -> None:
    label = np.repeat(np.arange(8, dtype=np.uint8)[None], 8, axis=0)
    sample = Sample("steps", np.repeat((label * 20)[..., None], 3, axis=2), label)
    whole = Augmentation(crop=(4, 4), scale=(1.0, 1.0), flip=0.0, color=0.0)
    _, halved = augment(sample, whole, np.random.default_rng(0), ignore_index=255, fill=FILL, input_scale=0.5)
    assert np.array_equal(halved, label[::2, 1::2])
