"""Scores over whole splits, measured when a model was trained and kept in its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StoredScore:
    """Scores over a whole split, from a checkpoint's header.

    Attributes:
        data, split: what was evaluated; images: how many.
        miou, pixel_accuracy: 0..1.
        iou: class name -> 0..1; nan = neither labelled nor predicted anywhere.
    """

    data: str
    split: str
    images: int
    miou: float
    pixel_accuracy: float
    iou: dict[str, float]


def stored_score(provenance: Mapping[str, Any], split: str) -> StoredScore | None:
    """The score that a checkpoint's provenance holds for a split, in percent there."""
    stored = provenance.get("scores", {})
    found = stored.get(split) if isinstance(stored, Mapping) else None
    if not isinstance(found, Mapping) or "miou" not in found:
        return None
    return StoredScore(
        data=str(found.get("data", "")),
        split=split,
        images=int(found.get("images", 0)),
        miou=found["miou"] / 100,
        pixel_accuracy=found.get("pixel_accuracy", math.nan) / 100,
        iou={name: math.nan if value is None else value / 100 for name, value in dict(found.get("iou") or {}).items()},
    )


def whole_split_change(scores: Sequence[Mapping[str, StoredScore | None]], before: str, after: str) -> str:
    """One sentence on what distillation changed over whole splits; empty where the checkpoints don't say.

    Args:
        scores: for each split, model -> its stored score.
    """
    parts, data = [], ""
    for of_split in scores:
        old, new = of_split.get(before), of_split.get(after)
        if old is not None and new is not None and (old.data, old.images) == (new.data, new.images):
            data = new.data
            change = round(100 * (new.miou - old.miou), 1)
            sign = "+" if change > 0 else "−" if change < 0 else ""
            parts.append(f"{sign}{abs(change):.1f} points on {new.split}")
    return f"Over all of {data} the mIoU changed by {' and '.join(parts)}." if parts else ""
