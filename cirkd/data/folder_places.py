"""Where images, label maps and splits of a folder of one's own lie, by what its folders are called."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from cirkd.data.errors import DataError
from cirkd.data.pairs import image_files, left_by_tools, paths_below

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
LABEL_SUFFIXES = (*SUFFIXES, ".npy")
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "img_dir", "JPEGImages")
LABEL_FOLDERS = (
    *("labels", "masks", "annotations", "label", "mask", "annotation", "ann_dir", "gt", "groundtruth", "ground_truth"),
    *("segmentations", "segmentation", "SegmentationClass", "semantic"),
)
_FORM = re.compile(r"[-_ ]?(?:\d+|png|jpe?g|tiff?|machine|index(?:ed)?|ids?)$", re.IGNORECASE)
"""What tools add to these names: image_2, images_png, masks_machine, SegmentationClassPNG."""
CALLED = {"val": ("val", "valid", "validation"), "train": ("train", "training"), "test": ("test", "testing")}
_LISTS = ("", "splits", "split", "lists", "ImageSets/Segmentation", "ImageSets")
"""Where lists of splits lie."""


def split_found(root: Path, split: str) -> str:
    """The split that a word stands for; `all` where the folder has no splits.

    Raises:
        DataError: it has others.
    """
    split = next((name for name, called in CALLED.items() if split.lower() in called), split)
    own = own_splits(root)
    if split in own or split not in CALLED:
        return split
    if own:
        images = first(root, IMAGE_FOLDERS)
        known = [*own, "all"] if images is not None and image_files(images, SUFFIXES) else own
        raise DataError(
            f"{root}: has no split {split}; choose {' or '.join(known)}, a list FILE.txt, or a share as 0-80%"
        )
    # A folder without splits has its images under every name, so that `--split val` need not be left out.
    return "all"


def places(root: Path, split: str) -> tuple[Path, Path | None]:
    """The folders of images and of labels of a split."""
    nested = _of_split(root, split)
    if nested is not None:
        images, beside = first(nested, IMAGE_FOLDERS) or nested, _names_of_split(nested.name, split, LABEL_FOLDERS)
        labels = first(nested, LABEL_FOLDERS, LABEL_SUFFIXES) or first(root, beside, LABEL_SUFFIXES)
        labels = labels or first(images, LABEL_FOLDERS, LABEL_SUFFIXES)
        if labels is None and (all_labels := first(root, LABEL_FOLDERS, LABEL_SUFFIXES)) is not None:
            labels = first(all_labels, (nested.name, *CALLED[split]), LABEL_SUFFIXES)
        return images, labels
    images = first(root, IMAGE_FOLDERS) or root
    labels, own = first(root, LABEL_FOLDERS, LABEL_SUFFIXES), first(images, CALLED.get(split, ()))
    if own is None:
        return images, labels or first(images, LABEL_FOLDERS, LABEL_SUFFIXES)
    if labels is None:
        return own, first(own, LABEL_FOLDERS, LABEL_SUFFIXES)
    of_split = first(labels, CALLED[split], LABEL_SUFFIXES)
    # Folders of other splits may have label maps of the same names.
    others = any(map(is_of_split, folders_in(labels))) and not image_files(labels, LABEL_SUFFIXES)
    return own, of_split or (None if others else labels)


def pairs_below(folder: Path) -> list[tuple[Path, Path]]:
    """Folders of images and of label maps side by side anywhere below: train/Rural/images/ and train/Rural/masks/."""
    inside = sorted(path for path in paths_below(folder) if path.is_dir() and not left_by_tools(path, folder))
    found = ((first(place, IMAGE_FOLDERS), first(place, LABEL_FOLDERS, LABEL_SUFFIXES)) for place in inside)
    return [(images, labels) for images, labels in found if images is not None and labels is not None]


def has_folders(root: Path, split: str) -> bool:
    """Whether a split has a folder of its own with images in it; what trainers write may lie in one of its name."""
    images = first(root, IMAGE_FOLDERS)
    own = first(images, CALLED.get(split, ())) if images is not None else None
    return _of_split(root, split) is not None or (own is not None and _has_files(own, SUFFIXES))


def own_splits(root: Path) -> list[str]:
    """The splits that a folder has, in folders or as lists."""
    return [name for name in CALLED if has_folders(root, name) or list_of(root, name) is not None]


def list_of(root: Path, split: str) -> Path | None:
    """The list of a split, where there is one."""
    names = [f"{called}.txt" for called in CALLED.get(split, ())]
    for place in (root / place for place in _LISTS):
        there = {path.name.lower(): path for path in place.iterdir() if path.is_file()} if place.is_dir() else {}
        if found := next((there[name] for name in names if name in there), None):
            return found
    return None


def first(root: Path, names: Sequence[str], suffixes: Sequence[str] = SUFFIXES) -> Path | None:
    """The first of these folders that is there and holds such files, whatever its case; an empty one where none does.

    Pictures come before other files.

    Where none is there, and the root has no such files itself, one whose name has more after it, as of `_FORM`.
    """
    there = folders_in(root)
    found = [there[name.lower()] for name in names if name.lower() in there]
    held = next((folder for kinds in (SUFFIXES, suffixes) for folder in found if _has_files(folder, kinds)), None)
    if held is None and there and not any(path.suffix.lower() in suffixes for path in root.iterdir()):
        formed = {_FORM.sub("", name): folder for name, folder in reversed(there.items())}
        found += [formed[name.lower()] for name in names if name.lower() in formed]
        held = next((folder for folder in found if _has_files(folder, suffixes)), None)
    return held or (found[0] if found else None)


def folders_in(root: Path) -> dict[str, Path]:
    """The folders in a folder by their names in lower case."""
    if not root.is_dir():
        return {}
    with os.scandir(root) as entries:  # which tells folders from files without a look at each
        inside = sorted(root / entry.name for entry in entries if entry.is_dir())
    return {path.name.lower(): path for path in inside if not left_by_tools(path, root)}


def is_of_split(name: str) -> bool:
    """Whether a folder of this name is one of a split's: val/, train2017/, train_images/, val_masks/."""
    called = [word for words in CALLED.values() for word in words]
    joined = (both for word in called for both in _joined(word, (*IMAGE_FOLDERS, *LABEL_FOLDERS)))
    return _FORM.sub("", name.lower()) in called or name.lower() in map(str.lower, joined)


