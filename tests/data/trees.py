"""Published data sets' real layouts as tiny trees of files."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from cirkd.data.sample import SegmentationData

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
