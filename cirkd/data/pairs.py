"""Images and label maps in folders: what every data set of files comes down to."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from cirkd.data.errors import DataError
from cirkd.data.images import read_label_noted, read_pair
from cirkd.data.sample import Classes, Sample

Reader = Callable[[Path], tuple[np.ndarray, str]]
"""Turns a label map's file into uint8 `[H, W]` of train ids, and a note on how it was read ("" = nothing special)."""

_STRANGE = (
    "label maps have values that the data set's own have not, which count as 255; if they hold class numbers already, "
    "classes are wrong here: read them as a folder of your own, with images/ and labels/"
)
_OF_TOOLS = ("__macosx", "@eadir", "$recycle.bin")
"""Folders that archives, NAS systems and Windows fill with copies."""


@dataclass(frozen=True)
class Frame:
    """One image file and its label map's file, where there is one."""

    name: str
    image: Path
    label: Path | None


class Pairs:
    """A split of a data set whose images and label maps are files.

    Args:
        name, split: Of the data set.
        classes: What its labels name.
        frames: Its files, in order; one that is given twice is taken once. Where two have one name, each gets its
            file's ending, or its folder, so that names are unique.
        read: How label maps are read.
        notes: What a user should know about which files were found, a line each.
    """

    def __init__(
        self,
        name: str,
        split: str,
        classes: Classes | None,
        frames: Sequence[Frame],
        read: Reader = read_label_noted,
        notes: Sequence[str] = (),
    ) -> None:
        self.name, self.split, self.classes = name, split, classes
        self.frames = _unique(list(dict.fromkeys(frames)))
        self.names = [frame.name for frame in self.frames]
        twice = len(frames) - len(self.frames)
        self.notes = (*notes, *([f"{twice} files are listed more than once and taken once"] if twice else ()))
        self._read = read

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        frame = self.frames[index]
        image, label, note = read_pair(frame.image, frame.label, self._read)
        return Sample(frame.name, image, label, note)

    def stamp(self, index: int) -> tuple[int, ...]:
        """What changes when the files of an image do: their times and sizes."""
        frame = self.frames[index]
        return file_stamp(frame.image) + (file_stamp(frame.label) if frame.label is not None else ())


def file_stamp(path: Path) -> tuple[int, int]:
    """When a file was last changed, in nanoseconds, and its size; zeros where it is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a path with a null byte
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _unique(frames: list[Frame]) -> list[Frame]:
    """The frames with names of their own."""
    for name_of in (lambda path: path.name, lambda path: f"{path.parent.name}/{path.name}", str):
        counts = Counter(frame.name for frame in frames)
        if len(counts) == len(frames):
            break
        frames = [replace(f, name=name_of(f.image)) if counts[f.name] > 1 else f for f in frames]
    return frames


def image_files(folder: Path, suffixes: Sequence[str], pattern: str = "*") -> list[Path]:
    """The files of a folder with one of these endings, whatever their case, in order of their paths.

    What systems and tools leave beside them is passed over, see `left_by_tools`; links are followed.
    """
    there = paths_below(folder) if pattern == "**/*" else folder.glob(pattern)
    found = (path for path in there if path.suffix.lower() in suffixes)
    return sorted(path for path in found if not left_by_tools(path, folder) and path.is_file())


def paths_below(folder: Path) -> Iterator[Path]:
    """All files and folders below a folder, each once; links are followed to folders elsewhere, but not in a circle."""
    top = os.path.realpath(folder)
    for place, inside, files in os.walk(folder, followlinks=True):
        here = Path(os.path.realpath(place))
        links = [name for name in inside if os.path.islink(os.path.join(place, name))]
        ends = {name: Path(os.path.realpath(os.path.join(place, name))) for name in links}
        known = {name for name, end in ends.items() if here.is_relative_to(end) or end.is_relative_to(top)}
        inside[:] = [name for name in inside if name not in known]
        yield from (Path(place, name) for name in (*inside, *files))


def left_by_tools(path: Path, folder: Path) -> bool:
    """Whether a path below a folder is hidden (`._NAME`, `.DS_Store`, `.ipynb_checkpoints/`) or in a tool's folder."""
    parts = path.relative_to(folder).parts
    return any(part.startswith(".") or part.lower() in _OF_TOOLS for part in parts)


def dead_links(folder: Path, suffixes: Sequence[str]) -> int:
    """How many files of a folder and those below it are links to what is not there."""
    found = (path for path in paths_below(folder) if path.suffix.lower() in suffixes)
    return sum(path.is_symlink() and not path.exists() for path in found)


