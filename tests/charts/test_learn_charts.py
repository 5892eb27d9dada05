"""The Learn charts hold the lessons' numbers; a click on a heatmap names the pixel under it."""

import numpy as np
import pytest

from cirkd.analysis.gradient_lesson import gradient_lesson
from cirkd.analysis.lesson import pixel_lesson
from cirkd.analysis.memory_lesson import KEYS, memory_lesson
from cirkd.charts import heat, learn, matrix, theme
from tests.analysis.test_memory_bank import Distilled
from tests.factories import make_features


@pytest.fixture
def features():
    return make_features()


def test_a_heatmap_lies_over_its_image_with_the_pixel_ringed(features):
    values = np.random.default_rng(0).normal(size=len(features.pixels))
    scale, mark = matrix.Scale(theme.SEQUENTIAL, -1.0, 2.0, "x"), features.pixels.of_image(2).start + 21
    for given in (values, values[features.pixels.of_image(2)]):
        figure = heat.heat(features, given, 2, scale, mark=mark, choose=True, mode="light")
        np.testing.assert_array_equal(figure.data[0].z, features.pixels.grid_map(values, 2))
        assert (figure.data[0].zmin, figure.data[0].zmax) == (-1, 2)
        rings = [t for t in figure.data if t.type == "scatter" and t.marker.symbol == "circle-open"]
        assert {(ring.x[0], ring.y[0]) for ring in rings} == {(5, 2)}
    assert not [t for t in heat.heat(features, values, 1, scale, mark=mark).data if t.type == "scatter"]


def test_a_click_names_the_pixel(features):
    points = heat.photo(features, 3, choose=True, mode="dark").data[-1]
    for number in (0, 17, 47):
        pixel = heat.chosen_pixel(features, 3, [{"point_index": number}])
        assert features.pixels.image[pixel] == 3
        assert (features.pixels.column[pixel], features.pixels.row[pixel]) == (points.x[number], points.y[number])
    assert heat.chosen_pixel(features, 3, []) is None


def test_arrows_lead_from_the_points_along_minus_the_gradient(features):
    lesson = gradient_lesson(features, 0, 1, "after", arrows=20)
    pixel = int(lesson.pixels[next(i for i in range(96) if i not in lesson.shown)])
    figure = learn.arrows(lesson, features, pixel, mode="light")
    lines, dots = figure.data[:-1], figure.data[-1]
    shown = [*lesson.shown, int(np.flatnonzero(lesson.pixels == pixel)[0])]
    np.testing.assert_allclose(np.column_stack([dots.x, dots.y]), lesson.points[shown])
    tips = np.concatenate([np.column_stack([line.x[1::3], line.y[1::3]]) for line in lines]).astype(float)
    wanted = (lesson.points + lesson.arrows)[shown]
    np.testing.assert_allclose(tips[np.lexsort(tips.T)], wanted[np.lexsort(wanted.T)], atol=1e-6)
    (large,) = figure.layout.annotations
    np.testing.assert_allclose([large.x, large.y], wanted[-1], atol=1e-6)
    assert not learn.arrows(lesson, features, None, mode="dark").layout.annotations


def test_distributions_are_sorted_and_shares_add_up(features):
    lesson = pixel_lesson(features, 10, 1)
    for trace, row in zip(learn.distributions(lesson, mode="light").data, lesson.rows.values(), strict=True):
        np.testing.assert_allclose(trace.y, np.sort(row.distribution)[::-1])
    bars = learn.shares(lesson, "after", ["a", "b"], mode="light").data
    np.testing.assert_allclose(np.sum([bar.x for bar in bars], axis=0), 100)
    assert bars[0].x[1] == pytest.approx(100 * lesson.shared_out["after"].shares["teacher"][0])


def test_memory_losses_stand_beside_their_ceilings(features):
    lesson = memory_lesson(features, "after", Distilled(features))
    bars, ceilings = learn.key_losses(lesson, KEYS, mode="dark").data
    np.testing.assert_allclose(bars.x, [loss.loss for loss in lesson.losses[::-1]])
    np.testing.assert_allclose(ceilings.x, [loss.ceiling for loss in lesson.losses[::-1]])
