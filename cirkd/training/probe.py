"""Snapshots of the probe: how a few fixed images lie in the feature space while the network learns."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from cirkd.data.errors import TrainingError
from cirkd.data.images import resize_label
from cirkd.data.sample import Sample
from cirkd.data.whole_files import replacing
from cirkd.models import inference
from cirkd.models.segmenter import Segmenter

MOST_POSITIONS = 512
"""Positions kept of an image: enough for an animation, small enough that a run's snapshots can be handed on."""


def save_snapshot(path: Path, model: Segmenter, probe: Sequence[Sample]) -> None:
    """Write the probe's embeddings as they are now.

    Arrays of image i: `embedding_i` float16 `[d, h, w]` and `label_i` uint8 `[h, w]`; and `names`. Of a map of more
    than `MOST_POSITIONS` every k-th row and column is kept, for the least k that will do.

    Raises:
        TrainingError: the disk refuses.
    """
    arrays: dict[str, np.ndarray] = {"names": np.array([sample.name for sample in probe])}
    with inference.evaluating(model), torch.inference_mode():
        for index, sample in enumerate(probe):
            batch = model.preprocess(sample.image)[None]
            embedding = inference.run("the student", model, batch, [sample.name], precision="float32").embedding[0]
            height, width = embedding.shape[1:]
            k = next(k for k in itertools.count(1) if -(-height // k) * -(-width // k) <= MOST_POSITIONS)
            thinned = slice(None, None, k), slice(None, None, k)
            arrays[f"embedding_{index}"] = embedding[:, *thinned].half().cpu().numpy()
            if sample.label is not None:
                arrays[f"label_{index}"] = resize_label(sample.label, (height, width))[thinned]
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written ({error}); free some space and --resume") from None
