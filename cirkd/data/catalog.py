"""Every data set by name."""

from collections.abc import Callable
from pathlib import Path

from cirkd.data.camvid import CamVid
from cirkd.data.errors import DataError
from cirkd.data.folder import Folder
from cirkd.data.sample import SegmentationData
from cirkd.data.streets import Streets

DATA_SETS: dict[str, Callable[[str, Path | None], SegmentationData]] = {
    "streets": lambda split, root: Streets(split, root),
    "camvid": lambda split, root: CamVid(split, root),
    "folder": lambda split, root: Folder(root),
}

SPLITS: dict[str, tuple[str, ...]] = {
    "streets": ("train", "val", "test"),
    "camvid": ("train", "val", "test"),
    "folder": ("all",),
}


def open_data(name: str, split: str = "val", root: Path | str | None = None) -> SegmentationData:
    """Open one split of a data set.

    Args:
        name: A key of `DATA_SETS`.
        split: `train`, `val` or `test`; a folder has only one.
        root: Where the data set lies; the bundled streets need none.

    Raises:
        DataError: unknown name, or the data set is not complete at its root.
    """
    if name not in DATA_SETS:
        raise DataError(f"there is no data set {name!r}; choose one of: {', '.join(DATA_SETS)}")
    return DATA_SETS[name](split, Path(root) if root is not None else None)
