"""The linked view's bytes: what comes out of them is what went in, within the error that they state."""

from __future__ import annotations

import dataclasses
import json
import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cirkd.analysis import explorer_block as explorer_block_module
from cirkd.analysis import explorer_encode
from cirkd.analysis.divergences import divergence
from cirkd.analysis.explorer_block import cosine_error, dimensions_for, explorer_block, quantise, thin
from cirkd.analysis.explorer_encode import encode
from cirkd.analysis.projection import MAPS, coarse_pixels, explorer_map, project
from cirkd.analysis.scores import pixel_change
from cirkd.data.errors import StudyError
from cirkd.features.extract import make_pixels
from tests.analysis.oracles import unit
from tests.factories import make_features


def read(data: bytes) -> tuple[dict[str, Any], Any]:
    """The header, and a function from a ref to its array or bytes."""
    (length,) = struct.unpack("<I", data[:4])
    header, body = json.loads(data[4 : 4 + length]), data[4 + length :]
    assert (4 + length) % 8 == 0

    def open_ref(ref: dict[str, Any]) -> Any:
        part = body[ref["at"] : ref["at"] + ref["length"]]
        assert ref["at"] % 8 == 0
        return part if "/" in ref["type"] else np.frombuffer(part, ref["type"])

    return header, open_ref


def cosines(model: dict[str, Any], open_ref: Any) -> np.ndarray:
    """All cosines that the browser can compute, one by one as it does."""
    rows = open_ref(model["embedding"]).reshape(-1, model["dimensions"]).astype(np.int64)
    scale = open_ref(model["scale"]).astype(np.float64)
    return scale[:, None] * scale[None, :] * (rows @ rows.T)


@pytest.mark.parametrize("widths", [{}, {"teacher": 80}, {"before": 3}])
def test_cosines_from_the_bytes_are_those_of_the_embeddings(widths: dict[str, int]) -> None:
    features = make_features(widths=widths)
    data = encode(explorer_block(features), {})
    header, open_ref = read(data)
    for model in header["models"]:
        rows = unit(features.models[model["name"]].embedding)
        error = np.abs(cosines(model, open_ref) - rows @ rows.T).max()
        assert model["pairs"] == len(rows) ** 2
        assert error <= model["error"] + 1e-6
        assert error == pytest.approx(model["error"], abs=1e-6)
        assert model["error"] < (0.02 if model["width"] <= 64 else 0.3)
        assert model["dimensions"] == min(64, model["width"])
        assert (model["kept"] == pytest.approx(1.0, abs=1e-6)) == (model["width"] <= 64)


def test_everything_of_a_position_comes_out_again() -> None:
    features = make_features()
    block = explorer_block(features)
    maps = {name: explorer_map(features, block, name) for name in ("pca", "relation")}
    found = divergence(features, 0.2)
    header, open_ref = read(encode(block, maps, found, {"look": {"a": 1}}))
    assert header["look"] == {"a": 1}
    assert header["positions"] == header["of"] == len(features.pixels)
    np.testing.assert_array_equal(open_ref(header["label"]), features.pixels.label)
    np.testing.assert_array_equal(open_ref(header["change"]), pixel_change(features).grid)
    assert [image["name"] for image in header["images"]] == list(features.image_names)
    assert [tuple(image["grid"]) for image in header["images"]] == list(features.pixels.grid)
    for model in header["models"]:
        made = features.models[model["name"]]
        np.testing.assert_array_equal(open_ref(model["prediction"]), made.prediction)
        np.testing.assert_array_equal(open_ref(model["confidence"]), made.confidence)
        for name, item in maps.items():
            at = open_ref(header["maps"][name]["coordinates"][model["name"]]).reshape(-1, 2)
            np.testing.assert_array_equal(at, item.coordinates[model["name"]])
            assert header["maps"][name]["positions"] is None
    assert header["maps"]["pca"]["residual"] == maps["pca"].residual
    assert header["divergence"]["temperature"] == 0.2
    for name, ref in header["divergence"]["values"].items():
        np.testing.assert_array_equal(open_ref(ref), found.per_pixel[name])
    picture = np.asarray(Image.open(BytesIO(open_ref(header["models"][0]["pictures"][1]))).convert("RGB"))
    colors = np.array(features.classes.colors, np.uint8)[features.models["teacher"].prediction_maps[1]]
    np.testing.assert_array_equal(picture, colors)
    assert Image.open(BytesIO(open_ref(header["images"][2]["photo"]))).size == features.images[2].shape[1::-1]


