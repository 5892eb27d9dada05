"""BDD100K's semantic segmentation (Yu et al., CVPR 2020): street scenes in Cityscapes' 19 classes, as train ids.

bdd100k/images/10k/{train,val,test}/NAME.jpg
bdd100k/labels/sem_seg/masks/{train,val}/NAME.png       in the first release seg/labels/{split}/NAME_train_id.png
"""

from collections.abc import Iterator
from pathlib import Path

from cirkd.data.entry import DataSet
from cirkd.data.pairs import Pairs, photographs
from cirkd.data.palettes import CITYSCAPES

_FORMS = (
    ("images/10k", "labels/sem_seg/masks", ""),
    ("seg/images", "seg/labels", "_train_id"),
    ("images", "labels", "_train_id"),
)
"""Folders of images and of label maps, and what label maps' names end in; by release."""


def open_bdd100k(split: str, root: Path) -> Pairs:
    """One split of BDD100K; label 255 is ignored.

    Args:
        split: `train`, `val`, or `test`, which has no labels.
        root: The folder that holds `images/10k/` and `labels/sem_seg/masks/`, or the one above it, `bdd100k/`.

    Raises:
        DataError: a folder, images or label maps are missing; says which and where.
    """
    base, (images, labels, ending) = next(_places(root, split), (root, _FORMS[0]))
    masks = None if split == "test" else base / labels / split
    archive = "bdd100k_images_10k.zip"
    return photographs("bdd100k", split, CITYSCAPES, base / images / split, masks, archive, ending=ending)


def _places(root: Path, split: str) -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Where a split lies, and in which form."""
    bases = (root, root / "bdd100k")
    return ((base, form) for base in bases for form in _FORMS if (base / form[0] / split).is_dir())


ENTRY = DataSet(
    name="bdd100k",
    title="BDD100K",
    holds="images/10k/ and labels/sem_seg/masks/",
    open=open_bdd100k,
    splits=("val", "train", "test"),
    marks=("images/10k", "bdd100k/images/10k", "labels/sem_seg", "seg/labels/*/*_train_id.png"),
    has_split=lambda root, split: any(_places(root, split)),
    classes=CITYSCAPES,
)
