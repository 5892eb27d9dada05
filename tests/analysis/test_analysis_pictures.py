"""Pictures and colours."""

import numpy as np
import pytest
from plotly.colors import sequential

from cirkd.analysis import pictures
from tests.factories import make_classes


def test_colorize_gives_every_class_its_colour():
    classes = make_classes(3)
    found = pictures.colorize(np.array([[0, 1, 2], [3, 255, 0]], np.uint8), classes)
    grey = pictures.UNLABELLED_COLOR
    assert [tuple(color) for color in found.reshape(-1, 3).tolist()] == [*classes.colors, grey, grey, classes.colors[0]]


def test_colorize_change():
    found = pictures.colorize_change(np.array([0, 1, 2, 3, 255], np.uint8))
    assert len({tuple(color) for color in found.tolist()}) == 5
    assert tuple(found[2]) == pictures.CHANGE_COLORS[2]


def test_heatmap_ends_and_gaps():
    found = pictures.heatmap(np.array([-9, 0, 1, 99, np.nan]))
    stops = [tuple(int(stop[i : i + 2], 16) for i in (1, 3, 5)) for stop in sequential.Cividis]
    ends = [stops[0], stops[0], stops[-1], stops[-1], pictures.UNLABELLED_COLOR]
    assert [tuple(color) for color in found.tolist()] == ends
    assert pictures.heatmap(np.zeros((2, 3), np.float16)).shape == (2, 3, 3)


def test_the_palette_grows_lighter():
    colors = pictures.heatmap(np.linspace(0, 1, 64)).astype(float)
    assert (np.diff(colors @ [0.299, 0.587, 0.114]) > 0).all()


def test_overlay(as_shipped):
    image = np.full((2, 2, 3), 100, np.uint8)
    colors = np.full((2, 2, 3), 200, np.uint8)
    assert (pictures.overlay(image, colors, 0) == 100).all()
    assert (pictures.overlay(image, colors, 1) == 200).all()
    assert (pictures.overlay(image, colors, 0.5) == 150).all()
    with pytest.raises(ValueError, match="one size"):
        pictures.overlay(image, colors[:1])
