"""The bundled street images agree with their manifest, and show every class often enough to learn it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA = Path(__file__).resolve().parents[2] / "data" / "streets"
SPLITS = {"train": 240, "val": 60, "test": 60}
PRESENT = 40  # pixels from which a class counts as shown
LIMIT = 25 * 2**20  # bytes that the whole folder may take


@pytest.fixture(scope="module")
def manifest() -> dict:
    """The parsed manifest."""
    return json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))


def _label(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


def test_header_describes_the_format(manifest: dict) -> None:
    assert manifest["name"] == "streets"
    assert manifest["version"] == 1
    assert manifest["size"] == [512, 256]
    assert manifest["ignore_index"] == 255
    names = [entry["name"] for entry in manifest["classes"]]
    assert 12 <= len(names) <= 15
    assert len(set(names)) == len(names)
    assert len({tuple(entry["color"]) for entry in manifest["classes"]}) == len(names)


def test_splits_have_their_sizes_and_share_no_scene(manifest: dict) -> None:
    assert Counter(frame["split"] for frame in manifest["frames"]) == SPLITS
    scenes = {split: {f["scene"] for f in manifest["frames"] if f["split"] == split} for split in SPLITS}
    assert not scenes["train"] & scenes["val"]
    assert not scenes["train"] & scenes["test"]
    assert not scenes["val"] & scenes["test"]
    assert len({frame["id"] for frame in manifest["frames"]}) == len(manifest["frames"])


def test_every_listed_file_exists_and_no_other(manifest: dict) -> None:
    listed = {frame[key] for frame in manifest["frames"] for key in ("image", "label")}
    found = {p.relative_to(DATA).as_posix() for split in SPLITS for p in (DATA / split).iterdir()}
    assert listed == found


def test_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) <= LIMIT


def test_images_and_labels_have_the_stated_size(manifest: dict) -> None:
    for frame in manifest["frames"]:
        for key in ("image", "label"):
            with Image.open(DATA / frame[key]) as image:
                assert list(image.size) == manifest["size"], frame[key]


def test_counts_and_indices_agree_with_a_sample_of_labels(manifest: dict) -> None:
    classes = len(manifest["classes"])
    for frame in manifest["frames"][::9]:
        label = _label(DATA / frame["label"])
        assert label.max() < classes, frame["id"]
        assert np.bincount(label.ravel(), minlength=classes).tolist() == frame["counts"], frame["id"]


def test_label_palette_shows_the_class_colours(manifest: dict) -> None:
    colours = [value for entry in manifest["classes"] for value in entry["color"]]
    with Image.open(DATA / manifest["frames"][0]["label"]) as image:
        assert (image.getpalette() or [])[: len(colours)] == colours


@pytest.mark.parametrize("split", SPLITS)
def test_every_class_is_in_a_third_of_the_frames(manifest: dict, split: str) -> None:
    counts = np.array([frame["counts"] for frame in manifest["frames"] if frame["split"] == split])
    share = (counts >= PRESENT).mean(0)
    names = [entry["name"] for entry in manifest["classes"]]
    assert not [(name, float(s)) for name, s in zip(names, share, strict=True) if s < 1 / 3]


def test_images_are_neither_flat_nor_clipped(manifest: dict) -> None:
    for frame in manifest["frames"][::20]:
        with Image.open(DATA / frame["image"]) as image:
            pixels = np.asarray(image.convert("RGB"), np.float32)
        assert 50 < pixels.mean() < 215, frame["id"]
        assert pixels.std() > 20, frame["id"]
