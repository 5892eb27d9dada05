"""Cityscapes with fine labels (Cordts et al., CVPR 2016): `leftImg8bit` and `gtFine`, label ids to 19 train ids."""

from pathlib import Path

from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.pairs import Pairs, by_ids, image_files, matched, require_folder
from cirkd.data.palettes import CITYSCAPES

LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Ids in `*_labelIds.png` of the classes that are evaluated, in train id order; all others are ignored."""
_IMAGE, _LABEL, _TRAIN_LABEL = "_leftImg8bit.png", "_gtFine_labelIds.png", "_gtFine_labelTrainIds.png"


def open_cityscapes(split: str, root: Path) -> Pairs:
    """One split of Cityscapes.

    Args:
        split: `train`, `val` or `test`; of `test` all labels are ignored.
        root: The folder that holds `leftImg8bit/` and `gtFine/`.

    Raises:
        DataError: a folder, images or label maps are missing; says which and where.
    """
    images = require_folder(root / "leftImg8bit" / split, "folders of cities with images")
    labels = require_folder(root / "gtFine" / split, "folders of cities with label maps")
    found = [path for path in image_files(images, (".png",), "*/*") if path.name.endswith(_IMAGE)]
    if not found:
        raise DataError(f"{images}: no CITY/*{_IMAGE} here; unpack leftImg8bit_trainvaltest.zip")
    # The public tools write train ids beside the ids; who keeps them alone has what is wanted already.
    alone = not any(labels.glob(f"*/[!.]*{_LABEL}")) and any(labels.glob(f"*/[!.]*{_TRAIN_LABEL}"))
    ending, read = (_TRAIN_LABEL, by_ids(range(len(CITYSCAPES)))) if alone else (_LABEL, by_ids(LABEL_IDS, range(34)))
    frames = matched(
        found,
        lambda image: labels / image.parent.name / (image.name.removesuffix(_IMAGE) + ending),
        lambda image: image.name.removesuffix(_IMAGE),
    )
    return Pairs("cityscapes", split, CITYSCAPES, frames, read)


ENTRY = DataSet(
    name="cityscapes",
    title="Cityscapes",
    holds="leftImg8bit/ and gtFine/",
    open=open_cityscapes,
    splits=("val", "train", "test"),
    marks=("leftImg8bit",),
    has_split=lambda root, split: (root / "leftImg8bit" / split).is_dir(),
    classes=CITYSCAPES,
)
