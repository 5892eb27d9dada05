"""Every data set by name: add an entry here, and command line, app and report know it."""

from dataclasses import replace
from pathlib import Path

from cirkd.data import ade20k, bdd100k, camvid, cityscapes, coco_stuff, folder, streets, vistas, voc
from cirkd.data.class_list import class_list_in, read_class_list
from cirkd.data.entry import DataSet
from cirkd.data.errors import CheckpointError, DataError
from cirkd.data.matching import match_classes
from cirkd.data.pairs import Pairs
from cirkd.data.palettes import numbered_classes
from cirkd.data.sample import MOST_CLASSES, Classes, SegmentationData

DATA_SETS: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        streets.ENTRY,
        camvid.ENTRY,
        camvid.ENTRY_32,
        cityscapes.ENTRY,
        bdd100k.ENTRY,
        vistas.ENTRY,
        voc.ENTRY,
        ade20k.ENTRY,
        coco_stuff.ENTRY,
        folder.ENTRY,
    )
}

_VOID = ("background", "void", "unlabeled", "unlabelled", "ignore", "ignored")
"""Names in class lists that say nothing of which data set it is: lists of one have them, and leave them out."""


def open_data(name: str, split: str = "val", root: Path | str | None = None) -> SegmentationData:
    """Open one split of a data set.

    Args:
        name: A key of `DATA_SETS`.
        split: One of its entry's splits.
        root: Where the data set lies; the bundled streets need none.

    Raises:
        DataError: unknown name, or the data set is not complete at its root.

    Example:
        >>> data = open_data("streets", "val")
        >>> len(data), data[0].image.shape
        (60, (256, 512, 3))
    """
    if name not in DATA_SETS:
        raise DataError(f"there is no data set {name!r}; choose one of: {', '.join(DATA_SETS)}")
    place = expanded(root) if root is not None else None
    data = DATA_SETS[name].opened(split, place)
    if place is not None and isinstance(data, Pairs):
        data.notes = (*_of_class_list(name, place), *data.notes)
    return data


def expanded(path: Path | str) -> Path:
    """A path with `~` written out; as it is where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def open_named(text: str, split: str = "val", root: Path | str | None = None) -> SegmentationData:
    """Open what a word names: a data set, `NAME` or `NAME/SPLIT`, or a folder laid out like one.

    Raises:
        DataError: neither, a folder beside another root, or the data set is not complete.
    """
    name, _, own_split = text.partition("/")
    if name in DATA_SETS:
        return open_data(name, own_split or split, root)
    if not expanded(text).exists():
        raise DataError(f"{text}: there is no such data set or folder; choose one of: {', '.join(DATA_SETS)}")
    if root is not None:
        raise DataError(f"{text} is a folder, and so is the root {root}; give one of them alone")
    like = layout_of(expanded(text))
    said = f"{text} is laid out like {DATA_SETS[like].title} and read as that; if it is your own, choose folder with "
    said += "this root"
    try:
        data = open_data(like, split, text)
    except DataError as error:
        raise error if like == "folder" else DataError(f"{error}; {said}") from None
    if like != "folder" and isinstance(data, Pairs) and class_list_in(expanded(text)) is None:
        data.notes = (said, *data.notes)
    return data


def layout_of(root: Path | str) -> str:
    """Which data set a folder is laid out like; `folder` where it is none, or names classes of its own."""
    place = Path(root)
    if not place.is_dir():
        return "folder"
    name = _by_folders(place)
    return "folder" if _named_there(place, DATA_SETS[name].classes) == 0 else name


def _by_folders(root: Path) -> str:
    """Which data set a folder is laid out like, whatever classes it names."""
    return next((name for name, entry in DATA_SETS.items() if entry.lies_at(root)), "folder")


def _named_there(root: Path, classes: Classes | None) -> float:
    """Which share of a data set's classes a folder's class list names; 0 where it is one of other classes.

    It is where it names one that the data set has not, or so few that it is hardly a list of these. Names are compared
    as those of networks are; "background" and the like count on neither side. 1 where there is no list or no class.
    """
    path = class_list_in(root)
    if path is None or classes is None:
        return 1
    try:
        own, common = _without_void(read_class_list(path).classes), _without_void(classes)
    except DataError:
        return 0  # opening it says what is wrong
    share = len(own) / len(common)
    return share if share > 0.5 and match_classes(common, own).table is not None else 0


def _without_void(classes: Classes) -> Classes:
    kept = [pair for pair in zip(classes.names, classes.colors, strict=True) if pair[0].strip().lower() not in _VOID]
    return Classes(tuple(name for name, _ in kept), tuple(color for _, color in kept))


def _of_class_list(name: str, root: Path) -> list[str]:
    """A line where a folder's layout and its class list do not say the same, on which of them counts."""
    path = class_list_in(root)
    if path is None:
        return []
    like = DATA_SETS[_by_folders(root) if name == "folder" else name]
    share = _named_there(root, like.classes)
    if name == "folder" and share == 0:
        return [
            f"{path.name} names classes of your own, so this is read as a folder, though it is laid out like "
            f"{like.title}; if it is that, choose {like.name} with this root"
        ]
    if name != "folder" and 0 < share < 1:
        return [
            f"{path.name} names most classes of {like.title}, not all, so this is read as that; if they are your own, "
            "choose folder with this root"
        ]
    return []


def splits_at(root: Path | str) -> tuple[str, ...]:
    """The splits that a folder has, going by what it is laid out like."""
    return DATA_SETS[layout_of(root)].splits_at(Path(root))


def classes_by_count(count: int) -> tuple[Classes, str]:
    """The classes of the data set that has so many, or numbered ones; and a line that says which was done.

    A file of weights names no classes: their count is all that it tells, so the names are marked as guessed.

    Raises:
        CheckpointError: more classes than label maps can tell apart.
    """
    if count > MOST_CLASSES:
        raise CheckpointError(
            f"a network of {count} classes: at most {MOST_CLASSES} are shown, as label maps have 8 bits; "
            "merge classes and train its classifier again"
        )
    if count == len(coco_stuff.COCO_STUFF_VALUES):
        return replace(
            coco_stuff.COCO_STUFF_VALUES, guessed=True
        ), f"{count} classes: the label values of COCO-Stuff, 171 in use"
    for entry in DATA_SETS.values():
        if entry.classes is not None and len(entry.classes) == count:
            note = f"{count} classes: named as those of {entry.title}, which has as many"
            return replace(entry.classes, guessed=True), note
    return numbered_classes(count), f"{count} classes: of no data set known here, so they are numbered"
