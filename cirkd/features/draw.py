"""Which pixels of a data set are kept: of each class those that drew the smallest numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cirkd.features.feature_set import IGNORED

if TYPE_CHECKING:
    import pyarrow as pa


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
    """The smallest numbers of each class among all that were added, at most `per_class` of each."""

    def __init__(self, per_class: int) -> None:
        self.per_class = per_class
        self._labels, self._drawn = np.empty(0, np.uint8), np.empty(0, np.float64)

    def add(self, labels: np.ndarray, drawn: np.ndarray) -> None:
        """Take these into account; what has no chance any more is let go."""
        labels, drawn = np.concatenate([self._labels, labels]), np.concatenate([self._drawn, drawn])
        kept = smallest(labels, drawn, self.per_class)
        self._labels, self._drawn = labels[kept], drawn[kept]

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
            if len(own) == self.per_class:
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
