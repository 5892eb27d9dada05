"""Class weights for a cross-entropy in which rare classes count more, from the labels that a recipe trains on.

`python -m tools.class_weights RECIPE [--root FOLDER] [--power P]` prints each class's share of the labelled pixels and
its weight, share ** -P, scaled so that the weights' mean over the pixels is 1, and the flag that says the same. With
power 0.5 a class four times as rare counts twice as much a pixel; 0 counts all pixels alike.
"""

import argparse
from pathlib import Path

import numpy as np

from cirkd.data.catalog import open_data
from cirkd.data.sample import SegmentationData
from cirkd.data.unscored import label_counts
from cirkd.training.recipes import RECIPES


def class_weights(data: SegmentationData, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Each class's share of the labelled pixels, and its weight, of mean 1 over these; 0 where it has no pixel."""
    assert data.classes is not None
    counts = np.zeros(256, np.int64)
    for sample in (data[index] for index in range(len(data))):
        if sample.label is not None:
            counts += label_counts(sample.label)
    shares = counts[: len(data.classes)] / counts[: len(data.classes)].sum()
    weights = np.where(shares > 0, np.maximum(shares, 1e-12) ** -power, 0.0)
    return shares, weights / (weights @ shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--root", type=Path)
    parser.add_argument("--power", type=float, default=0.35)
    asked = parser.parse_args()
    recipe = RECIPES[asked.recipe]()
    data = open_data(recipe.data, recipe.train_split, asked.root)
    shares, weights = class_weights(data, asked.power)
    assert data.classes is not None
    for name, share, weight in zip(data.classes.names, shares, weights, strict=True):
        print(f"{name}: {share:.4f} of the labelled pixels, weight {weight:.2f}")
    print("--objective.class-weights", *(f"{weight:.2f}" for weight in weights))


if __name__ == "__main__":
    main()
