"""What every data set yields: an image, its label map, and the classes that the labels name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

Color = tuple[int, int, int]

IGNORED = 255
"""The label of a pixel that has none, in every uint8 label array of this package."""
MOST_CLASSES = IGNORED
"""Labels are kept in 8 bits, and one value stands for none."""


@dataclass(frozen=True)
class Classes:
    """The classes of a data set, in label order.

    Args:
        names: One name a class.
        colors: One 8-bit RGB colour a class.
        ignore_index: The label of pixels that count nowhere.
        guessed: Whether the names were taken from a data set with as many classes, as a file of weights has none.
        aliases: Names of other classes that count as one of these: name -> name, or None for a class that counts
            as none. A class mapping file sets it, see `cirkd.data.mapped`.

    A name that is given twice is numbered from the second time on, so that each class has a row of its own.

    Raises:
        ValueError: not one colour a name, or more than `MOST_CLASSES`.

    Example:
        >>> Classes(("tree", "road", "tree"), ((0, 0, 0),) * 3).names
        ('tree', 'road', 'tree (2)')
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]
    ignore_index: int = 255
    guessed: bool = field(default=False, compare=False)
    aliases: Mapping[str, str | None] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if len(self.names) != len(self.colors):
            raise ValueError(f"{len(self.names)} class names but {len(self.colors)} colours: give one each")
        if len(self.names) > MOST_CLASSES:
            raise ValueError(
                f"{len(self.names)} classes: at most {MOST_CLASSES} can be told apart in 8-bit label maps; merge some"
            )
        object.__setattr__(self, "names", _numbered(self.names))

    def __len__(self) -> int:
        return len(self.names)


def _numbered(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names with the second, third, ... of the same numbered."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(found)


@dataclass(frozen=True)
class Sample:
    """One image with its label map.

    Args:
        name: Unique within its data set and split.
        image: uint8 `[H, W, 3]`, RGB.
        label: uint8 `[H, W]`, class indices or the data set's ignore index; None where there is none.
        note: What a user should know about how image and label were read; "" where there is nothing.
    """

    name: str
    image: np.ndarray
    label: np.ndarray | None = None
    note: str = ""


class SegmentationData(Protocol):
    """A split of a data set: a sequence of samples that names its classes."""

    @property
    def name(self) -> str: ...

    @property
    def split(self) -> str: ...

    @property
    def classes(self) -> Classes | None: ...

    @property
    def names(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...
