"""Heatmaps show exactly the matrix they were given, on the scale they were given, with the classes alongside."""

import numpy as np
import pytest

from cirkd.analysis.compare import compare_matrices
from cirkd.charts import heat, matrix
from tests.charts.results import make_divergence, make_pair
from tests.factories import make_features


@pytest.fixture
def features():
    return make_features()


def test_all_models_share_a_scale_and_differences_are_centred_on_0(features):
    pair = make_pair(features)
    compared = compare_matrices(pair.matrices, "teacher")
    rows, columns = matrix.pixel_sides(pair, features)
    scale = matrix.cosine_scale(compared, "relation")
    for name, z in compared.matrices.items():
        figure = matrix.heatmap(z, rows, columns, scale)
        np.testing.assert_array_equal(figure.data[0].z, pair.matrices[name])
        assert (figure.data[0].zmin, figure.data[0].zmax) == (scale.low, scale.high)
    difference = matrix.difference_scale(compared, "difference")
    assert difference.low == -difference.high
    figure = matrix.heatmap(compared.differences["after"], rows, columns, difference)
    np.testing.assert_array_equal(figure.data[0].z, pair.matrices["after"] - pair.matrices["teacher"])


def test_a_scale_without_negative_cosines_is_sequential():
    positive = compare_matrices({"teacher": np.array([[0.21, 0.98]])}, "teacher")
    assert matrix.cosine_scale(positive, "relation").low == pytest.approx(0.2)
    signed = compare_matrices({"teacher": np.array([[-0.3, 0.98]])}, "teacher")
    scale = matrix.cosine_scale(signed, "relation")
    assert (scale.low, scale.high) == (-1.0, 1.0)


@pytest.mark.parametrize("order", ["class", "position"])
def test_sides_are_named_uniquely_and_bars_carry_class_colours(features, order):
    pair = make_pair(features, n=20, m=12, order=order)
    rows, columns = matrix.pixel_sides(pair, features)
    assert len(set(rows.names)) == len(rows.names) == 20
    assert len(set(columns.names)) == len(columns.names) == 12
    figure = matrix.heatmap(pair.matrices["before"], rows, columns, matrix.Scale("Cividis", 0, 1, "relation"))
    bars = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert len(bars) == len(pair.row_runs) + len(pair.column_runs)
    if order == "class":
        wanted = ["rgb({},{},{})".format(*features.classes.colors[r.label]) for r in pair.row_runs if r.label != 255]
        assert [b.fillcolor for b in bars if b.fillcolor in wanted][: len(wanted)] == wanted
        assert set(figure.layout.yaxis.ticktext) <= {*features.classes.names, "no class"}
    else:
        assert figure.layout.xaxis.ticktext == (features.image_names[1],)


def test_the_map_holds_the_divergence_of_that_image_on_the_common_scale(features):
    divergence = make_divergence(features)
    figure = heat.divergence_map(features, divergence, "after", 2, opacity=0.4)
    (trace,) = figure.data
    wanted = divergence.per_pixel["after"][features.pixels.of_image(2)].reshape(features.pixels.grid[2])
    np.testing.assert_array_equal(trace.z, wanted)
    assert (trace.zmin, trace.zmax, trace.opacity) == (0, divergence.largest, 0.4)
    assert len(figure.layout.images) == 1


def test_image_pairs_have_one_scale_for_all_students(features):
    divergence = make_divergence(features)
    scale = heat.pair_scale(divergence)
    for name, pairs in divergence.by_pair.items():
        (trace,) = heat.by_pair(features, divergence, name).data
        np.testing.assert_array_equal(trace.z, pairs)
        assert trace.zmax == scale.high == max(p.max() for p in divergence.by_pair.values())