def with_files(folders: Iterable[Path]) -> list[str]:
    """The names of those folders that hold images, themselves or below them."""
    return [folder.name for folder in folders if _has_files(folder, SUFFIXES)]


def _of_split(root: Path, split: str) -> Path | None:
    """The folder of a split's images: train/; where there is no images/, train2017/ or train_images/, too."""
    called = CALLED.get(split, ())
    images = first(root, IMAGE_FOLDERS) if called else None
    own = images is not None and _has_files(images, SUFFIXES)
    for names in (called, [name for word in called for name in _joined(word, IMAGE_FOLDERS)]):
        named = first(root, names)
        if named is not None and (not own or named.name.lower() in called) and _has_files(named, SUFFIXES):
            return named
    return None


def _names_of_split(folder: str, split: str, names: Sequence[str]) -> list[str]:
    """What the folder of a split's label maps is called beside that of its images: val_labels/, trainannot/."""
    called = (folder, *CALLED[split])
    return [name for word in dict.fromkeys(called) for name in (*_joined(word, names), f"{word}annot")]


def _joined(word: str, names: Sequence[str]) -> list[str]:
    return [f"{a}{mark}{b}" for name in names for mark in "_-" for a, b in ((word, name), (name, word))]


def _has_files(folder: Path, suffixes: Sequence[str]) -> bool:
    return any(path.suffix.lower() in suffixes and not left_by_tools(path, folder) for path in paths_below(folder))
