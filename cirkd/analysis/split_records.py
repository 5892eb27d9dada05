"""What one model made of the images of a split, kept on disk: each is measured once, also when work is cancelled."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from cirkd.data.whole_files import replacing

if TYPE_CHECKING:
    from cirkd.data.sample import SegmentationData

FORM = 1
"""Of the files; another number reads none of the old ones."""


@dataclass(frozen=True, eq=False)
class Measured:
    """One model on one image.

    Attributes:
        stamp: of the image's files when it was measured.
        cells: which cells of the flattened confusion matrix [C, C + 1] are not 0; counts: the pixels in each.
        divergence: mean relation divergence from the reference, in nats; None for the reference itself.
    """

    stamp: str
    cells: Int64[np.ndarray, " n"]
    counts: Int64[np.ndarray, " n"]
    divergence: float | None


class Record:
    """What is known of one model: image name -> `Measured`; in memory alone where there is no folder.

    Args:
        folder: where records are kept; None = nowhere.
        settings: all that the numbers depend on but for the image itself.
    """

    def __init__(self, folder: Path | None, settings: Iterable[Any]) -> None:
        name = hashlib.blake2b(repr((FORM, *settings)).encode(), digest_size=16).hexdigest()
        self.path = None if folder is None else folder / f"{name}.parquet"
        self.images = _read(self.path) if self.path is not None and self.path.is_file() else {}

    def find(self, image: str, stamp: str) -> Measured | None:
        """What is known of an image, if its files are as they were."""
        found = self.images.get(image)
        return found if found is not None and found.stamp == stamp else None

    def write(self) -> None:
        """Keep it; a folder that cannot be written to keeps nothing, and the numbers stand all the same."""
        if self.path is None or not self.images:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        counts = pa.list_(pa.int64())
        kinds = {"stamp": pa.string(), "cells": counts, "counts": counts, "divergence": pa.float64()}
        known = self.images.values()
        columns = {name: pa.array([getattr(item, name) for item in known], kind) for name, kind in kinds.items()}
        try:
            with replacing(self.path) as temporary:
                pq.write_table(pa.table({"image": list(self.images), **columns}), temporary)
        except OSError:
            self.path = None


def folder() -> Path:
    """Where records are kept: the folder that `CIRKD_CACHE` names, or `~/.cache/cirkd`."""
    return Path(os.environ.get("CIRKD_CACHE") or Path.home() / ".cache" / "cirkd").absolute() / "splits"


def image_stamp(data: SegmentationData, index: int) -> str:
    """What changes when an image or its label map does: its files' times, or where it has none its pixels."""
    if (stamp := getattr(data, "stamp", None)) is not None:
        return repr(stamp(index))
    sample = data[index]
    found = hashlib.blake2b(sample.image.tobytes(), digest_size=16)
    found.update(b"" if sample.label is None else sample.label.tobytes())
    return found.hexdigest()


def _read(path: Path) -> dict[str, Measured]:
    """What a file holds; a damaged one holds nothing, and is written anew."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pydict()
        lists = [[np.array(item, np.int64) for item in rows[name]] for name in ("cells", "counts")]
        found = zip(rows["stamp"], *lists, rows["divergence"], strict=True)
        return dict(zip(rows["image"], (Measured(*row) for row in found), strict=True))
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError):
        return {}
