"""Outputs that are kept between studies, so that changing one model or one image runs only that one."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from cirkd.data.sample import Sample
    from cirkd.features.forward import ImageOutput
    from cirkd.models.segmenter import Segmenter


class KeptResults:
    """The latest results by key; a key must name all that its result depends on. May be shared between threads."""

    def __init__(self, most: int = 24) -> None:
        self.most = most
        self._results: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Any:
        """The result kept under a key, or None."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
            return self._results.get(key)

    def keep(self, key: Hashable, result: Any) -> None:
        """Keep a result; the one not asked for longest goes when there are too many."""
        with self._lock:
            self._results[key] = result
            while len(self._results) > self.most:
                self._results.popitem(last=False)


class KeptOutputs:
    """The latest outputs of loaded models, by image content and settings; for models whose weights stay as they are.

    An output lives as long as its model, at most `per_model` of them. May be shared between threads.

    Attributes:
        divergences: what each student's relations were found to differ from a teacher's, see `cirkd.analysis`.
    """

    def __init__(self, per_model: int = 24) -> None:
        self.per_model = per_model
        self.divergences = KeptResults()
        self._outputs: WeakKeyDictionary[Segmenter, OrderedDict[Hashable, ImageOutput]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def find(self, model: Segmenter, sample: Sample, settings: Hashable) -> ImageOutput | None:
        """What the model gave for an image with these pixels, under the same settings; None if it is not kept."""
        with self._lock:
            of_model = self._outputs.get(model, OrderedDict())
            key = (_digest(sample), settings)
            if key in of_model:
                of_model.move_to_end(key)
            return of_model.get(key)

    def keep(self, model: Segmenter, sample: Sample, settings: Hashable, output: ImageOutput) -> None:
        """Keep an output; the one not asked for longest goes when there are too many."""
        with self._lock:
            of_model = self._outputs.setdefault(model, OrderedDict())
            of_model[_digest(sample), settings] = output
            while len(of_model) > self.per_model:
                of_model.popitem(last=False)


def _digest(sample: Sample) -> Hashable:
    return sample.image.shape, hashlib.blake2b(sample.image.tobytes(), digest_size=16).digest()
