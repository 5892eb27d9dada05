"""Which label map belongs to which image of a folder, by their names."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, UnidentifiedImageError

from cirkd.data.class_list import ClassList
from cirkd.data.folder_places import LABEL_SUFFIXES
from cirkd.data.label_colors import VOID
from cirkd.data.pairs import image_files
from cirkd.data.sample import Color

_OF_LABELS = (
    r"mask|masks|label|labels|lbl|l|gt|seg|segmentation|annotation|annotations|"
    r"(?:gt(?:fine|coarse)_)?(?:(?:label)?trainids|labelids|instanceids|instances?|color)"
)
_LABEL_ENDING = re.compile(rf"[-_.](?:{_OF_LABELS})$", re.IGNORECASE)
_ENDING = re.compile(rf"[-_.](?:image|img|sat|rgb|leftimg8bit|jpe?g|png|tiff?|{_OF_LABELS})$", re.IGNORECASE)
"""What tools add to the names of images and of label maps; it does not count when they are matched."""
_BEFORE = r"masks?|labels?|lbl|gt|seg|annotation"
_LABEL_BEGINNING = re.compile(rf"^(?:{_BEFORE})[-_](?=.)", re.IGNORECASE)
_BEGINNING = re.compile(rf"(?<![^/])(?:images?|img|photo|{_BEFORE})[-_](?=[^/]+$)", re.IGNORECASE)
"""The same before a name: image_1 and label_1."""
_OF_PHOTO = re.compile(rf"(?<!gtfine)(?<!gtcoarse)[-_.](?:color|instances?)$|{_LABEL_BEGINNING.pattern}", re.IGNORECASE)
"""Endings and beginnings that photographs have, too."""
_SAMPLES = 12
"""Of so many label maps' names it is looked at what they have before and after their images'."""
_RANKS = ("trainids", "labelids", "color")
"""Endings of several label maps of one image: after all others, and in this order."""
_OF_THINGS = re.compile(r"instances?(?:ids)?$", re.IGNORECASE)
"""The ending of maps that number things and no classes."""


@dataclass(frozen=True, eq=False)
class FoundLabels:
    """The label maps of a folder's images.

    Args:
        of: Image -> its label map.
        others: Label maps beside the one that was taken, by image.
        unmatched: How many match no image.
        unread: Those in colours that no class list has.
        named: How they are called, `NAME` being their image's name, where that was found out from the names alone.
    """

    of: dict[Path, Path]
    others: dict[Path, list[Path]] = field(default_factory=dict)
    unmatched: int = 0
    unread: list[Path] = field(default_factory=list)
    named: str = ""

    def notes(self) -> list[str]:
        """A line where images have several label maps: which is taken, and how to choose."""
        several = [image for image in self.others if image in self.of]
        alone = [others[0].name for image, others in self.others.items() if image not in self.of]
        notes = [f"{alone[0]} and the like number things, not classes, and are no label maps"] if alone else []
        if self.named:
            notes.append(f"by their names, label maps are {self.named}, where NAME is their image's")
        if several:
            names = ", ".join(path.name for path in self.others[several[0]][:3])
            what = f"{len(several)} images have" if len(several) > 1 else "an image has"
            taken = self.of[several[0]].name
            notes.append(f"{what} several label maps: {taken} is taken, not {names} (move it away to have the next)")
        return notes


def labels_beside(files: list[Path], named: ClassList | None) -> FoundLabels:
    """Label maps that lie beside images under the same names, or with `_mask` and the like.

    Those that cannot be read are in colours, where no class list has them.
    """
    bare = {path: _LABEL_BEGINNING.sub("", _LABEL_ENDING.sub("", path.stem)) for path in files}
    images = [path for path in files if bare[path] == path.stem]
    exact = {path.with_suffix(""): path for path in images}
    loose = {path.with_name(_bare(path.stem)): path for path in images}
    found = {
        path: exact.get(path.with_name(stem)) or loose.get(path.with_name(_bare(stem)))
        for path, stem in bare.items()
        if stem != path.stem
    }
    marked = {path: image for path, image in found.items() if image is not None}
    photos = {path.with_suffix(""): path for path in files if path.suffix.lower() in (".jpg", ".jpeg")}
    pairs = {p: photos[p.with_suffix("")] for p in files if p.suffix.lower() == ".png" and p.with_suffix("") in photos}
    colors = _colors(named)
    maps = {path: pairs[path] for path in pairs if _is_map(path, colors)}
    maps |= {path: marked[path] for path in marked if _is_index_map(path) or colors}
    by_image: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in sorted(maps, key=_rank):
        by_image[maps[path]].append(path)
    # NAME_color and gt_NAME may be photographs, too: they are where nothing else says that label maps lie here.
    unread = [path for path in marked if path not in maps]
    return _chosen(by_image, unread=[p for p in unread if marked[p] in by_image or not _OF_PHOTO.search(p.stem)])


def labels_in(files: list[Path], images: Path, labels: Path, named: ClassList | None) -> FoundLabels:
    """The label map of each image that has one, by name."""
    found = image_files(labels, LABEL_SUFFIXES, "**/*")
    maps = {path: path.relative_to(labels).with_suffix("").as_posix() for path in found}
    own = {file: file.relative_to(images).with_suffix("").as_posix() for file in files}
    names = set(own.values())
    # Names as they are come first, then those that a system may hold for the same, then without what tools add.
    by_image: defaultdict[Path, list[Path]] = defaultdict(list)
    for spelled in (str, _plain, _bare):
        by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for path in sorted(maps, key=_rank):
            if spelled is str or maps[path] not in names:
                by_name[spelled(maps[path])].append(path)
        for file, stem in own.items():
            by_image[file] += [path for path in by_name[spelled(stem)] if path not in by_image[file]]
    around = None if any(by_image.values()) else _around(maps, names, _colors(named), min(len(names), len(maps)) / 2)
    if around is not None:
        there = {stem: path for path, stem in maps.items()}
        alike = {file: there.get(stem.join(around)) for file, stem in own.items()}
        by_image |= {file: [path] for file, path in alike.items() if path is not None}
    unmatched = len(set(maps) - {path for found in by_image.values() for path in found})
    return _chosen(by_image, unmatched=unmatched, named="NAME".join(around or ()))


def named_like_others(files: Sequence[Path], images: Path) -> str:
    """How files are called that may be label maps by their names beside others', as `NAME_anno`; "" where none are."""
    names = {path: path.relative_to(images).with_suffix("").as_posix() for path in files}
    return "NAME".join(_around(names, set(names.values()), set(), len(names) / 8) or ())


