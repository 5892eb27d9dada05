"""Published data sets in their real layouts, on tiny trees."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cirkd.data.catalog import DATA_SETS, layout_of, open_data, open_place
from cirkd.data.errors import DataError
from cirkd.data.many_classes import COCO_STUFF_UNUSED as UNUSED
from cirkd.data.palettes import CAMVID_32, CITYSCAPES, VOC, classes_by_count
from cirkd.data.sample import SegmentationData
from cirkd.data.sbd import read_sbd

SIZE = (6, 8)


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (SIZE[1], SIZE[0]), (10, 20, 30)).save(path)


def label(path: Path, values: list[int]) -> None:
    """A label map whose first pixels hold these values, and the rest the first of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = np.full(SIZE[0] * SIZE[1], values[0], np.uint8)
    flat[: len(values)] = values
    Image.fromarray(flat.reshape(SIZE)).save(path)


def first(data: SegmentationData, count: int) -> list[int]:
    found = data[0].label
    assert found is not None
    return found.ravel()[:count].tolist()


def cityscapes(root: Path) -> None:
    for split, city in (("train", "aachen"), ("val", "lindau"), ("val", "munster")):
        frame = f"{city}_000000_000019"
        image(root / "leftImg8bit" / split / city / f"{frame}_leftImg8bit.png")
        label(root / "gtFine" / split / city / f"{frame}_gtFine_labelIds.png", [7, 8, 11, 33, 0, 9, 29])
        label(root / "gtFine" / split / city / f"{frame}_gtFine_instanceIds.png", [7])


def voc(root: Path) -> None:
    base = root / "VOCdevkit" / "VOC2012"
    lists = base / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for name in ("2007_000033", "2008_000008"):
        image(base / "JPEGImages" / f"{name}.jpg")
        label(base / "SegmentationClass" / f"{name}.png", [0, 1, 20, 255])
        label(base / "SegmentationClassAug" / f"{name}.png", [15])
    (lists / "val.txt").write_text("2007_000033\n")
    (lists / "train.txt").write_text("2008_000008\n")
    (lists / "train_aug.txt").write_text("/JPEGImages/2008_000008.jpg /SegmentationClassAug/2008_000008.png\n")


def ade20k(root: Path) -> None:
    for folder, name in (("training", "ADE_train_00000001"), ("validation", "ADE_val_00000001")):
        image(root / "ADEChallengeData2016" / "images" / folder / f"{name}.jpg")
        label(root / "ADEChallengeData2016" / "annotations" / folder / f"{name}.png", [0, 1, 150, 151])


def cocostuff(root: Path) -> None:
    for split in ("train2017", "val2017"):
        image(root / "images" / split / "000000000139.jpg")
        label(root / "stuffthingmaps" / split / "000000000139.png", [0, 10, 11, 12, 91, 181, 255])


def camvid32(root: Path) -> None:
    image(root / "701_StillsRaw_full" / "0001TP_006690.png")
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[0, :4] = [(128, 128, 128), (64, 128, 64), (0, 0, 0), (1, 2, 3)]
    (root / "LabeledApproved_full").mkdir()
    Image.fromarray(colors).save(root / "LabeledApproved_full" / "0001TP_006690_L.png")


def bdd100k(root: Path) -> None:
    image(root / "images" / "10k" / "val" / "7d06fefd-f7be05a6.jpg")
    label(root / "labels" / "sem_seg" / "masks" / "val" / "7d06fefd-f7be05a6.png", [0, 13, 18, 255])


def bdd100k_first(root: Path) -> None:
    image(root / "bdd100k" / "seg" / "images" / "val" / "7d06fefd-f7be05a6.jpg")
    label(root / "bdd100k" / "seg" / "labels" / "val" / "7d06fefd-f7be05a6_train_id.png", [0, 13, 18, 255])


def vistas(root: Path, config: str = "config_v2.0.json", folder: str = "v2.0/labels") -> None:
    image(root / "validation" / "images" / "a1b2.jpg")
    label(root / "validation" / folder / "a1b2.png", [0, 1, 2, 200])
    entries = [
        {"name": "animal--bird", "readable": "Bird", "evaluate": True, "color": [165, 42, 42]},
        {"name": "void--ground", "readable": "Ground", "evaluate": False, "color": [0, 192, 0]},
        {"name": "object--pole", "readable": "Pole", "evaluate": True, "color": [196, 196, 196]},
    ]
    (root / config).write_text(json.dumps({"labels": entries}))


