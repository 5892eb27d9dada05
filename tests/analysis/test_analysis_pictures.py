"""Pictures and colours."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from cirkd.analysis import pictures
from tests.factories import make_classes, make_features


def test_colorize_gives_every_class_its_colour():
    classes = make_classes(3)
    found = pictures.colorize(np.array([[0, 1, 2], [3, 255, 0]], np.uint8), classes)
    grey = pictures.UNLABELLED_COLOR
    assert [tuple(color) for color in found.reshape(-1, 3).tolist()] == [*classes.colors, grey, grey, classes.colors[0]]


def test_colorize_change():
    found = pictures.colorize_change(np.array([0, 1, 2, 3, 255], np.uint8))
    assert len({tuple(color) for color in found.tolist()}) == 5
    assert tuple(found[2]) == pictures.CHANGE_COLORS[2]


@pytest.mark.parametrize("palette", pictures.PALETTES)
def test_heatmap_ends_and_gaps(palette):
    found = pictures.heatmap(np.array([-9, 2, 4, 99, np.nan]), 2, 4, palette)
    stops = [tuple(int(stop[i : i + 2], 16) for i in (1, 3, 5)) for stop in pictures.PALETTES[palette]]
    ends = [stops[0], stops[0], stops[-1], stops[-1], pictures.UNLABELLED_COLOR]
    assert [tuple(color) for color in found.tolist()] == ends
    assert pictures.heatmap(np.zeros((2, 3), np.float16), 1, 1, palette).shape == (2, 3, 3)
    with pytest.raises(ValueError, match="palette 'jet'"):
        pictures.heatmap(np.zeros(2), palette="jet")


@pytest.mark.parametrize("palette", ["viridis", "cividis"])
def test_sequential_palettes_grow_lighter(palette):
    colors = pictures.heatmap(np.linspace(0, 1, 64), palette=palette).astype(float)
    assert (np.diff(colors @ [0.299, 0.587, 0.114]) > 0).all()


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 20), st.integers(1, 20))
def test_upsample_is_pytorchs(h, w, height, width):
    values = np.random.default_rng(h * w).normal(size=(h, w)).astype(np.float32)
    wanted = F.interpolate(torch.from_numpy(values)[None, None], (height, width), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(pictures.upsample(values, (height, width)), wanted[0, 0].numpy(), atol=1e-5)


def test_overlay(as_shipped):
    image = np.full((2, 2, 3), 100, np.uint8)
    colors = np.full((2, 2, 3), 200, np.uint8)
    assert (pictures.overlay(image, colors, 0) == 100).all()
    assert (pictures.overlay(image, colors, 1) == 200).all()
    assert (pictures.overlay(image, colors, 0.5) == 150).all()
    with pytest.raises(ValueError, match="one size"):
        pictures.overlay(image, colors[:1])


def test_pixel_map_overlay_is_the_size_of_the_image():
    features = make_features()
    found = pictures.pixel_map_overlay(features, features.models["teacher"].confidence, 1, 0, 1)
    assert found.shape == features.images[1].shape and found.dtype == np.uint8
