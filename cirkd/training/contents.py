"""Which files a recipe means: what is in them, beside the names by which a recipe is written down."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from cirkd.data.bundled import checkpoint_path
from cirkd.data.catalog import open_data
from cirkd.data.errors import DataError
from cirkd.data.pairs import file_stamp
from cirkd.models.places import own_network, read_with
from cirkd.training.progress import bar
from cirkd.training.recipes import Recipe


def contents(recipe: Recipe, shown: bool = False) -> dict[str, str]:
    """Digests of the files that a recipe names and of a folder of one's own images, by the flags that name them.

    They tell files and folders of one name apart, and say nothing of where these lie. A named data set needs none: it
    is the same wherever it lies.

    Args:
        shown: Whether it is shown how far the reading of a folder of images is; a large one takes minutes.
    """
    files = {
        "teacher": recipe.teacher,
        "told.classes": recipe.told.classes,
        "network.encoder-weights": recipe.network.encoder_weights,
    }
    found = {flag: content(path) for flag, path in files.items() if path is not None}
    return found | ({"root": _images(recipe, recipe.root, shown)} if recipe.data == "folder" and recipe.root else {})


def content(path: Path) -> str:
    """Digest of a file, or of a folder of weights, with what is read beside it; what is not there goes by its name."""
    path = checkpoint_path(path)
    own = own_network(str(path))
    files = [*((own.file, own.weights) if own else ()), *read_with(path)]
    found = [_digest(file, *file_stamp(file)) for file in files if file is not None and file.is_file()]
    if len(found) > 1:
        return hashlib.sha256("".join(found).encode()).hexdigest()
    return found[0] if found else path.name


def _images(recipe: Recipe, root: Path, shown: bool) -> str:
    """Digest of the class names, images and label maps that are trained on and evaluated on, and of their names.

    What cannot be opened goes by the folder's name.
    """
    try:
        told = _told(recipe, root, shown)
    except (DataError, OSError):
        return root.name
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _told(recipe: Recipe, root: Path, shown: bool) -> list[list[str]]:
    """A line for each split and each of its images."""
    splits = [(split, open_data(recipe.data, split, root)) for split in (recipe.train_split, recipe.val_split)]
    frames = [frame for _, data in splits for frame in getattr(data, "frames", ())]
    files = dict.fromkeys(file for frame in frames for file in (frame.image, frame.label) if file)
    digests = {}
    with bar(f"reading the files of {root.name}/ once, to know them again", shown, lines=True) as progress:
        for place, file in enumerate(files, 1):
            digests[file] = _digest(file, *file_stamp(file))
            progress(place / len(files))
    found = []
    for split, data in splits:
        found.append([split, *(data.classes.names if data.classes else ())])
        for frame in getattr(data, "frames", ()):
            found.append([frame.name, *(digests[file] for file in (frame.image, frame.label) if file)])
    return found


@cache
def _digest(path: Path, changed: int, size: int) -> str:
    """Of what a file holds; read again only when its time or size is another."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
