"""Images of a data set one after the other, read ahead by worker processes, in memory that does not grow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cirkd.data.errors import CirkdError, DataError
from cirkd.data.sample import SegmentationData
from cirkd.models.segmenter import Preprocessing


@dataclass(frozen=True, eq=False)
class Item:
    """One image, ready for its networks.

    Args:
        index, name: Of the image in its data set.
        inputs: Network input `[3, h, w]` for each way of preprocessing, in the order asked for.
        size: Height and width of the image.
        label: uint8 `[H, W]`; None where there is none.
        note: What a user should know about how it was read; "" where there is nothing.
    """

    index: int
    name: str
    inputs: tuple[Tensor, ...]
    size: tuple[int, int]
    label: Tensor | None
    note: str = ""


class _Items(Dataset[Item | str]):
    """The items by position; one that can't be read becomes the line that says why."""

    def __init__(self, data: SegmentationData, indices: Sequence[int], kinds: Sequence[Preprocessing]) -> None:
        self.data, self.indices, self.kinds = data, indices, kinds

    def __getitem__(self, position: int) -> Item | str:
        index = self.indices[position]
        try:
            sample = self.data[index]
        except CirkdError as error:
            return str(error)
        inputs = tuple(kind(sample.image) for kind in self.kinds)
        height, width = sample.image.shape[:2]
        label = None if sample.label is None else torch.from_numpy(sample.label)
        return Item(index, sample.name, inputs, (height, width), label, sample.note)

    def __len__(self) -> int:
        return len(self.indices)


def stream(
    data: SegmentationData, indices: Sequence[int], kinds: Sequence[Preprocessing], *, workers: int = 0
) -> Iterator[Item]:
    """Images in the order of their indices.

    Args:
        data: Where they come from.
        indices: Which of them.
        kinds: How they are preprocessed, once for each network.
        workers: Processes that read ahead, two images each; 0 reads in this one.

    Raises:
        DataError: an image can't be read.
    """
    options: dict[str, Any] = {"prefetch_factor": 2} if workers else {}
    loader = DataLoader(
        _Items(data, indices, kinds),
        batch_size=None,
        shuffle=False,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),
        **options,
    )
    for item in loader:
        if isinstance(item, str):
            raise DataError(item)
        yield item
