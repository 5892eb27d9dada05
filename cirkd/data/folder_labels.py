"""Which label map belongs to which image of a folder, by their names."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from cirkd.data.class_list import ClassList
from cirkd.data.label_colors import VOID
from cirkd.data.pairs import image_files
from cirkd.data.sample import Color

_OF_LABELS = (
    r"mask|masks|label|labels|lbl|l|gt|seg|segmentation|annotation|annotations|"
    r"(?:gtfine_)?(?:label)?trainids|(?:gtfine_)?labelids"
)
_LABEL_ENDING = re.compile(rf"[-_.](?:{_OF_LABELS})$", re.IGNORECASE)
_ENDING = re.compile(rf"[-_.](?:image|img|sat|rgb|leftimg8bit|jpe?g|png|tiff?|{_OF_LABELS})$", re.IGNORECASE)
"""What tools add to the names of images and of label maps; it does not count when they are matched."""


def labels_beside(files: list[Path], named: ClassList | None) -> tuple[dict[Path, Path], list[Path]]:
    """Label maps that lie beside images under the same names, or with `_mask` and the like: image -> label map.

    And those that cannot be read: in colours, where no class list has them.
    """
    bare = {path: _LABEL_ENDING.sub("", path.stem) for path in files}
    images = {path.with_name(_ENDING.sub("", path.stem)): path for path in files if bare[path] == path.stem}
    marked = {
        path: images[path.with_name(stem)]
        for path, stem in bare.items()
        if stem != path.stem and path.with_name(stem) in images
    }
    photos = {path.with_suffix(""): path for path in files if path.suffix.lower() in (".jpg", ".jpeg")}
    pairs = {p: photos[p.with_suffix("")] for p in files if p.suffix.lower() == ".png" and p.with_suffix("") in photos}
    colors = {*named.classes.colors, *named.void} if named is not None and named.colored else None
    maps = {path: pairs[path] for path in pairs if _is_index_map(path) or (colors and _is_of(path, colors))}
    maps |= {path: marked[path] for path in marked if _is_index_map(path) or colors}
    return {image: path for path, image in maps.items()}, [path for path in marked if path not in maps]


def _is_of(path: Path, colors: set[Color]) -> bool:
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


def labels_in(files: list[Path], images: Path, labels: Path, suffixes: Sequence[str]) -> tuple[dict[Path, Path], int]:
    """The label map of each image that has one, by name; and how many label maps match no image."""
    maps = image_files(labels, suffixes, "**/*")
    exact = {path.relative_to(labels).with_suffix("").as_posix(): path for path in reversed(maps)}
    stems = {file: file.relative_to(images).with_suffix("").as_posix() for file in files}
    found = {file: exact[stem] for file, stem in stems.items() if stem in exact}
    taken = set(found.values())
    loose = {key: path for stem, path in exact.items() if path not in taken for key in (_plain(stem), _bare(stem))}
    for file, stem in stems.items():
        label = loose.get(_plain(stem)) or loose.get(_bare(stem))
        if file not in found and label is not None:
            found[file] = label
    return found, len(set(maps) - set(found.values()))


def _plain(stem: str) -> str:
    """A name as systems that don't tell cases apart, or spell an umlaut as two characters, would find it."""
    return unicodedata.normalize("NFC", stem).casefold()


def _bare(stem: str) -> str:
    return _plain(_ENDING.sub("", stem))
