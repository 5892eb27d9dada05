"""What a study may be opened from: checkpoints or models on one side, images in any form on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cirkd.data.errors import DataError, StudyError

if TYPE_CHECKING:
    from cirkd.data.sample import Classes, Sample, SegmentationData
    from cirkd.models.answers import Answers

DEFAULT_IMAGES = 6
"""How many images of a data set are taken when none are chosen."""


@dataclass(frozen=True, eq=False)
class ImageSource:
    """The images of a study, themselves a data set.

    Attributes:
        samples: the images, with labels where there are any.
        classes: what the labels are numbered in; None if unknown.
        text: where they come from, for captions.
        data: the split that they were chosen from; None where they are all there is.
        split: their own as a data set.
    """

    samples: tuple[Sample, ...]
    classes: Classes | None
    text: str
    data: SegmentationData | None = None
    split: str = "all"

    @property
    def whole(self) -> SegmentationData:
        """The whole split, or where there is none the images themselves."""
        return self.data if self.data is not None else self

    @property
    def notes(self) -> Sequence[str]:
        """What a user should know about which files were found and how they are read, a line each."""
        return getattr(self.data, "notes", ())

    @property
    def name(self) -> str:
        return self.text

    @property
    def names(self) -> list[str]:
        return [sample.name for sample in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int, /) -> Sample:
        return self.samples[index]


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
    name = str(images) if isinstance(images, str | Path) else ""
    found = _data_set(images, name, split)
    if found is not None:
        chosen = range(min(DEFAULT_IMAGES, len(found))) if indices is None else indices
        samples = [found[_checked(i, len(found))] for i in chosen]
        classes, text = found.classes or classes, f"{found.name} {found.split}"
    else:
        one_array = isinstance(images, np.ndarray) and images.ndim == 3
        one = one_array or isinstance(images, str | Path) or hasattr(images, "convert")
        items: list[Any] = [images] if one else list(cast(Sequence[Any], images))
        chosen = range(len(items)) if indices is None else indices
        samples = [_sample(items[_checked(i, len(items))], i) for i in chosen]
        text = name or f"{len(samples)} images"
    if not samples:
        raise StudyError("a study without an image; choose at least one")
    return ImageSource(tuple(samples), classes, text, found)


def open_models(models: Mapping[str, Any], device: str = "auto", answers: Any = None) -> dict[str, Any]:
    """Load those models that are given as paths; leave out those that are None.

    Args:
        answers: What a file of another project does not tell: `Answers` or such a dict for all of them, or a dict of
            these by model.

    Raises:
        CheckpointError: a checkpoint cannot be read.
        StudyError: no model at all.
    """
    from cirkd.checkpoint import load_told

    found = {
        name: load_told(model, device, _answers(answers, name)) if isinstance(model, str | Path) else model
        for name, model in models.items()
        if model is not None
    }
    if not found:
        raise StudyError("a study without a model; give a teacher, a before or an after")
    return found


def _answers(given: Any, name: str) -> Answers | None:
    """What is said of one model."""
    from cirkd.models.answers import Answers, checked

    if isinstance(given, Mapping):
        by_model = all(value is None or isinstance(value, Mapping | Answers) for value in given.values())
        given = given.get(name) if by_model else given
    try:
        return checked(**given) if isinstance(given, Mapping) else given
    except (ValueError, TypeError) as error:
        raise StudyError(f"{name}: {error}") from None


def _data_set(images: Any, name: str, split: str) -> SegmentationData | None:
    """The data set that is meant by an object, a name or a folder; None for anything else."""
    from cirkd.data.catalog import DATA_SETS, open_named

    if name:
        known = name.partition("/")[0] in DATA_SETS or Path(name).is_dir()
        return open_named(name, split) if known else None
    return images if all(hasattr(images, part) for part in ("names", "classes", "split")) else None


def _checked(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise StudyError(f"there is no image {index}; the source has {count}, counted from 0")
    return index


def _sample(item: Any, number: int) -> Sample:
    from cirkd.data.images import read_image
    from cirkd.data.sample import Sample

    if isinstance(item, Sample):
        return item
    if isinstance(item, str | Path):
        return Sample(Path(item).stem, read_image(Path(item)))
    image = np.array(item.convert("RGB")) if hasattr(item, "convert") else np.asarray(item)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise DataError(f"image {number} is {image.dtype} {image.shape}; uint8 [H, W, 3] was wanted; convert it to RGB")
    return Sample(f"image {number + 1}", image)
