"""Under what key a model's output for an image is kept, so that changing one model or one image runs only that one."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from cirkd.data.sample import Sample
    from cirkd.models.segmenter import Segmenter


def output_key(model: Segmenter, sample: Sample, settings: Hashable) -> Hashable:
    """The same for the same loaded model, pixels and settings; for models whose weights stay as they are.

    A key does not keep its model alive, and no other model ever has the key of one that is gone.
    """
    pixels = hashlib.blake2b(sample.image.tobytes(), digest_size=16).digest()
    return "output", ref(model), sample.image.shape, pixels, settings
