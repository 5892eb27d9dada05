"""What there is to choose from: checkpoints and images, found in folders.

`CIRKD_CHECKPOINTS` and `CIRKD_DATA` name other folders than `checkpoints/` and `data/` of the project.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SUFFIXES = (".safetensors", ".pth")
_PARTS = {"teacher": "teacher", "before": "baseline", "after": "cirkd"}


@dataclass(frozen=True)
class Checkpoint:
    """A file that can be loaded.

    key: what stands for it in the address: its name in the checkpoints folder, or its path.
    group: the data set it was trained on, as far as its name tells (`streets-teacher` -> `streets`), or "".
    stamp: time of last change; a file that changes is another checkpoint.
    """

    key: str
    path: Path
    group: str
    stamp: float

    @property
    def title(self) -> str:
        """Its name for people, e.g. `streets · cirkd`."""
        return self.path.stem.replace("-", " · ", 1) if self.group else self.path.name


def checkpoints_folder() -> Path:
    """Where checkpoints are looked for."""
    return Path(os.environ.get("CIRKD_CHECKPOINTS") or PROJECT / "checkpoints")


def data_root(name: str) -> Path:
    """Where a data set is looked for: `data/NAME`."""
    return Path(os.environ.get("CIRKD_DATA") or PROJECT / "data") / name


def checkpoints() -> list[Checkpoint]:
    """The files in the checkpoints folder, grouped by data set."""
    folder = checkpoints_folder()
    paths = sorted(p for p in folder.glob("*") if p.suffix in SUFFIXES) if folder.is_dir() else []
    return [_checkpoint(path.stem, path) for path in paths]


def find(key: str) -> Checkpoint | None:
    """The checkpoint that a key stands for; None when it is not there."""
    known = {c.key: c for c in checkpoints()}
    path = Path(key).expanduser()
    return known.get(key) or (_checkpoint(key, path) if path.suffix in SUFFIXES and path.is_file() else None)


def groups() -> list[str]:
    """The data sets of the checkpoints, streets first."""
    return sorted({c.group for c in checkpoints() if c.group}, key=lambda g: (g != "streets", g))


def defaults(group: str) -> dict[str, str]:
    """teacher, before, after -> key of the checkpoint of that part in a group; "" where there is none."""
    keys = {c.key for c in checkpoints()}
    return {role: key if (key := f"{group}-{part}") in keys else "" for role, part in _PARTS.items()}


def data_sets() -> list[str]:
    """The data sets that lie in the data folder."""
    known = (("streets", "manifest.json"), ("camvid", "camvid_val_list.txt"))
    return [name for name, file in known if (data_root(name) / file).is_file()]


def _checkpoint(key: str, path: Path) -> Checkpoint:
    group = path.stem.partition("-")[0] if "-" in path.stem else ""
    return Checkpoint(key, path, group, path.stat().st_mtime)
