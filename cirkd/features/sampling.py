"""A class-balanced choice of pixels: which, and how many of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from cirkd.features.feature_set import IGNORED


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