def by_ids(ids: Iterable[int], others: Iterable[int] = (255,)) -> Reader:
    """A reader of label maps in which these values are the train ids 0, 1, 2, ..., and every other value 255.

    Args:
        others: Values of no train id that the data set's label maps have, too. What has yet others may have been
            converted in place; it is read all the same, and a note says so.
    """
    values = list(ids)
    table, known = np.full(256, 255, np.uint8), np.zeros(256, bool)
    table[values] = np.arange(len(values))
    known[[*values, *others]] = True
    return partial(_looked_up, table, known)


def _looked_up(table: np.ndarray, known: np.ndarray, path: Path) -> tuple[np.ndarray, str]:
    values, note = read_label_noted(path)
    return table[values], "; ".join(filter(None, (note, "" if known[values].all() else _STRANGE)))


def photographs(
    name: str,
    split: str,
    classes: Classes,
    images: Path,
    labels: Path | None,
    archive: str,
    *,
    ending: str = "",
    read: Reader = read_label_noted,
) -> Pairs:
    """A split whose photographs are `NAME.jpg` in one folder and whose label maps are `NAME.png` in another.

    Args:
        labels: The folder of label maps; None where the split has none.
        archive: What to unpack where there is no photograph.
        ending: What a label map's name has after its image's.

    Raises:
        DataError: a folder, photographs or label maps are missing; says which and where.
    """
    found = image_files(require_folder(images, "photographs"), (".jpg", ".jpeg"))
    if not found:
        raise DataError(f"{images}: no *.jpg here; unpack {archive}")
    if labels is None:
        return Pairs(name, split, classes, [Frame(path.stem, path, None) for path in found])
    require_folder(labels, "label maps")
    return Pairs(name, split, classes, matched(found, lambda image: labels / f"{image.stem}{ending}.png"), read)


def require_folder(path: Path, what: str) -> Path:
    """The folder, if it is there.

    Raises:
        DataError: it is not; says what was expected in it.
    """
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; {what} were expected there, unpack the data set so that they are")
    return path


def matched(
    images: Iterable[Path], label_of: Callable[[Path], Path], name_of: Callable[[Path], str] = lambda image: image.stem
) -> list[Frame]:
    """Every image with its label map's file.

    Raises:
        DataError: no image, or label maps that are not there; says how many and where.
    """
    frames = [Frame(name_of(image), image, label_of(image)) for image in images]
    missing = [frame.label for frame in frames if frame.label is not None and not frame.label.is_file()]
    if missing:
        raise DataError(
            f"{missing[0]}: expected and not there, as {len(missing)} of {len(frames)} label maps; unpack all of them"
        )
    return frames


def listed(path: Path, wanted: str) -> list[str]:
    """The lines of a list of files, as any system writes it: with or without a byte order mark, `/` or `\\`.

    Raises:
        DataError: no such list, one of another encoding, or an empty one.
    """
    try:
        text = text_of(path)
    except OSError:
        raise DataError(f"{path}: no such list; {wanted} was expected there") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: this list is not written in UTF-8; save it in that encoding") from None
    lines = [line.strip().replace("\\", "/") for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path}: the list is empty; {wanted} was wanted")
    return lines


def text_of(path: Path) -> str:
    """A text file as any system writes it: UTF-8 or UTF-16, with or without a byte order mark.

    Raises:
        OSError, UnicodeDecodeError: it can't be read, or is written in neither.
    """
    content = path.read_bytes()
    return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def listed_paths(line: str) -> list[str]:
    """The paths in a line of a list: parted by a tab, a comma, or a space after a file's ending."""
    if "\t" in line or "," in line:
        return [part.strip() for part in re.split(r"[\t,]", line) if part.strip()]
    return [part for part in re.split(r"(?<=\.\w{3})\s+|(?<=\.\w{4})\s+", line) if part]


def listed_names(path: Path) -> list[str]:
    """The names of images that a list of files gives, one a line: without folders and without an image file's ending.

    Raises:
        DataError: as of `listed`.
    """
    names = (listed_paths(line)[0].rsplit("/", 1)[-1] for line in listed(path, "a name a line"))
    return [re.sub(r"\.(jpe?g|png|tiff?|bmp|webp)$", "", name, flags=re.IGNORECASE) for name in names]


def within(root: Path, *parts: str) -> Path:
    """A file that a list names, below the root and nowhere else.

    Raises:
        DataError: the name leads out of the root.
    """
    words = [word for part in parts for word in part.replace("\\", "/").split("/") if word not in ("", ".")]
    if ".." in words or any("\0" in word for word in words):
        raise DataError(f"{root}: a list names {'/'.join(parts)!r}, which leads out of this folder; correct the list")
    return root.joinpath(*words)
