"""The bundled street scenes: rendered images with exact labels, described by `manifest.json`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cirkd.data.bundled import bundled
from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.images import read_image, read_label
from cirkd.data.pairs import file_stamp, within
from cirkd.data.sample import Classes, Sample


class Streets:
    """One split of the bundled streets.

    Args:
        root: The folder that holds `manifest.json`; the bundled one when None.
        split: `train`, `val` or `test`.

    Raises:
        DataError: the folder, its manifest or the split is missing or damaged.
    """

    name = "streets"

    def __init__(self, split: str, root: Path | None = None) -> None:
        self.split = split
        self.root = Path(root) if root is not None else bundled("data", "streets")
        manifest = _read_manifest(self.root)
        self.frames: list[dict[str, Any]] = [f for f in manifest["frames"] if f["split"] == split]
        if not self.frames:
            known = ", ".join(sorted({f["split"] for f in manifest["frames"]})) or "none"
            raise DataError(f"streets has no split {split!r}; choose one of: {known}")
        self.names: list[str] = [frame["id"] for frame in self.frames]
        self.classes = Classes(
            names=tuple(entry["name"] for entry in manifest["classes"]),
            colors=tuple((r, g, b) for r, g, b in (entry["color"] for entry in manifest["classes"])),
            ignore_index=manifest["ignore_index"],
        )

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        frame = self.frames[index]
        image = read_image(within(self.root, str(frame["image"])))
        return Sample(name=frame["id"], image=image, label=self.label(index))

    def stamp(self, index: int) -> tuple[int, ...]:
        """What changes when the files of a frame do."""
        paths = (within(self.root, str(self.frames[index][part])) for part in ("image", "label"))
        return sum((file_stamp(path) for path in paths), ())

    def label(self, index: int) -> np.ndarray:
        """The label map of a frame, uint8 [H, W], without its image."""
        return read_label(within(self.root, str(self.frames[index]["label"])))


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
        for key in ("frames", "classes", "ignore_index"):
            manifest[key]
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
)
