"""Data sets in their real layouts, on tiny trees."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cirkd.data.catalog import DATA_SETS, open_data
from cirkd.data.errors import DataError


def write_pair(image: Path, label: Path, size: tuple[int, int] = (8, 6), value: int = 3) -> None:
    for path in (image, label):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (10, 20, 30)).save(image)
    Image.new("L", size, value).save(label)


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    lines = []
    for name in ("0001TP_1", "0001TP_2"):
        write_pair(tmp_path / "val" / f"{name}.png", tmp_path / "valannot" / f"{name}.png")
        lines.append(f"/SegNet/CamVid/val/{name}.png /SegNet/CamVid/valannot/{name}.png")
    (tmp_path / "camvid_val_list.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_camvid_reads_the_list_form(camvid: Path) -> None:
    data = open_data("camvid", "val", camvid)
    assert data.names == ["0001TP_1", "0001TP_2"]
    assert data.classes is not None
    assert (len(data.classes), data.classes.ignore_index) == (11, 11)
    assert data[1].image.shape == (6, 8, 3)
    assert data[1].label is not None
    assert (data[1].label == 3).all()


def test_camvid_says_which_list_is_missing(camvid: Path) -> None:
    with pytest.raises(DataError, match=r"camvid_train_list\.txt"):
        open_data("camvid", "train", camvid)


def test_camvid_says_which_listed_file_is_missing(camvid: Path) -> None:
    (camvid / "valannot" / "0001TP_2.png").unlink()
    with pytest.raises(DataError, match=r"valannot.0001TP_2\.png: listed but not there"):
        open_data("camvid", "val", camvid)


def test_camvid_refuses_labels_of_another_size(camvid: Path) -> None:
    Image.new("L", (9, 6)).save(camvid / "valannot" / "0001TP_1.png")
    with pytest.raises(DataError, match="must be alike"):
        open_data("camvid", "val", camvid)[0]


def test_camvid_list_lines_need_two_words(camvid: Path) -> None:
    (camvid / "camvid_val_list.txt").write_text("only-one-word\n")
    with pytest.raises(DataError, match=":1: an image path and a label path"):
        open_data("camvid", "val", camvid)


def test_camvid_needs_a_root() -> None:
    with pytest.raises(DataError, match="--root"):
        open_data("camvid", "val")


def test_folder_with_labels_and_classes(tmp_path: Path) -> None:
    write_pair(tmp_path / "images" / "a.jpg", tmp_path / "labels" / "a.png", value=1)
    write_pair(tmp_path / "images" / "b.png", tmp_path / "elsewhere" / "b.png")
    classes = [{"name": "ground", "color": [1, 2, 3]}, {"name": "sky", "color": [4, 5, 6]}]
    (tmp_path / "classes.json").write_text(json.dumps(classes))
    data = open_data("folder", root=tmp_path)
    assert data.classes is not None
    assert data.classes.names == ("ground", "sky")
    assert data[0].label is not None
    assert data[1].label is None


def test_folder_of_images_alone(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    data = open_data("folder", root=tmp_path)
    assert (data.classes, data.names, len(data)) == (None, ["x"], 1)


@pytest.mark.parametrize(("prepare", "says"), [("nothing", "no image files"), ("gone", "no such folder")])
def test_empty_and_missing_folders(tmp_path: Path, prepare: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        open_data("folder", root=tmp_path if prepare == "nothing" else tmp_path / "gone")


def test_broken_class_list(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    (tmp_path / "classes.json").write_text('[{"thing": "road"}]')
    with pytest.raises(DataError, match="a list of"):
        open_data("folder", root=tmp_path)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(DataError, match="streets, camvid, camvid32, cityscapes"):
        open_data("kitti")


def test_every_data_set_names_its_splits() -> None:
    assert all(entry.splits and entry.title for entry in DATA_SETS.values())


def test_streets_open_and_agree_with_their_manifest() -> None:
    data = open_data("streets", "val")
    sample = data[0]
    assert data.classes is not None
    assert sample.label is not None
    assert sample.image.shape[:2] == sample.label.shape == (256, 512)
    assert np.isin(sample.label, [*range(len(data.classes)), data.classes.ignore_index]).all()


def test_streets_say_which_splits_there_are() -> None:
    with pytest.raises(DataError, match="test, train, val"):
        open_data("streets", "holdout")


def test_streets_elsewhere_need_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json"):
        open_data("streets", "val", tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match="not a manifest"):
        open_data("streets", "val", tmp_path)
