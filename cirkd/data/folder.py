"""Anyone's images: a folder of image files, or of `images/` and `labels/` with an optional `classes.json`."""

import json
from pathlib import Path

from cirkd.data.errors import DataError
from cirkd.data.images import read_image, read_label
from cirkd.data.sample import Classes, Sample

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


class Folder:
    """Image files in name order; labels are matched by file stem.

    `classes.json`, where present, is a list of `{"name": ..., "color": [r, g, b]}`.

    Args:
        root: A folder of images, or one that holds `images/` and, optionally, `labels/`.

    Raises:
        DataError: no such folder, or no image in it.
    """

    name = "folder"
    split = "all"

    def __init__(self, root: Path | None) -> None:
        if root is None:
            raise DataError("a folder of images was wanted; give its path with --root")
        self.root = Path(root)
        if not self.root.is_dir():
            raise DataError(f"{self.root}: there is no such folder; check the path")
        images = self.root / "images" if (self.root / "images").is_dir() else self.root
        self.paths = sorted(p for p in images.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
        if not self.paths:
            raise DataError(f"{images}: no image files here; PNG, JPEG, WebP, TIFF and BMP are read")
        self.names = [path.stem for path in self.paths]
        self.classes = _read_classes(self.root / "classes.json")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        image = read_image(self.paths[index])
        label_path = self.root / "labels" / f"{self.names[index]}.png"
        label = read_label(label_path) if label_path.is_file() else None
        if label is not None and label.shape != image.shape[:2]:
            raise DataError(f"{label_path}: label is {label.shape}, its image {image.shape[:2]}; they must be alike")
        return Sample(name=self.names[index], image=image, label=label)


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
