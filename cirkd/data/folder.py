"""Anyone's images: a folder of image files, with or without label maps, splits and class names.

    photos/*.jpg                                          images alone
    photos/*.jpg and photos/*.png of the same names       images, label maps beside them
    photos/NAME.* and photos/NAME_mask.png                the same
    root/images/ and root/labels/ (or masks/, ...)        one split, `all`
    root/train/images/, root/train/labels/, root/val/...  a folder a split
    root/train/, root/train_labels/, root/val/...         the same
    root/images/train/, root/labels/train/, ...           the same, the other way round
    root/train_images/, root/train_masks/, ...            the same
    root/train/CITY/images/, root/train/CITY/masks/, ...  pairs of folders further down
    root/train.txt, root/val.txt with names               a list a split, of root/images/; root/splits/val.txt as well;
                                                          a second path in a line is that of the label map

Splits may be called training, valid or validation, and testing, too.

`root/classes.json` or `classes.txt` names the classes, see `cirkd.data.class_list`; where there is neither, a list that
a tool has left.
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from cirkd.data.class_list import ClassList, class_list_in, read_class_list
from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.folder_labels import FoundLabels, labels_beside, labels_in
from cirkd.data.folder_lists import of_list, of_share
from cirkd.data.folder_notes import dead, matched, not_found, nothing, passed_over, shared
from cirkd.data.folder_places import (
    SUFFIXES,
    has_folders,
    list_of,
    own_splits,
    pairs_below,
    places,
    split_found,
)
from cirkd.data.images import read_label_map
from cirkd.data.pairs import Frame, Pairs, image_files, left_by_tools

SPLITS = ("all", "val", "train", "test")
_CLASS_LISTS = (
    *("_classes.csv", "class_dict.csv", "classes.csv", "classes.yaml"),
    *("labelmap.txt", "class_names.txt", "label_colors.txt"),
)
"""Class lists as tools call them; where a folder has neither classes.json nor classes.txt."""


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
            if os.path.isfile(root):
                raise DataError(f"{root}: this is a file, a folder of images was wanted; give the folder that holds it")
            raise DataError(f"{root}: there is no such folder; check the path")
        wanted, split = split, split_found(root, split)
        images, labels = places(root, split)
        chosen = split != "all" and not has_folders(root, split)
        named, said = _class_list(root, images)
        files = image_files(images, SUFFIXES, "*" if images == root else "**/*")
        files = [path for path in files if labels is None or not path.is_relative_to(labels)]
        below = labels is None and not any(path.parent == images for path in files)
        nested = pairs_below(images) if below and (images != root or not own_splits(root)) else []
        if nested and images == root:
            files = [path for pictures, _ in nested for path in image_files(pictures, SUFFIXES, "**/*")]
        elif nested:
            files = _without_beside(files, nested)
        found = _labels(files, [(images, labels)] if labels is not None else nested, named)
        taken = {*found.of.values(), *found.unread, *(path for others in found.others.values() for path in others)}
        files = [path for path in files if path not in taken]
        if not files:
            raise DataError(nothing(root, images))
        names = {path: path.relative_to(images).with_suffix("").as_posix() for path in files}
        frames = [Frame(names[path], path, found.of.get(path)) for path in files]
        frames = _of_split(frames, root, images, split) if chosen else frames
        beside = bool(found.of) and labels is None and not nested
        super().__init__(
            "folder",
            split,
            named.classes if named is not None else None,
            frames,
            partial(_read, named),
            [
                *_taken(wanted, split),
                *said,
                *dead(images, labels),
                *matched(frames, found, labels, beside),
                *shared(frames, images, labels),
                *passed_over(root, images, labels, found),
                *(
                    not_found(root, images, files)
                    if labels is None and not nested and not any(f.label for f in frames)
                    else []
                ),
            ],
        )


def _labels(files: list[Path], folders: list[tuple[Path, Path]], named: ClassList | None) -> FoundLabels:
    """The label maps of images: in folders of their own, given in pairs, or beside them."""
    if not folders:
        return labels_beside(files, named)
    found = [
        labels_in([path for path in files if path.is_relative_to(images)], images, labels, named)
        for images, labels in folders
    ]
    return FoundLabels(
        {image: path for one in found for image, path in one.of.items()},
        {image: others for one in found for image, others in one.others.items()},
        sum(one.unmatched for one in found),
        named=next((one.named for one in found if one.named), ""),
    )


def _without_beside(files: Sequence[Path], pairs: Sequence[tuple[Path, Path]]) -> list[Path]:
    """Files without those of folders beside a pair's images: its label maps, and what else lies there."""
    places, pictures = {images.parent for images, _ in pairs}, {images for images, _ in pairs}
    return [path for path in files if places.isdisjoint(path.parents) or not pictures.isdisjoint(path.parents)]


def _is_folder(root: Path) -> bool:
    try:
        return root.is_dir()
    except (OSError, ValueError):
        return False


def _taken(wanted: str, split: str) -> list[str]:
    """A line where all images are taken for a split."""
    return [f"no split {wanted} was found, so all images are taken"] if split == "all" != wanted else []


def has_split(root: Path, split: str) -> bool:
    """Whether a folder has a split of that name; `all`, where it has none."""
    own = own_splits(root)
    return split in own if split != "all" else not own


def _of_split(frames: list[Frame], root: Path, images: Path, split: str) -> list[Frame]:
    """Those of the images that a list or a share names."""
    if (share := of_share(frames, split)) is not None:
        return share
    path = list_of(root, split) or Path(split).expanduser()
    if path.suffix != ".txt":
        raise DataError(f"folder has no split {split!r}; choose {', '.join(SPLITS)}, a list FILE.txt, or 0-80%")
    if not path.is_file():
        path = root / path
    return of_list(frames, path, root, images)


def _class_list(root: Path, images: Path) -> tuple[ClassList | None, list[str]]:
    """The class list of a folder, or the one that a tool left in it; and what is to be said of it."""
    path = class_list_in(root)
    if path is not None:
        named, other = read_class_list(path), root / "classes.txt"
        both = f"classes are those of {path.name}, and {other.name} is not read"
        return named, [*([both] if other != path and other.is_file() else []), *([named.note] if named.note else [])]
    near = (root, images, *([images.parent] if images != root else []))
    path = next((place / name for place in near for name in _CLASS_LISTS if (place / name).is_file()), None)
    if path is None:
        inside = (found for name in ("classes.json", "classes.txt") for found in sorted(root.glob(f"*/{name}")))
        lost = next((found for found in inside if not left_by_tools(found, root)), None)
        said = f"{lost.relative_to(root)} is not read; to have its classes, move it to {root.name}/" if lost else ""
        return None, [said] if said else []
    try:
        named = read_class_list(path)
        if path.suffix == ".csv" and any("," in name for name in named.classes.names):
            raise DataError(f"{path}: a table of something else")
    except DataError:
        return None, [f"{path.name} is no class list that can be read; write a classes.json for it"]
    said = f"classes are those of {path.name}; a classes.json in this folder overrules it"
    return named, [said, *([named.note] if named.note else [])]


def _read(named: ClassList | None, path: Path) -> tuple[np.ndarray, str]:
    """A label map as class numbers: by the list's values, or by its colours where the map has them."""
    found = read_label_map(path, named.classes if named and named.colored else None, named.void if named else ())
    if named is None or found.by_color:
        return found.values, found.note
    values, note = named.numbered(found.values)
    return values, "; ".join(filter(None, (found.note, note)))


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