def camvid_tutorial(root: Path) -> None:
    image(root / "val" / "0016E5_07959.png")
    label(root / "valannot" / "0016E5_07959.png", [0, 10, 11])
    (root / "val.txt").write_text("/SegNet/CamVid/val/0016E5_07959.png /SegNet/CamVid/valannot/0016E5_07959.png\n")


TREES: dict[str, tuple[Callable[[Path], None], str, list[int]]] = {
    "cityscapes": (cityscapes, "val", [0, 1, 2, 18, 255, 255, 255]),
    "voc": (voc, "val", [0, 1, 20, 255]),
    "ade20k": (ade20k, "val", [255, 0, 149, 255]),
    "cocostuff": (cocostuff, "val", [0, 10, 255, 11, 80, 170, 255]),
    "camvid32": (camvid32, "all", [21, 0, 255, 255]),
    "bdd100k": (bdd100k, "val", [0, 13, 18, 255]),
    "vistas": (vistas, "val", [0, 255, 1, 255]),
}


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
    assert split in DATA_SETS[layout_of(tmp_path)].splits_at(tmp_path)


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
    assert layout_of(tmp_path) == "vistas" and DATA_SETS[layout_of(tmp_path)].splits_at(tmp_path) == ("val",)


@pytest.mark.parametrize("listed", [True, False])
def test_camvid_as_its_tutorial_has_it(listed: bool, tmp_path: Path) -> None:
    camvid_tutorial(tmp_path)
    if not listed:
        (tmp_path / "val.txt").unlink()
    assert layout_of(tmp_path) == "camvid" and DATA_SETS[layout_of(tmp_path)].splits_at(tmp_path) == ("val",)
    assert first(open_data("camvid", "val", tmp_path), 3) == [0, 10, 11]


def test_camvid_32_in_folders_of_splits(tmp_path: Path) -> None:
    image(tmp_path / "val" / "0001.png")
    (tmp_path / "val_labels").mkdir()
    Image.new("RGB", (SIZE[1], SIZE[0]), (128, 128, 128)).save(tmp_path / "val_labels" / "0001_L.png")
    assert layout_of(tmp_path) == "camvid32" and DATA_SETS[layout_of(tmp_path)].splits_at(tmp_path) == ("val",)
    assert first(open_data("camvid32", "val", tmp_path), 1) == [21]


def test_cityscapes_with_train_ids_alone(tmp_path: Path) -> None:
    frame = "aachen_000000_000019"
    image(tmp_path / "leftImg8bit" / "val" / "aachen" / f"{frame}_leftImg8bit.png")
    label(tmp_path / "gtFine" / "val" / "aachen" / f"{frame}_gtFine_labelTrainIds.png", [0, 18, 255])
    assert first(open_data("cityscapes", "val", tmp_path), 3) == [0, 18, 255]


