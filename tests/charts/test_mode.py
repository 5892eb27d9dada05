"""A chart is drawn for the mode that is held: its text in that mode's ink."""

import pytest

from cirkd.charts import centroids as charts
from cirkd.charts import theme
from tests.charts.results import make_centroids
from tests.factories import make_features


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_text_of_a_chart_has_the_ink_of_the_mode_that_is_held(mode):
    features = make_features()
    with theme.held(mode):
        figure = charts.drift_map(make_centroids(features), features.classes, None)
    assert figure.layout.template.layout.font.color == theme.ink(mode)
    assert figure.data[0].textfont.color == theme.ink(mode)
    assert theme.mode() == "light"
