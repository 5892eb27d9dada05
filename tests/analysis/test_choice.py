"""The few images that are shown first."""

import numpy as np

from cirkd.analysis.places import telling_images
from cirkd.data.sample import Classes, Sample


class Drawn:
    """Images whose labels are given; no pixels of interest."""

    name, split = "drawn", "val"

    def __init__(self, labels, classes=4):
        self.labels = labels
        self.classes = Classes(tuple("abcdefgh"[:classes]), tuple((c, c, c) for c in range(classes)))
        self.names = [f"{i:03d}" for i in range(len(labels))]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return Sample(self.names[index], np.zeros((8, 8, 3), np.uint8), self.labels[index])


def label(*classes):
    return np.resize(np.repeat(np.array(classes, np.uint8), 64 // len(classes)), (8, 8))


def test_together_they_show_every_class():
    data = Drawn([label(0), label(0, 1), label(0), label(2), label(0, 1, 2), label(3), label(0)])
    assert telling_images(data, 2) == (4, 5)


def test_unlabelled_images_are_spread_evenly():
    assert telling_images(Drawn([None] * 11), 3) == (0, 5, 10)
    assert telling_images(Drawn([None] * 2), 6) == (0, 1)


def test_labels_outside_the_classes_do_not_count():
    data = Drawn([label(255), label(7), label(0)])
    assert 2 in telling_images(data, 1)
