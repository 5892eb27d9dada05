"""Anyone's images: a folder of image files, with or without label maps, splits and class names.

    photos/*.jpg                                          images alone
    photos/*.jpg and photos/*.png of the same names       images, label maps beside them
    photos/NAME.* and photos/NAME_mask.png                the same
    root/images/ and root/labels/ (or masks/, ...)        one split, `all`
    root/train/images/, root/train/labels/, root/val/...  a folder a split
    root/train/, root/train_labels/, root/val/...         the same
    root/images/train/, root/labels/train/, ...           the same, the other way round
    root/train.txt, root/val.txt with names               a list a split, of root/images/; root/splits/val.txt as well

Splits may be called training, valid or validation, and testing, too.

`root/classes.json` or `classes.txt` names the classes, see `cirkd.data.class_list`.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from cirkd.data.class_list import ClassList, class_list_in, read_class_list
from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.folder_labels import labels_beside, labels_in
from cirkd.data.folder_lists import of_list, of_share
from cirkd.data.images import read_label_noted
from cirkd.data.pairs import Frame, Pairs, dead_links, image_files

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "img_dir", "JPEGImages")
LABEL_FOLDERS = (
    *("labels", "masks", "annotations", "label", "mask", "annotation", "ann_dir", "gt", "groundtruth", "ground_truth"),
    *("segmentations", "segmentation", "SegmentationClass"),
)
_OF_SPLIT = ("annot", *(f"{mark}{name}" for name in LABEL_FOLDERS for mark in "_-"))
"""What the folder of a split's label maps has after that of its images: val/ and val_labels/, trainannot/."""
SPLITS = ("all", "val", "train", "test")
_CALLED = {"val": ("val", "valid", "validation"), "train": ("train", "training"), "test": ("test", "testing")}
_LISTS = ("", "splits", "split", "lists", "ImageSets/Segmentation", "ImageSets")
"""Where lists of splits lie."""


class Folder(Pairs):
    """One split of a folder of images, in name order; an image may have no label map.

    Args:
        root: The folder.
        split: `all`; `train`, `val` or `test` where there are folders or lists of that name, and where there are none
            of any split, these are all images; a text file with a name or path a line; or a share of the images in an
            order drawn from their names, as `0-80%` and `80-100%`.

    Raises:
        DataError: no such folder, split or list, or no image in it.
    """

    def __init__(self, root: Path | None, split: str = "all") -> None:
        if root is None:
            raise DataError("a folder of images was wanted; give its path with --root")
        if not _is_folder(root):
            raise DataError(f"{root}: there is no such folder; check the path")
        wanted, split = split, _found(root, split)
        images, labels = _places(root, split)
        chosen = split != "all" and not _has_folders(root, split)
        named = _class_list(root)
        files = image_files(images, SUFFIXES, "*" if images == root else "**/*")
        files = [path for path in files if labels is None or not path.is_relative_to(labels)]
        beside, unread = labels_beside(files, named) if labels is None else ({}, [])
        taken = {*beside.values(), *unread}
        files = [path for path in files if path not in taken]
        if not files:
            raise DataError(_nothing(root, images))
        found, unmatched = (beside, 0) if labels is None else labels_in(files, images, labels, SUFFIXES)
        names = {path: path.relative_to(images).with_suffix("").as_posix() for path in files}
        frames = [Frame(names[path], path, found.get(path)) for path in files]
        super().__init__(
            "folder",
            split,
            named.classes if named is not None else None,
            _of_split(frames, root, images, split) if chosen else frames,
            partial(_read, named),
            [
                *_taken(wanted, split),
                *([named.note] if named and named.note else []),
                *_dead(images, labels),
                *_notes(frames, labels, unmatched, bool(beside)),
                *_passed_over(labels, unread),
            ],
        )


def _nothing(root: Path, images: Path) -> str:
    """Why there is no image."""
    own = [split for split in _CALLED if _has_folders(root, split)]
    dead = "; ".join(_dead(images, None))
    if own and not dead:
        return f"{root}: its images are in folders for {', '.join(own)}; choose one of these splits"
    own = class_list_in(root)
    known = "PNG, JPEG, WebP, TIFF and BMP are read"
    if own is not None:
        known = f"with {own.name} it is a folder of your own; without, it may be a data set by its layout; {known}"
    return f"{images}: no image files here; {dead or known}"


def _dead(*folders: Path | None) -> list[str]:
    """A line for each folder with links whose files have not been fetched."""
    counts = {folder: dead_links(folder, SUFFIXES) for folder in folders if folder is not None}
    return [
        f"{count} files of {folder.name}/ are links to files that are not there; fetch them (git annex get, dvc pull)"
        for folder, count in counts.items()
        if count
    ]


def _is_folder(root: Path) -> bool:
    try:
        return root.is_dir()
    except (OSError, ValueError):
        return False


def _found(root: Path, split: str) -> str:
    """The split that a word stands for; `all` where the folder has no splits.

    Raises:
        DataError: it has others.
    """
    split = next((name for name, called in _CALLED.items() if split.lower() in called), split)
    own = _own_splits(root)
    if split in own or split not in _CALLED:
        return split
    if own:
        images = _first(root, IMAGE_FOLDERS)
        known = [*own, "all"] if images is not None and image_files(images, SUFFIXES) else own
        raise DataError(
            f"{root}: has no split {split}; choose {' or '.join(known)}, a list FILE.txt, or a share as 0-80%"
        )
    # A folder without splits has its images under every name, so that `--split val` need not be left out.
    return "all"


