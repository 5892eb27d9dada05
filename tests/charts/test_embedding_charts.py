"""The scatters show the same pixels in every model, in the colours they were given."""

import numpy as np
import pytest

from cirkd.analysis.explorer_selection import composition
from cirkd.charts import embeddings as charts
from cirkd.charts.legend import Paint
from tests.app.drawn import colors_of
from tests.charts.results import make_colors, make_projection
from tests.factories import make_features


@pytest.fixture
def features():
    return make_features()


def draw(features, dimensions=2, lit=None):
    projection, paint = make_projection(features, dimensions), Paint(make_colors(features))
    texts = charts.describe(features, projection.index.tolist(), "after")
    figures = {n: charts.scatter(projection, n, paint, texts, lit) for n in projection.coordinates}
    return projection, texts, figures


def test_every_panel_shows_the_same_pixels_in_class_colours(features):
    projection, texts, figures = draw(features)
    values = features.grouping().values[projection.index]
    wanted = ["#{:02x}{:02x}{:02x}".format(*features.classes.colors[c]) for c in values]
    assert list(figures) == ["teacher", "before", "after"]
    for name, figure in figures.items():
        (trace,) = figure.data
        assert trace.type == "scattergl"
        np.testing.assert_array_equal(np.column_stack([trace.x, trace.y]), projection.coordinates[name])
        assert colors_of(trace.marker.to_plotly_json()) == wanted
        assert list(trace.text) == texts
        assert trace.selectedpoints is None
        assert not figure.layout.showlegend


def test_chosen_dots_are_lit_in_every_panel(features):
    _, _, figures = draw(features, lit=[7, 3])
    for figure in figures.values():
        assert tuple(figure.data[0].selectedpoints) == (3, 7)
        assert figure.data[0].unselected.marker.opacity < 0.2


def test_in_3d_the_chosen_and_the_others_are_all_there(features):
    projection, _, figures = draw(features, dimensions=3, lit=[0, 5])
    chosen, others = figures["before"].data
    assert chosen.type == "scatter3d"
    assert (len(chosen.x), len(others.x)) == (2, len(projection.index) - 2)
    np.testing.assert_array_equal(chosen.z, projection.coordinates["before"][[0, 5], 2])
    assert chosen.opacity > others.opacity
    _, _, plain = draw(features, dimensions=3)
    assert len(plain["before"].data[0].x) == len(projection.index)


def test_hovering_tells_image_class_and_prediction(features):
    pixel = int(np.flatnonzero(features.pixels.image == 2)[20])
    (text,) = charts.describe(features, [pixel], "before")
    model, label = features.models["before"], features.pixels.label[pixel]
    assert features.classes.names[label] in text
    assert f"predicted {features.classes.names[model.prediction[pixel]]}" in text
    assert features.image_names[2] in text
    (bare,) = charts.describe(make_features(labels=False), [pixel], "before")
    assert "predicted" in bare


def test_the_make_up_of_a_choice_adds_up(features):
    pixels = list(range(0, len(features.pixels), 3))
    chosen = composition(features, pixels)
    figure = charts.make_up(chosen, features)
    assert sum(bar.x[0] for bar in figure.data) == len(pixels) == chosen.pixels
    first = chosen.classes[0][0]
    assert figure.data[0].marker.color == "rgb({},{},{})".format(*features.classes.colors[first])
