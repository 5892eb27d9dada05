"""Those images of a folder that a list of names, or a share in per cent, chooses."""

import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from cirkd.data.errors import DataError
from cirkd.data.folder_places import LABEL_SUFFIXES
from cirkd.data.pairs import Frame, listed, listed_paths, within

_SHARE = re.compile(r"(\d{1,3})-(\d{1,3})%")


def of_share(frames: Sequence[Frame], split: str) -> list[Frame] | None:
    """The frames of a share such as `0-80%`, in an order drawn from their names; None where `split` is none.

    Raises:
        DataError: a share that holds nothing.
    """
    share = _SHARE.fullmatch(split)
    if share is None:
        return None
    first, last = int(share[1]), int(share[2])
    if not first < last <= 100:
        raise DataError(f"folder: the share {split!r} holds nothing; write it as 0-80%, from less to more")
    order = sorted(frames, key=lambda frame: (zlib.crc32(frame.name.encode()), frame.name))
    low, high = (len(order) * percent // 100 for percent in (first, last))
    chosen = set(order[low:high])
    if not chosen:
        raise DataError(f"folder: the share {split!r} of {len(order)} images holds none; take a larger one")
    return [frame for frame in frames if frame in chosen]


def of_list(frames: Sequence[Frame], path: Path, root: Path, images: Path) -> list[Frame]:
    """The frames that a list names, in its order.

    A line gives a name or a path, with or without a file's ending. Its folders count: it is the end of an image's path
    below `root`, or it ends with an image's path below `images`. A second path is that of the image's label map.

    Raises:
        DataError: no such list, a line that fits no image, or several, or a label map that is not there.
    """
    ends: defaultdict[str, list[Frame]] = defaultdict(list)
    wholes: defaultdict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        for spelled in _spellings(frame.image.relative_to(root).as_posix()):
            for end in _ends(spelled):
                ends[end].append(frame)
        for spelled in _spellings(frame.image.relative_to(images).as_posix()):
            wholes[spelled].append(frame)
    labelled = any(frame.label is not None for frame in frames)
    chosen = []
    for line in listed(path, "a name a line"):
        word, *more = listed_paths(line)
        spelled = _spellings("/".join(part for part in word.split("/") if part not in ("", ".")))
        tries = [ends[text] for text in spelled if text in ends]
        tries += [wholes[end] for pair in zip(*map(_ends, spelled), strict=True) for end in pair if end in wholes]
        if not tries:
            raise DataError(f"{path}: lists {word}, and no image has this name in this folder; correct the list")
        if len(tries[0]) > 1:
            what = "folder" if len({frame.image.parent for frame in tries[0]}) > 1 else "ending"
            raise DataError(f"{path}: lists {word}, which fits {len(tries[0])} images; list it with its {what}")
        named = more[0] if more and more[0].lower().endswith(LABEL_SUFFIXES) else ""
        chosen.append(_with_label(tries[0][0], named, path, root, labelled) if named else tries[0][0])
    return chosen


def _with_label(frame: Frame, word: str, path: Path, root: Path, labelled: bool) -> Frame:
    """An image with the label map that a list names; as it is in a folder of images alone, with none `labelled`."""
    parts = [part for part in word.split("/") if part not in ("", ".", "..")]
    places = (within(root, end) for end in _ends("/".join(parts)))
    found = next((place for place in places if place.is_file()), None)
    if found == frame.image:
        raise DataError(f"{path}: lists {word} as the label map of itself; give the image first, then its label map")
    if found is None and labelled and (frame.label is None or frame.label.name != parts[-1]):
        raise DataError(f"{path}: lists the label map {word}, and it is not in this folder; correct the list")
    return frame if found is None else replace(frame, label=found)


def _spellings(path: str) -> list[str]:
    """A path as it is, and without its file's ending; an umlaut may be one character or two, which looks the same."""
    path = unicodedata.normalize("NFC", path)
    return [path, str(PurePosixPath(path).with_suffix(""))] if path else []


def _ends(path: str) -> list[str]:
    """What a path ends with, the longest first: a/b/c, b/c, c."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]
