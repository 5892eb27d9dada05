"""Small results of `cirkd.analysis` with known values, for the charts to draw."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cirkd.analysis.centroids import Centroids
from cirkd.analysis.colorings import PixelColors, pixel_colors
from cirkd.analysis.divergences import Divergence
from cirkd.analysis.projection import Projection
from cirkd.analysis.relations import RelationPair, Run
from cirkd.features.feature_set import FeatureSet
from cirkd.features.sampling import balanced_sample


def make_projection(features: FeatureSet, dimensions: int = 2, budget: int = 40, seed: int = 0) -> Projection:
    rng = np.random.default_rng(seed)
    sample = balanced_sample(features.grouping().values, budget, seed)
    return Projection(
        coordinates={n: rng.normal(size=(len(sample), dimensions)).astype(np.float32) for n in features.models},
        index=sample.index,
        labels=features.grouping().values[sample.index],
        method="pca",
        space="feature",
        dimensions=dimensions,
        aligned=True,
        residual={n: 0.25 for n in features.models},
        explained={n: (0.5, 0.25, 0.125)[:dimensions] for n in features.models},
        sample=sample,
    )


def make_colors(features: FeatureSet) -> PixelColors:
    return pixel_colors(features, "class")


def make_pair(features: FeatureSet, n: int = 6, m: int = 4, order: str = "class", seed: int = 0) -> RelationPair:
    rng = np.random.default_rng(seed)
    values = features.grouping().values
    rows, columns = np.arange(n), np.arange(m) + features.pixels.of_image(1).start
    if order == "class":
        rows, columns = (side[np.argsort(values[side], kind="stable")] for side in (rows, columns))
    runs = [
        _runs(values[side]) if order == "class" else (Run(i, 0, len(side)),) for i, side in enumerate((rows, columns))
    ]
    return RelationPair(
        matrices={name: rng.uniform(-0.2, 1, (n, m)).astype(np.float32) for name in features.models},
        rows=rows,
        columns=columns,
        row_labels=values[rows],
        column_labels=values[columns],
        row_runs=runs[0],
        column_runs=runs[1],
        image_a=0,
        image_b=1,
        order=order,
    )


def _runs(labels: np.ndarray) -> tuple[Run, ...]:
    cuts = [0, *(np.flatnonzero(np.diff(labels.astype(int))) + 1).tolist(), len(labels)]
    return tuple(Run(int(labels[a]), a, b) for a, b in pairwise(cuts))


def make_divergence(features: FeatureSet, seed: int = 0) -> Divergence:
    rng = np.random.default_rng(seed)
    students = [name for name in features.models if name != features.reference]
    pixels = {name: rng.uniform(0, 2, len(features.pixels)).astype(np.float32) for name in students}
    images, classes = len(features.image_names), len(features.classes)
    pairs = {name: rng.uniform(0, 1, (images, images)) for name in students}
    return Divergence(
        per_pixel=pixels,
        mean={name: float(v.mean()) for name, v in pixels.items()},
        by_class={name: rng.uniform(0, 1, classes) for name in students},
        by_pair=pairs,
        jointly={name: float(v.mean()) for name, v in pairs.items()},
        largest=1.9,
        temperature=0.1,
        reference=features.reference,
    )


def make_centroids(features: FeatureSet, seed: int = 0) -> Centroids:
    rng = np.random.default_rng(seed)
    classes = np.array(features.grouping().present())
    count, names = len(classes), list(features.models)
    column = {name: rng.uniform(0, 1, count) for name in names}
    number = {name: float(rng.uniform()) for name in names}
    return Centroids(
        classes=classes,
        counts=rng.integers(5, 50, count),
        vectors={name: rng.normal(size=(count, 4)).astype(np.float32) for name in names},
        cosine={name: rng.uniform(0, 1, (count, count)) for name in names},
        compactness=column,
        separation=column,
        fisher_ratio=number,
        fisher_by_class=column,
        silhouette=number,
        nearest_centroid_accuracy=number,
        nearest_centroid_by_class=column,
        cka_to_teacher=number,
        neighbour_overlap=number,
        row_distance=column,
        map={name: rng.normal(size=(count, 2)).astype(np.float32) for name in names},
        map_explained=(0.6, 0.2),
        reference=features.reference,
    )
