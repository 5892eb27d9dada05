"""A class-balanced choice of pixels: of those in memory, and of a whole data set as they come, by numbers they draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64, UInt8

from cirkd.features.feature_set import IGNORED

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class PixelSample:
    """A choice among P pixels.

    Attributes:
        index: int64 [S], ascending numbers of the chosen pixels.
        counts: class -> how many were chosen.
        available: class -> how many there were.
        budget, seed: as asked for.
    """

    index: Int64[np.ndarray, " s"]
    counts: dict[int, int]
    available: dict[int, int]
    budget: int
    seed: int

    def __len__(self) -> int:
        return int(self.index.shape[0])


def balanced_sample(labels: UInt8[np.ndarray, " p"], budget: int, seed: int = 0) -> PixelSample:
    """At most `budget` pixels, as many of each class as of any other, as far as there are enough.

    What a rare class cannot fill goes to the others, so the whole budget is used where there are enough pixels.
    Pixels labelled 255 are left out, unless all are. The same arguments choose the same pixels.

    Raises:
        ValueError: the budget is below 1.
    """
    if budget < 1:
        raise ValueError(f"budget {budget}: choose at least 1 pixel")
    labels = np.asarray(labels)
    classes = [int(c) for c in np.unique(labels) if c != IGNORED] or [IGNORED]
    places = {c: np.flatnonzero(labels == c) for c in classes}
    available = {c: len(places[c]) for c in classes}
    counts = fair_shares(available, budget)
    generator = np.random.default_rng(seed)
    chosen = [generator.choice(places[c], counts[c], replace=False) for c in classes]
    index = np.sort(np.concatenate(chosen)).astype(np.int64)
    return PixelSample(index, counts, available, budget, seed)


def fair_shares(available: dict[int, int], budget: int) -> dict[int, int]:
    """class -> its part of a budget, shared out evenly and never more than the class has available.

    The smallest classes are filled first; what they cannot take is divided among the others.
    """
    shares: dict[int, int] = {}
    left = budget
    by_size = sorted(available, key=lambda c: (available[c], c))
    for position, c in enumerate(by_size):
        shares[c] = min(available[c], left // (len(by_size) - position))
        left -= shares[c]
    return {c: shares[c] for c in available}


def evenly(length: int, count: int) -> list[int]:
    """At most `count` numbers below `length`, evenly spread, first and last among them.

    Example:
        >>> evenly(10, 4)
        [0, 3, 6, 9]
    """
    return [int(i) for i in np.unique(np.linspace(0, length - 1, min(count, length)).round())]


def keys(seed: int, image: int, count: int) -> np.ndarray:
    """The numbers float64 `[count]` that the pixels of an image draw."""
    return np.random.default_rng([seed, image]).random(count)


def smallest(labels: np.ndarray, drawn: np.ndarray, per_class: int | np.ndarray) -> np.ndarray:
    """Of each class the positions with the smallest numbers, in ascending order; none of pixels labelled 255.

    Args:
        per_class: At most so many of each; `[256]` for a number of its own for each.
    """
    order = np.lexsort((drawn, labels))
    ordered = labels[order]
    starts = np.searchsorted(ordered, np.arange(256))
    rank = np.arange(len(order)) - starts[ordered]
    most = np.broadcast_to(per_class, 256)[ordered]
    return np.sort(order[(rank < most) & (ordered != IGNORED)])


class Smallest:
    """The smallest numbers of each class among all that were added, at most `per_class` of each, as of `smallest`.

    Attributes:
        numbers: int64, ascending: which those are, all that were added counted from 0.
    """

    def __init__(self, per_class: int | np.ndarray) -> None:
        self.per_class = per_class
        self._labels, self._drawn, self.numbers = np.empty(0, np.uint8), np.empty(0, np.float64), np.empty(0, np.int64)
        self._added = 0

    def add(self, labels: np.ndarray, drawn: np.ndarray) -> None:
        """Take these into account; what has no chance any more is let go."""
        numbers = np.concatenate([self.numbers, np.arange(self._added, self._added + len(labels))])
        self._added += len(labels)
        labels, drawn = np.concatenate([self._labels, labels]), np.concatenate([self._drawn, drawn])
        kept = smallest(labels, drawn, self.per_class)
        self._labels, self._drawn, self.numbers = labels[kept], drawn[kept], numbers[kept]

    def add_part(self, path: Path) -> None:
        """Take the pixels of a part into account; only their classes and numbers are read."""
        import pyarrow.parquet as pq

        table = pq.read_table(path, columns=["group", "key"])
        self.add(table["group"].to_numpy(), table["key"].to_numpy())

    def bounds(self) -> np.ndarray:
        """Of each label, float64 `[256]`, the largest number that still belongs; infinity while there is room."""
        found = np.full(256, np.inf)
        for label in np.unique(self._labels):
            own = self._drawn[self._labels == label]
            if len(own) == np.broadcast_to(self.per_class, 256)[label]:
                found[label] = own.max()
        return found


def merged(parts: Sequence[Path], per_class: int) -> pa.Table:
    """The rows of all parts that belong to the whole, read a part at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    seen = Smallest(per_class)
    for path in parts:
        seen.add_part(path)
    bounds = seen.bounds()
    tables = []
    for path in parts:
        table = pq.read_table(path)
        tables.append(table.filter(pa.array(table["key"].to_numpy() <= bounds[table["group"].to_numpy()])))
    return pa.concat_tables(tables).combine_chunks()
