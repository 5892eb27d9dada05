"""The bundled street scenes: rendered images with exact labels, described by `manifest.json`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cirkd.data.bundled import bundled
from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.images import read_label
from cirkd.data.pairs import Frame, Pairs, within
from cirkd.data.sample import Classes


class Streets(Pairs):
    """One split of the bundled streets.

    Args:
        root: The folder that holds `manifest.json`; the bundled one when None.
        split: `train`, `val` or `test`.

    Raises:
        DataError: the folder, its manifest or the split is missing or damaged.
    """

    def __init__(self, split: str, root: Path | None = None) -> None:
        root = Path(root) if root is not None else bundled("data", "streets")
        manifest = _read_manifest(root)
        chosen = [frame for frame in manifest["frames"] if frame["split"] == split]
        if not chosen:
            known = ", ".join(sorted({f["split"] for f in manifest["frames"]})) or "none"
            raise DataError(f"streets has no split {split!r}; choose one of: {known}")
        classes = Classes(
            names=tuple(entry["name"] for entry in manifest["classes"]),
            colors=tuple((r, g, b) for r, g, b in (entry["color"] for entry in manifest["classes"])),
            ignore_index=manifest["ignore_index"],
        )
        files = [[within(root, str(frame[part])) for part in ("image", "label")] for frame in chosen]
        frames = [Frame(frame["id"], *paths) for frame, paths in zip(chosen, files, strict=True)]
        super().__init__("streets", split, classes, frames)

    def label(self, index: int) -> np.ndarray:
        """The label map of a frame, uint8 [H, W], without its image."""
        label = self.frames[index].label
        assert label is not None, "every frame of the streets has one"
        return read_label(label)


def _is_ours(root: Path) -> bool:
    """Whether a manifest is one of the streets and not of a tool that uses the name as well."""
    try:
        _read_manifest(root)
    except DataError:
        return False
    return True


def _read_manifest(root: Path) -> dict[str, Any]:
    path = root / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        for key in ("classes", "ignore_index"):
            manifest[key]
        parts = ("id", "split", "image", "label")
        manifest["frames"] = [{part: frame[part] for part in parts} for frame in manifest["frames"]]
    except FileNotFoundError:
        raise DataError(f"{path}: not found; give --root the folder that holds the streets' manifest.json") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a manifest of the streets ({error!r}); restore data/streets") from None
    return manifest


ENTRY = DataSet(
    name="streets",
    title="Streets",
    holds="manifest.json",
    open=Streets,
    splits=("val", "test", "train"),
    marks=("manifest.json",),
    confirm=_is_ours,
    labelled_test=True,
    checks=True,
)
