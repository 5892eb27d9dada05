"""Splits of a folder of one's own: by folder, by list, by share."""

import unicodedata
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from cirkd.data import catalog
from cirkd.data.catalog import open_data
from cirkd.data.errors import DataError
from tests.data.tiny_folder import LABEL, by_split, drawn, folder, opened, photograph, sequences

Form = Literal["NFC", "NFD"]


def test_splits_of_a_folder(tmp_path: Path) -> None:
    by_folder = tmp_path / "one"
    folder(by_folder / "train")
    folder(by_folder / "val")
    (by_folder / "val" / "images" / "f1.png").unlink()
    assert len(open_data("folder", "train", by_folder)) == 2
    assert len(open_data("folder", "val", by_folder)) == 1
    listed = folder(tmp_path / "two")
    (listed / "val.txt").write_text("\ufefff1.png\r\n", encoding="utf-8")
    assert open_data("folder", "val", listed).names == ["f1"]
    assert open_data("folder", "0-50%", listed).names != open_data("folder", "50-100%", listed).names
    with pytest.raises(DataError, match="its images are in folders for val, train; choose one of these splits"):
        open_data("folder", "all", by_folder)
    with pytest.raises(DataError, match="no split 'dance'"):
        open_data("folder", "dance", listed)


@pytest.mark.parametrize("pattern", ["{part}/{split}", "{split}/{part}"])
@pytest.mark.parametrize("val", ["val", "valid", "validation", "Val", "VALID"])
def test_splits_go_by_many_names(val: str, pattern: str, tmp_path: Path) -> None:
    root = by_split(tmp_path, pattern, train="training", val=val)
    for wanted, name in (("val", "val"), ("validation", "val"), ("train", "train")):
        data = open_data("folder", wanted, root)
        assert (data.names, data.split, data[0].label is not None) == ([name], name, True)
    assert catalog.splits_at(root) == ("val", "train")
    with pytest.raises(DataError, match=r"has no split test; choose val or train, a list FILE\.txt, or a share"):
        open_data("folder", "test", root)


@pytest.mark.parametrize("place", ["val.txt", "splits/val.txt", "splits/Valid.txt", "ImageSets/Segmentation/val.txt"])
def test_lists_of_splits_are_found(place: str, tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text("f1\n")
    assert open_data("folder", "val", root).names == ["f1"]
    with pytest.raises(DataError, match="has no split train; choose val"):
        open_data("folder", "train", root)


@pytest.mark.parametrize("labels", ["val_labels", "valannot"])
def test_photographs_beside_a_splits_label_maps(labels: str, tmp_path: Path) -> None:
    for name in ("val", labels):
        (tmp_path / name).mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "val" / "f0.jpg")
    Image.new("L", (8, 6), 3).save(tmp_path / labels / "f0.png")
    assert catalog.layout_of(tmp_path) == "folder"
    sample = open_data("folder", "val", tmp_path)[0]
    assert sample.label is not None and set(sample.label.flat) == {3}


def test_a_folder_of_a_splits_name_without_images_is_no_split(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "training").mkdir()
    (root / "training" / "log.txt").write_text("step 1")
    assert catalog.splits_at(root) == ("all",)
    assert open_data("folder", "train", root).names == ["f0", "f1"]
    Image.new("RGB", (16, 16)).save(root / "training" / "f9.png")
    assert open_data("folder", "train", root).names == ["f9"]
    with pytest.raises(DataError, match="has no split val; choose train or all, a list"):
        open_data("folder", "val", root)
    assert open_data("folder", "all", root).names == ["f0", "f1"]


def test_all_images_of_a_folder_without_splits_are_taken_and_it_is_said(tmp_path: Path) -> None:
    data = open_data("folder", "val", folder(tmp_path))
    assert (data.names, data.split) == (["f0", "f1"], "all")
    assert "no split val was found, so all images are taken" in data.notes  # type: ignore[attr-defined]
    assert not open_data("folder", "all", tmp_path).notes  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "line",
    ["A/0000.png", "A/0000", "./A/0000.jpg", "images/A/0000.png labels/A/0000.png", "/elsewhere/seq/images/A/0000.png"],
)
def test_folders_in_a_list_count(line: str, tmp_path: Path) -> None:
    root = sequences(tmp_path)
    (root / "val.txt").write_text(line + "\n")
    assert open_data("folder", "val", root).names == ["A/0000"]


