"""Class weights go by how rare a class's labels are."""

import numpy as np
import pytest

from cirkd.data.sample import Classes
from tests.factories import make_samples
from tools.class_weights import class_weights


class Labelled(list):
    """Samples as a data set."""

    name, split, classes = "made up", "train", Classes(("road", "pole", "sky"), ((0, 0, 0),) * 3)


def test_with_power_a_half_a_class_counts_by_the_root_of_its_rareness() -> None:
    data = Labelled(make_samples(2, size=(2, 5)))
    for sample in data:
        sample.label[:] = np.array([[0, 0, 0, 0, 1], [0, 0, 0, 0, 255]])
    shares, weights = class_weights(data, 0.5)  # pyright: ignore[reportArgumentType]
    assert shares.tolist() == pytest.approx([8 / 9, 1 / 9, 0])
    assert weights[1] / weights[0] == pytest.approx(8**0.5)
    assert weights[2] == 0, "nothing is known of a class without pixels"
    assert weights @ shares == pytest.approx(1)
    assert class_weights(data, 0)[1].tolist() == pytest.approx([1, 1, 0])  # pyright: ignore[reportArgumentType]