def test_a_manifest_of_another_tool_makes_no_streets(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    (tmp_path / "manifest.json").write_text('{"source": "a labelling tool"}')
    assert layout_of(tmp_path) == "folder" and len(open_place(tmp_path)) == 1


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
    assert DATA_SETS[layout_of(tmp_path)].splits_at(tmp_path) == ("val", "train")


def test_the_augmented_list_of_voc_has_its_own_label_maps(tmp_path: Path) -> None:
    voc(tmp_path)
    assert first(open_data("voc", "train_aug", tmp_path), 1) == [15]
    assert first(open_data("voc", "train", tmp_path / "VOCdevkit" / "VOC2012"), 2) == [0, 1]
    with pytest.raises(DataError, match=r"trainval\.txt: no such list"):
        open_data("voc", "trainval", tmp_path)
    (tmp_path / "VOCdevkit" / "VOC2012" / "JPEGImages" / "2008_000008.jpg").unlink()
    with pytest.raises(DataError, match="listed and not there"):
        open_data("voc", "train", tmp_path)


def sbd(root: Path) -> None:
    """SBD's release beside VOC: one image of each of its lists, one of them in VOC's val."""
    from scipy.io import savemat

    base, release = root / "VOCdevkit" / "VOC2012", root / "benchmark_RELEASE" / "dataset"
    (release / "cls").mkdir(parents=True)
    for name in ("2008_000002", "2007_000033"):
        image(base / "JPEGImages" / f"{name}.jpg")
        values = np.full(SIZE, 20, np.uint8)
        savemat(release / "cls" / f"{name}.mat", {"GTcls": {"Segmentation": values, "CategoriesPresent": [20]}})
    (release / "train.txt").write_text("2008_000002\n")
    (release / "val.txt").write_text("2007_000033\n")


def test_the_augmented_list_can_be_made_of_the_release_of_sbd(tmp_path: Path) -> None:
    voc(tmp_path)
    sbd(tmp_path)
    base, release = tmp_path / "VOCdevkit" / "VOC2012", tmp_path / "benchmark_RELEASE" / "dataset"
    assert first(open_data("voc", "train_aug", tmp_path), 1) == [15], "the PNG form is taken where it is there"
    shutil.rmtree(base / "SegmentationClassAug")
    assert list(open_data("voc", "train_aug", tmp_path).names) == ["2008_000008"], "the list that is there is taken"
    (base / "ImageSets" / "Segmentation" / "train_aug.txt").unlink()
    for root in (tmp_path, base):
        data = open_data("voc", "train_aug", root)
        assert list(data.names) == ["2008_000002", "2008_000008"]
        assert first(data, 2) == [20, 20]
        assert data[0].label is not None
        assert data[0].label.shape == SIZE
        assert data[1].label is not None
        assert data[1].label.ravel()[:4].tolist() == [0, 1, 20, 255], "VOC's own label map comes before SBD's"
    (release / "cls" / "2008_000002.mat").unlink()
    with pytest.raises(DataError, match=r"2008_000002\.mat: expected and not there, as 1 of 2"):
        open_data("voc", "train_aug", tmp_path)
    (release / "train.txt").unlink()
    with pytest.raises(DataError, match=r"train\.txt: no such list"):
        open_data("voc", "train_aug", tmp_path)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (37, 50)])
def test_label_maps_of_sbd_are_what_was_written(compressed: bool, shape: tuple[int, int], tmp_path: Path) -> None:
    from scipy.io import savemat

    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    inner = {"Boundaries": np.zeros((21, 1)), "Segmentation": values, "CategoriesPresent": [1]}
    savemat(tmp_path / "a.mat", {"other": [1.0], "GTcls": inner}, do_compression=compressed)
    assert np.array_equal(read_sbd(tmp_path / "a.mat"), values)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "no label map"),
        (b"MATLAB 5.0 MAT-file" + bytes(200), "no label map"),
        (bytes(2**20 + 1), "has a few kB"),
        ({"GTcls": {"Segmentation": np.zeros((2, 2))}}, "no 8-bit numbers"),
        ({"GTcls": {"Segmentation": np.zeros((2, 2, 2), np.uint8)}}, "not two-dimensional"),
        ({"GTcls": {"Boundaries": np.zeros((2, 2), np.uint8)}}, "no label map"),
        ({"GTinst": 1}, "no label map"),
    ],
)
def test_a_file_that_is_none_of_sbd_is_one_clear_line(content: bytes | dict, line: str, tmp_path: Path) -> None:
    from scipy.io import savemat

    path = tmp_path / "a.mat"
    path.write_bytes(content) if isinstance(content, bytes) else savemat(path, content)
    with pytest.raises(DataError, match=line) as caught:
        read_sbd(path)
    assert "\n" not in str(caught.value)


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
    from torchvision.datasets import Cityscapes

    from cirkd.data.cityscapes import LABEL_IDS

    known = sorted((c.train_id, c.id, c.name, c.color) for c in Cityscapes.classes if 0 <= c.train_id < 19)
    assert tuple(row[1] for row in known) == LABEL_IDS
    assert CITYSCAPES.names == tuple(row[2] for row in known)
    assert CITYSCAPES.colors == tuple(row[3] for row in known)


def test_every_data_set_has_splits() -> None:
    assert all(entry.splits for entry in DATA_SETS.values())
