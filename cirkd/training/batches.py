"""Training batches, each a function of seed and step alone: any step can be made again, in any process."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cirkd.data.errors import DataError
from cirkd.data.sample import Sample, SegmentationData
from cirkd.data.transforms import Augmentation, augment
from cirkd.data.unscored import label_counts, unscored_notes
from cirkd.losses.inputs import UNLABELLED
from cirkd.models.segmenter import Preprocessing

DECODED = 4 * 2**30
"""Bytes of decoded images that a run keeps, over all processes that read them; of a larger data set the rest is read
again in each epoch."""


@dataclass(frozen=True)
class Batch:
    """Network input `[B, 3, h, w]` and its labels `[B, h, w]` (int64): of a class, ignored, or `UNLABELLED`."""

    images: Tensor
    labels: Tensor


class Batches(Dataset[Batch]):
    """The batches of a run, indexed by step.

    Every epoch visits each image once, in an order drawn from seed and epoch; every crop is drawn from seed, step and
    place in the batch. Decoded images stay in memory, up to `DECODED`. Resuming needs no state but the step.

    Args:
        data: Labelled samples.
        augmentation: How a crop is drawn.
        preprocessing: From pixels to network input.
        batch_size: Images a step, over all processes.
        seed: Of order and crops.
        labelled_share: Share of the samples whose labels are used, evenly spread.
        unlabelled: Whether the others come as well, their pixels `UNLABELLED` and the padding around them ignored; else
            they are left out.
        process, processes: Which share of each batch is made here.

    Raises:
        DataError: no samples, none of them labelled, or the batch can't be shared evenly.
    """

    def __init__(
        self,
        data: SegmentationData,
        augmentation: Augmentation,
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        seed: int,
        labelled_share: float = 1.0,
        unlabelled: bool = False,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        if len(data) == 0 or data.classes is None:
            raise DataError(f"{data.name}: training needs labelled images of named classes")
        if batch_size % processes:
            raise DataError(f"batch of {batch_size} over {processes} processes: choose a multiple of {processes}")
        self.labelled = evenly_spread(len(data), labelled_share)
        self.chosen = list(range(len(data))) if unlabelled else self.labelled
        self.data = data
        self.ignore_index = data.classes.ignore_index
        self.augmentation = augmentation
        self.preprocessing = preprocessing
        self.batch_size = batch_size
        self.seed = seed
        share = batch_size // processes
        self.places = range(process * share, (process + 1) * share)
        self.fill = np.array([round(255 * value) for value in preprocessing.mean], np.uint8)
        self._known = frozenset(self.labelled)
        self._decoded: dict[int, Sample] = {}
        self._room = DECODED

    def _labelled(self, sample: Sample) -> Sample:
        """The sample, with label values that belong to no class set to the ignored value; a warning says so once.

        Raises:
            DataError: it has no label map.
        """
        if sample.label is None:
            raise DataError(f"{self.data.name}: {sample.name} has no label map; train on images that have one")
        assert self.data.classes is not None
        strange = (sample.label >= len(self.data.classes)) & (sample.label != self.ignore_index)
        if not strange.any():
            return sample
        for note in unscored_notes(label_counts(sample.label), self.data.classes):
            warnings.warn(f"{sample.name}: {note}", stacklevel=2)
        return replace(sample, label=np.where(strange, np.uint8(self.ignore_index), sample.label))

    def _blank(self, sample: Sample) -> Sample:
        """The sample with a label map of any one value but the ignored one, which in a crop then marks the padding."""
        return replace(sample, label=np.full(sample.image.shape[:2], self.ignore_index ^ 1, np.uint8))

    def indices(self, step: int) -> list[int]:
        """Which samples the whole batch of a step holds."""
        positions = range(step * self.batch_size, (step + 1) * self.batch_size)
        count = len(self.chosen)
        epochs = {position // count for position in positions}
        orders = {epoch: np.random.default_rng([self.seed, 1, epoch]).permutation(count) for epoch in epochs}
        return [self.chosen[orders[position // count][position % count]] for position in positions]

    def __getitem__(self, step: int) -> Batch:
        chosen = self.indices(step)
        crops = [self._crop(chosen[place], step, place) for place in self.places]
        images = torch.stack([self.preprocessing.normalize(image) for image, _ in crops])
        labels = torch.stack([torch.from_numpy(label) for _, label in crops])
        return Batch(images, labels)

    def loader(self, steps: range, workers: int) -> DataLoader[Batch]:
        """Batches of these steps, prepared ahead by `workers` processes."""
        self._room = DECODED // max(workers, 1)  # each has images of its own
        return DataLoader(
            self,
            batch_size=None,
            sampler=list(steps),
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
            # A loader draws a seed when it starts: from a generator of its own, so that resuming shifts nothing.
            generator=torch.Generator(),
        )

    def _crop(self, index: int, step: int, place: int) -> tuple[np.ndarray, np.ndarray]:
        known = index in self._known
        rng = np.random.default_rng([self.seed, 2, step, place])
        image, drawn = augment(
            self._sample(index, known),
            self.augmentation,
            rng,
            ignore_index=self.ignore_index,
            fill=self.fill,
            input_scale=self.preprocessing.scale,
        )
        label = drawn.astype(np.int64)
        return image, label if known else np.where(label == self.ignore_index, label, UNLABELLED)

    def _sample(self, index: int, known: bool) -> Sample:
        """A sample, decoded once as long as there is room."""
        if index in self._decoded:
            return self._decoded[index]
        sample = self._labelled(self.data[index]) if known else self._blank(self.data[index])
        size = sample.image.nbytes + (0 if sample.label is None else sample.label.nbytes)
        if size <= self._room:
            self._decoded[index], self._room = sample, self._room - size
        return sample


def evenly_spread(count: int, share: float) -> list[int]:
    """A share of the numbers 0 to count - 1, in equal steps: neighbouring frames of a film are much alike.

    Raises:
        DataError: the share is not above 0 and at most 1, or so small that nothing is left.

    Example:
        >>> evenly_spread(16, 0.25)
        [0, 5, 10, 15]
    """
    wanted = round(count * share)
    if not 0 < share <= 1 or not wanted:
        raise DataError(f"labels of a share of {share:g} of {count} images: choose from {1 / count:g} to 1")
    return [int(number) for number in np.linspace(0, count - 1, wanted).round()]
