import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.features.grids import on_grid
from cirkd.relations import majority_labels, region_embeddings, resize_labels
from tests import oracles


@settings(max_examples=25)
@given(
    size=st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)),
    num_classes=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_regions_are_those_of_a_loop(size: tuple[int, int, int, int], num_classes: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    embedding = torch.randn(*size, generator=draw, dtype=torch.float64)
    labels = torch.randint(-1, num_classes + 2, (size[0], *size[2:]), generator=draw)
    found = region_embeddings(embedding, labels, num_classes=num_classes)
    wanted = oracles.region_embeddings(embedding, labels, num_classes)
    assert found.image.tolist() == [image for _, image, _ in wanted]
    assert found.label.tolist() == [label for _, _, label in wanted]
    for row, (vector, _, _) in zip(found.embedding, wanted, strict=True):
        torch.testing.assert_close(row, vector)


def test_unlabelled_images_have_no_regions() -> None:
    regions = region_embeddings(torch.randn(2, 3, 4, 4), torch.full((2, 4, 4), 255, dtype=torch.uint8), num_classes=5)
    assert regions.embedding.shape == (0, 3) and len(regions.image) == 0


def test_embeddings_that_cancel_make_a_zero_region() -> None:
    embedding = torch.tensor([1.0, -1.0]).reshape(1, 1, 1, 2)
    assert region_embeddings(embedding, torch.zeros(1, 1, 2, dtype=torch.int64), num_classes=1).embedding.item() == 0


@pytest.mark.usefixtures("as_shipped")
def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="must be the same grid"):
        region_embeddings(torch.zeros(1, 2, 3, 3), torch.zeros(1, 6, 6, dtype=torch.int64), num_classes=2)


def test_labels_shrink_to_their_nearest() -> None:
    labels = torch.arange(16, dtype=torch.uint8).reshape(1, 4, 4)
    assert resize_labels(labels, (2, 2)).tolist() == [[[0, 2], [8, 10]]]


@settings(max_examples=25)
@given(
    size=st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 4)),
    side=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    num_classes=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_the_label_of_a_cell_is_that_of_most_of_its_pixels(
    size: tuple[int, int, int], side: tuple[int, int], num_classes: int, seed: int
) -> None:
    images, rows, columns = size
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, num_classes + 2, (images, rows * side[0], columns * side[1]), generator=draw)
    found = majority_labels(labels, (rows, columns), num_classes=num_classes)
    for image, row, column in np.ndindex(*size):
        cell = labels[image, row * side[0] : (row + 1) * side[0], column * side[1] : (column + 1) * side[1]].flatten()
        known = [int(value) if 0 <= value < num_classes else num_classes for value in cell]
        wanted = min(set(known), key=lambda value: (-known.count(value), value))
        assert found[image, row, column] == (-1 if wanted == num_classes else wanted)


def test_cells_of_a_loss_are_labelled_as_those_on_screen() -> None:
    labels = torch.randint(0, 3, (1, 37, 50), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    wanted = on_grid(labels[0].numpy(), (5, 7))
    assert majority_labels(labels, (5, 7), num_classes=3)[0].tolist() == wanted.tolist()
