"""What a study may be opened from: checkpoints or models on one side, images in any form on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cirkd.data.sample import Classes, Sample

DEFAULT_IMAGES = 6
"""How many images of a data set are taken when none are chosen."""


@dataclass(frozen=True, eq=False)
class ImageSource:
    """The images of a study.

    Attributes:
        samples: the images, with labels where there are any.
        classes: what the labels are numbered in; None if unknown.
        text: where they come from, for captions.
    """

    samples: tuple[Sample, ...]
    classes: Classes | None
    text: str


def open_images(
    images: Any, *, split: str = "val", indices: Sequence[int] | None = None, classes: Classes | None = None
) -> ImageSource:
    """Images from a data set, a folder, files or arrays.

    Args:
        images: a data set's name ("streets", or "streets/test" with its split), a folder, an image file, a data set
            object, or a sequence of files, arrays uint8 [H, W, 3], PIL images or `Sample`s.
        split: of a data set given by name.
        indices: which of them; None = the first 6 of a data set or folder, all of anything else.
        classes: of the labels, where the source does not say.

    Raises:
        DataError: not an image, no such folder or data set.
        StudyError: no image, or an index that is not there.
    """
    raise NotImplementedError


def open_models(models: dict[str, Any], device: str = "auto") -> dict[str, Any]:
    """Load those models that are given as paths; leave out those that are None.

    Raises:
        CheckpointError: a checkpoint cannot be read.
        StudyError: no model at all.
    """
    raise NotImplementedError


def _is_path(value: Any) -> bool:
    return isinstance(value, str | Path)
