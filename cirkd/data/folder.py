"""Anyone's images: a folder of image files, or of `images/` and `labels/` with an optional `classes.json`."""

import json
from pathlib import Path

from cirkd.data.errors import DataError
from cirkd.data.pairs import Frame, Pairs
from cirkd.data.sample import Classes

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


class Folder(Pairs):
    """Image files in name order; labels are matched by file stem, and an image may have none.

    `classes.json`, where present, is a list of `{"name": ..., "color": [r, g, b]}`. Links that lead out of the folder
    are passed over.

    Args:
        root: A folder of images, or one that holds `images/` and, optionally, `labels/`.

    Raises:
        DataError: no such folder, or no image in it.
    """

    def __init__(self, root: Path | None) -> None:
        if root is None:
            raise DataError("a folder of images was wanted; give its path with --root")
        if not root.is_dir():
            raise DataError(f"{root}: there is no such folder; check the path")
        images = root / "images" if (root / "images").is_dir() else root
        paths = sorted(path for path in images.iterdir() if _is_image(path, images))
        if not paths:
            raise DataError(f"{images}: no image files here; PNG, JPEG, WebP, TIFF and BMP are read")
        labels = root / "labels"
        super().__init__("folder", "all", _read_classes(root / "classes.json"), [_frame(p, labels) for p in paths])


def _is_image(path: Path, folder: Path) -> bool:
    inside = not path.is_symlink() or path.resolve().is_relative_to(folder.resolve())
    return path.suffix.lower() in SUFFIXES and inside and path.is_file()


def _frame(image: Path, labels: Path) -> Frame:
    label = labels / f"{image.stem}.png"
    return Frame(image.stem, image, label if _is_image(label, labels) else None)


def _read_classes(path: Path) -> Classes | None:
    if not path.is_file():
        return None
    try:
        entries = json.loads(path.read_text())
        names = tuple(str(entry["name"]) for entry in entries)
        colors = tuple((int(r), int(g), int(b)) for r, g, b in (entry["color"] for entry in entries))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{path}: a list of {{"name": "road", "color": [128, 64, 128]}} was wanted ({error!r})'
        ) from None
    return Classes(names=names, colors=colors)
