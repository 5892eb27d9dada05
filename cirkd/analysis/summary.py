"""The two or three sentences of the Overview, made from the numbers and from nothing else."""

from __future__ import annotations

import math

import numpy as np

from cirkd.analysis.centroids import Centroids
from cirkd.analysis.divergences import Divergence
from cirkd.analysis.scores import Scores
from cirkd.features.feature_set import AFTER, BEFORE, TEACHER, FeatureSet

UNKNOWN = 0.01  # IoU below which a class counts as not known
LEAST_POINTS = 0.05  # IoU points that print as 0.1: less is called no change


def sentences(
    features: FeatureSet,
    scores: Scores | None = None,
    divergence: Divergence | None = None,
    centroids: Centroids | None = None,
) -> list[str]:
    """Two or three plain sentences on what distillation did; says as plainly when the student became worse.

    What is not given, or cannot be measured (no labels, no teacher), is left out. Classes stand in backticks.
    """
    if BEFORE in features.models and AFTER in features.models:
        classes = _class_change(features, scores, centroids) or _approach(features, centroids)
        found = [
            _score_change(scores),
            f"{_relation_change(divergence)} {_contrast(divergence, centroids)}",
            f"{classes} {_unknown(features, scores)}",
        ]
    else:
        found = [_standing(scores), _distance(divergence), _missing(features)]
    return [sentence.strip() for sentence in found if sentence.strip()]


def _score_change(scores: Scores | None) -> str:
    if scores is None:
        return ""
    before, after = scores.models[BEFORE].miou, scores.models[AFTER].miou
    if math.isnan(before) or math.isnan(after):
        return _why_no_scores(scores) + "."
    points = 100 * (after - before)
    values = f"from {100 * before:.1f} to {100 * after:.1f} %"
    if abs(points) < LEAST_POINTS:
        text = f"Distillation left the mIoU on these images where it was, at {100 * after:.1f} %"
    elif points > 0:
        text = f"Distillation raised the mIoU on these images by {points:.1f} points, {values}"
    else:
        text = f"The distilled student is worse on these images: its mIoU fell by {-points:.1f} points, {values}"
    return text + _against_teacher(scores, after) + "."


def _against_teacher(scores: Scores, after: float) -> str:
    teacher = scores.models[TEACHER].miou if TEACHER in scores.models else math.nan
    if math.isnan(teacher):
        return ""
    gap = 100 * (teacher - after)
    if gap <= -LEAST_POINTS:
        return f", {-gap:.1f} points above the teacher"
    if gap < LEAST_POINTS:
        return ", level with the teacher"
    return f"; the teacher reaches {100 * teacher:.1f} %"


def _relation_change(divergence: Divergence | None) -> str:
    if divergence is None or not {BEFORE, AFTER} <= divergence.mean.keys():
        return ""
    before, after = divergence.mean[BEFORE], divergence.mean[AFTER]
    whose = "the teacher's" if divergence.reference == TEACHER else f"those of {divergence.reference}"
    if before <= 0 or abs(after / before - 1) < 0.005:
        return f"Its relations between pixels are as far from {whose} as before (divergence {after:.3g} nats)."
    share = 100 * abs(1 - after / before)
    if after < before:
        start, rest = f"Its relations between pixels came closer to {whose}", f"{share:.0f} % lower"
    else:
        start, rest = f"Its relations between pixels moved away from {whose}", f"{share:.0f} % higher"
    return f"{start}: the divergence is {rest}, {after:.3g} nats instead of {before:.3g}."


def _contrast(divergence: Divergence | None, centroids: Centroids | None) -> str:
    """That relations and centroids went different ways, where they did: a reader would ask."""
    if divergence is None or centroids is None or TEACHER not in (divergence.reference, centroids.reference):
        return ""
    if not {BEFORE, AFTER} <= divergence.mean.keys() & centroids.row_distance.keys():
        return ""
    closer = centroids.approach(BEFORE, AFTER)
    closer = closer[~np.isnan(closer)]
    toward, away = int((closer > 0).sum()), int((closer < 0).sum())
    fell = divergence.mean[AFTER] < divergence.mean[BEFORE]
    if fell and away > toward:
        moved = f"The centroids of {away} of {len(closer)} classes moved away from the teacher's all the same: "
        return moved + (
            _shift(centroids)
            or "the loss compares pixels with pixels, and says nothing of where the mean of a class lies."
        )
    if not fell and toward > away:
        return f"The centroids of {toward} of {len(closer)} classes came closer to the teacher's all the same."
    return ""


