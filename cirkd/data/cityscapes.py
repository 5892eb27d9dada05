"""Cityscapes with fine labels (Cordts et al., CVPR 2016): `leftImg8bit` and `gtFine`, label ids to 19 train ids."""

from pathlib import Path

from cirkd.data.errors import DataError
from cirkd.data.pairs import Pairs, matched, remapped, require_folder, require_root, require_split, table_of
from cirkd.data.palettes import CITYSCAPES

SPLITS = ("train", "val", "test")
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Ids in `*_labelIds.png` of the classes that are evaluated, in train id order; all others are ignored."""
_IMAGE, _LABEL = "_leftImg8bit.png", "_gtFine_labelIds.png"


def open_cityscapes(split: str, root: Path | None) -> Pairs:
    """One split of Cityscapes.

    Args:
        split: `train`, `val` or `test`; of `test` all labels are ignored.
        root: The folder that holds `leftImg8bit/` and `gtFine/`.

    Raises:
        DataError: a folder, images or label maps are missing; says which and where.
    """
    require_split("cityscapes", split, SPLITS)
    root = require_root("cityscapes", root, "leftImg8bit/ and gtFine/")
    images = require_folder(root / "leftImg8bit" / split, "folders of cities with images")
    labels = require_folder(root / "gtFine" / split, "folders of cities with label maps")
    found = sorted(images.glob(f"*/*{_IMAGE}"))
    if not found:
        raise DataError(f"{images}: no CITY/*{_IMAGE} here; unpack leftImg8bit_trainvaltest.zip")
    frames = matched(
        found,
        lambda image: labels / image.parent.name / (image.name.removesuffix(_IMAGE) + _LABEL),
        lambda image: image.name.removesuffix(_IMAGE),
    )
    return Pairs("cityscapes", split, CITYSCAPES, frames, remapped(table_of(LABEL_IDS)))
