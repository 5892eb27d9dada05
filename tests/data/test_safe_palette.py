"""Colours that stay apart for every kind of colour vision."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cirkd.charts import theme
from cirkd.data.palettes import CITYSCAPES
from cirkd.data.safe_palette import VISIONS, in_palette, safe_colors, seen_as


def closest(colors: tuple[tuple[int, int, int], ...]) -> dict[str, float]:
    """vision -> CIELAB distance of the two colours that are most alike, by going over all pairs."""
    seen = seen_as(np.array(colors, float))
    return {
        vision: min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen[i], 2))
        for i, vision in enumerate(VISIONS)
    }


def test_white_black_and_red_are_where_cielab_has_them() -> None:
    usual = seen_as(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], float))[list(VISIONS).index("usual")]
    assert usual == pytest.approx(np.array([[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.2]]), abs=0.1)


def test_no_two_of_nineteen_are_alike_for_anybody_and_those_of_cityscapes_are() -> None:
    own, safe = closest(CITYSCAPES.colors), closest(safe_colors(19))
    assert own["protanopia"] < 5, "fence and pole are one colour"
    assert min(safe.values()) > 15
    assert all(safe[vision] > own[vision] for vision in VISIONS)


@pytest.mark.parametrize("look", [*(role.color for role in theme.ROLES.values()), theme.UNLABELLED, "#FFFFFF"])
def test_none_is_taken_for_a_model_for_no_class_or_for_paper(look: str) -> None:
    other = tuple(int(look[i : i + 2], 16) for i in (1, 3, 5))
    assert min(closest((other, color))[vision] for color in safe_colors(19) for vision in VISIONS) > 15


def test_more_classes_begin_with_the_same_colours_and_names_stay() -> None:
    assert safe_colors(40)[:11] == safe_colors(11)
    found = in_palette(CITYSCAPES, "safe")
    assert (found.names, found.ignore_index) == (CITYSCAPES.names, CITYSCAPES.ignore_index)
    assert len(set(found.colors)) == 19
    assert in_palette(CITYSCAPES, "own") is CITYSCAPES
