"""SBD (Hariharan et al., 2011) as it was released: label maps of Pascal VOC's images as MATLAB files.

benchmark_RELEASE/dataset/cls/2008_000002.mat    its field GTcls.Segmentation is the label map
benchmark_RELEASE/dataset/{train,val}.txt        a name a line
"""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cirkd.data.errors import DataError
from cirkd.data.images import MAX_PIXELS, read_label
from cirkd.data.pairs import listed

_FOLDERS = ("benchmark_RELEASE/dataset", "SBD/benchmark_RELEASE/dataset", "SBD/dataset", "SBD", "dataset")
_LARGEST = 2**20
"""Bytes of a file; those of the release have some ten thousand. It bounds what a compressed one can unfold to."""
_DAMAGE = (ValueError, TypeError, KeyError, IndexError, OSError, OverflowError, MemoryError, NotImplementedError,
           AttributeError, SystemError, EOFError, zlib.error)  # fmt: skip


def find_release(roots: Iterable[Path]) -> Path | None:
    """The folder that holds `cls/` of SBD's release, at one of these roots; None if there is none."""
    folders = [root / folder for root in roots for folder in _FOLDERS]
    return next((folder for folder in folders if (folder / "cls").is_dir()), None)


def augmented_names(release: Path, voc_lists: Path) -> list[str]:
    """The names of the augmented training list: those of SBD and of VOC's training list, without VOC's val; sorted.

    Raises:
        DataError: a list is missing.
    """
    names = {
        words[0]
        for path in (release / "train.txt", release / "val.txt", voc_lists / "train.txt")
        for words in listed(path, "a name a line")
    }
    return sorted(names - {words[0] for words in listed(voc_lists / "val.txt", "a name a line")})


def read_either(path: Path) -> np.ndarray:
    """A label map uint8 `[H, W]` as an image, or as SBD's release has it."""
    return read_sbd(path) if path.suffix == ".mat" else read_label(path)


def read_sbd(path: Path) -> np.ndarray:
    """The label map uint8 `[H, W]` in a MATLAB file of SBD.

    Raises:
        DataError: no such file, or not one of SBD's classes.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise DataError(f"{path}: {size / 2**20:.0f} MB, a label map of SBD has a few kB; unpack the release again")
        values = loadmat(path, variable_names=["GTcls"])["GTcls"]["Segmentation"].item()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; unpack the release so that it is") from None
    except (*_DAMAGE, MatReadError):
        raise DataError(f"{path}: no MATLAB file with GTcls.Segmentation; unpack the release again") from None
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype != np.uint8:
        raise DataError(f"{path}: GTcls.Segmentation is no label map of 8-bit numbers; unpack the release again")
    if not 0 < values.size <= MAX_PIXELS:
        raise DataError(f"{path}: GTcls.Segmentation is {values.shape}; a label map of an image was wanted")
    return np.ascontiguousarray(values)
