"""Labels that stand for no class: counted, and named."""

import numpy as np

from cirkd.data.catalog import DATA_SETS
from cirkd.data.sample import IGNORED, Classes


def label_counts(label: np.ndarray) -> np.ndarray:
    """How many pixels of a label map uint8 `[H, W]` have each value: int64 `[256]`."""
    return np.bincount(label.reshape(-1), minlength=256)


def unscored_notes(counts: np.ndarray, classes: Classes) -> list[str]:
    """Which share of pixels no score counts, and by which labels, in a line or two; none where all are counted.

    What a user can do where labels are of one's own is said, too; the labels of a known data set are what they are.

    Args:
        counts: int64 `[256]`, how many pixels have each label.
        classes: That the labels name.
    """
    total, count = int(counts.sum()), len(classes)
    ignored = sorted({IGNORED, classes.ignore_index})
    hidden = [value for value in ignored if value < 256 and counts[value]]
    strange = [int(value) for value in np.flatnonzero(counts) if value >= count and value not in ignored]
    absent = [name for place, name in enumerate(classes.names) if not counts[place]]
    notes = []
    if strange:
        share = counts[strange].sum() / total
        text = f"labels {_listed(strange)} are none of the {count} classes and count as unlabelled: {_percent(share)}"
        if strange == [count] and not counts[0]:
            text += '; if classes are numbered from 1, give each its "value" in classes.json'
        elif strange == [count]:
            text += f"; if 0 is a background, and not {classes.names[0]!r}, name it first in the class list"
        notes.append(text)
    if hidden:
        share = counts[hidden].sum() / total
        text = f"label {_listed(hidden)} counts as unlabelled: {_percent(share)}"
        if absent and share >= 0.05 and not any(entry.classes == classes for entry in DATA_SETS.values()):
            text += (
                f"; no pixel is labelled {absent[0]!r}: if {hidden[-1]} stands for a class, give that class "
                f'"value": {hidden[-1]} in classes.json'
            )
        notes.append(text)
    return notes


def _percent(share: float) -> str:
    return f"{100 * share:.1f} % of the pixels" if share >= 0.0005 else "less than 0.1 % of the pixels"


def _listed(values: list[int]) -> str:
    return ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")
