"""Anyone's images: a folder of image files, with or without label maps, splits and class names.

    photos/*.jpg                                          images alone
    photos/*.jpg and photos/*.png of the same names       images, label maps beside them
    photos/NAME.* and photos/NAME_mask.png                the same
    root/images/ and root/labels/ (or masks/, ...)        one split, `all`
    root/train/images/, root/train/labels/, root/val/...  a folder a split
    root/images/train/, root/labels/train/, ...           the same, the other way round
    root/train.txt, root/val.txt with names               a list a split, of root/images/

`root/classes.json` or `classes.txt` names the classes, see `cirkd.data.class_list`.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from cirkd.data.class_list import ClassList, read_class_list
from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.folder_lists import of_list, of_share
from cirkd.data.images import read_label_noted
from cirkd.data.pairs import Frame, Pairs, dead_links, image_files

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "img_dir", "JPEGImages")
LABEL_FOLDERS = (
    *("labels", "masks", "annotations", "label", "mask", "annotation", "ann_dir", "gt", "groundtruth", "ground_truth"),
    *("segmentations", "segmentation", "SegmentationClass"),
)
SPLITS = ("all", "val", "train", "test")
_OF_LABELS = (
    r"mask|masks|label|labels|lbl|l|gt|seg|segmentation|annotation|annotations|"
    r"(?:gtfine_)?(?:label)?trainids|(?:gtfine_)?labelids"
)
_LABEL_ENDING = re.compile(rf"[-_.](?:{_OF_LABELS})$", re.IGNORECASE)
_ENDING = re.compile(rf"[-_.](?:image|img|sat|rgb|leftimg8bit|jpe?g|png|tiff?|{_OF_LABELS})$", re.IGNORECASE)
"""What tools add to the names of images and of label maps; it does not count when they are matched."""


class Folder(Pairs):
    """One split of a folder of images, in name order; an image may have no label map.

    Args:
        root: The folder.
        split: `all`; `train`, `val` or `test` where there are folders or lists of that name; a text file with a name
            or path a line; or a share of the images in an order drawn from their names, as `0-80%` and `80-100%`.

    Raises:
        DataError: no such folder, split or list, or no image in it.
    """

    def __init__(self, root: Path | None, split: str = "all") -> None:
        if root is None:
            raise DataError("a folder of images was wanted; give its path with --root")
        if not _is_folder(root):
            raise DataError(f"{root}: there is no such folder; check the path")
        images, labels, chosen = _places(root, split)
        files = image_files(images, SUFFIXES, "*" if images == root else "**/*")
        beside = _labels_beside(files) if labels is None else {}
        files = [path for path in files if path not in beside.values()]
        if not files:
            raise DataError(_nothing(root, images))
        found, unmatched = (beside, 0) if labels is None else _matched(files, images, labels)
        names = {path: path.relative_to(images).with_suffix("").as_posix() for path in files}
        frames = [Frame(names[path], path, found.get(path)) for path in files]
        named = _class_list(root)
        super().__init__(
            "folder",
            split if chosen else "all",
            named.classes if named is not None else None,
            _of_split(frames, root, images, split) if chosen else frames,
            partial(_read, named),
            [*_dead(images, labels), *_notes(frames, labels, unmatched, bool(beside))],
        )


def _nothing(root: Path, images: Path) -> str:
    """Why there is no image."""
    own = [split for split in SPLITS[1:] if _has_folders(root, split)]
    dead = "; ".join(_dead(images, None))
    if own and not dead:
        return f"{root}: its images are in folders for {', '.join(own)}; choose one of these splits"
    return f"{images}: no image files here; {dead or 'PNG, JPEG, WebP, TIFF and BMP are read'}"


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


def _places(root: Path, split: str) -> tuple[Path, Path | None, bool]:
    """The folders of images and of labels of a split, and whether the split is still to be chosen from these images."""
    if _has_folders(root, split):
        nested = root / split if (root / split).is_dir() else None
        images = _first(nested or root, IMAGE_FOLDERS) or nested or root
        labels = _first(nested or root, LABEL_FOLDERS)
        if nested is None:
            return images / split, labels / split if labels and (labels / split).is_dir() else labels, False
        return images, labels, False
    images = _first(root, IMAGE_FOLDERS) or root
    if split in ("train", "val", "test") and not (root / f"{split}.txt").is_file():
        # A folder without splits has its images under every name, so that `--split val` need not be left out.
        split = "all"
    return images, _first(root, LABEL_FOLDERS), split != "all"


def _has_folders(root: Path, split: str) -> bool:
    """Whether a split has folders of its own."""
    if split not in SPLITS[1:]:
        return False
    images = _first(root, IMAGE_FOLDERS)
    return (root / split).is_dir() or (images is not None and (images / split).is_dir())


def has_split(root: Path, split: str) -> bool:
    """Whether a folder has a split of that name; `all`, where it has none."""
    own = [name for name in SPLITS[1:] if _has_folders(root, name) or (root / f"{name}.txt").is_file()]
    return split in own if split != "all" else not own


def _first(root: Path, names: Sequence[str]) -> Path | None:
    """The first of these folders that is there, whatever its case."""
    if not root.is_dir():
        return None
    there = {path.name.lower(): path for path in root.iterdir() if path.is_dir()}
    return next((there[name.lower()] for name in names if name.lower() in there), None)


def _of_split(frames: list[Frame], root: Path, images: Path, split: str) -> list[Frame]:
    """Those of the images that a list or a share names."""
    if (share := of_share(frames, split)) is not None:
        return share
    path = root / f"{split}.txt" if split in SPLITS else Path(split).expanduser()
    if split not in SPLITS and path.suffix != ".txt":
        raise DataError(f"folder has no split {split!r}; choose {', '.join(SPLITS)}, a list FILE.txt, or 0-80%")
    if not path.is_file():
        path = root / path
    return of_list(frames, path, root, images)


def _labels_beside(files: list[Path]) -> dict[Path, Path]:
    """Label maps that lie beside images under the same names, or with `_mask` and the like: image -> label map."""
    bare = {path: _LABEL_ENDING.sub("", path.stem) for path in files}
    images = {path.with_name(_ENDING.sub("", path.stem)): path for path in files if bare[path] == path.stem}
    marked = {
        images[path.with_name(stem)]: path
        for path, stem in bare.items()
        if stem != path.stem and path.with_name(stem) in images and _is_index_map(path)
    }
    photos = {path.with_suffix(""): path for path in files if path.suffix.lower() in (".jpg", ".jpeg")}
    pairs = {photos[p.with_suffix("")]: p for p in files if p.suffix.lower() == ".png" and p.with_suffix("") in photos}
    return {photo: label for photo, label in pairs.items() if _is_index_map(label)} | marked


def _is_index_map(path: Path) -> bool:
    try:
        with Image.open(path, formats=("PNG", "TIFF", "BMP")) as picture:
            return picture.mode in ("P", "L", "1", "I;16")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError):
        return False


def _matched(files: list[Path], images: Path, labels: Path) -> tuple[dict[Path, Path], int]:
    """The label map of each image that has one, by name; and how many label maps match no image."""
    maps = image_files(labels, SUFFIXES, "**/*")
    exact = {path.relative_to(labels).with_suffix("").as_posix(): path for path in reversed(maps)}
    stems = {file: file.relative_to(images).with_suffix("").as_posix() for file in files}
    found = {file: exact[stem] for file, stem in stems.items() if stem in exact}
    taken = set(found.values())
    loose = {key: path for stem, path in exact.items() if path not in taken for key in (_plain(stem), _bare(stem))}
    for file, stem in stems.items():
        label = loose.get(_plain(stem)) or loose.get(_bare(stem))
        if file not in found and label is not None:
            found[file] = label
    return found, len(set(maps) - set(found.values()))


def _plain(stem: str) -> str:
    """A name as systems that don't tell cases apart, or spell an umlaut as two characters, would find it."""
    return unicodedata.normalize("NFC", stem).casefold()


def _bare(stem: str) -> str:
    return _plain(_ENDING.sub("", stem))


def _class_list(root: Path) -> ClassList | None:
    path = next((root / name for name in ("classes.json", "classes.txt") if (root / name).is_file()), None)
    return None if path is None else read_class_list(path)


def _read(named: ClassList | None, path: Path) -> tuple[np.ndarray, str]:
    """A label map as class numbers: by the list's values, or by its colours where the map has them."""
    values, note = read_label_noted(path, named.classes if named is not None and named.colored else None)
    return (values, note) if named is None or named.table is None or note else (named.table[values], note)


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