def _taken(wanted: str, split: str) -> list[str]:
    """A line where all images are taken for a split."""
    return [f"no split {wanted} was found, so all images are taken"] if split == "all" != wanted else []


def _places(root: Path, split: str) -> tuple[Path, Path | None]:
    """The folders of images and of labels of a split."""
    nested = _first(root, _CALLED.get(split, ()))
    if nested is not None and _has_files(nested):
        images, beside = _first(nested, IMAGE_FOLDERS) or nested, [f"{nested.name}{end}" for end in _OF_SPLIT]
        return images, _first(nested, LABEL_FOLDERS) or _first(root, beside) or _first(images, LABEL_FOLDERS)
    images = _first(root, IMAGE_FOLDERS) or root
    labels, own = _first(root, LABEL_FOLDERS), _first(images, _CALLED.get(split, ()))
    if own is None:
        return images, labels or _first(images, LABEL_FOLDERS)
    return own, (_first(labels, _CALLED[split]) or labels) if labels is not None else _first(own, LABEL_FOLDERS)


def _has_folders(root: Path, split: str) -> bool:
    """Whether a split has a folder of its own with images in it; what trainers write may lie in one of its name."""
    found = [
        _first(place, _CALLED.get(split, ())) for place in (root, _first(root, IMAGE_FOLDERS)) if place is not None
    ]
    return any(folder is not None and _has_files(folder) for folder in found)


def _own_splits(root: Path) -> list[str]:
    return [name for name in _CALLED if _has_folders(root, name) or _list_of(root, name) is not None]


def _list_of(root: Path, split: str) -> Path | None:
    """The list of a split, where there is one."""
    names = [f"{called}.txt" for called in _CALLED.get(split, ())]
    for place in (root / place for place in _LISTS):
        there = {path.name.lower(): path for path in place.iterdir() if path.is_file()} if place.is_dir() else {}
        if found := next((there[name] for name in names if name in there), None):
            return found
    return None


def has_split(root: Path, split: str) -> bool:
    """Whether a folder has a split of that name; `all`, where it has none."""
    own = _own_splits(root)
    return split in own if split != "all" else not own


def _first(root: Path, names: Sequence[str]) -> Path | None:
    """The first of these folders that is there and holds images, whatever its case; an empty one where none does."""
    if not root.is_dir():
        return None
    there = {path.name.lower(): path for path in root.iterdir() if path.is_dir()}
    found = [there[name.lower()] for name in names if name.lower() in there]
    return next((folder for folder in found if _has_files(folder)), found[0] if found else None)


def _has_files(folder: Path) -> bool:
    return any(path.suffix.lower() in SUFFIXES and not path.name.startswith(".") for path in folder.rglob("*"))


def _of_split(frames: list[Frame], root: Path, images: Path, split: str) -> list[Frame]:
    """Those of the images that a list or a share names."""
    if (share := of_share(frames, split)) is not None:
        return share
    path = _list_of(root, split) or Path(split).expanduser()
    if path.suffix != ".txt":
        raise DataError(f"folder has no split {split!r}; choose {', '.join(SPLITS)}, a list FILE.txt, or 0-80%")
    if not path.is_file():
        path = root / path
    return of_list(frames, path, root, images)


def _class_list(root: Path) -> ClassList | None:
    path = class_list_in(root)
    return None if path is None else read_class_list(path)


def _read(named: ClassList | None, path: Path) -> tuple[np.ndarray, str]:
    """A label map as class numbers: by the list's values, or by its colours where the map has them."""
    if named is None:
        return read_label_noted(path)
    values, note = read_label_noted(path, named.classes if named.colored else None, named.void)
    return (values, note) if note else named.numbered(values)


def _passed_over(labels: Path | None, unread: list[Path]) -> list[str]:
    """A line for what looks like label maps and is not taken as such."""
    notes = []
    if unread:
        notes.append(
            f"{len(unread)} files such as {unread[0].name} look like label maps in colours and are left out; "
            "as PNG files they are read where a classes.json has these colours"
        )
    if labels is not None and labels.name.lower() in map(str.lower, LABEL_FOLDERS):
        others = [name for name in LABEL_FOLDERS if (found := _first(labels.parent, (name,))) and _has_files(found)]
        if passed := [name for name in others if name.lower() != labels.name.lower()]:
            notes.append(
                f"label maps are those in {labels.name}/, not in {', '.join(passed)}/; move one away to choose"
            )
    return notes


def _notes(frames: Sequence[Frame], labels: Path | None, unmatched: int, beside: bool) -> list[str]:
    notes = []
    without = sum(frame.label is None for frame in frames)
    if beside:
        notes.append("files beside images, of the same names or with _mask and the like, are taken as their label maps")
    if unmatched and labels is not None:
        notes.append(f"{labels.name}/ has {unmatched} label maps that match no image; name each like its image")
    if 0 < without < len(frames):
        notes.append(f"{without} of {len(frames)} images have no label map")
    return notes


ENTRY = DataSet(
    name="folder",
    title="A folder",
    holds="images, or images/ and labels/, or a folder for each of train, val and test",
    open=lambda split, root: Folder(root, split),
    splits=SPLITS,
    has_split=has_split,
    labelled_test=True,
    checks=True,
)
