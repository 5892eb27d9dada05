"""Each class's Fisher ratio, against its definition, and against the ratio of all classes together."""

import numpy as np
import pytest

from cirkd.analysis.centroids import centroids
from tests.factories import make_features


@pytest.mark.parametrize("labels", [True, False])
def test_each_class_matches_the_definition(labels):
    features = make_features(labels=labels)
    values = features.grouping().values
    found = centroids(features).fisher_by_class
    for name, model in features.models.items():
        unit = model.unit_embedding().astype(np.float64)
        middle = unit[values != 255].mean(axis=0)
        for position, c in enumerate(features.grouping().present()):
            rows = unit[values == c]
            spread = np.mean([np.sum((row - rows.mean(axis=0)) ** 2) for row in rows])
            wanted = np.sum((rows.mean(axis=0) - middle) ** 2) / spread
            assert found[name][position] == pytest.approx(wanted, rel=1e-4)


def test_the_classes_add_up_to_the_ratio_of_the_model():
    features = make_features()
    values, grouped = features.grouping().values, centroids(features)
    found = grouped.fisher_by_class
    for name, model in features.models.items():
        unit = model.unit_embedding().astype(np.float64)
        within = [unit[values == c].var(axis=0).sum() for c in grouped.classes]
        between = found[name] * within
        ratio = (grouped.counts @ between) / (grouped.counts @ within)
        assert grouped.fisher_ratio[name] == pytest.approx(ratio, rel=1e-4)


def test_a_class_that_is_a_point_is_infinitely_apart():
    features = make_features(("teacher",), labels=False)
    model = features.models["teacher"]
    model.embedding[:] = np.eye(16, dtype=np.float32)[model.prediction]
    assert np.isinf(centroids(features).fisher_by_class["teacher"]).all()
