"""Images and label maps in folders: what every data set of files comes down to."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cirkd.data.errors import DataError
from cirkd.data.images import read_image, read_label
from cirkd.data.sample import Classes, Sample


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
        frames: Its files, in order.
        read: Turns a label map's file into uint8 `[H, W]` of train ids.
    """

    def __init__(
        self,
        name: str,
        split: str,
        classes: Classes | None,
        frames: Sequence[Frame],
        read: Callable[[Path], np.ndarray] = read_label,
    ) -> None:
        self.name, self.split, self.classes = name, split, classes
        self.frames = list(frames)
        self.names = [frame.name for frame in self.frames]
        self._read = read

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        frame = self.frames[index]
        image = read_image(frame.image)
        label = self._read(frame.label) if frame.label is not None else None
        if label is not None and label.shape != image.shape[:2]:
            raise DataError(f"{frame.label}: label is {label.shape}, its image {image.shape[:2]}; they must be alike")
        return Sample(name=frame.name, image=image, label=label)


def remapped(table: np.ndarray) -> Callable[[Path], np.ndarray]:
    """A reader of label maps that looks every value up in a table uint8 [256]."""

    def read(path: Path) -> np.ndarray:
        return table[read_label(path)]

    return read


def table_of(ids: Iterable[int]) -> np.ndarray:
    """Label values -> train ids 0, 1, 2, ... in the order given; every other value -> 255."""
    table = np.full(256, 255, np.uint8)
    for train_id, value in enumerate(ids):
        table[value] = train_id
    return table


def require_root(name: str, root: Path | None, holds: str) -> Path:
    """The root of a data set that is not bundled.

    Raises:
        DataError: none given, or no folder there.
    """
    if root is None:
        raise DataError(f"{name} is not bundled; give --root the folder that holds {holds}")
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; --root must hold {holds}")
    return root


def require_split(name: str, split: str, splits: Sequence[str]) -> str:
    """The split, if the data set has it.

    Raises:
        DataError: it has not.
    """
    if split not in splits:
        raise DataError(f"{name} has no split {split!r}; choose one of: {', '.join(splits)}")
    return split


def require_folder(path: Path, what: str) -> Path:
    """The folder, if it is there.

    Raises:
        DataError: it is not; says what was expected in it.
    """
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; {what} were expected there, unpack the data set so that they are")
    return path


def matched(images: Iterable[Path], label_of: Callable[[Path], Path], name_of: Callable[[Path], str]) -> list[Frame]:
    """Every image with its label map's file.

    Raises:
        DataError: no image, or label maps that are not there; says how many and where.
    """
    frames = [Frame(name_of(image), image, label_of(image)) for image in images]
    there: dict[Path, set[str]] = {}
    missing = []
    for frame in frames:
        assert frame.label is not None
        folder = frame.label.parent
        if folder not in there:
            there[folder] = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if frame.label.name not in there[folder]:
            missing.append(frame.label)
    if missing:
        raise DataError(
            f"{missing[0]}: expected and not there, as {len(missing)} of {len(frames)} label maps; unpack all of them"
        )
    return frames


def listed(path: Path, wanted: str) -> list[list[str]]:
    """The words of each line of a list of files.

    Raises:
        DataError: no such list, or an empty one.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path}: no such list; {wanted} was expected there") from None
    if not lines:
        raise DataError(f"{path}: the list is empty; {wanted} was wanted")
    return lines


def within(root: Path, *parts: str) -> Path:
    """A file that a list names, below the root and nowhere else.

    Raises:
        DataError: the name leads out of the root.
    """
    words = [word for part in parts for word in part.replace("\\", "/").split("/") if word not in ("", ".")]
    if ".." in words or any("\0" in word for word in words):
        raise DataError(f"{root}: a list names {'/'.join(parts)!r}, which leads out of this folder; correct the list")
    return root.joinpath(*words)
