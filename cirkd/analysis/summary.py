"""The two or three sentences of the Overview, made from the numbers and from nothing else."""

from __future__ import annotations

from cirkd.analysis.centroids import Centroids
from cirkd.analysis.relations import Divergence
from cirkd.analysis.scores import Scores
from cirkd.features.feature_set import FeatureSet


def sentences(
    features: FeatureSet,
    scores: Scores | None = None,
    divergence: Divergence | None = None,
    centroids: Centroids | None = None,
) -> list[str]:
    """Two or three plain sentences on what distillation did; says as plainly when the student became worse."""
    raise NotImplementedError
