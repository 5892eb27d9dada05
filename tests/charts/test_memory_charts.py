"""The memory charts hold the numbers of the results."""

import numpy as np
import pytest

from cirkd.analysis.bank_map import bank_map
from cirkd.analysis.memory_bank import memory_bank
from cirkd.analysis.memory_lesson import stored_pixels
from cirkd.charts import memory as charts
from cirkd.charts import theme
from tests.analysis.test_memory_bank import Distilled
from tests.factories import make_features


@pytest.fixture
def features():
    return make_features()


def test_fill_age_and_purity_are_drawn_for_every_class(features):
    bank = memory_bank(features, "after", Distilled(features))
    ticks = [theme.class_tick(bank.classes, c) for c in range(4)]
    figures = [chart(bank) for chart in (charts.fill, charts.age, charts.purity)]
    wanted = [lambda s: 100 * s.fill, lambda s: s.age[:, 1], lambda s: 100 * s.purity]
    for figure, values in zip(figures, wanted, strict=True):
        marks = [trace for trace in figure.data if trace.mode == "markers"]
        assert [trace.name for trace in marks] == ["pixel queue", "region queue"]
        for trace, state in zip(marks, bank.queues.values(), strict=True):
            assert list(trace.y) == ticks
            np.testing.assert_allclose(np.array(trace.x, float), values(state))
        assert list(figure.layout.yaxis.categoryarray) == ticks[::-1]
    lines = next(trace for trace in figures[1].data if trace.mode == "lines")
    assert list(lines.x[:2]) == list(bank.queues["pixel"].age[0, [0, 2]])


def test_the_map_shows_keys_or_one_models_pixels_in_class_colours(features):
    model = Distilled(features)
    found = bank_map(features, "after", model, key_budget=12, region_budget=6, pixel_budget=20)
    keys = charts.key_map(found, model.info.classes, features.classes, None)
    drawn = np.concatenate([np.column_stack([trace.x, trace.y]) for trace in keys.data])
    np.testing.assert_array_equal(
        drawn, np.concatenate([found.key_points[found.keys.kinds == k] for k in ("pixel", "region")])
    )
    for name in found.points:
        figure = charts.key_map(found, model.info.classes, features.classes, name)
        pixels = figure.data[-1]
        np.testing.assert_array_equal(np.column_stack([pixels.x, pixels.y]), found.points[name])
        wanted = [theme.class_color(features.classes.colors[c]) if c < 4 else theme.UNLABELLED for c in found.labels]
        assert list(pixels.marker.color) == wanted
        assert figure.layout.xaxis.range == found.frames[name][0]


def test_bars_of_what_is_stored_add_up_and_places_lie_in_the_image(features):
    found = stored_pixels(features, per_class=3)
    for kind in ("own", "published"):
        figure = charts.stored(found, kind)
        bars = [trace for trace in figure.data if trace.type == "bar"]
        np.testing.assert_allclose(np.sum([bar.x for bar in bars], axis=0), 100)
        assert list(figure.data[-1].text) == [theme.percent(float(v), 0) for v in found.purity[kind][::-1]]
        places = charts.stored_places(features, found, kind, 2, 3).data[0]
        chosen = (found.stored_as[kind] == 2) & (features.pixels.image[found.pixels[kind]] == 3)
        np.testing.assert_array_equal(places.x, features.pixels.column[found.pixels[kind][chosen]])
        assert len(places.x) == 3
