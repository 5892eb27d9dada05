"""Relations between pixels: the core that both the losses and the analysis stand on."""

from cirkd.relations.class_queue import ClassKeys, ClassQueue
from cirkd.relations.divergence import (
    keyed_divergence,
    pairwise_divergence,
    relation_distribution,
    relation_divergence,
)
from cirkd.relations.maps import Similar, divergence_maps, most_similar
from cirkd.relations.precision import Precision, full_precision, product_precision
from cirkd.relations.regions import Regions, majority_labels, region_embeddings, region_means, resize_labels
from cirkd.relations.similarity import cosine_similarity, flatten_positions, normalize

__all__ = [
    "ClassKeys",
    "ClassQueue",
    "Precision",
    "Regions",
    "Similar",
    "cosine_similarity",
    "divergence_maps",
    "flatten_positions",
    "full_precision",
    "keyed_divergence",
    "majority_labels",
    "most_similar",
    "normalize",
    "pairwise_divergence",
    "product_precision",
    "region_embeddings",
    "region_means",
    "relation_distribution",
    "relation_divergence",
    "resize_labels",
]
