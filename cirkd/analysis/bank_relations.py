"""Relations of pixels with the regions of a memory bank: the rows of the method's pixel-to-region term."""

from __future__ import annotations

from typing import Any

import numpy as np

from cirkd.analysis.bank_map import rows_beside_keys
from cirkd.analysis.memory_bank import class_keys, require_memory
from cirkd.analysis.relations import RegionRelations, pixels_by_class, runs
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import FeatureSet

OF_BANK = -1
"""In `RegionRelations.region_image`: a region from the memory bank, of no image in view."""


def bank_relations(
    features: FeatureSet, name: str, model: Any, image: int | None = 0, budget: int = 256, per_class: int = 6
) -> RegionRelations:
    """Relations of an image's pixels (None = all images), in class order, with the newest regions of a memory bank.

    The teacher's pixels as they are, the student's after its projection head. The labels of the regions are in the
    bank's numbering.

    Args:
        per_class: at most so many regions of each class, the newest.

    Raises:
        StudyError: no memory bank, an empty one, or no such image.
    """
    memory, grouping = require_memory(name, model), features.grouping()
    rows = pixels_by_class(features, image, budget)
    newest = [
        _newest(keys, steps, per_class)
        for keys, steps in zip(class_keys(memory.region_queue), memory.region_queue.step.cpu().numpy(), strict=True)
    ]
    keys = np.concatenate(newest)
    if not len(keys):
        raise StudyError("the memory bank holds no regions: nothing was written into it; train the student longer")
    return RegionRelations(
        matrices={of: unit[rows] @ keys.T for of, unit in rows_beside_keys(features, name, model).items()},
        rows=rows,
        row_labels=grouping.values[rows],
        row_runs=runs(grouping.values[rows]),
        region_image=np.full(len(keys), OF_BANK, np.int64),
        region_label=np.concatenate([np.full(len(part), c, np.int64) for c, part in enumerate(newest)]),
        provenance={"budget": budget, "grouped_by": grouping.source, "per_class": per_class},
    )


def _newest(keys: np.ndarray, steps: np.ndarray, count: int) -> np.ndarray:
    order = np.argsort(-steps[steps >= 0], kind="stable")[:count]
    return keys[np.sort(order)]
