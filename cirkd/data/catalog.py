"""Every data set by name."""

from collections.abc import Callable
from pathlib import Path

from cirkd.data import ade20k, camvid, cityscapes, coco_stuff, voc
from cirkd.data.errors import DataError
from cirkd.data.folder import Folder
from cirkd.data.sample import SegmentationData
from cirkd.data.streets import Streets

DATA_SETS: dict[str, Callable[[str, Path | None], SegmentationData]] = {
    "streets": lambda split, root: Streets(split, root),
    "camvid": camvid.open_camvid,
    "camvid32": camvid.open_camvid_32,
    "cityscapes": cityscapes.open_cityscapes,
    "voc": voc.open_voc,
    "ade20k": ade20k.open_ade20k,
    "cocostuff": coco_stuff.open_coco_stuff,
    "folder": lambda split, root: Folder(root),
}

SPLITS: dict[str, tuple[str, ...]] = {
    "streets": ("train", "val", "test"),
    "camvid": camvid.SPLITS,
    "camvid32": camvid.COLOR_SPLITS,
    "cityscapes": cityscapes.SPLITS,
    "voc": voc.SPLITS,
    "ade20k": ade20k.SPLITS,
    "cocostuff": coco_stuff.SPLITS,
    "folder": ("all",),
}

_MARKS: tuple[tuple[str, str], ...] = (
    ("streets", "manifest.json"),
    ("camvid", "camvid_*_list.txt"),
    ("cityscapes", "leftImg8bit"),
    ("voc", "JPEGImages"),
    ("voc", "VOC2012/JPEGImages"),
    ("voc", "VOCdevkit/VOC2012/JPEGImages"),
    ("ade20k", "ADEChallengeData2016"),
    ("ade20k", "annotations/validation"),
    ("cocostuff", "stuffthingmaps"),
    ("cocostuff", "annotations/val2017"),
    ("camvid32", "LabeledApproved_full"),
)
"""What lies in the root of each data set and of no other."""


def open_data(name: str, split: str = "val", root: Path | str | None = None) -> SegmentationData:
    """Open one split of a data set.

    Args:
        name: A key of `DATA_SETS`.
        split: One of `SPLITS`; a folder has only one.
        root: Where the data set lies; the bundled streets need none.

    Raises:
        DataError: unknown name, or the data set is not complete at its root.
    """
    if name not in DATA_SETS:
        raise DataError(f"there is no data set {name!r}; choose one of: {', '.join(DATA_SETS)}")
    return DATA_SETS[name](split, Path(root) if root is not None else None)


def layout_of(root: Path | str) -> str:
    """Which data set a folder is laid out like; `folder` where it is none."""
    folder = Path(root)
    if not folder.is_dir():
        return "folder"
    return next((name for name, mark in _MARKS if next(folder.glob(mark), None) is not None), "folder")


def splits_at(root: Path | str) -> tuple[str, ...]:
    """The splits of the data set at a folder that are there, the one to begin with first."""
    name, folder = layout_of(root), Path(root)
    listed = {"camvid": "camvid_{}_list.txt", "cityscapes": "leftImg8bit/{}"}.get(name)
    found = [split for split in SPLITS[name] if listed is None or (folder / listed.format(split)).exists()]
    return tuple(sorted(found or SPLITS[name], key=lambda split: split != "val"))
