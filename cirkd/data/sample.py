"""What every data set yields: an image, its label map, and the classes that the labels name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Classes:
    """The classes of a data set, in label order.

    Args:
        names: One name a class.
        colors: One 8-bit RGB colour a class.
        ignore_index: The label of pixels that count nowhere.
    """

    names: tuple[str, ...]
    colors: tuple[Color, ...]
    ignore_index: int = 255

    def __post_init__(self) -> None:
        if len(self.names) != len(self.colors):
            raise ValueError(f"{len(self.names)} class names but {len(self.colors)} colours: give one each")

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Sample:
    """One image with its label map.

    Args:
        name: Unique within its data set and split.
        image: uint8 `[H, W, 3]`, RGB.
        label: uint8 `[H, W]`, class indices or the data set's ignore index; None where there is none.
    """

    name: str
    image: np.ndarray
    label: np.ndarray | None = None


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
