"""Published data sets in their real layouts, on tiny trees."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import Cityscapes

from cirkd.data.catalog import DATA_SETS, classes_by_count, layout_of, open_data, open_named, splits_at
from cirkd.data.cityscapes import LABEL_IDS
from cirkd.data.coco_stuff import COCO_STUFF_UNUSED as UNUSED
from cirkd.data.errors import DataError
from cirkd.data.palettes import CAMVID_32, CITYSCAPES, VOC
from tests.data.trees import (
    SIZE,
    TREES,
    bdd100k_first,
    camvid32,
    camvid_tutorial,
    cityscapes,
    first,
    image,
    label,
    vistas,
    voc,
)


@pytest.mark.parametrize("name", TREES)
def test_labels_become_train_ids(name: str, tmp_path: Path) -> None:
    make, split, wanted = TREES[name]
    make(tmp_path)
    data = open_data(name, split, tmp_path)
    assert (data.name, data.split) == (name, split)
    assert data[0].image.shape == (*SIZE, 3)
    assert first(data, len(wanted)) == wanted
    assert data.classes is not None
    assert data.classes.ignore_index == 255
    assert layout_of(tmp_path) == name
    assert split in splits_at(tmp_path)


@pytest.mark.parametrize(
    ("name", "own", "converted"),
    [
        ("cityscapes", [0, 7, 33, 1], [0, 18, 255]),
        ("ade20k", [0, 1, 150, 2], [0, 149, 255]),
        ("cocostuff", [0, 181, 255, 12], [0, 11, 170, 255]),
        ("vistas", [0, 1, 2, 0], [0, 1, 255]),
    ],
)
def test_label_maps_that_were_converted_in_place_are_told_and_the_advice_works(
    name: str, own: list[int], converted: list[int], tmp_path: Path
) -> None:
    """Class numbers read as label values are those of other classes; a value that only they have tells them."""
    make, split, _ = TREES[name]
    make(tmp_path)
    frame = open_data(name, split, tmp_path).frames[0]  # type: ignore[attr-defined]
    label(frame.label, own)
    assert "that the data set's own have not" not in open_data(name, split, tmp_path)[0].note
    label(frame.label, converted)
    note = open_data(name, split, tmp_path)[0].note
    assert (
        "values that the data set's own have not" in note and "a folder of your own, with images/ and labels/" in note
    )
    for part, path in (("images", frame.image), ("labels", frame.label)):
        (tmp_path / "own" / part).mkdir(parents=True)
        path.rename(tmp_path / "own" / part / path.name)
    assert first(open_data("folder", "all", tmp_path / "own"), len(converted)) == converted


@pytest.mark.parametrize("name", TREES)
def test_what_is_missing_is_said_with_its_place(name: str, tmp_path: Path) -> None:
    make, split, _ = TREES[name]
    with pytest.raises(DataError, match="--root"):
        open_data(name, split)
    with pytest.raises(DataError, match=r"expected there|no such folder"):
        open_data(name, split, tmp_path)
    with pytest.raises(DataError, match="no split 'dance'"):
        open_data(name, "dance", tmp_path)
    make(tmp_path)
    data = open_data(name, split, tmp_path)
    assert len(data) in (1, 2)
    lost = data.frames[0].label  # type: ignore[attr-defined]
    lost.unlink()
    with pytest.raises(DataError, match="expected and not there, as 1 of"):
        open_data(name, split, tmp_path)


def test_the_first_release_of_bdd100k(tmp_path: Path) -> None:
    bdd100k_first(tmp_path)
    assert first(open_data("bdd100k", "val", tmp_path), 4) == [0, 13, 18, 255]
    assert layout_of(tmp_path / "bdd100k") == "bdd100k"


def test_the_first_release_of_vistas(tmp_path: Path) -> None:
    vistas(tmp_path, "config.json", "labels")
    data = open_data("vistas", "val", tmp_path)
    assert data.classes is not None
    assert data.classes.names == ("Bird", "Pole") and data.classes.colors[1] == (196, 196, 196)
    assert layout_of(tmp_path) == "vistas" and splits_at(tmp_path) == ("val",)


@pytest.mark.parametrize("listed", [True, False])
def test_camvid_as_its_tutorial_has_it(listed: bool, tmp_path: Path) -> None:
    camvid_tutorial(tmp_path)
    if not listed:
        (tmp_path / "val.txt").unlink()
    assert layout_of(tmp_path) == "camvid" and splits_at(tmp_path) == ("val",)
    assert first(open_data("camvid", "val", tmp_path), 3) == [0, 10, 11]


def test_camvid_32_in_folders_of_splits(tmp_path: Path) -> None:
    image(tmp_path / "val" / "0001.png")
    (tmp_path / "val_labels").mkdir()
    Image.new("RGB", (SIZE[1], SIZE[0]), (128, 128, 128)).save(tmp_path / "val_labels" / "0001_L.png")
    assert layout_of(tmp_path) == "camvid32" and splits_at(tmp_path) == ("val",)
    assert first(open_data("camvid32", "val", tmp_path), 1) == [21]


def test_cityscapes_with_train_ids_alone(tmp_path: Path) -> None:
    frame = "aachen_000000_000019"
    image(tmp_path / "leftImg8bit" / "val" / "aachen" / f"{frame}_leftImg8bit.png")
    label(tmp_path / "gtFine" / "val" / "aachen" / f"{frame}_gtFine_labelTrainIds.png", [0, 18, 255])
    assert first(open_data("cityscapes", "val", tmp_path), 3) == [0, 18, 255]


def test_a_manifest_of_another_tool_makes_no_streets(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    (tmp_path / "manifest.json").write_text('{"source": "a labelling tool"}')
    assert layout_of(tmp_path) == "folder" and len(open_named(str(tmp_path))) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf2007_000033\r\n",
        "2007_000033\n".encode("utf-16"),
        b"JPEGImages\\2007_000033.jpg\n",
        b"2007_000033.JPG\n2007_000033\n",
    ],
)
def test_lists_are_read_as_any_system_writes_them(content: bytes, tmp_path: Path) -> None:
    voc(tmp_path)
    (tmp_path / "VOCdevkit" / "VOC2012" / "ImageSets" / "Segmentation" / "val.txt").write_bytes(content)
    assert open_data("voc", "val", tmp_path).names == ["2007_000033"]


def test_names_with_spaces_in_lists(tmp_path: Path) -> None:
    voc(tmp_path)
    base = tmp_path / "VOCdevkit" / "VOC2012"
    image(base / "JPEGImages" / "ünïcode straße.jpg")
    label(base / "SegmentationClass" / "ünïcode straße.png", [7])
    (base / "ImageSets" / "Segmentation" / "val.txt").write_text("ünïcode straße\n", encoding="utf-8")
    assert first(open_data("voc", "val", tmp_path), 1) == [7]


def test_names_are_in_order_and_unique(tmp_path: Path) -> None:
    cityscapes(tmp_path)
    assert list(open_data("cityscapes", "val", tmp_path).names) == ["lindau_000000_000019", "munster_000000_000019"]
    assert splits_at(tmp_path) == ("val", "train")


def test_the_augmented_list_of_voc_has_its_own_label_maps(tmp_path: Path) -> None:
    voc(tmp_path)
    assert first(open_data("voc", "train_aug", tmp_path), 1) == [15]
    assert first(open_data("voc", "train", tmp_path / "VOCdevkit" / "VOC2012"), 2) == [0, 1]
    with pytest.raises(DataError, match=r"trainval\.txt: no such list"):
        open_data("voc", "trainval", tmp_path)
    (tmp_path / "VOCdevkit" / "VOC2012" / "JPEGImages" / "2008_000008.jpg").unlink()
    with pytest.raises(DataError, match="listed and not there"):
        open_data("voc", "train", tmp_path)


def test_camvid_32_has_a_form_with_folders_of_splits_too(tmp_path: Path) -> None:
    camvid32(tmp_path)
    (tmp_path / "701_StillsRaw_full").rename(tmp_path / "val")
    (tmp_path / "LabeledApproved_full").rename(tmp_path / "val_labels")
    assert len(open_data("camvid32", "val", tmp_path)) == 1


def test_lists_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "camvid"
    root.mkdir()
    image(tmp_path / "x.png")
    (root / "camvid_val_list.txt").write_text("../x.png ../x.png\n")
    with pytest.raises(DataError, match="leads out of this folder"):
        open_data("camvid", "val", root)
    voc(tmp_path / "voc")
    (tmp_path / "voc/VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt").write_text("..\n")
    with pytest.raises(DataError):
        open_data("voc", "val", tmp_path / "voc")


def test_a_folder_follows_links_into_a_store(tmp_path: Path) -> None:
    image(tmp_path / "secret.png")
    folder = tmp_path / "folder"
    image(folder / "mine.png")
    (folder / "theirs.png").symlink_to(tmp_path / "secret.png")
    (folder / "again.png").symlink_to(folder / "mine.png")
    assert list(open_data("folder", root=folder).names) == ["again", "mine", "theirs"]


def test_palettes_are_the_official_ones() -> None:
    assert VOC.colors[:5] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128))
    assert VOC.colors[20] == (0, 64, 128)
    assert CITYSCAPES.colors[CITYSCAPES.names.index("car")] == (0, 0, 142)
    assert len(set(CAMVID_32.colors)) == 32
    for count, ends in ((150, ("wall", "flag")), (171, ("person", "wood")), (19, ("road", "bicycle"))):
        classes, note = classes_by_count(count)
        assert (len(classes), classes.names[0], classes.names[-1]) == (count, *ends)
        assert "named as those of" in note
    assert 182 - len(UNUSED) == 171


def test_train_ids_of_cityscapes_are_those_of_torchvision() -> None:

    known = sorted((c.train_id, c.id, c.name, c.color) for c in Cityscapes.classes if 0 <= c.train_id < 19)
    assert tuple(row[1] for row in known) == LABEL_IDS
    assert CITYSCAPES.names == tuple(row[2] for row in known)
    assert CITYSCAPES.colors == tuple(row[3] for row in known)


def test_every_data_set_has_splits() -> None:
    assert all(entry.splits for entry in DATA_SETS.values())


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("JPEGImages/{0}.png", "SegmentationClass/{0}.png"),
        ("images/{1}/{0}.png", "annotations/{1}/{0}.png"),
        ("{0}/{0}.png", "{0}annot/{0}.png"),
        ("{0}/{0}.png", "{0}_labels/{0}_L.png"),
        ("{1}/images/{0}.png", "{1}/labels/{0}.png"),
    ],
)
def test_classes_of_its_own_make_a_folder_of_any_layout(image: str, label: str, tmp_path: Path) -> None:
    """One's own classes count, however a data set is laid out; those of that data set leave it what it is."""
    values = np.arange(12, dtype=np.uint8).reshape(3, 4) % 3
    for split, called in (("train", "training"), ("val", "validation")):
        for path, pixels in ((image, np.dstack([values] * 3)), (label, values)):
            file = tmp_path / path.format(split, called)
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
        (tmp_path / "ImageSets" / "Segmentation").mkdir(parents=True, exist_ok=True)
        if "JPEG" in image:
            (tmp_path / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(split)
    if "JPEG" not in image:
        (tmp_path / "ImageSets" / "Segmentation").rmdir()
    known = DATA_SETS[layout_of(tmp_path)]
    assert known.name != "folder"
    (tmp_path / "classes.txt").write_text("field\nhedge\npond\n")
    assert layout_of(tmp_path) == "folder"
    data = open_named(str(tmp_path), "val")
    assert data.classes is not None and data.classes.names == ("field", "hedge", "pond")
    assert (list(data.names), data.split) == (["val"], "val")
    assert np.array_equal(data[0].label, values)
    if known.classes is not None:
        assert f"though it is laid out like {known.title}; if" in data.notes[0]  # type: ignore[attr-defined]
        (tmp_path / "classes.txt").write_text("\n".join(known.classes.names))
        assert layout_of(tmp_path) == known.name
        (tmp_path / "classes.txt").write_text("\n".join(known.classes.names[1:4]))
        assert layout_of(tmp_path) == "folder", "a few classes that a data set has, too, are not its list"


def renamed(spelling: str, names: tuple[str, ...]) -> list[str]:
    """A data set's names as lists of them spell them."""
    spellings = {
        "as they are": list(names),
        "underscores": [name.replace(" ", "_") for name in names],
        "no spaces": [name.replace(" ", "") for name in names],
        "capitals": [name.title() for name in names],
        "no background": [name for name in names if name != "background"],
        "background first": ["Background", *(name for name in names if name != "background")],
        "void last": [*names, "void"],
    }
    return spellings[spelling]


@pytest.mark.parametrize("write", [cityscapes, voc])
@pytest.mark.parametrize(
    "spelling",
    ["as they are", "underscores", "no spaces", "capitals", "no background", "background first", "void last"],
)
def test_a_class_list_in_other_spelling_leaves_a_data_set_what_it_is(
    write: Callable[[Path], object], spelling: str, tmp_path: Path
) -> None:
    write(tmp_path)
    name = layout_of(tmp_path)
    classes = DATA_SETS[name].classes
    assert name in ("cityscapes", "voc") and classes is not None
    (tmp_path / "classes.txt").write_text("\n".join(renamed(spelling, classes.names)))
    assert layout_of(tmp_path) == name
    data = open_named(str(tmp_path), "val")
    assert (data.name, data.classes, list(data.notes)) == (name, classes, [])  # type: ignore[attr-defined]


def test_a_class_list_of_most_of_a_data_sets_classes_is_told(tmp_path: Path) -> None:
    """As the 16 classes that SYNTHIA shares with Cityscapes: label maps are Cityscapes' all the same."""
    cityscapes(tmp_path)
    kept = [name for name in CITYSCAPES.names if name not in ("terrain", "truck", "train")]
    (tmp_path / "classes.txt").write_text("\n".join(kept))
    data = open_named(str(tmp_path), "val")
    assert (data.name, data.classes) == ("cityscapes", CITYSCAPES)
    assert "classes.txt names most classes of Cityscapes, not all" in data.notes[0]  # type: ignore[attr-defined]


def test_a_layout_that_no_folder_has_says_what_its_class_list_does(tmp_path: Path) -> None:
    cityscapes(tmp_path)
    (tmp_path / "classes.txt").write_text("field\nhedge\n")
    with pytest.raises(DataError, match=r"no image files here; with classes\.txt it is a folder of your own; without"):
        open_named(str(tmp_path), "val")