def test_unlabelled_pixels_are_transparent_in_the_labels_picture() -> None:
    features = make_features()
    header, open_ref = read(encode(explorer_block(features), {}))
    picture = np.asarray(Image.open(BytesIO(open_ref(header["images"][0]["label"]))).convert("RGBA"))
    assert features.labels is not None
    np.testing.assert_array_equal(picture[..., 3] == 0, features.labels[0] == 255)


@pytest.mark.parametrize("most", [1000, 200, 60, 17, 4])
def test_thinning_is_even_and_keeps_within_the_limit(most: int) -> None:
    grids = [(6, 8), (5, 7), (12, 3), (1, 9)]
    index, sizes, stride = thin(grids, most)
    offset = (stride - 1) // 2
    wanted, start = [], 0
    for h, w in grids:
        rows = [r for r in range(h) if r >= min(offset, h // 2) and (r - min(offset, h // 2)) % stride == 0]
        columns = [c for c in range(w) if c >= min(offset, w // 2) and (c - min(offset, w // 2)) % stride == 0]
        wanted += [start + r * w + c for r in rows for c in columns]
        start += h * w
    assert index.tolist() == wanted
    assert len(index) == sum(h * w for h, w in sizes) <= most
    assert all(h >= 1 and w >= 1 for h, w in sizes)
    assert (stride == 1) == (most >= sum(h * w for h, w in grids))


def test_too_low_a_limit_says_so() -> None:
    with pytest.raises(StudyError, match="at most 3 positions for 4 images"):
        explorer_block(make_features(), most=3)


def test_a_thinned_block_holds_the_values_of_its_positions() -> None:
    features = make_features()
    block = explorer_block(features, most=60)
    assert block.stride == 2
    header, open_ref = read(encode(block, {"pca": explorer_map(features, block, "pca")}, divergence(features)))
    assert (header["positions"], header["of"], header["stride"]) == (len(block.index), 192, 2)
    np.testing.assert_array_equal(open_ref(header["label"]), features.pixels.label[block.index])
    rows = unit(features.models["after"].embedding)[block.index]
    model = header["models"][2]
    assert np.abs(cosines(model, open_ref) - rows @ rows.T).max() <= model["error"] + 1e-6


def test_error_is_measured_over_spread_rows_where_there_are_many() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(500, 12))).astype(np.float32)
    embedding, scale, _ = quantise(rows)
    approximate = embedding * scale[:, None]
    whole, pairs = cosine_error(rows, approximate)
    some, fewer = cosine_error(rows, approximate, measured=100)
    every = np.arange(0, 500, 25)
    assert pairs == 500**2
    assert fewer == len(every) * 500
    assert some == pytest.approx(np.abs(rows[every] @ rows.T - approximate[every] @ approximate.T).max(), abs=1e-6)
    assert some <= whole


def test_an_embedding_of_zeros_relates_to_nothing() -> None:
    features = make_features(models=("teacher",))
    model = features.models["teacher"]
    model.embedding[5] = 0
    header, open_ref = read(encode(explorer_block(features), {}))
    assert np.isfinite(cosines(header["models"][0], open_ref)).all()
    assert not cosines(header["models"][0], open_ref)[5].any()


def test_the_same_study_has_the_same_id_whatever_else_is_sent() -> None:
    features = make_features()
    block = explorer_block(features)
    first, _ = read(encode(block, {}))
    more, _ = read(encode(block, {"pca": explorer_map(features, block, "pca")}, divergence(features)))
    other, _ = read(encode(explorer_block(make_features(seed=1)), {}))
    assert first["id"] == more["id"] != other["id"]


def test_without_labels_or_pair_there_is_no_change() -> None:
    for features in (make_features(labels=False), make_features(models=("teacher", "after"))):
        header, _ = read(encode(explorer_block(features), {}))
        assert header["change"] is None
    header, _ = read(encode(explorer_block(make_features(labels=False)), {}))
    assert header["images"][0]["label"] is None
    assert header["groupedBy"] == "prediction of teacher"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "umap" else ()) for name in MAPS]
)
def test_every_map_shows_positions_of_the_block(name: str) -> None:
    features = make_features()
    block = explorer_block(features, most=60)
    item = explorer_map(features, block, name, sample=20)
    assert set(item.index.tolist()) <= set(block.index.tolist())
    assert len(item.index) == (len(block.index) if name in ("pca", "relation") else 20)
    header, open_ref = read(encode(block, {name: item}))
    at = header["maps"][name]["positions"]
    shown = block.index if at is None else block.index[open_ref(at)]
    np.testing.assert_array_equal(shown, item.index)
    assert item.space == ("relation" if name == "relation" else "feature")


