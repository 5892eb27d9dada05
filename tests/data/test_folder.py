"""Folders of images as people have them: what is found in them, and what is said of the rest."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import catalogue, state
from cirkd import cli
from cirkd.data import catalog
from cirkd.data.catalog import open_data
from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.folder import Folder
from cirkd.features.sources import open_images
from cirkd.training.recipes import Recipe
from cirkd.training.setup import warn_of_files
from tests.data.tiny_folder import COLORS, LABEL, NAMES, folder


def test_what_systems_leave_beside_files_is_passed_over(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for path in list(root.rglob("*.png")):
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
    (root / "images" / "Thumbs.db").touch()
    assert open_data("folder", root=root).names == ["f0", "f1"]


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


def test_names_that_some_systems_hold_for_the_same_are_matched(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for old, image, label in (("f0", "Stra\u00dfe \u00fc", "stra\u00dfe u\u0308"), ("f1", "IMG 1", "img 1_Mask")):
        (root / "images" / f"{old}.png").rename(root / "images" / f"{image}.png")
        (root / "labels" / f"{old}.png").rename(root / "labels" / f"{label}.png")
    data = open_data("folder", root=root)
    assert [data[i].label is not None for i in range(2)] == [True, True]


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


def test_images_of_one_stem_keep_names_of_their_own(tmp_path: Path) -> None:
    for ending in ("jpg", "bmp"):
        Image.new("RGB", (8, 6)).save(tmp_path / f"a.{ending}")
    assert sorted(open_data("folder", root=tmp_path).names) == ["a.bmp", "a.jpg"]


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


def by_split(root: Path, pattern: str, **splits: str) -> Path:
    """A folder whose splits hold an image each, named after the split."""
    for split, called in splits.items():
        for part, pixels in (("images", np.dstack([LABEL * 60] * 3)), ("labels", LABEL)):
            path = root / pattern.format(part=part, split=called) / f"{split}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root


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


def sequences(root: Path) -> Path:
    """Frames of the same names in two folders."""
    for name in ("A/0000", "A/0001", "B/0000", "B/0001", "B/0002"):
        for part, pixels in (("images", np.dstack([LABEL * 60] * 3)), ("labels", LABEL)):
            (root / part / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / part / f"{name}.png")
    return root


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


def test_a_data_set_is_one_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = DataSet("pond", "My pond", "pond.txt", lambda split, root: Folder(root), ("val",), marks=("pond.txt",))
    monkeypatch.setitem(catalog.DATA_SETS, "pond", entry)
    monkeypatch.setattr(catalog, "DATA_SETS", {"pond": entry, **catalog.DATA_SETS})
    root = folder(tmp_path)
    (root / "pond.txt").touch()
    assert cli.main(["data"]) == 0
    assert "pond        My pond; splits val; --root holds pond.txt" in capsys.readouterr().out
    assert "pond" in state.sources() and catalogue.title("pond") == "My pond" and "My pond" in catalogue.listed()
    assert catalogue.images("folder", "val", root).name == "pond"
    assert len(catalog.open_named(str(root))) == len(catalog.open_named("pond", root=root)) == 2


def photograph(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.dstack([LABEL * 60 + 3] * 3)).save(path)


def drawn(path: Path, values: np.ndarray = LABEL) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def opened(root: Path, split: str = "all") -> tuple[list[str], list[list[int] | None], str]:
    """Names, the numbers in each label map, and the notes of a folder."""
    data = open_data("folder", split, root)
    labels = [data[i].label for i in range(len(data))]
    notes = "; ".join(data.notes)  # type: ignore[attr-defined]
    return list(data.names), [None if label is None else np.unique(label).tolist() for label in labels], notes


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", ".thumbs", "@eaDir", "__MACOSX"])
def test_folders_of_tools_hold_no_images(hidden: str, tmp_path: Path) -> None:
    root = folder(tmp_path)
    photograph(root / "images" / hidden / "f0-checkpoint.png")
    drawn(root / "labels" / hidden / "f0-checkpoint.png")
    names, _, notes = opened(root)
    assert names == ["f0", "f1"]
    assert not notes


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


@pytest.mark.parametrize(
    ("image", "label", "split"),
    [
        ("training/image_2/a.png", "training/semantic/a.png", "train"),
        ("Val/Rural/images_png/a.png", "Val/Rural/masks_png/a.png", "val"),
        ("ds0/img/a.jpg", "ds0/masks_machine/a.png", "all"),
        ("JPEGImages/a.jpg", "SegmentationClassPNG/a.png", "all"),
        ("train_images/a.jpg", "train_masks/a.png", "train"),
        ("images_val/a.jpg", "labels_val/a.png", "val"),
        ("image_2/a.jpg", "image_2/a_mask.png", "all"),
    ],
)
def test_folders_go_by_the_names_that_data_sets_and_tools_give(
    image: str, label: str, split: str, tmp_path: Path
) -> None:
    photograph(tmp_path / image)
    drawn(tmp_path / label)
    names, found, _ = opened(tmp_path, split)
    assert len(names) == 1
    assert found == [[0, 1, 2, 3]]


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


def test_cvats_export_is_no_pascal_voc(tmp_path: Path) -> None:
    photograph(tmp_path / "JPEGImages" / "a.jpg")
    (tmp_path / "SegmentationClass").mkdir()
    Image.fromarray(np.array(COLORS, np.uint8)[LABEL]).save(tmp_path / "SegmentationClass" / "a.png")
    (tmp_path / "ImageSets" / "Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Segmentation" / "default.txt").write_text("a\n")
    lines = [f"{name}:{','.join(map(str, color))}::" for name, color in zip(NAMES, COLORS, strict=True)]
    (tmp_path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\n" + "\n".join(lines))
    assert catalog.layout_of(tmp_path) == "folder"
    assert opened(tmp_path)[1] == [[0, 1, 2, 3]]


def test_links_to_folders_are_followed_and_not_in_a_circle(tmp_path: Path) -> None:
    photograph(tmp_path / "store" / "city" / "a.jpg")
    (tmp_path / "root" / "images").mkdir(parents=True)
    (tmp_path / "root" / "images" / "linked").symlink_to(tmp_path / "store" / "city")
    (tmp_path / "root" / "images" / "circle").symlink_to(tmp_path / "root")
    assert opened(tmp_path / "root")[0] == ["linked/a"]
    (tmp_path / "root" / "images" / "again").symlink_to(tmp_path / "root" / "images" / "linked")
    (tmp_path / "root" / "images" / "2024").mkdir()
    photograph(tmp_path / "root" / "images" / "2024" / "b.jpg")
    (tmp_path / "root" / "images" / "latest").symlink_to("2024")
    assert "latest/b" not in opened(tmp_path / "root")[0]


def test_photographs_whose_names_end_in_color_are_photographs(tmp_path: Path) -> None:
    for name in ("a.png", "a_color.png", "b.jpg", "b_color.jpg"):
        photograph(tmp_path / name)
    assert opened(tmp_path)[0] == ["a", "a_color", "b", "b_color"]
    drawn(tmp_path / "a_mask.png")
    assert opened(tmp_path)[0] == ["a", "b", "b_color"]


def test_pictures_come_before_arrays_as_label_maps(tmp_path: Path) -> None:
    photograph(tmp_path / "images" / "a.jpg")
    drawn(tmp_path / "masks" / "a.png")
    np.save(tmp_path / "masks" / "a.npy", np.zeros((3, 4, 5)))
    (tmp_path / "labels").mkdir()
    np.save(tmp_path / "labels" / "a.npy", np.zeros((3, 4, 5)))
    assert opened(tmp_path)[1] == [[0, 1, 2, 3]]


@pytest.mark.parametrize("beside", ["test_images", "train2017"])
def test_other_folders_beside_images_are_no_splits(beside: str, tmp_path: Path) -> None:
    photograph(tmp_path / "images" / "a.jpg")
    photograph(tmp_path / beside / "t.jpg")
    assert opened(tmp_path, "val")[0] == opened(tmp_path, "all")[0] == ["a"]


def test_images_outside_of_pairs_of_folders_stay(tmp_path: Path) -> None:
    photograph(tmp_path / "train" / "A" / "images" / "x.jpg")
    drawn(tmp_path / "train" / "A" / "masks" / "x.png")
    photograph(tmp_path / "train" / "B" / "y.jpg")
    assert opened(tmp_path, "train")[0] == ["A/images/x", "B/y"]
    photograph(tmp_path / "train" / "z.jpg")
    assert "z" in opened(tmp_path, "train")[0]


def test_a_table_of_something_else_is_no_class_list(tmp_path: Path) -> None:
    photograph(tmp_path / "images" / "a.jpg")
    (tmp_path / "classes.csv").write_text("filename,class\na.jpg,cat\n")
    data = open_data("folder", root=tmp_path, split="all")
    assert data.classes is None
    assert "classes.csv is no class list" in " ".join(data.notes)  # type: ignore[attr-defined]


def test_a_path_that_no_system_has_is_told() -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        Folder(Path("a" * 5000))


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


def test_a_list_of_label_maps_opens_images_alone(tmp_path: Path) -> None:
    photograph(tmp_path / "images" / "a.jpg")
    (tmp_path / "test.txt").write_text("images/a.jpg labels/a.png\n")
    assert opened(tmp_path, "test")[0] == ["a"]


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