def test_a_listed_name_that_fits_several_images_is_refused(tmp_path: Path) -> None:
    root = sequences(tmp_path)
    (root / "val.txt").write_text("0002.png\n")
    assert open_data("folder", "val", root).names == ["B/0002"]
    for line, says in (("0000", "fits 2 images; list it with its folder"), ("C/0002.png", "no image has this name")):
        (root / "val.txt").write_text(line)
        with pytest.raises(DataError, match=says):
            open_data("folder", "val", root)
    Image.new("RGB", (8, 6)).save(root / "images" / "A" / "0000.bmp")
    (root / "val.txt").write_text("A/0000")
    with pytest.raises(DataError, match="fits 2 images; list it with its ending"):
        open_data("folder", "val", root)


@pytest.mark.parametrize("beside", ["test_images", "train2017"])
def test_other_folders_beside_images_are_no_splits(beside: str, tmp_path: Path) -> None:
    photograph(tmp_path / "images" / "a.jpg")
    photograph(tmp_path / beside / "t.jpg")
    assert opened(tmp_path, "val")[0] == opened(tmp_path, "all")[0] == ["a"]


def test_label_maps_of_splits_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    for place in ("train/a", "val/a", "annotations/train/a", "annotations/val/a"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(LABEL).save(tmp_path / f"{place}.png")
    data = open_data("folder", "val", tmp_path)
    assert data.frames[0].label == tmp_path / "annotations" / "val" / "a.png"  # type: ignore[attr-defined]


def test_a_share_that_holds_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the share '0-20%' of 2 images holds none"):
        open_data("folder", "0-20%", folder(tmp_path))


def test_a_list_may_name_the_label_map_too(tmp_path: Path) -> None:
    for name in "ab":
        photograph(tmp_path / "images" / f"{name}.jpg")
        drawn(tmp_path / "labels" / f"{name}.png")
    drawn(tmp_path / "drawn" / "z.png", np.full_like(LABEL, 9))
    (tmp_path / "val.txt").write_text("images/a.jpg drawn/z.png\nimages/b.jpg /elsewhere/labels/b.png\n")
    assert opened(tmp_path, "val")[1] == [[9], [0, 1, 2, 3]]
    (tmp_path / "val.txt").write_text("images/a.jpg,drawn/y.png\n")
    with pytest.raises(DataError, match=r"lists the label map drawn/y\.png, and it is not in this folder"):
        open_data("folder", "val", tmp_path)
    (tmp_path / "val.txt").write_text("../images/a.jpg ../labels/a.png\n")
    assert opened(tmp_path, "val")[1] == [[0, 1, 2, 3]]


def test_a_list_that_gives_label_maps_first_is_refused_and_the_advice_works(tmp_path: Path) -> None:
    """A grey image could be read as the label map of itself."""
    drawn(tmp_path / "images" / "a.png")
    drawn(tmp_path / "labels" / "a.png", np.full_like(LABEL, 9))
    (tmp_path / "val.txt").write_text("labels/a.png images/a.png\n")
    with pytest.raises(DataError, match=r"lists images/a\.png as the label map of itself; give the image first"):
        open_data("folder", "val", tmp_path)
    (tmp_path / "val.txt").write_text("images/a.png labels/a.png\n")
    assert opened(tmp_path, "val")[1] == [[9]]


@pytest.mark.parametrize(("there", "listed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_that_look_the_same_are_found_by_a_list(there: Form, listed: Form, tmp_path: Path) -> None:
    photograph(tmp_path / "images" / f"{unicodedata.normalize(there, 'Straße grün')}.jpg")
    (tmp_path / "val.txt").write_text(unicodedata.normalize(listed, "Straße grün.jpg"), encoding="utf-8")
    assert len(opened(tmp_path, "val")[0]) == 1


def test_a_list_of_label_maps_opens_images_alone(tmp_path: Path) -> None:
    photograph(tmp_path / "images" / "a.jpg")
    (tmp_path / "test.txt").write_text("images/a.jpg labels/a.png\n")
    assert opened(tmp_path, "test")[0] == ["a"]
