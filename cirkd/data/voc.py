"""Pascal VOC 2012 (Everingham et al., 2010), and its training list augmented by SBD (Hariharan et al., 2011)."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.images import read_label_noted
from cirkd.data.pairs import Frame, Pairs, listed_names, matched, require_folder, within
from cirkd.data.palettes import VOC
from cirkd.data.sbd import augmented_names, find_release, read_either

_HOLDS = "VOCdevkit/VOC2012"


def open_voc(split: str, root: Path) -> Pairs:
    """One split of Pascal VOC 2012.

    Args:
        split: `train`, `val`, `trainval`, or `train_aug`: the 10,582 images of VOC and SBD, whose label maps lie in
            `SegmentationClassAug/` as PNG; or, without that folder, in SBD's release `benchmark_RELEASE/` beside
            `VOCdevkit/`, VOC's own where there are any. Without a list, the images are those of SBD and of `train`
            that are not in `val`.
        root: The folder that holds `VOCdevkit/VOC2012/`, or that folder itself.

    Raises:
        DataError: a folder, the list or listed files are missing; says which and where.
    """
    folders = (root, root / "VOC2012", root / _HOLDS)
    base = next((folder for folder in folders if (folder / "JPEGImages").is_dir()), root / _HOLDS)
    require_folder(base / "JPEGImages", "photographs")
    release = find_release((root, base, base.parent, base.parent.parent)) if split == "train_aug" else None
    if release is not None and not (base / "SegmentationClassAug").is_dir():
        return _with_release(base, release)
    labels = base / ("SegmentationClassAug" if split == "train_aug" else "SegmentationClass")
    require_folder(labels, "label maps as PNG")
    frames = _frames(base, listed_names(_list(base, split)), lambda image: labels / f"{image.stem}.png")
    return Pairs("voc", split, VOC, frames, partial(read_label_noted, classes=VOC))


def _with_release(base: Path, release: Path) -> Pairs:
    """The augmented split with the label maps of SBD's release, and VOC's own where there are any."""
    path = _list(base, "train_aug")
    lists, own = path.parent, base / "SegmentationClass"
    require_folder(own, "label maps as PNG")
    names = listed_names(path) if path.is_file() else augmented_names(release, lists)
    drawn = {file.stem for file in own.iterdir()}
    frames = _frames(
        base,
        names,
        lambda image: own / f"{image.stem}.png" if image.stem in drawn else release / "cls" / f"{image.stem}.mat",
    )
    return Pairs("voc", "train_aug", VOC, frames, read_either)


def _list(base: Path, split: str) -> Path:
    """The list of a split; that of SBD goes by two names."""
    folder = base / "ImageSets" / "Segmentation"
    other = folder / "trainaug.txt"
    return other if split == "train_aug" and other.is_file() else folder / f"{split}.txt"


def _frames(base: Path, names: list[str], label_of: Callable[[Path], Path]) -> list[Frame]:
    """The photographs of these names with their label maps."""
    frames = matched((within(base, "JPEGImages", f"{name}.jpg") for name in names), label_of)
    missing = next((frame.image for frame in frames if not frame.image.is_file()), None)
    if missing is not None:
        raise DataError(f"{missing}: listed and not there; unpack VOCtrainval_11-May-2012.tar so that it is")
    return frames


ENTRY = DataSet(
    name="voc",
    title="Pascal VOC 2012",
    holds=_HOLDS,
    open=open_voc,
    splits=("val", "train", "trainval", "train_aug"),
    marks=("ImageSets/Segmentation", "VOC2012/ImageSets/Segmentation", "VOCdevkit/VOC2012/ImageSets/Segmentation"),
    # CVAT exports folders of these names, with classes of one's own in this file.
    confirm=lambda root: not (root / "labelmap.txt").is_file(),
    classes=VOC,
)
