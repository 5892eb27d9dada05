"""Boundary IoU, calibration error and linear probe against what they mean, written out pixel by pixel."""

import numpy as np
import pytest
import torch

from cirkd.analysis.segmentation_measures import (
    BINS,
    band_width,
    boundary_counts,
    calibration_counts,
    calibration_error,
    linear_probe,
)


def _band_by_hand(classes: np.ndarray, number: int, band: int) -> np.ndarray:
    height, width = classes.shape
    found = np.zeros(classes.shape, bool)
    for y in range(height):
        for x in range(width):
            if classes[y, x] != number:
                continue
            near = [(y + dy, x + dx) for dy in range(-band, band + 1) for dx in range(-band, band + 1)]
            found[y, x] = any(not (0 <= b < height and 0 <= a < width) or classes[b, a] != number for b, a in near)
    return found


@pytest.mark.parametrize("band", [1, 2])
def test_boundary_counts_are_those_of_bands_found_pixel_by_pixel(band: int) -> None:
    draw = np.random.default_rng(0)
    label = np.kron(draw.integers(0, 3, (3, 4)), np.ones((5, 5), int))
    prediction = np.roll(label, 1, axis=1)
    label[4:6, 3:9] = 255
    both, either = boundary_counts(torch.from_numpy(prediction), torch.from_numpy(label), 3, band)
    seen = [np.where(label == 255, -1, each) for each in (prediction, label)]
    for number in range(3):
        one, other = (_band_by_hand(each, number, band) for each in seen)
        assert int(both[number]) == (one & other).sum() and int(either[number]) == (one | other).sum()
    assert 0 < int(both.sum()) < int(either.sum())


def test_a_shift_costs_outlines_more_than_areas() -> None:
    label = torch.zeros(60, 60, dtype=torch.int64)
    label[:, 10:40] = 1
    shifted = label.roll(1, dims=1)
    both, either = boundary_counts(shifted, label, 2, band_width(60, 60))
    area = ((shifted == 1) & (label == 1)).sum() / ((shifted == 1) | (label == 1)).sum()
    assert float(area) > 0.9 and float(both[1] / either[1]) < 0.5


def test_calibration_error_is_the_gap_of_each_bin_weighted_by_its_pixels() -> None:
    draw = torch.Generator().manual_seed(0)
    images = [torch.randn(4, 9, 11, generator=draw) * 2 for _ in range(3)]
    labels = [torch.randint(0, 5, (9, 11), generator=draw) for _ in range(3)]  # 4 is no class: unlabelled
    counts = sum(calibration_counts(logits, label) for logits, label in zip(images, labels, strict=True))
    bins: dict[int, list[tuple[float, bool]]] = {}
    for logits, label in zip(images, labels, strict=True):
        for y in range(9):
            for x in range(11):
                if label[y, x] < 4:
                    probabilities = logits[:, y, x].double().softmax(0)
                    confidence = float(probabilities.max())
                    bins.setdefault(min(int(confidence * BINS), BINS - 1), []).append(
                        (confidence, int(probabilities.argmax()) == int(label[y, x]))
                    )
    total = sum(map(len, bins.values()))
    expected = sum(
        len(rows) / total * abs(np.mean([c for c, _ in rows]) - np.mean([r for _, r in rows])) for rows in bins.values()
    )
    assert calibration_error(counts) == pytest.approx(100 * expected)


def test_no_labelled_pixel_has_no_calibration_error() -> None:
    counts = calibration_counts(torch.zeros(2, 3, 3), torch.full((3, 3), 255))
    assert np.isnan(calibration_error(counts))


def test_a_linear_probe_reads_what_lies_linearly_and_no_more() -> None:
    draw = np.random.default_rng(0)
    rows, labels = draw.normal(size=(400, 5)), draw.integers(0, 2, 400)
    rows[:, 2] += 100 * labels
    assert linear_probe(rows[:200], labels[:200], rows[200:], labels[200:]) == 100.0
    corners = draw.integers(0, 2, (400, 2))
    exclusive = corners[:, 0] ^ corners[:, 1]
    assert linear_probe(corners[:200], exclusive[:200], corners[200:], exclusive[200:]) < 80
    assert linear_probe(rows[:200], np.zeros(200, int) + labels[:200], rows[200:], labels[200:] * 2) == 50.0
