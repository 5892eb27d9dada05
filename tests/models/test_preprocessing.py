"""Pixels become what a network was trained on: their size, then mean and standard deviation."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cirkd.models.segmenter import Preprocessing


def picture(height: int = 5, width: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_each_channel_is_normalised() -> None:
    image = picture()
    made = Preprocessing(mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 1.0))(image)
    for channel, (mean, std) in enumerate([(0.5, 0.5), (0.4, 0.25), (0.3, 1.0)]):
        wanted = (image[..., channel] / 255 - mean) / std
        np.testing.assert_allclose(made[channel], wanted, atol=1e-6)


def test_an_array_and_a_picture_are_the_same() -> None:
    image = picture()
    assert torch.equal(Preprocessing()(image), Preprocessing()(Image.fromarray(image)))


@pytest.mark.parametrize("size", [(40, 64), (41, 63), (1, 1)])
def test_an_image_is_brought_to_the_size_that_the_network_wants(size: tuple[int, int]) -> None:
    image = picture(*size)
    half = Preprocessing(scale=0.5)
    height, width = max(1, round(size[0] / 2)), max(1, round(size[1] / 2))
    small = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    assert torch.equal(half(image), Preprocessing()(small))


def test_input_converts_between_networks() -> None:
    image = picture()
    ours, theirs = Preprocessing(), Preprocessing(mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 1.0))
    torch.testing.assert_close(ours.convert(ours(image)[None], theirs)[0], theirs(image))
    assert ours.convert(ours(image)[None], Preprocessing()).equal(ours(image)[None])
    published = Preprocessing(mean=(0.48, 0.46, 0.41), std=(1 / 255, 1 / 255, 1 / 255), channel_order="bgr")
    for first, second in ((ours, published), (published, theirs), (published, published)):
        torch.testing.assert_close(first.convert(first(image)[None], second)[0], second(image), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"mean": (1, 2)},
        {"std": (1, 0, 1)},
        {"scale": 1e9},
        {"scale": 0},
        {"channel_order": "hsv"},
        {"mean": (float("nan"), 0, 0)},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"wanted|not offered|above 0"):
        Preprocessing(**settings)


def test_input_converts_to_a_network_that_wants_half_the_size() -> None:
    image = np.array(Image.fromarray(picture(8, 8)).resize((64, 48), Image.Resampling.BILINEAR))
    ours, theirs = Preprocessing(), Preprocessing(mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 1.0), scale=0.5)
    made = ours.convert(ours(image)[None], theirs)[0]
    # Pillow rounds to whole grey values twice, once for each axis.
    torch.testing.assert_close(made, theirs(image), atol=1.5 / 255 / 0.25, rtol=0)


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        Preprocessing()(image)
