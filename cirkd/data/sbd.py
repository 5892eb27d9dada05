"""SBD (Hariharan et al., 2011) as it was released: label maps of Pascal VOC's images as MATLAB files.

benchmark_RELEASE/dataset/cls/2008_000002.mat    its field GTcls.Segmentation is the label map
benchmark_RELEASE/dataset/{train,val}.txt        a name a line
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cirkd.data.errors import DataError
from cirkd.data.images import read_label_noted
from cirkd.data.matlab import uint8_field
from cirkd.data.pairs import listed_names

_FOLDERS = ("benchmark_RELEASE/dataset", "SBD/benchmark_RELEASE/dataset", "SBD/dataset", "SBD", "dataset")
_LARGEST = 2**20
"""Bytes of a file; those of the release have some ten thousand."""


def find_release(roots: Iterable[Path]) -> Path | None:
    """The folder that holds `cls/` of SBD's release, at one of these roots; None if there is none."""
    folders = [root / folder for root in roots for folder in _FOLDERS]
    return next((folder for folder in folders if (folder / "cls").is_dir()), None)


def augmented_names(release: Path, voc_lists: Path) -> list[str]:
    """The names of the augmented training list: those of SBD and of VOC's training list, without VOC's val; sorted.

    Raises:
        DataError: a list is missing.
    """
    lists = (release / "train.txt", release / "val.txt", voc_lists / "train.txt")
    names = {name for path in lists for name in listed_names(path)}
    return sorted(names - set(listed_names(voc_lists / "val.txt")))


def read_either(path: Path) -> tuple[np.ndarray, str]:
    """A label map uint8 `[H, W]` as an image, or as SBD's release has it; and a note on how it was read."""
    return (read_sbd(path), "") if path.suffix == ".mat" else read_label_noted(path)


def read_sbd(path: Path) -> np.ndarray:
    """The label map uint8 `[H, W]` in a MATLAB file of SBD.

    Raises:
        DataError: no such file, or not one of SBD's classes.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise DataError(f"{path}: {size / 2**20:.0f} MB, a label map of SBD has a few kB; unpack the release again")
        values = uint8_field(path.read_bytes(), "GTcls", "Segmentation")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; unpack the release so that it is") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its access rights") from None
    except ValueError as error:
        raise DataError(f"{path}: no label map GTcls.Segmentation of SBD ({error}); unpack the release again") from None
    return np.ascontiguousarray(values)
