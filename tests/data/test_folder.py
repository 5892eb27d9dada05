"""Which files of a folder are its images, under the names that data sets, tools and systems give."""

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
from tests.data.tiny_folder import COLORS, LABEL, NAMES, drawn, folder, opened, photograph


def test_what_systems_leave_beside_files_is_passed_over(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for path in list(root.rglob("*.png")):
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
    (root / "images" / "Thumbs.db").touch()
    assert open_data("folder", root=root).names == ["f0", "f1"]


def test_names_that_some_systems_hold_for_the_same_are_matched(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for old, image, label in (("f0", "Stra\u00dfe \u00fc", "stra\u00dfe u\u0308"), ("f1", "IMG 1", "img 1_Mask")):
        (root / "images" / f"{old}.png").rename(root / "images" / f"{image}.png")
        (root / "labels" / f"{old}.png").rename(root / "labels" / f"{label}.png")
    data = open_data("folder", root=root)
    assert [data[i].label is not None for i in range(2)] == [True, True]


def test_images_of_one_stem_keep_names_of_their_own(tmp_path: Path) -> None:
    for ending in ("jpg", "bmp"):
        Image.new("RGB", (8, 6)).save(tmp_path / f"a.{ending}")
    assert sorted(open_data("folder", root=tmp_path).names) == ["a.bmp", "a.jpg"]


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


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", ".thumbs", "@eaDir", "__MACOSX"])
def test_folders_of_tools_hold_no_images(hidden: str, tmp_path: Path) -> None:
    root = folder(tmp_path)
    photograph(root / "images" / hidden / "f0-checkpoint.png")
    drawn(root / "labels" / hidden / "f0-checkpoint.png")
    names, _, notes = opened(root)
    assert names == ["f0", "f1"]
    assert not notes


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
