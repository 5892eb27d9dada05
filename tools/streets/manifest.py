"""The list of frames: which scene belongs to which split, and the file that tells the reader."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .classes import CLASSES, IGNORE_INDEX
from .render import SIZE, count_classes

VIEWS = 5  # frames of one scene
_SPLITS = ("train", "train", "train", "train", "val", "test")  # of 72 scenes: 48 train, 12 val, 12 test


@dataclass(frozen=True)
class Frame:
    """One frame of one scene."""

    seed: int
    scene: int
    view: int

    @property
    def split(self) -> str:
        """The split; neighbours in scene order differ, so a partial run already has all three."""
        return _SPLITS[self.scene % len(_SPLITS)]

    @property
    def id(self) -> str:
        """The name of the frame."""
        return f"{self.scene:04d}_{self.view}"

    @property
    def scene_seed(self) -> int:
        """The seed that the scene is built from."""
        return self.seed * 1000 + self.scene

    @property
    def image(self) -> str:
        """The image's path inside the data folder."""
        return f"{self.split}/{self.id}.webp"

    @property
    def label(self) -> str:
        """The label's path inside the data folder."""
        return f"{self.split}/{self.id}_label.png"

    def done(self, out: Path) -> bool:
        """Tell whether both files are there."""
        return (out / self.image).is_file() and (out / self.label).is_file()


def frames_of(seed: int, scene: int) -> list[Frame]:
    """Return the frames of a scene."""
    return [Frame(seed, scene, view) for view in range(VIEWS)]


def _entry(frame: Frame, out: Path) -> dict[str, Any]:
    """Return what the manifest says about a finished frame."""
    return {
        "id": frame.id,
        "split": frame.split,
        "scene": frame.scene,
        "view": frame.view,
        "seed": frame.scene_seed,
        "image": frame.image,
        "label": frame.label,
        "counts": count_classes(out / frame.label),
    }


def write_manifest(out: Path, seed: int, scenes: int) -> int:
    """Write `manifest.json` for the frames that are finished, and return their number."""
    done = [f for scene in range(scenes) for f in frames_of(seed, scene) if f.done(out)]
    head = {
        "name": "streets",
        "version": 1,
        "seed": seed,
        "size": list(SIZE),
        "ignore_index": IGNORE_INDEX,
        "classes": [{"name": name, "color": list(colour)} for name, colour in CLASSES],
    }
    lines = ",\n".join(json.dumps(_entry(frame, out)) for frame in done)
    text = json.dumps(head, indent=1)[:-2] + ',\n "frames": [\n' + lines + "\n]}\n"
    temporary = out / f".manifest.json.{os.getpid()}.tmp"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, out / "manifest.json")
    return len(done)
