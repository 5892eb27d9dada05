"""Anyone's images: a folder of image files, with or without label maps, splits and class names.

    photos/*.jpg                                          images alone
    photos/*.jpg and photos/*.png of the same names       images, label maps beside them
    root/images/ and root/labels/ (or masks/, ...)        one split, `all`
    root/train/images/, root/train/labels/, root/val/...  a folder a split
    root/images/train/, root/labels/train/, ...           the same, the other way round
    root/train.txt, root/val.txt with names               a list a split, of root/images/

`root/classes.json` names the classes, see `cirkd.data.class_list`.
"""

import re
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from cirkd.data.class_list import ClassList, read_class_list
from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.images import read_label_noted
from cirkd.data.pairs import Frame, Pairs, image_files, listed, listed_paths

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages")
LABEL_FOLDERS = ("labels", "masks", "annotations", "label", "mask", "gt", "SegmentationClass")
SPLITS = ("all", "val", "train", "test")
_ENDINGS = re.compile(
    r"[-_.](?:image|img|sat|rgb|leftimg8bit|mask|masks|label|labels|l|gt|seg|segmentation|annotation|annotations|"
    r"(?:gtfine_)?(?:label)?trainids|(?:gtfine_)?labelids)$",
    re.IGNORECASE,
)
"""What tools add to the names of images and of label maps; it does not count when they are matched."""
_SHARE = re.compile(r"(\d{1,3})-(\d{1,3})%")


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
            raise DataError(f"{images}: no image files here; PNG, JPEG, WebP, TIFF and BMP are read")
        found, unmatched = (beside, 0) if labels is None else _matched(files, images, labels)
        names = {path: path.relative_to(images).with_suffix("").as_posix() for path in files}
        frames = [Frame(names[path], path, found.get(path)) for path in files]
        named = _class_list(root)
        super().__init__(
            "folder",
            split if chosen else "all",
            named.classes if named is not None else None,
            _of_split(frames, root, split) if chosen else frames,
            partial(_read, named),
            _notes(frames, labels, unmatched, bool(beside)),
        )


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


def _of_split(frames: list[Frame], root: Path, split: str) -> list[Frame]:
    """Those of the images that a list or a share names."""
    if share := _SHARE.fullmatch(split):
        first, last = int(share[1]), int(share[2])
        if not first < last <= 100:
            raise DataError(f"folder: the share {split!r} holds nothing; write it as 0-80%, from less to more")
        order = sorted(frames, key=lambda frame: (zlib.crc32(frame.name.encode()), frame.name))
        low, high = (len(order) * percent // 100 for percent in (first, last))
        chosen = set(order[low:high])
        return [frame for frame in frames if frame in chosen]
    path = root / f"{split}.txt" if split in SPLITS else Path(split).expanduser()
    if split not in SPLITS and path.suffix != ".txt":
        raise DataError(f"folder has no split {split!r}; choose {', '.join(SPLITS)}, a list FILE.txt, or 0-80%")
    if not path.is_file():
        path = root / path
    by_name = {key: frame for frame in frames for key in (frame.image.name, frame.image.stem, frame.name)}
    chosen = []
    for line in listed(path, "a name a line"):
        word = listed_paths(line)[0]
        keys = (word, word.rsplit("/", 1)[-1], str(Path(word).with_suffix("")))
        frame = next((by_name[key] for key in keys if key in by_name), None)
        if frame is None:
            raise DataError(f"{path}: lists {word}, and no image has this name; correct the list")
        chosen.append(frame)
    return chosen


def _labels_beside(files: list[Path]) -> dict[Path, Path]:
    """Label maps that lie beside photographs under the same names: image -> label map."""
    photos = {path.with_suffix(""): path for path in files if path.suffix.lower() in (".jpg", ".jpeg")}
    pairs = {photos[p.with_suffix("")]: p for p in files if p.suffix.lower() == ".png" and p.with_suffix("") in photos}
    return {photo: label for photo, label in pairs.items() if _is_index_map(label)}


def _is_index_map(path: Path) -> bool:
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return picture.mode in ("P", "L", "1", "I;16")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError):
        return False


def _matched(files: list[Path], images: Path, labels: Path) -> tuple[dict[Path, Path], int]:
    """The label map of each image that has one, by name; and how many label maps match no image."""
    maps = image_files(labels, SUFFIXES, "**/*")
    exact = {path.relative_to(labels).with_suffix("").as_posix(): path for path in reversed(maps)}
    loose = {_ENDINGS.sub("", stem): path for stem, path in exact.items()}
    found = {}
    for file in files:
        stem = file.relative_to(images).with_suffix("").as_posix()
        label = exact.get(stem) or loose.get(stem) or loose.get(_ENDINGS.sub("", stem))
        if label is not None:
            found[file] = label
    return found, len(set(maps) - set(found.values()))


def _class_list(root: Path) -> ClassList | None:
    path = root / "classes.json"
    return read_class_list(path) if path.is_file() else None


def _read(named: ClassList | None, path: Path) -> tuple[np.ndarray, str]:
    """A label map as class numbers: by the list's values, or by its colours where the map has them."""
    values, note = read_label_noted(path, named.classes if named is not None and named.colored else None)
    return (values, note) if named is None or named.table is None or note else (named.table[values], note)


def _notes(frames: Sequence[Frame], labels: Path | None, unmatched: int, beside: bool) -> list[str]:
    notes = []
    without = sum(frame.label is None for frame in frames)
    if beside:
        notes.append("PNG files beside photographs of the same names are taken as their label maps")
    if unmatched and labels is not None:
        notes.append(f"{labels.name}/ has {unmatched} label maps that match no image; they have their images' names")
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
)
