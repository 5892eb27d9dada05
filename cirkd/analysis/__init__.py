"""A `FeatureSet` -> small frozen results that carry their provenance.

`scores.scores` and `centroids.centroids` are imported from their modules, which have the same names.
"""

from cirkd.analysis.centroids import Centroids
from cirkd.analysis.colorings import PixelColors
from cirkd.analysis.neighbours import PixelRelations, pixel_relations
from cirkd.analysis.projection import Projection, project
from cirkd.analysis.relations import (
    ClassRelations,
    Divergence,
    RegionRelations,
    RelationPair,
    class_means,
    divergence,
    region_relations,
    relation_pair,
)
from cirkd.analysis.scores import ModelScore, PixelChange, Scores, pixel_change
from cirkd.analysis.summary import sentences

__all__ = [
    "Centroids",
    "ClassRelations",
    "Divergence",
    "ModelScore",
    "PixelChange",
    "PixelColors",
    "PixelRelations",
    "Projection",
    "RegionRelations",
    "RelationPair",
    "Scores",
    "class_means",
    "divergence",
    "pixel_change",
    "pixel_relations",
    "project",
    "region_relations",
    "relation_pair",
    "sentences",
]
