"""What there is to choose from: checkpoints and images, found in folders.

`CIRKD_CHECKPOINTS` and `CIRKD_DATA` name other folders than the bundled `checkpoints/`, and `data/`.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from cirkd.data.bundled import FIRST, KINDS, PARTS, bundled, data_of, members, study_of
from cirkd.data.catalog import DATA_SETS, expanded, layout_of
from cirkd.data.folder import SPLITS as FOLDER_SPLITS
from cirkd.data.folder_places import IMAGE_FOLDERS, LABEL_FOLDERS
from cirkd.data.pairs import file_stamp
from cirkd.features.stored import is_stored
from cirkd.models.places import SUFFIXES, commanded, own_network, read_with

_NESTED = (*FOLDER_SPLITS, *IMAGE_FOLDERS, *LABEL_FOLDERS, "training", "validation", "train2017", "val2017")
"""Folders in a data set's folders whose files come and go with it."""
STORED = "stored"
"""In the place of a data set's name: a folder of embeddings, which holds pixels and no images."""


@dataclass(frozen=True)
class Checkpoint:
    """A file that can be loaded.

    key: what stands for it in the address: its name in the checkpoints folder, or its path.
    group: the study it belongs to, as far as its name tells (`streets-few-cirkd` -> `streets-few`), or "".
    stamp: changes with the file and with the answers beside it; a file that changes is another checkpoint.
    """

    key: str
    path: Path
    group: str
    stamp: float

    @property
    def title(self) -> str:
        """Its name for people, e.g. `Streets · cirkd`."""
        if own := own_network(self.key):
            return f"{own.file.name}:{own.function}" + (f" · {own.weights.name}" if own.weights else "")
        return f"{title(self.group)} · {_part(self.path.stem)}" if self.group else self.path.name


@dataclass(frozen=True)
class Images:
    """A split of a data set, not opened yet.

    name: as the catalogue of data sets has it; stamp: changes when files come or go, or lists and class names change.
    What changes in an image or label map that stays is seen by `cached.stamps`.
    """

    name: str
    split: str
    root: str
    stamp: float


def title(name: str) -> str:
    """The name of a data set or study for people, e.g. `Streets, few labels`."""
    data = data_of(name)
    named = DATA_SETS[data].title if data in DATA_SETS else data.capitalize()
    return named if data == name else f"{named}, {KINDS[name.removeprefix(f'{data}-')]}"


def listed() -> str:
    """The data sets that are recognised by their layout, for a help text."""
    return ", ".join(entry.title for entry in DATA_SETS.values() if entry.marks)


def checkpoints_folder() -> Path:
    """Where checkpoints are looked for."""
    return Path(os.environ.get("CIRKD_CHECKPOINTS") or bundled("checkpoints"))


def records_folder() -> Path:
    """Where the runs that made shipped checkpoints have left journals and snapshots, to be watched again."""
    return checkpoints_folder() / "records"


def data_root(name: str) -> Path:
    """Where a data set is looked for: `data/NAME` of the current folder, else of what comes with the project."""
    here = Path(os.environ.get("CIRKD_DATA") or "data").resolve() / name
    return here if here.is_dir() or "CIRKD_DATA" in os.environ else bundled("data", name)


def checkpoints() -> list[Checkpoint]:
    """The files in the checkpoints folder by study, the first one first; teacher, baseline, then the rest."""
    folder = checkpoints_folder()
    # A link that leads out of the folder is none of its checkpoints.
    inside = [p for p in folder.iterdir() if p.resolve().is_relative_to(folder.resolve())] if folder.is_dir() else []
    # An archive is no checkpoint, though one may be given by its path: files of old trainers end in `.tar` alone.
    ours = tuple(suffix for suffix in SUFFIXES if suffix != ".tar")
    files = [path for path in inside if path.name.endswith(ours) and not path.name.startswith(".")]
    return sorted((_checkpoint(path.stem, path) for path in files), key=_order)


def find(key: str) -> Checkpoint | None:
    """The checkpoint that a key stands for; None when it is not there.

    A network of the user's own is there only where the app was started with it: its file is run.
    """
    if own := own_network(key):
        files = [file for file in (own.file, own.weights) if file]
        return Checkpoint(key, Path(key), "", _stamped(files)) if key in commanded().values() else None
    known = {c.key: c for c in checkpoints()}
    path = expanded(key)
    given = path.is_file() if path.name.endswith(SUFFIXES) else (path / "config.json").is_file()
    return known.get(key) or (_checkpoint(key, path) if given else None)


def groups() -> list[str]:
    """The studies that have a teacher or a student of their own, the one that opens first."""
    found = [c.group for c in checkpoints() if c.group and any(defaults(c.group).values())]
    return list(dict.fromkeys(found))


def defaults(group: str) -> dict[str, str]:
    """teacher, before, after -> key of the checkpoint of that part in a group; "" where there is none."""
    return members(group, {c.key for c in checkpoints()})


def data_sets() -> list[str]:
    """The data sets that lie in the data folder, each under its name."""
    return [name for name in DATA_SETS if name != "folder" and layout_of(data_root(name)) == name]


def splits(source: str, root: Path) -> list[str]:
    """The splits that can be chosen, the one to begin with first."""
    return list(DATA_SETS[_named(source, root)].splits_at(root))


def images(source: str, split: str, root: Path) -> Images:
    """The images that a choice stands for; a folder laid out like a data set is read as that."""
    return Images(_named(source, root), split, str(root), _stamp(root))


def _named(source: str, root: Path) -> str:
    """The data set that a source of images is."""
    return source if source in DATA_SETS and source != "folder" else layout_of(root)


def _stamp(root: Path) -> float:
    """What changes with a data set's folders, lists and class names; without a look at its images."""
    try:
        inside = sorted(root.iterdir()) if root.is_dir() else []
    except OSError:
        inside = []
    folders = [path for path in inside if path.is_dir()]
    nested = [folder / name for folder in folders for name in _NESTED]
    told = [path for path in inside if path.suffix in (".txt", ".json", ".csv")]
    return _stamped([root, *folders, *nested, *told])


def stored(folder: Path) -> Images | None:
    """The folder of embeddings that a path stands for; None where it is none."""
    if not is_stored(folder):
        return None
    return Images(STORED, "all", str(folder), _stamped(sorted(folder.iterdir())))


def _checkpoint(key: str, path: Path) -> Checkpoint:
    return Checkpoint(key, path, study_of(path.stem), _stamped(read_with(path)))


def _part(stem: str) -> str:
    """What a checkpoint is in its study, as its name tells."""
    return stem.removeprefix(f"{study_of(stem)}-")


def _stamped(files: list[Path]) -> float:
    return float(zlib.crc32(repr([(str(file), *file_stamp(file)) for file in files]).encode()))


def _order(checkpoint: Checkpoint) -> tuple[int, str, int, str]:
    part = _part(checkpoint.path.stem)
    rank = next((i for i, p in enumerate(PARTS.values()) if part.startswith(p)), len(PARTS))
    first = (FIRST, data_of(FIRST))
    place = first.index(checkpoint.group) if checkpoint.group in first else len(first)
    return place, checkpoint.group or "~", rank, part
