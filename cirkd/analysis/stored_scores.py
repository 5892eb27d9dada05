"""Scores over whole splits, measured when a model was trained and kept in its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from cirkd.features.feature_set import AFTER, BEFORE

SPLITS = ("val", "test")
LITTLE = 0.5  # points of mIoU: the same recipe trained with another seed differs by more


@dataclass(frozen=True)
class StoredScore:
    """Scores over a whole split, from a checkpoint's header.

    Attributes:
        data, split: what was evaluated; images: how many.
        miou, pixel_accuracy: 0..1.
        iou: class name -> 0..1; nan = neither labelled nor predicted anywhere.
    """

    data: str
    split: str
    images: int
    miou: float
    pixel_accuracy: float
    iou: dict[str, float]


def stored_score(provenance: Mapping[str, Any], split: str) -> StoredScore | None:
    """The score that a checkpoint's provenance holds for a split, in percent there."""
    stored = provenance.get("scores", {})
    found = stored.get(split) if isinstance(stored, Mapping) else None
    if not isinstance(found, Mapping) or "miou" not in found:
        return None
    return StoredScore(
        data=str(found.get("data", "")),
        split=split,
        images=int(found.get("images", 0)),
        miou=found["miou"] / 100,
        pixel_accuracy=found.get("pixel_accuracy", math.nan) / 100,
        iou={name: math.nan if value is None else value / 100 for name, value in dict(found.get("iou") or {}).items()},
    )


@dataclass(frozen=True)
class SeedGain:
    """How much distillation gained over several seeds of both recipes, from the distilled checkpoint's provenance.

    Attributes:
        over: the recipe that it is the gain over; split: of which; difference: mean over the seeds, in points.
        low, high: its 95 % interval; seeds: how many pairs of runs.
    """

    over: str
    split: str
    difference: float
    low: float
    high: float
    seeds: int


def seed_gain(before: Mapping[str, Any], after: Mapping[str, Any]) -> SeedGain | None:
    """The entry `gain` of a checkpoint's provenance; None where there is none over the recipe of the one before."""
    found = after.get("gain")
    names = [field.name for field in fields(SeedGain)]
    if not isinstance(found, Mapping) or not set(names) <= found.keys():
        return None
    gain = SeedGain(*(found[name] for name in names))
    return gain if gain.over == dict(before.get("recipe") or {}).get("name") else None


def whole_split_change(
    scores: Sequence[Mapping[str, StoredScore | None]],
    before: str,
    after: str,
    gain: SeedGain | None = None,
    data: str | None = None,
    taught: str = "",
) -> str:
    """What distillation changed over whole splits, in two or three sentences; "" where the checkpoints don't say.

    Args:
        scores: for each split, model -> its stored score.
        gain: over several seeds; without it the sentence says that one pair of runs does not tell noise from gain.
        data: the data set in view, so that scores of another one are not taken for these images'; None = the same.
        taught: a sentence on the labels that both were trained with; see `few_labels`.
    """
    pairs = [(of_split.get(before), of_split.get(after)) for of_split in scores]
    known = [(a, b) for a, b in pairs if a and b and (a.data, a.split, a.images) == (b.data, b.split, b.images)]
    if not known:
        return ""
    points = [round(100 * (new.miou - old.miou), 1) for old, new in known]
    parts = [
        f"{'rose' if change > 0 else 'fell'} by {abs(change):.1f} points on {new.split}, from {100 * old.miou:.1f} to "
        f"{100 * new.miou:.1f} % ({new.images} images)"
        if change
        else f"stayed at {100 * new.miou:.1f} % on {new.split} ({new.images} images)"
        for change, (old, new) in zip(points, known, strict=True)
    ]
    name = known[0][1].data
    where = f"On all of {name}" if data in (None, name) else f"On all of {name}, which they were trained for, not here"
    verdict = _VERDICTS[min(points) < 0, max(points) > 0]
    if any(points) and max(map(abs, points)) < LITTLE:
        verdict = "much the same"
    sentences = (f"{where}, the distilled student scores {verdict}: mIoU {', and '.join(parts)}.", taught, _noise(gain))
    return " ".join(filter(None, sentences))


_VERDICTS = {
    (False, True): "higher",
    (True, False): "lower",
    (True, True): "higher on one split and lower on the other",
    (False, False): "the same",
}
"""(whether a split lost, whether one gained) -> in words."""


def few_labels(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """A sentence where a student was trained with the labels of a part of its images; "" where both had all.

    Args:
        before, after: the checkpoints' provenance.

    Example:
        >>> few_labels({"recipe": {"labelled_share": 0.125}}, {"recipe": {"labelled_share": 0.125}})
        'Both had the labels of 12.5 % of the training images.'
    """
    recipes = [dict(provenance.get("recipe") or {}) for provenance in (before, after)]
    shares = [100 * recipe.get("labelled_share", 1.0) for recipe in recipes]
    if min(shares) >= 100:
        return ""
    if shares[0] != shares[1]:
        return (
            f"The one before had the labels of {shares[0]:.3g} % of the training images, the one after of "
            f"{shares[1]:.3g} %, so the two differ in their labels as well as in the method."
        )
    helped = "; the distilled one learned from the teacher on all of them" if recipes[1].get("teacher") else ""
    return f"Both had the labels of {shares[0]:.3g} % of the training images{helped}."


def whole_split_sentence(study: Any) -> str:
    """`whole_split_change` from a study's before to its after; "" where one is missing.

    Args:
        study: a `Study`, or what a page has of it.
    """
    if not {BEFORE, AFTER} <= set(study.names):
        return ""
    old, new = (study.header(name).get("provenance", {}) for name in (BEFORE, AFTER))
    scores = [study.evaluate(split) for split in SPLITS]
    return whole_split_change(scores, BEFORE, AFTER, seed_gain(old, new), study.data_name, few_labels(old, new))


def _noise(gain: SeedGain | None) -> str:
    if gain is None:
        return "This is one pair of runs with one seed, so it cannot tell a gain from the noise of training."
    change = f"Over {gain.seeds} seeds the mean change on {gain.split} is {_points(gain.difference)} points"
    over = f"{change} (95 % interval {_points(gain.low)} to {_points(gain.high)})"
    if gain.low <= 0 <= gain.high:
        return f"{over}: within the noise of training."
    return f"{over}: a {'gain' if gain.low > 0 else 'loss'} beyond the noise of training."


def _points(value: float) -> str:
    rounded = round(value, 1)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else ''}{abs(rounded):.1f}"