def _shift(centroids: Centroids) -> str:
    """That classes became more alike on the whole, which softmax does not see, where that is why centroids moved."""
    before, after = (centroids.distance_beside_shift(name) for name in (BEFORE, AFTER))
    was, now = (float(np.nanmean(centroids.shift(name))) for name in (BEFORE, AFTER))
    closer = int((after < before).sum())
    if 2 * closer <= len(after) or abs(now) <= abs(was):
        return ""
    return (
        f"cosines between classes are {abs(now):.2f} {'higher' if now > 0 else 'lower'} than the teacher's on the "
        f"whole ({round(was, 2) + 0.0:+.2f} before), and the loss's softmax does not see what is added to all cosines "
        f"alike. Without that shift {closer} of {len(after)} came closer."
    )


def _unknown(features: FeatureSet, scores: Scores | None) -> str:
    """Classes that neither student knows: a change of theirs would be none."""
    if scores is None:
        return ""
    before, after = scores.models[BEFORE].iou, scores.models[AFTER].iou
    lost = [c for c in np.flatnonzero(scores.present) if max(before[c], after[c]) < UNKNOWN]
    if not lost:
        return ""
    names = ", ".join(f"`{features.classes.names[c]}`" for c in lost)
    return f"Neither student knows {names}: IoU below {100 * UNKNOWN:.0f} % before and after."


def _class_change(features: FeatureSet, scores: Scores | None, centroids: Centroids | None) -> str:
    """The class that gained most and the one that lost most; for the first, what its centroid did."""
    if scores is None:
        return ""
    change = 100 * scores.iou_change(BEFORE, AFTER)
    if np.isnan(change).all():
        return ""
    best, worst = int(np.nanargmax(change)), int(np.nanargmin(change))
    names = features.classes.names
    gained, lost = change[best] >= LEAST_POINTS, change[worst] <= -LEAST_POINTS
    if not gained and not lost:
        return "No class changed by as much as 0.1 IoU points."
    if not gained:
        return (
            f"No class gained; `{names[worst]}` lost most, {-change[worst]:.1f} IoU points{_moved(centroids, worst)}."
        )
    text = f"`{names[best]}` gained most, {change[best]:.1f} IoU points{_moved(centroids, best)}"
    return text + (f"; `{names[worst]}` lost most, {-change[worst]:.1f}." if lost else "; no class lost.")


def _moved(centroids: Centroids | None, c: int) -> str:
    """How much closer class c's centroid relations came to the teacher's; "" where that is not known."""
    if centroids is None or centroids.reference != TEACHER or c not in centroids.classes:
        return ""
    if centroids.provenance.get("grouped_by") != "label":
        return ""
    closer = float(centroids.approach(BEFORE, AFTER)[int(np.flatnonzero(centroids.classes == c)[0])])
    if math.isnan(closer) or abs(closer) < 0.0005:
        return ""
    direction = "closer to" if closer > 0 else "farther from"
    return f" (the cosines of its centroid to the other classes came {abs(closer):.2g} {direction} the teacher's)"


def _approach(features: FeatureSet, centroids: Centroids | None) -> str:
    """Without scores: how many classes came closer to the teacher."""
    if centroids is None or centroids.reference != TEACHER:
        return ""
    closer = centroids.approach(BEFORE, AFTER)
    known = closer[~np.isnan(closer)]
    if not len(known):
        return ""
    return (
        f"The centroid relations of {int((known > 0).sum())} of {len(known)} classes came closer to the teacher's "
        f"(classes by {centroids.provenance.get('grouped_by', 'label')})."
    )


def _why_no_scores(scores: Scores) -> str:
    scored = [name for name, score in scores.models.items() if not math.isnan(score.miou)]
    if scored:
        others = [name for name in scores.models if name not in scored]
        verb = "knows" if len(others) == 1 else "know"
        whose = " and ".join(others)
        return (
            f"{whose[0].upper()}{whose[1:]} {verb} other classes than these labels and cannot be scored on them, so "
            "what distillation changed is compared by embeddings alone"
        )
    if scores.pixels:
        return "The labels of these images are not of the models' classes, so there are no scores"
    return "Without labels there are no scores"


def _standing(scores: Scores | None) -> str:
    if scores is None:
        return ""
    known = [(name, score.miou) for name, score in scores.models.items() if not math.isnan(score.miou)]
    if not known:
        return _why_no_scores(scores) + "; embeddings and predictions are shown all the same."
    listed = ", ".join(f"{name} {100 * value:.1f} %" for name, value in known)
    return f"mIoU on these images: {listed}."


def _distance(divergence: Divergence | None) -> str:
    if divergence is None or not divergence.mean:
        return ""
    listed = ", ".join(f"{name} {value:.3g}" for name, value in divergence.mean.items())
    return f"Relation divergence to {divergence.reference}, in nats: {listed}."


def _missing(features: FeatureSet) -> str:
    missing = [name for name in (BEFORE, AFTER) if name not in features.models]
    return f"To see what distillation changed, open a student as {' and one as '.join(missing)} too."
