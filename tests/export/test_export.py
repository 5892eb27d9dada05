"""Tables, embeddings and the projector's files hold what the study holds; a file is whole or not there."""

import csv
import io
import json
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cirkd.data.errors import ExportError
from cirkd.export import embeddings as projector
from cirkd.export.embeddings import write_embeddings
from cirkd.export.files import through_file, whole, write_all
from cirkd.export.table import Table, write_table
from tests.factories import make_features, make_samples, make_study


def test_tables_hold_the_studys_numbers():
    study = make_study()
    found = study.tables()
    assert set(found) == {
        "models",
        "iou",
        "image-scores",
        "confusion",
        "fixed-broken",
        "divergence-classes",
        "divergence-pairs",
        "centroids",
        "geometry",
        "class-relations",
        "layers",
        "stored-pixels",
    }
    assert all(len({len(column) for column in item.columns.values()}) == 1 for item in found.values())
    np.testing.assert_array_equal(found["iou"].columns["iou_after"], study.scores().models["after"].iou)
    pairs = found["divergence-pairs"].columns
    cell = [i for i in range(len(pairs["model"])) if pairs["model"][i] == "after"][3 * 1 + 2]
    assert pairs["divergence"][cell] == study.divergence().by_pair["after"][1, 2]
    assert (pairs["rows_of"][cell], pairs["related_to"][cell]) == ("sample-1", "sample-2")
    layers, cka = found["layers"].columns, study.layer_similarity()
    assert layers["cka"] == [*cka.cka["before"].reshape(-1), *cka.cka["after"].reshape(-1)]
    assert set(layers["layer_of_teacher"]) == set(cka.layers["teacher"])
    relations = found["class-relations"].columns
    at = [
        i for i, pair in enumerate(zip(relations["class"], relations["with"], strict=True)) if pair == ("pole", "sky")
    ]
    assert relations["relation_teacher"][at[0]] == study.class_relations().matrices["teacher"][2, 3]


@pytest.mark.parametrize("missing", [("teacher",), ("before", "after"), ("teacher", "before")])
@pytest.mark.parametrize("labels", [True, False])
def test_what_is_missing_leaves_tables_out(missing, labels, tmp_path):
    study = make_study(**dict.fromkeys(missing), images=make_samples(2, labels=labels))
    found = study.tables()
    assert ("iou" in found) is labels
    assert ("divergence-classes" in found) == (len(study.names) > 1)
    study.export_tables(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.csv")} == set(found)


def test_csv_and_parquet_come_back(tmp_path):
    item = Table("t", "T", {"class": ["a,b", "c"], "n": np.array([1, 2]), "x": np.array([0.5, np.nan])}, {"seed": 3})
    write_table(item, tmp_path / "t.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text())))
    assert rows == [{"class": "a,b", "n": "1", "x": "0.5"}, {"class": "c", "n": "2", "x": ""}]
    write_table(item, tmp_path / "t.parquet")
    back = pq.read_table(tmp_path / "t.parquet")
    assert back.to_pydict() == {"class": ["a,b", "c"], "n": [1, 2], "x": [0.5, None]}
    assert json.loads(back.schema.metadata[b"cirkd"]) == {"seed": 3}
    with pytest.raises(ExportError, match="csv or parquet"):
        write_table(item, tmp_path / "t.xlsx")


@pytest.mark.parametrize("chosen", [None, [0, 5, 70, 191]])
def test_embeddings_come_back_in_fixed_size_lists(tmp_path, chosen):
    features = make_features()
    path = write_embeddings(features, tmp_path / "e.parquet", None if chosen is None else np.array(chosen))
    back = pq.read_table(path)
    index = np.arange(192) if chosen is None else np.array(chosen)
    assert len(back) == len(index)
    for name, model in features.models.items():
        column = back.column(f"embedding_{name}").combine_chunks()
        assert pa.types.is_fixed_size_list(column.type) and column.type.list_size == model.embedding.shape[1]
        rows = column.flatten().to_numpy().reshape(len(index), -1)
        np.testing.assert_array_equal(rows, model.embedding[index])
        names = features.classes.names
        assert back.column(f"prediction_{name}").to_pylist() == [names[c] for c in model.prediction[index]]
    labels = [features.classes.names[c] if c < 4 else None for c in features.pixels.label[index]]
    assert back.column("label").to_pylist() == labels
    assert back.column("image").to_pylist() == [features.image_names[i] for i in features.pixels.image[index]]
    assert json.loads(back.schema.metadata[b"cirkd"])["classes"] == list(features.classes.names)


@pytest.mark.parametrize("place", ["folder", "files.zip"])
def test_the_projector_gets_vectors_metadata_and_a_sprite(tmp_path, place):
    study = make_study()
    study.export_projector(tmp_path / place, budget=30, seed=2)
    if place.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / place) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    else:
        files = {path.name: path.read_bytes() for path in (tmp_path / place).iterdir()}
    pixels, features = study.sample(30, 2).index, study.features()
    vectors = np.loadtxt(io.BytesIO(files["after.tsv"]), delimiter="\t")
    np.testing.assert_allclose(vectors, features.models["after"].unit_embedding()[pixels], atol=1e-5)
    lines = files["metadata.tsv"].decode().splitlines()
    assert len(lines) == 31 and lines[0].split("\t")[:2] == ["class", "image"]
    assert lines[4].split("\t")[1:4] == [
        features.image_names[features.pixels.image[pixels[3]]],
        str(features.pixels.row[pixels[3]]),
        str(features.pixels.column[pixels[3]]),
    ]
    config = json.loads(files["projector_config.json"])["embeddings"]
    assert [entry["tensorShape"] for entry in config] == [[30, 12], [30, 8], [30, 8]]
    assert files["projector_config.pbtxt"].decode().count("tensor_path") == 3
    sprite = Image.open(io.BytesIO(files["sprite.png"]))
    assert sprite.size == (6 * projector.SIDE, 6 * projector.SIDE)


def test_the_sprite_shows_what_lies_at_the_pixel():
    features = make_features(images=1, grid=(4, 4), stride=8)
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[8:16, 16:24] = (250, 10, 10)  # row 1, column 2
    features = type(features)(**{**features.__dict__, "images": (picture,)})
    sheet = Image.open(io.BytesIO(dict(projector.projector_files(features, np.array([6, 12])))["sprite.png"]))
    middle = projector.SIDE // 2
    assert np.asarray(sheet)[middle, middle, 0] > 200
    assert np.asarray(sheet)[middle, projector.SIDE + middle, 0] < 50
    with pytest.raises(ExportError, match="0 pixels"):
        projector.write_projector(features, np.array([], int), "nowhere")


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    with whole(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o444 == 0o444
    assert through_file(lambda file: file.write_bytes(b"x"), ".bin") == b"x"


def test_places_that_cannot_be_written_to_say_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=r"cannot be written.*choose another place"):
        write_embeddings(make_features(), tmp_path / "file" / "e.parquet")
    with pytest.raises(ExportError, match="this is a folder"):
        write_embeddings(make_features(), tmp_path)
    with pytest.raises(ExportError, match="this is a file"):
        write_all([("a", b"")], tmp_path / "file")
