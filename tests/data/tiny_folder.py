"""Folders of a few small labelled images, and what opening one gives."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from cirkd.data.catalog import open_data

LABEL = (np.arange(48).reshape(6, 8) % 4).astype(np.uint8)
COLORS = ((200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0))
NAMES = ("wall", "tree", "road", "sky")


def folder(root: Path) -> Path:
    """Two labelled images and `classes.json`."""
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    for i in range(2):
        Image.fromarray(np.dstack([LABEL * 60] * 3)).save(root / "images" / f"f{i}.png")
        Image.fromarray(LABEL).save(root / "labels" / f"f{i}.png")
    entries = [{"name": name, "color": color} for name, color in zip(NAMES, COLORS, strict=True)]
    (root / "classes.json").write_text(json.dumps(entries))
    return root


def by_split(root: Path, pattern: str, **splits: str) -> Path:
    """A folder whose splits hold an image each, named after the split."""
    for split, called in splits.items():
        for part, pixels in (("images", np.dstack([LABEL * 60] * 3)), ("labels", LABEL)):
            path = root / pattern.format(part=part, split=called) / f"{split}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root


def sequences(root: Path) -> Path:
    """Frames of the same names in two folders."""
    for name in ("A/0000", "A/0001", "B/0000", "B/0001", "B/0002"):
        for part, pixels in (("images", np.dstack([LABEL * 60] * 3)), ("labels", LABEL)):
            (root / part / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(root / part / f"{name}.png")
    return root


def photograph(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.dstack([LABEL * 60 + 3] * 3)).save(path)


def drawn(path: Path, values: np.ndarray = LABEL) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def opened(root: Path, split: str = "all") -> tuple[list[str], list[list[int] | None], str]:
    """Names, the numbers in each label map, and the notes of a folder."""
    data = open_data("folder", split, root)
    labels = [data[i].label for i in range(len(data))]
    notes = "; ".join(data.notes)  # type: ignore[attr-defined]
    return list(data.names), [None if label is None else np.unique(label).tolist() for label in labels], notes
