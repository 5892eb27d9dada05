"""A data set as one entry: everything that the command line, the app and the report know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cirkd.data.errors import DataError
from cirkd.data.sample import Classes, SegmentationData


@dataclass(frozen=True)
class DataSet:
    """How a data set is recognised, opened and called. Add one to `cirkd.data.catalog.DATA_SETS`, and it is everywhere.

    Args:
        name: What stands for it on the command line and in addresses.
        title: Its name for people.
        holds: What its root folder holds, for help and errors.
        open: Opens a split, one of `splits`, at a root that is there; raises DataError where files are missing.
        splits: Those that it can have, the one to begin with first.
        marks: Patterns (as of `Path.glob`) of what lies in its root and in that of no other data set; the first
            entry with a match takes the folder.
        confirm: Whether a folder with a mark is this data set indeed, where a name alone is not enough.
        has_split: Whether a split lies at a root; where none seems to, all are offered, and opening one says what is
            missing.
        classes: What its labels name; None where its own files say so.
        labelled_test: Whether the labels of its test split are public.
        checks: Whether `open` checks split and root itself: the root may be None, and there may be other splits.

    Example:
        >>> from cirkd.data.catalog import DATA_SETS
        >>> DATA_SETS["camvid"].title, DATA_SETS["camvid"].splits
        ('CamVid', ('val', 'train', 'test'))
    """

    name: str
    title: str
    holds: str
    open: Callable[[str, Any], SegmentationData]
    splits: tuple[str, ...]
    marks: tuple[str, ...] = ()
    confirm: Callable[[Path], bool] = lambda root: True
    has_split: Callable[[Path, str], bool] = lambda root, split: True
    classes: Classes | None = None
    labelled_test: bool = False
    checks: bool = False

    def opened(self, split: str, root: Path | None) -> SegmentationData:
        """One split of it.

        Raises:
            DataError: no such split, no root, or one that is not complete.
        """
        if not self.checks and split not in self.splits:
            raise DataError(f"{self.name} has no split {split!r}; choose one of: {', '.join(self.splits)}")
        if not self.checks and root is None:
            raise DataError(f"{self.name} is not bundled; give --root the folder that holds {self.holds}")
        if not self.checks and root is not None and not root.is_dir():
            raise DataError(f"{root}: there is no such folder; --root must hold {self.holds}")
        return self.open(split, root)

    def lies_at(self, root: Path) -> bool:
        """Whether a folder is laid out like this data set."""
        return any(next(root.glob(mark), None) is not None for mark in self.marks) and self.confirm(root)

    def splits_at(self, root: Path) -> tuple[str, ...]:
        """The splits that are there, the one to begin with first."""
        return tuple(split for split in self.splits if self.has_split(root, split)) or self.splits
