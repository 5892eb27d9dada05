"""COCO-Stuff 164k (Caesar et al., CVPR 2018): photographs of COCO 2017 and `stuffthingmaps`, 171 classes."""

from pathlib import Path

from cirkd.data.entry import DataSet
from cirkd.data.many_classes import COCO_STUFF, COCO_STUFF_UNUSED
from cirkd.data.pairs import Pairs, by_ids, photographs


def open_coco_stuff(split: str, root: Path) -> Pairs:
    """One split of COCO-Stuff; label values 0 to 181 become the 171 classes that occur, 255 is ignored.

    Args:
        split: `train` or `val`.
        root: The folder that holds `train2017/` and `val2017/`, alone or in `images/`, and the label maps of the same
            names in `stuffthingmaps/` or `annotations/`.

    Raises:
        DataError: a folder, images or label maps are missing; says which and where.
    """
    plain, inner = root / f"{split}2017", root / "images" / f"{split}2017"
    maps, annotations = (root / name / f"{split}2017" for name in ("stuffthingmaps", "annotations"))
    ids = [value for value in range(182) if value not in COCO_STUFF_UNUSED]
    return photographs(
        "cocostuff",
        split,
        COCO_STUFF,
        plain if plain.is_dir() else inner,
        annotations if annotations.is_dir() else maps,
        f"{split}2017.zip",
        read=by_ids(ids),
    )


ENTRY = DataSet(
    name="cocostuff",
    title="COCO-Stuff",
    holds="images/val2017/ and stuffthingmaps/val2017/",
    open=open_coco_stuff,
    splits=("val", "train"),
    marks=("stuffthingmaps", "annotations/val2017"),
    classes=COCO_STUFF,
)
