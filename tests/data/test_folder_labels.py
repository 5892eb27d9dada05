"""Which file is the label map of which image, in a folder of one's own."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cirkd.data.catalog import open_data
from tests.data.tiny_folder import COLORS, LABEL, NAMES, drawn, folder, opened, photograph


@pytest.mark.parametrize("ending", [".PNG", "_mask.png", "_L.png", ".tif", "-label.png", ".jpg.png"])
@pytest.mark.parametrize("place", ["labels", "masks", "annotations", "groundtruth", "ann_dir"])
def test_label_maps_go_by_many_names(ending: str, place: str, tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "labels").rename(root / place)
    for path in list((root / place).iterdir()):
        Image.open(path).save(path.with_name(path.stem + ending))
        path.unlink()
    label = open_data("folder", root=root)[1].label
    assert label is not None
    assert np.array_equal(label, LABEL)


def test_label_maps_that_match_nothing_are_counted(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "labels" / "f1.png").rename(root / "labels" / "other.png")
    data = open_data("folder", root=root)
    assert "1 of 2 images have no label map" in " ".join(data.notes)  # type: ignore[attr-defined]
    assert "labels/ has 1 label maps that match no image" in " ".join(data.notes)  # type: ignore[attr-defined]


def test_masks_beside_photographs_are_their_labels(tmp_path: Path) -> None:
    for i in range(2):
        Image.fromarray(np.dstack([LABEL * 60] * 3)).save(tmp_path / f"s{i}.jpg")
        Image.fromarray(LABEL).save(tmp_path / f"s{i}.png")
    data = open_data("folder", root=tmp_path)
    assert data.names == ["s0", "s1"]
    assert data[0].label is not None


def test_masks_beside_images_by_their_ending(tmp_path: Path) -> None:
    for image, mask in (("a.png", "a_mask.png"), ("b_image.jpg", "b_gt.tif"), ("c_seg.png", "")):
        Image.fromarray(np.dstack([LABEL * 60] * 3)).save(tmp_path / image)
        if mask:
            Image.fromarray(LABEL).save(tmp_path / mask)
    data = open_data("folder", root=tmp_path)
    # A name that ends so without another file's before it is an image like any other.
    assert data.names == ["a", "b_image", "c_seg"]
    assert [data[i].label is not None for i in range(3)] == [True, True, False]
    assert "are taken as their label maps" in " ".join(data.notes)  # type: ignore[attr-defined]


def test_masks_in_colours_beside_images(tmp_path: Path) -> None:
    """Read where a class list has their colours; left out and told where none does, and no photographs in any case."""
    colors = np.array(COLORS, np.uint8)[LABEL]
    for photo, mask in (("a.jpg", "a.png"), ("b.png", "b_mask.png"), ("c.jpg", "c.png")):
        Image.fromarray(np.dstack([LABEL * 60 + 3] * 3)).save(tmp_path / photo)
        Image.fromarray(colors if mask != "c.png" else np.dstack([LABEL * 60 + 3] * 3)).save(tmp_path / mask)
    data = open_data("folder", "all", tmp_path)
    assert data.names == ["a.jpg", "a.png", "b", "c.jpg", "c.png"]
    assert "1 files such as b_mask.png look like label maps in colours" in " ".join(data.notes)  # type: ignore[attr-defined]
    entries = [{"name": n, "color": c} for n, c in zip(NAMES, COLORS, strict=True)]
    (tmp_path / "classes.json").write_text(json.dumps(entries))
    data = open_data("folder", "all", tmp_path)
    assert data.names == ["a", "b", "c.jpg", "c.png"]
    assert all(np.array_equal(data[i].label, LABEL) for i in range(2))  # type: ignore[arg-type]


@pytest.mark.parametrize("images", ["", "images", "train"])
def test_masks_below_the_images_are_no_photographs(images: str, tmp_path: Path) -> None:
    for i in range(2):
        (tmp_path / images / "masks").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.dstack([LABEL * 60] * 3)).save(tmp_path / images / f"s{i}.jpg")
        Image.fromarray(LABEL).save(tmp_path / images / "masks" / f"s{i}.png")
    data = open_data("folder", images if images == "train" else "all", tmp_path)
    assert data.names == ["s0", "s1"]
    assert np.array_equal(data[1].label, LABEL)  # type: ignore[arg-type]


def test_a_folder_without_label_maps_hides_no_other(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "labels").rename(root / "masks")
    (root / "labels").mkdir()
    (root / "labels" / "f0.txt").write_text("0 0.5 0.5 0.1 0.1")
    data = open_data("folder", "all", root)
    assert data[0].label is not None and not data.notes  # type: ignore[attr-defined]
    Image.fromarray(LABEL).save(root / "labels" / "f0.png")
    notes = open_data("folder", "all", root).notes  # type: ignore[attr-defined]
    assert "label maps are those in labels/, not in masks/; to choose others, call that folder labels/" in notes


@pytest.mark.parametrize("beside", [False, True])
def test_of_several_label_maps_one_is_taken_and_it_is_said(beside: bool, tmp_path: Path) -> None:
    images, labels = (tmp_path, tmp_path) if beside else (tmp_path / "images", tmp_path / "labels")
    photograph(images / "aachen_0_leftImg8bit.png")
    drawn(labels / "aachen_0_gtFine_labelIds.png", LABEL + 7)
    drawn(labels / "aachen_0_gtFine_labelTrainIds.png")
    drawn(labels / "aachen_0_gtFine_instanceIds.png", LABEL + 100)
    photograph(labels / "aachen_0_gtFine_color.png")
    names, found, notes = opened(tmp_path)
    assert (names, found) == (["aachen_0_leftImg8bit"], [[0, 1, 2, 3]])
    assert (
        "an image has several label maps: aachen_0_gtFine_labelTrainIds.png is taken, not aachen_0_gtFine_la" in notes
    )
    # As the note says.
    (labels / "aachen_0_gtFine_labelTrainIds.png").unlink()
    assert opened(tmp_path)[1] == [[7, 8, 9, 10]]


def test_pictures_come_before_arrays_as_label_maps(tmp_path: Path) -> None:
    photograph(tmp_path / "images" / "a.jpg")
    drawn(tmp_path / "masks" / "a.png")
    np.save(tmp_path / "masks" / "a.npy", np.zeros((3, 4, 5)))
    (tmp_path / "labels").mkdir()
    np.save(tmp_path / "labels" / "a.npy", np.zeros((3, 4, 5)))
    assert opened(tmp_path)[1] == [[0, 1, 2, 3]]


@pytest.mark.parametrize(("image", "label"), [("image_1.png", "label_1.png"), ("x/img_1.jpg", "x/mask_1.png")])
def test_what_stands_before_names_does_not_count(image: str, label: str, tmp_path: Path) -> None:
    photograph(tmp_path / "images" / image)
    drawn(tmp_path / "labels" / label)
    assert opened(tmp_path)[1] == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    "named", ["NAME_P", "NAME_train_id", "NAME_instance_color_RGB", "trimaps/NAME", "it/seg NAME.v2"]
)
def test_what_label_maps_names_have_around_their_images_is_found_out(named: str, tmp_path: Path) -> None:
    for name in ("x0", "x1", "x10", "y"):
        for place in (f"images/{name}.png", f"labels/{named.replace('NAME', name)}.png"):
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(LABEL).save(tmp_path / place)
    data = open_data("folder", "all", tmp_path)
    pairs = [(frame.image.stem, frame.label) for frame in data.frames]  # type: ignore[attr-defined]
    assert pairs == [(n, tmp_path / f"labels/{named.replace('NAME', n)}.png") for n in ("x0", "x1", "x10", "y")]
    assert data.notes == (f"by their names, label maps are {named}, where NAME is their image's",)  # type: ignore[attr-defined]


def test_masks_of_single_things_are_no_label_maps(tmp_path: Path) -> None:
    """Several of an image, told apart by numbers alone."""
    for place in ("images/1", "images/10", "masks/1_0", "masks/1_1", "masks/10_0", "masks/10_1"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Image.fromarray(LABEL).save(tmp_path / f"{place}.png")
    data = open_data("folder", "all", tmp_path)
    assert data[0].label is None and "4 label maps that match no image" in " ".join(data.notes)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kinds", [("color", "ids"), ("color",)])
def test_pictures_that_are_no_label_maps_are_not_found_as_such(kinds: tuple[str, ...], tmp_path: Path) -> None:
    for i in range(3):
        for place in ("images", *(f"gt/{kind}" for kind in kinds)):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            pixels = LABEL if place == "gt/ids" else np.dstack([LABEL, LABEL, LABEL * 60])
            Image.fromarray(pixels).save(tmp_path / place / f"a{i}.png")
    data = open_data("folder", "all", tmp_path)
    assert np.array_equal(data[0].label, LABEL) if "ids" in kinds else data[0].label is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "label"), [("image_7", "label_7"), ("7", "gt_7"), ("7_rgb", "7_rgb_mask"), ("7_sat", "7_mask")]
)
def test_label_maps_beside_images_begin_or_end_differently(image: str, label: str, tmp_path: Path) -> None:
    photo = np.dstack([LABEL * 60] * 3)
    for name, pixels in ((image, photo), ("gt_8", photo), ("8", photo), (label, LABEL)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    data = open_data("folder", "all", tmp_path)
    assert sorted(data.names) == sorted(["8", "gt_8", image])  # two photographs are no pair
    labels = [frame.label for frame in data.frames if frame.name == image]  # type: ignore[attr-defined]
    assert labels == [tmp_path / f"{label}.png"]