def test_maps_of_other_positions_are_refused() -> None:
    features = make_features()
    block = explorer_block(features, most=60)
    with pytest.raises(StudyError, match="map 'x': must show positions of this block"):
        encode(block, {"x": project(features, "pca", 2, np.arange(10))})
    with pytest.raises(StudyError, match="in 2-D"):
        encode(block, {"x": project(features, "pca", 3, block.index)})
    with pytest.raises(StudyError, match="map 'y' is unknown"):
        explorer_map(features, block, "y")


def test_too_many_bytes_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer_encode, "LARGEST", 1000)
    with pytest.raises(StudyError, match="choose fewer images"):
        encode(explorer_block(make_features()), {})


def test_a_model_with_other_classes_keeps_its_own() -> None:
    features = make_features()
    model = dataclasses.replace(features.models["after"], comparable=False, note="after knows other classes")
    features.models["after"] = model
    header, _ = read(encode(explorer_block(features), {}))
    assert header["models"][2]["comparable"] is False
    assert header["models"][2]["note"] == "after knows other classes"


def test_many_positions_have_fewer_numbers_and_maps_draw_a_class_balanced_part(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [dimensions_for(n) for n in (1, 12_288, 25_000, 40_000, 49_152, 10**6)] == [64, 64, 64, 48, 40, 32]
    monkeypatch.setattr(explorer_block_module, "DOTS", 40)
    features = make_features()
    block = explorer_block(features)
    assert block.dots is not None and len(block.dots) == 40
    counts = np.bincount(features.grouping().values[block.index[block.dots]], minlength=4)
    assert counts.max() - counts.min() <= 1
    header, open_ref = read(encode(block, {"pca": explorer_map(features, block, "pca")}))
    np.testing.assert_array_equal(open_ref(header["dots"]), block.dots)
    assert header["maps"]["pca"]["positions"] is None


def test_a_fine_position_lies_in_the_cell_that_holds_its_centre() -> None:
    fine, coarse = make_pixels([(8, 12), (5, 7)], None), make_pixels([(4, 6), (3, 4)], None)
    found = coarse_pixels(fine, coarse)
    for pixel in range(len(fine)):
        image = int(fine.image[pixel])
        (h, w), (own_h, own_w) = coarse.grid[image], fine.grid[image]
        row, column = int(fine.row[pixel]) * h // own_h, int(fine.column[pixel]) * w // own_w
        assert (coarse.image[found[pixel]], coarse.row[found[pixel]], coarse.column[found[pixel]]) == (
            image,
            row,
            column,
        )


def test_the_same_arrays_under_other_names_are_another_view():
    features = make_features(("teacher", "before"))
    teacher, student = features.models.values()
    renamed = {"teacher": teacher, "after": dataclasses.replace(student, name="after")}
    other = dataclasses.replace(features, models=renamed)
    first, again, second = (read(encode(explorer_block(f), {}))[0] for f in (features, features, other))
    assert first["id"] == again["id"] != second["id"]
