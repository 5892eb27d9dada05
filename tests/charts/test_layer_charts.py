"""The heatmaps of layers hold the result's numbers, layers by name, image first."""

import numpy as np

from cirkd.analysis.layer_similarity import LayerSimilarity
from cirkd.charts import layers as charts

LAYERS = ("stage1", "decoder")
FOUND = LayerSimilarity(
    layers={"teacher": LAYERS, "before": LAYERS, "after": (*LAYERS, "projected")},
    cka={"before": np.array([[0.9, 0.2], [0.1, 0.5]]), "after": np.array([[0.9, 0.3], [0.1, 0.8], [0.1, 0.9]])},
    positions=40,
    images=2,
    seed=0,
    grids=((4, 5), (4, 5)),
    reference="teacher",
)


def test_a_students_layers_with_the_teachers():
    heat = charts.similarity(FOUND, "after").data[0]
    np.testing.assert_array_equal(heat.z, FOUND.cka["after"])
    assert list(heat.y) == ["stage1", "decoder", "projected"]
    assert list(heat.x) == ["stage1", "decoder"]
    assert (heat.zmin, heat.zmax) == (0, 1)


def test_the_change_is_centred_on_none():
    heat = charts.change(FOUND, "before", "after").data[0]
    np.testing.assert_allclose(heat.z, [[0, 0.1], [0, 0.3]])
    np.testing.assert_allclose((heat.zmin, heat.zmax), (-0.3, 0.3))
