"""ADE20K as the scene parsing benchmark has it (Zhou et al., CVPR 2017): `ADEChallengeData2016`, 150 classes."""

from pathlib import Path

from cirkd.data.entry import DataSet
from cirkd.data.many_classes import ADE20K
from cirkd.data.pairs import Pairs, by_ids, photographs

_FOLDERS = {"train": "training", "val": "validation"}


def open_ade20k(split: str, root: Path) -> Pairs:
    """One split of ADE20K; label 0, "other", is ignored and 1 to 150 become 0 to 149.

    Args:
        split: `train` or `val`.
        root: The folder that holds `images/` and `annotations/`, or the one above it.

    Raises:
        DataError: a folder, images or label maps are missing; says which and where.
    """
    inner = root / "ADEChallengeData2016"
    base = inner if inner.is_dir() else root
    images, labels = (base / folder / _FOLDERS[split] for folder in ("images", "annotations"))
    return photographs("ade20k", split, ADE20K, images, labels, "ADEChallengeData2016.zip", read=by_ids(range(1, 151)))


ENTRY = DataSet(
    name="ade20k",
    title="ADE20K",
    holds="ADEChallengeData2016/",
    open=open_ade20k,
    splits=("val", "train"),
    marks=("ADEChallengeData2016", "annotations/validation"),
    classes=ADE20K,
)