def _around(maps: Mapping[Path, str], names: Set[str], colors: Set[Color], beyond: float) -> tuple[str, str] | None:
    """What label maps' names have before and after their images', the same for most: trimaps/NAME, or NAME_P.

    Numbers alone are none of it: NAME_1 is one thing of an image, or another image. Nor is what pictures have that are
    no label maps. More than so many names are wanted.
    """
    stems, found = set(maps.values()), set[tuple[str, str]]()
    for path in Random(0).sample(list(maps), min(len(maps), _SAMPLES)):
        stem = maps[path]
        for start, end in combinations(range(len(stem) + 1), 2):
            before, after = stem[:start], stem[end:]
            apart = before[-1:] in ("", *"/-_. ") and after[:1] in ("", *"-_. ")
            if apart and stem[start:end] in names and any(map(str.isalpha, before + after)) and _is_map(path, colors):
                found.add((before, after))
    counts = {around: sum(name.join(around) in stems for name in names) for around in sorted(found)}
    best = max(counts, key=lambda around: counts[around], default=None)
    return best if best is not None and counts[best] > beyond else None


def _chosen(maps: Mapping[Path, Sequence[Path]], **more: Any) -> FoundLabels:
    """Of each image's label maps the first one that numbers classes, not things."""
    first = {image: next((p for p in found if not _OF_THINGS.search(p.stem)), None) for image, found in maps.items()}
    others = {image: [path for path in found if path != first[image]] for image, found in maps.items()}
    taken = {image: path for image, path in first.items() if path is not None}
    return FoundLabels(taken, {image: found for image, found in others.items() if found}, **more)


def _rank(path: Path) -> tuple[int, bool, Path]:
    ranks = [place for place, ending in enumerate(_RANKS, 1) if path.stem.lower().endswith(ending)]
    rank = len(_RANKS) + 1 if _OF_THINGS.search(path.stem) else ranks[0] if ranks else 0
    return rank, path.suffix.lower() == ".npy", path  # an array beside a picture may be of anything


def _colors(named: ClassList | None) -> set[Color]:
    """The colours that label maps may have."""
    return {*named.classes.colors, *named.void} if named is not None and named.colored else set()


def _is_map(path: Path, colors: Set[Color]) -> bool:
    """Whether a file is a label map by what it holds."""
    return path.suffix.lower() == ".npy" or _is_index_map(path) or (bool(colors) and _is_of(path, colors))


def _is_of(path: Path, colors: Set[Color]) -> bool:
    """Whether an image has no colours but these, and black and white."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            found = picture.convert("RGB").getcolors(len(colors) + 2)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError):
        return False
    return found is not None and {color for _, color in found} <= {*colors, *VOID}


def _is_index_map(path: Path) -> bool:
    try:
        with Image.open(path, formats=("PNG", "TIFF", "BMP")) as picture:
            return picture.mode in ("P", "L", "1", "I;16")
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError):
        return False


def _plain(stem: str) -> str:
    """A name as systems that don't tell cases apart, or spell an umlaut as two characters, would find it."""
    return unicodedata.normalize("NFC", stem).casefold()


def _bare(stem: str) -> str:
    return _plain(_BEGINNING.sub("", _ENDING.sub("", stem)))
