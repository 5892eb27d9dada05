"""A folder of embeddings as a study: the same numbers as of the same pixels, and only a sample of it in memory."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from cirkd.data.catalog import open_data
from cirkd.data.errors import StudyError
from cirkd.data.palettes import CAMVID
from cirkd.features.extract import extract
from cirkd.features.feature_set import FeatureSet
from cirkd.features.store import extract_to
from cirkd.features.stored import class_counts, is_stored, open_stored, read_stored
from cirkd.models.build import build_segmenter
from cirkd.results import Results
from cirkd.study import Study
from tests.factories import declarations
from tests.training.tiny import write_camvid

MODELS = ("camvid-teacher", "camvid-baseline", "camvid-cirkd")
ROLES = ("teacher", "before", "after")


@pytest.fixture(scope="module")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camvid(tmp_path_factory.mktemp("camvid"))


@pytest.fixture(scope="module")
def models() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    widths = dict(zip(MODELS, (12, 8, 8), strict=True))
    return {
        name: build_segmenter("deeplabv3", "tu-mobilenetv3_small_050", CAMVID, embedding_channels=width).eval()
        for name, width in widths.items()
    }


@pytest.fixture(scope="module")
def folder(camvid: Path, models: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "embeddings"
    extract_to(path, models, open_data("camvid", "train", camvid), per_class=30)
    return path


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The folder, to be spoilt."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def the_same_pixels(stored: FeatureSet, camvid: Path, models: dict) -> FeatureSet:
    """The stored pixels, taken out of a plain study of all images; its images and maps stay whole."""
    data = open_data("camvid", "train", camvid)
    named: dict[str, Any] = dict(zip(ROLES, models.values(), strict=True))
    whole = extract(named, [data[i] for i in range(len(data))], device="cpu", precision="float32", classes=CAMVID)
    place = {key: i for i, key in enumerate(zip(*places(whole), strict=True))}
    index = np.array([place[key] for key in zip(*places(stored), strict=True)])
    pixels = whole.pixels
    return replace(
        whole,
        pixels=replace(
            pixels,
            image=pixels.image[index],
            row=pixels.row[index],
            column=pixels.column[index],
            label=pixels.label[index],
        ),
        models={
            name: replace(
                model,
                embedding=model.embedding[index],
                prediction=model.prediction[index],
                confidence=model.confidence[index],
            )
            for name, model in whole.models.items()
        },
    )


def places(features: FeatureSet) -> tuple[list, list, list]:
    names = [features.image_names[i] for i in features.pixels.image.tolist()]
    return names, features.pixels.row.tolist(), features.pixels.column.tolist()


def test_analysis_is_that_of_the_same_pixels_of_a_plain_study(camvid: Path, models: dict, folder: Path) -> None:
    study = Study.from_folder(folder)
    plain = Study({}, study.source)
    plain.cache.keep(
        plain.key(declarations(Results)["features"], {}), the_same_pixels(study.features(), camvid, models)
    )
    assert study.names == ROLES
    assert study.sample(100).index.tolist() == plain.sample(100).index.tolist()
    for across in (False, True):
        found, wanted = study.class_relations(across), plain.class_relations(across)
        assert found.counts.tolist() == wanted.counts.tolist()
        for name in ROLES:
            np.testing.assert_allclose(found.matrices[name], wanted.matrices[name], atol=1e-5)
    ours, theirs = study.centroids(), plain.centroids()
    for name in ROLES:
        np.testing.assert_allclose(ours.cosine[name], theirs.cosine[name], atol=1e-5)
        np.testing.assert_allclose(ours.row_distance[name], theirs.row_distance[name], atol=1e-5)
    for by in ("class", "prediction", "error", "confidence", "change"):
        model = "after" if by in ("prediction", "error", "confidence") else None
        ours, theirs = study.pixel_colors(by, model), plain.pixel_colors(by, model)
        assert ours.codes.tolist() == theirs.codes.tolist()
    maps, wanted_maps = study.projection(budget=100), plain.projection(budget=100)
    for name in ROLES:
        np.testing.assert_allclose(maps.coordinates[name], wanted_maps.coordinates[name], atol=1e-3)
    near, wanted_near = study.pixel_relations(3), plain.pixel_relations(3)
    np.testing.assert_allclose(near.similarity["after"], wanted_near.similarity["after"], atol=1e-5)


def test_the_sample_has_the_smallest_keys_of_every_class(folder: Path) -> None:
    stored = open_stored(folder)
    counts = class_counts(stored)
    assert sum(counts.values()) == stored.rows
    features = read_stored(stored, budget=10 * len(counts))
    table = pq.read_table(folder / "pixels.parquet")
    keys, labels = table["key"].to_numpy(), table["label"].to_numpy()
    chosen = {
        (table["image"][i].as_py(), table["row"][i].as_py(), table["column"][i].as_py())
        for label in counts
        for i in sorted(np.flatnonzero(labels == label), key=lambda i: keys[i])[:10]
    }
    numbers = [stored.settings.images.index(name) for name in places(features)[0]]
    assert set(zip(numbers, *places(features)[1:], strict=True)) == chosen
    assert features.provenance["stored"] == stored.rows


def test_what_needs_whole_images_says_so_in_one_line(folder: Path, tmp_path: Path) -> None:
    study = Study.from_folder(folder)
    assert study.features().sampled
    asked: tuple[Callable[[], object], ...] = (
        study.scores,
        study.pixel_change,
        study.relations,
        study.region_relations,
        study.divergence,
        study.explorer,
        study.summary,
        study.evaluate,
        study.stored_pixels,
        study.memory_bank,
        study.bank_map,
        study.batch_terms,
        study.memory_lesson,
        lambda: study.export_projector(tmp_path / "p"),
        lambda: study.export_embeddings(tmp_path / "e.parquet"),
        lambda: study.pixel_colors("divergence"),
        lambda: study.features().pixels.of_image(0),
    )
    for ask in asked:
        with pytest.raises(StudyError, match=r"needs whole images.*open the checkpoints on images$"):
            ask()
    assert set(study.tables()) == {"centroids", "geometry", "class-relations"}


def test_images_without_labels_are_grouped_by_prediction(camvid: Path, models: dict, tmp_path: Path) -> None:
    data = open_data("folder", root=camvid / "val")
    extract_to(tmp_path / "out", {"mine": models["camvid-cirkd"]}, data, per_class=5)
    study = Study.from_folder(tmp_path / "out")
    assert study.names == ("mine",)
    assert not study.features().has_labels
    assert study.features().grouping().source == "prediction of mine"
    assert len(study.class_relations().classes) == len(study.features().grouping().present())


def write_large(folder: Path, groups: int) -> int:
    """Write a file of so many row groups with wide embeddings; returns the bytes of its columns."""
    path, rows, width, size = folder / "pixels.parquet", 4096, 256, 0
    schema = pq.read_schema(path)
    generator = np.random.default_rng(0)
    columns = {"image": np.zeros(rows, np.int32), "row": np.arange(rows, dtype=np.int32)}
    columns |= {"column": columns["row"], "label": (columns["row"] % 11).astype(np.uint8)}
    fields = [pa.field(f.name, pa.list_(pa.float32(), width) if "embedding" in f.name else f.type) for f in schema]
    with pq.ParquetWriter(path, pa.schema(fields), compression="zstd") as writer:
        for _ in range(groups):
            arrays = []
            for field in fields:
                if field.name.endswith(".embedding"):
                    flat = np.repeat(generator.random(rows, np.float32), width)
                    arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(flat), width))
                else:
                    values = columns.get(field.name, generator.random(rows))
                    arrays.append(pa.array(values).cast(field.type, safe=False))
            table = pa.table(arrays, pa.schema(fields))
            size += table.nbytes
            writer.write_table(table)
    return size


PEAK = """
import sys, tracemalloc
import pyarrow as pa
import cirkd.features.extract
from cirkd.features.stored import open_stored, read_stored
stored = open_stored(sys.argv[1])
tracemalloc.start()
features = read_stored(stored, budget=200)
assert len(features.pixels) == 200
print(pa.default_memory_pool().max_memory() + tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(copy: Path) -> None:
    peaks, sizes = [], []
    for groups in (3, 30):
        sizes.append(write_large(copy, groups))
        done = subprocess.run([sys.executable, "-c", PEAK, str(copy)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert sizes[1] > 300_000_000
    assert peaks[1] < sizes[1] / 5
    assert peaks[1] < 1.2 * peaks[0]


def test_a_folder_is_recognised_by_what_lies_in_it(folder: Path, copy: Path, camvid: Path) -> None:
    assert is_stored(folder)
    (copy / "pixels.parquet").unlink()
    assert is_stored(copy)
    assert not is_stored(camvid)
    assert not is_stored(camvid / "nowhere")


def rewrite(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    path = folder / "pixels.parquet"
    pq.write_table(change(pq.read_table(path)), path)


def put(name: str, values: Callable[[int], pa.Array]) -> Callable[[Path], None]:
    def change(table: pa.Table) -> pa.Table:
        column = pa.chunked_array([values(len(table))])
        return table.set_column(table.schema.get_field_index(name), name, column)

    return lambda folder: rewrite(folder, change)


def settings(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "settings.json"
        found = json.loads(path.read_text())
        change(found)
        path.write_text(json.dumps(found))

    return spoil


def truncated(share: float) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "pixels.parquet"
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return spoil


def middle(folder: Path) -> None:
    path = folder / "pixels.parquet"
    content = bytearray(path.read_bytes())
    content[200 : len(content) // 2] = bytes(len(content) // 2 - 200)
    path.write_bytes(content)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "not finished": (lambda f: (f / "pixels.parquet").unlink(), "not finished.*beside 1 parts.*goes on"),
    "no settings": (lambda f: (f / "settings.json").unlink(), "settings.json: not there"),
    "settings of another kind": (lambda f: (f / "settings.json").write_text("[1]"), "not the settings"),
    "settings that are no JSON": (lambda f: (f / "settings.json").write_bytes(b"\xff{"), "cannot be read as JSON"),
    "settings with a field less": (settings(lambda s: s.pop("seed")), "not the settings"),
    "settings with a strange colour": (settings(lambda s: s.update(colors=["red"] * 11)), "not the settings"),
    "settings with strange models": (settings(lambda s: s.update(models={"a": 3})), "not the settings"),
    "settings of other models": (settings(lambda s: s["models"].pop(MODELS[0])), "not of the models"),
    "fewer images": (settings(lambda s: s.update(images=s["images"][:1])), "images that settings.json does not name"),
    "a file cut in half": (truncated(0.5), "cannot be read"),
    "an empty file": (truncated(0), "cannot be read"),
    "a file with a hole": (middle, "cannot be read|not finite|does not name|holds"),
    "another file": (lambda f: pq.write_table(pa.table({"a": [1]}), f / "pixels.parquet"), "not of the models"),
    "a text file": (lambda f: (f / "pixels.parquet").write_text("image,row"), "cannot be read"),
    "a column less": (lambda f: rewrite(f, lambda t: t.drop_columns(["key"])), "no column 'key'"),
    "a column of another kind": (
        lambda f: rewrite(
            f, lambda t: t.cast(t.schema.set(t.schema.get_field_index("row"), pa.field("row", pa.int64())))
        ),
        "no column 'row' of its kind",
    ),
    "no rows": (lambda f: rewrite(f, lambda t: t.slice(0, 0)), "holds no pixel"),
    "labels beyond": (put("label", lambda n: pa.array(np.full(n, 77, np.uint8))), "beyond the 11 classes"),
    "groups beyond": (put("group", lambda n: pa.array(np.full(n, 77, np.uint8))), "beyond the 11 classes"),
    "gaps": (put("row", lambda n: pa.array([None] * n, pa.int32())), "gaps"),
    "infinite": (put(f"{MODELS[0]}.confidence", lambda n: pa.array(np.full(n, np.inf, np.float32))), "not finite"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_folder_is_one_clear_line(case: str, copy: Path) -> None:
    spoil, line = SPOILT[case]
    spoil(copy)
    with pytest.raises(StudyError, match=line) as caught:
        Study.from_folder(copy).features()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is no such folder"):
        Study.from_folder(tmp_path / "nowhere")
