"""Models x images -> arrays with provenance. `cirkd.features.extract.extract` makes them."""

from cirkd.features.feature_set import (
    AFTER,
    BEFORE,
    IGNORED,
    ROLES,
    TEACHER,
    FeatureSet,
    Grouping,
    ModelFeatures,
    Pixels,
)
from cirkd.features.sampling import PixelSample, balanced_sample

__all__ = [
    "AFTER",
    "BEFORE",
    "IGNORED",
    "ROLES",
    "TEACHER",
    "FeatureSet",
    "Grouping",
    "ModelFeatures",
    "PixelSample",
    "Pixels",
    "balanced_sample",
]
