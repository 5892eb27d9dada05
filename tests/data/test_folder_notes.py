"""What is said of a folder's files, and that the advice in it works."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cirkd.data import catalog
from cirkd.data.catalog import open_data
from cirkd.data.errors import DataError
from cirkd.features.sources import open_images
from cirkd.training.recipes import Recipe
from cirkd.training.setup import warn_of_files
from tests.data.tiny_folder import LABEL, NAMES, drawn, folder, opened, photograph


def test_links_to_what_was_not_fetched_are_counted(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for name in ("images", "labels"):
        (root / name / "f1.png").unlink()
        (root / name / "f1.png").symlink_to("/nowhere/store/f1")
    data = open_data("folder", root=root)
    assert data.names == ["f0"]
    for name in ("images", "labels"):
        assert f"1 files of {name}/ are links to files that are not there" in " ".join(data.notes)  # type: ignore[attr-defined]
    (root / "images" / "f0.png").unlink()
    with pytest.raises(DataError, match=r"no image files here; 1 files of images/ are links"):
        open_data("folder", root=root)


def test_folders_of_unknown_names_are_told(tmp_path: Path) -> None:
    photograph(tmp_path / "pictures" / "a.jpg")
    drawn(tmp_path / "drawings" / "a.png")
    with pytest.raises(DataError, match=r"there are in drawings, pictures: call the folder of images images/ and that"):
        open_data("folder", root=tmp_path)
    photograph(tmp_path / "val" / "rgb" / "a.jpg")
    drawn(tmp_path / "val" / "sem" / "a.png")
    assert "rgb, sem hold files of the same names; if some are label maps" in opened(tmp_path, "val")[2]
    (tmp_path / "pictures").rename(tmp_path / "images")
    assert "no label map was found; if those in drawings/ are some, call that folder labels/" in opened(tmp_path)[2]
    (tmp_path / "drawings").rename(tmp_path / "labels")
    assert opened(tmp_path)[1] == [[0, 1, 2, 3]]


def test_files_in_forms_that_are_not_read_are_told(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "images" / "f2.heic").touch()
    (root / "labels" / "f1.json").touch()
    notes = opened(root)[2]
    assert "images/ has 1 files (.heic) that are not read as images" in notes
    assert "labels/ has 1 files (.json) that are not read as label maps; draw them as PNG" in notes
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.gif").touch()
    with pytest.raises(DataError, match=r"more has 1 files \(\.gif\)|more/ has 1 files \(\.gif\)"):
        open_data("folder", root=tmp_path / "more")
    with pytest.raises(DataError, match="this is a file, a folder of images was wanted"):
        open_data("folder", root=root / "images" / "f0.png")


def test_class_lists_that_tools_leave_are_read_and_it_is_said(tmp_path: Path) -> None:
    photograph(tmp_path / "valid" / "a_jpg.rf.12ab.jpg")
    drawn(tmp_path / "valid" / "a_jpg.rf.12ab_mask.png")
    (tmp_path / "valid" / "_classes.csv").write_text("Pixel Value, Class\n0, rest\n1, cat\n2, dog\n3, cow\n")
    data = open_data("folder", "val", tmp_path)
    assert data.classes is not None
    assert data.classes.names == ("rest", "cat", "dog", "cow")
    assert "classes are those of _classes.csv; a classes.json in this folder overrules it" in data.notes[0]  # type: ignore[attr-defined]
    (tmp_path / "classes.json").write_text(json.dumps(NAMES))
    assert open_data("folder", "val", tmp_path).classes.names == NAMES  # type: ignore[union-attr]


def test_of_two_class_lists_it_is_said_which_counts(tmp_path: Path) -> None:
    (folder(tmp_path) / "classes.txt").write_text("\n".join(reversed(NAMES)))
    data = open_data("folder", "all", tmp_path)
    assert data.classes is not None and data.classes.names == NAMES
    assert data.notes == ("classes are those of classes.json, and classes.txt is not read",)  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", ["labels", "images"])
def test_a_class_list_further_down_is_told_and_the_advice_works(place: str, tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "classes.json").rename(root / place / "classes.json")
    _, _, notes = opened(root)
    assert f"{place}/classes.json is not read; to have its classes, move it to {root.name}/" in notes
    (root / place / "classes.json").rename(root / "classes.json")
    assert opened(root)[2] == "" and open_data("folder", "all", root).classes is not None


@pytest.mark.parametrize("images", ["", "images", "val"])
def test_files_named_like_others_are_told_and_the_advice_works(images: str, tmp_path: Path) -> None:
    (tmp_path / images).mkdir(exist_ok=True)
    for i in range(5):
        Image.fromarray(np.dstack([LABEL * 60] * 3)).save(tmp_path / images / f"a{i}.bmp")
        Image.fromarray(LABEL).save(tmp_path / images / f"a{i}_anno.bmp")
    split = "val" if images == "val" else "all"
    data = open_data("folder", split, tmp_path)
    place = tmp_path / images / "labels"
    said = f"if they are label maps, move them to {place.parent.name}/labels/"
    notes = data.notes  # type: ignore[attr-defined]
    assert len(data) == 10 and notes == (f"files called NAME_anno are read as images, as NAME is; {said}",)
    place.mkdir()
    for path in (tmp_path / images).glob("*_anno.bmp"):
        path.rename(place / path.name)
    data = open_data("folder", split, tmp_path)
    assert len(data) == 5 and all(frame.label is not None for frame in data.frames)  # type: ignore[attr-defined]


def test_a_label_map_of_images_in_two_splits_is_told_and_the_advice_works(tmp_path: Path) -> None:
    """A test split without label maps, numbered as the training split is."""
    photograph(tmp_path / "images" / "train" / "0.jpg")
    photograph(tmp_path / "images" / "test" / "0.jpg")
    drawn(tmp_path / "labels" / "0.png")
    _, labels, notes = opened(tmp_path, "test")
    said = "labels/ has one label map for images of one name in test/ and train/, as 0.jpg, and it is taken here"
    assert labels == [[0, 1, 2, 3]] and notes == f"{said}; if it is that of train/, move it to labels/train/"
    (tmp_path / "labels" / "train").mkdir()
    (tmp_path / "labels" / "0.png").rename(tmp_path / "labels" / "train" / "0.png")
    assert opened(tmp_path, "test") == (["0"], [None], "")
    assert opened(tmp_path, "train") == (["0"], [[0, 1, 2, 3]], "")


def test_a_label_map_of_two_images_is_told(tmp_path: Path) -> None:
    photograph(tmp_path / "images" / "a.jpg")
    photograph(tmp_path / "images" / "a.png")
    drawn(tmp_path / "labels" / "a.png")
    names, _, notes = opened(tmp_path)
    assert names == ["a.jpg", "a.png"] and "a label map is taken for several images: a.png for a.jpg, a.png" in notes


@pytest.mark.parametrize("split", ["val", "val_images"])
def test_label_maps_in_no_folder_of_the_split_are_told_and_the_advice_works(split: str, tmp_path: Path) -> None:
    photograph(tmp_path / split / "0.jpg")
    photograph(tmp_path / "train_images" / "0.jpg")
    drawn(tmp_path / "labels" / "0.png")
    said = f"no label map was found: those of {split}/ are looked for in labels/{split}/"
    assert opened(tmp_path, "val") == (["0"], [None], said)
    (tmp_path / "labels" / split).mkdir()
    (tmp_path / "labels" / "0.png").rename(tmp_path / "labels" / split / "0.png")
    assert opened(tmp_path, "val") == (["0"], [[0, 1, 2, 3]], "")


def test_several_files_beside_each_image_are_told(tmp_path: Path) -> None:
    """As Segments.ai exports them: of four files one is the image."""
    for i in range(3):
        photograph(tmp_path / f"a{i}.jpg")
        photograph(tmp_path / f"a{i}_label_ground-truth_semantic_colored.png")
        for kind in ("", "_semantic"):
            drawn(tmp_path / f"a{i}_label_ground-truth{kind}.png")
    names, _, notes = opened(tmp_path)
    assert len(names) == 12 and "files called NAME_label_ground-truth are read as images, as NAME is" in notes


def test_label_maps_elsewhere_than_images_of_a_split_are_told_and_the_advice_works(tmp_path: Path) -> None:
    for place in ("image/train/1", "image/val/1", "seg40/train/1", "seg40/val/1"):
        drawn(tmp_path / f"{place}.png")
    names, labels, notes = opened(tmp_path, "val")
    assert labels == [None] and notes == "no label map was found; if those in seg40/ are some, call that folder labels/"
    (tmp_path / "seg40").rename(tmp_path / "labels")
    assert opened(tmp_path, "val") == (names, [[0, 1, 2, 3]], "")


def test_other_folders_beside_label_maps_are_told_and_the_advice_works(tmp_path: Path) -> None:
    """Of retinas' vessels: mask/ is the field of view, and the vessels are elsewhere."""
    for place in ("images/21", "mask/21", "1st_manual/21", "test/images/1"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(LABEL).save(tmp_path / f"{place}.png")
    line = "label maps are those in mask/, not in 1st_manual/; to choose others, call that folder labels/"
    assert line in open_data("folder", "all", tmp_path).notes  # type: ignore[attr-defined]
    (tmp_path / "1st_manual").rename(tmp_path / "labels")
    (tmp_path / "mask").rename(tmp_path / "runs")
    data = open_data("folder", "all", tmp_path)
    assert data.frames[0].label == tmp_path / "labels" / "21.png" and not data.notes  # type: ignore[attr-defined]


def test_the_advice_for_label_maps_beside_a_splits_images_works(tmp_path: Path) -> None:
    for place in ("train/a", "val/b", "drawn/b", "drawn/a"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Image.fromarray(LABEL).save(tmp_path / f"{place}.png")
    notes = " ".join(open_data("folder", "val", tmp_path).notes)  # type: ignore[attr-defined]
    assert "if those in drawn/ are some, call that folder val_labels/" in notes
    (tmp_path / "drawn").rename(tmp_path / "val_labels")
    assert open_data("folder", "val", tmp_path)[0].label is not None


def test_what_is_said_of_files_reaches_studies_and_runs(tmp_path: Path) -> None:
    root = folder(tmp_path)
    drawn(root / "labels" / "f0_mask.png")
    (said,) = open_data("folder", root=root, split="all").notes  # type: ignore[attr-defined]
    assert "an image has several label maps" in said
    assert open_images(root, split="all").notes == (said,)
    data = open_data("folder", "all", root)
    with pytest.warns(UserWarning, match="an image has several label maps"):
        warn_of_files(Recipe("own"), data, data)


def test_a_data_set_that_a_layout_tells_is_said(tmp_path: Path) -> None:
    photograph(tmp_path / "val" / "a.png")
    drawn(tmp_path / "valannot" / "a.png")
    data = catalog.open_named(str(tmp_path))
    assert (data.name, "is laid out like CamVid and read as that" in data.notes[0]) == ("camvid", True)  # type: ignore[attr-defined]
    # As it says.
    assert opened(tmp_path, "val")[1] == [[0, 1, 2, 3]]


def test_what_a_layout_lacks_is_told_with_the_layout(tmp_path: Path) -> None:
    """Folders of one's own have the names of known data sets, too: it is said which one was looked for."""
    for split in ("training", "validation"):
        photograph(tmp_path / "images" / split / "a.png")
        drawn(tmp_path / "annotations" / split / "a.png")
    with pytest.raises(
        DataError, match=r"no \*\.jpg here.*is laid out like ADE20K.* own, choose folder with this root"
    ):
        catalog.open_named(str(tmp_path), "val")
    assert opened(tmp_path, "val")[1] == [[0, 1, 2, 3]]


def test_folders_of_label_maps_by_a_word_of_their_names_are_told_and_the_advice_works(tmp_path: Path) -> None:
    for name in ("1", "2"):
        photograph(tmp_path / "val" / "val-org-img" / f"{name}.jpg")
        drawn(tmp_path / "val" / "val-label-img" / f"{name}_lab.png")
    names, _, notes = opened(tmp_path, "val")
    assert len(names) == 4 and "files in val-label-img are read as images; if they are label maps" in notes
    (tmp_path / "val" / "val-org-img").rename(tmp_path / "val" / "images")
    (tmp_path / "val" / "val-label-img").rename(tmp_path / "val" / "labels")
    names, labels, notes = opened(tmp_path, "val")
    assert names == ["1", "2"] and labels == [[0, 1, 2, 3]] * 2 and "NAME_lab" in notes
