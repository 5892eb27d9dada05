"""A data set in other classes: which of its classes count as which, as a file says."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cirkd.data.errors import DataError
from cirkd.data.matching import same_name
from cirkd.data.palettes import spread_colors
from cirkd.data.sample import Classes, Sample, SegmentationData

_WANTED = 'an object from class to class was wanted, as {"truck": "vehicle", "bus": "vehicle", "sky": null}'


def mapped(data: SegmentationData, path: Path | None) -> SegmentationData:
    """The split in the classes that a file says; as it is where there is no file.

    Raises:
        DataError: as of `Mapped`.
    """
    return data if path is None else Mapped(data, path)


class Mapped:
    """A split of a data set with its classes renamed, joined or left out.

    A network's classes are renamed alike when they are matched, so that one of 19 classes is scored on 7.

    Args:
        data: The split; it names its classes.
        path: A JSON object from a class's name to the name that it counts as, or null for none; a class that is not
            mentioned keeps its name. Names are compared as those of networks are, see `match_classes`.

    Raises:
        DataError: no such file, no such class, or nothing left.
    """

    def __init__(self, data: SegmentationData, path: Path) -> None:
        if data.classes is None:
            raise DataError(f"{data.name} names no classes, so none can be mapped; add classes.json")
        self._data, self.name, self.split, self.names = data, data.name, data.split, data.names
        targets = _spelled_alike(_read(path), data.classes.names)
        unknown = [name for name in targets if name not in data.classes.names]
        # Names that only a network has are welcome, unless the file is of another data set altogether.
        if len(unknown) == len(targets):
            raise DataError(f"{path}: maps {unknown[0]!r}, and {data.name} has no such class; {_WANTED}")
        kept = [targets.get(name, name) for name in data.classes.names]
        names = list(dict.fromkeys(name for name in kept if name is not None))
        if not names:
            raise DataError(f"{path}: leaves no class of {data.name}; {_WANTED}")
        self._table = np.full(256, 255, np.uint8)
        self._table[: len(kept)] = [255 if name is None else names.index(name) for name in kept]
        colors = dict(zip(reversed(kept), reversed(data.classes.colors), strict=True))
        spread = dict(zip(names, spread_colors(len(names)), strict=True))
        self.classes = Classes(tuple(names), tuple(colors.get(n, spread[n]) for n in names), aliases=targets)
        self.notes = (*getattr(data, "notes", ()), f"classes are counted as {path.name} says")
        self.frames = getattr(data, "frames", ())

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> Sample:
        sample = self._data[index]
        label = None if sample.label is None else self._table[sample.label]
        return Sample(sample.name, sample.image, label, sample.note)


def _spelled_alike(targets: dict[str, str | None], names: Sequence[str]) -> dict[str, str | None]:
    """What a file says, with names as the data set spells them, and each new one as it is spelled first."""
    own = {same_name(names, name) or name: target for name, target in targets.items()}
    known = [name for name in names if name not in own]
    for target in own.values():
        if target is not None and same_name(known, target) is None:
            known.append(target)
    return {name: target and same_name(known, target) for name, target in own.items()}


def _read(path: Path) -> dict[str, str | None]:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read ({error}); {_WANTED}") from None
    whole = isinstance(found, dict) and found and all(v is None or isinstance(v, str) for v in found.values())
    if not whole:
        raise DataError(f"{path}: {_WANTED}")
    return found
