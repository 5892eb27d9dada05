"""Which files a recipe means: what is in them, beside the names by which a recipe is written down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cirkd.data.bundled import checkpoint_path
from cirkd.data.catalog import open_data
from cirkd.data.errors import DataError
from cirkd.data.pairs import file_stamp
from cirkd.models.places import own_network, read_with
from cirkd.training.recipes import Recipe


def contents(recipe: Recipe) -> dict[str, str]:
    """Digests of the files that a recipe names and of a folder of one's own images, by the flags that name them.

    They tell files and folders of one name apart, and say nothing of where these lie. A named data set needs none: it
    is the same wherever it lies.
    """
    files = {
        "teacher": recipe.teacher,
        "told.classes": recipe.told.classes,
        "network.encoder-weights": recipe.network.encoder_weights,
    }
    found = {flag: content(path) for flag, path in files.items() if path is not None}
    return found | ({"root": _images(recipe, recipe.root)} if recipe.data == "folder" and recipe.root else {})


def content(path: Path) -> str:
    """Digest of a file, or of a folder of weights, with what is read beside it; what is not there goes by its name."""
    path = checkpoint_path(path)
    own = own_network(str(path))
    files = [*((own.file, own.weights) if own else ()), *read_with(path)]
    found = [_digest(file, *file_stamp(file)) for file in files if file is not None and file.is_file()]
    if len(found) > 1:
        return hashlib.sha256("".join(found).encode()).hexdigest()
    return found[0] if found else path.name


def _images(recipe: Recipe, root: Path) -> str:
    """Digest of the class names, images and label maps that are trained on and evaluated on, and of their names.

    What cannot be opened goes by the folder's name.
    """
    try:
        told = list(_told(recipe, root))
    except (DataError, OSError):
        return root.name
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _told(recipe: Recipe, root: Path) -> Iterator[list[str]]:
    for split in (recipe.train_split, recipe.val_split):
        data = open_data(recipe.data, split, root)
        yield [split, *(data.classes.names if data.classes else ())]
        for frame in getattr(data, "frames", ()):
            yield [frame.name, *(_digest(file, *file_stamp(file)) for file in (frame.image, frame.label) if file)]


@cache
def _digest(path: Path, changed: int, size: int) -> str:
    """Of what a file holds; read again only when its time or size is another."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
