"""Cells of an embedding map against means written out, and the terms that are taken between them."""

from types import SimpleNamespace

import pytest
import torch

from cirkd.losses import minibatch_pixel_relation
from cirkd.losses.inputs import UNLABELLED
from cirkd.losses.memory import RelationMemory
from cirkd.losses.objective import Objective
from cirkd.relations.similarity import average_cells, cells_of


@pytest.mark.parametrize(
    ("image", "embedding", "stride", "cells"),
    [
        ((8, 256, 256), (8, 64, 64, 64), 16, 4),
        ((8, 256, 256), (8, 64, 64, 64), 0, 1),
        ((2, 97, 161), (2, 128, 13, 21), 16, 2),
        ((1, 360, 480), (1, 64, 90, 120), 8, 2),
    ],
)
def test_cells_are_counted_in_pixels_of_the_input(
    image: tuple[int, ...], embedding: tuple[int, ...], stride: int, cells: int
) -> None:
    assert cells_of(image, embedding, stride) == cells


def test_cells_finer_than_the_map_are_refused() -> None:
    with pytest.raises(ValueError, match="a position every 16 pixels; choose a multiple of 16, or 0"):
        cells_of((1, 128, 256), (1, 64, 8, 16), 8)
    cells_of((1, 128, 256), (1, 64, 8, 16), 16)


def test_each_cell_is_the_mean_of_its_positions() -> None:
    embedding = torch.randn(2, 3, 7, 10, generator=torch.Generator().manual_seed(0))
    got = average_cells(embedding, 4)
    assert got.shape == (2, 3, 2, 3)
    for row in range(2):
        for column in range(3):
            cell = embedding[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            torch.testing.assert_close(got[:, :, row, column], cell.mean(dim=(2, 3)))


def _output(width: int, seed: int) -> SimpleNamespace:
    draw = torch.Generator().manual_seed(seed)
    return SimpleNamespace(
        logits=torch.randn(2, 4, 16, 24, generator=draw),
        embedding=torch.randn(2, width, 16, 24, generator=draw),
        auxiliary=None,
        encoded=None,
    )


def test_terms_between_cells_are_those_of_averaged_embeddings() -> None:
    """And a teacher whose embedding was averaged before gives the same."""
    student, teacher = _output(6, 0), _output(8, 1)
    labels = torch.randint(0, 4, (2, 64, 96), generator=torch.Generator().manual_seed(2))
    objective = Objective(relation_stride=16)
    assert objective.only_relates and not Objective(relation_stride=16, hint=1.0).only_relates

    def terms(of: SimpleNamespace) -> dict[str, torch.Tensor]:
        torch.manual_seed(3)
        memory = RelationMemory(4, 6, 8, pixel_queue_size=50, region_queue_size=10, pixel_contrast=40)
        draws = torch.Generator().manual_seed(4)
        objective.terms(student, of, labels, memory, generator=draws)
        return objective.terms(student, of, labels, memory, generator=draws)

    whole = terms(teacher)
    pooled = [torch.nn.functional.avg_pool2d(one.embedding, 4) for one in (student, teacher)]
    torch.testing.assert_close(whole["minibatch_pixel"], minibatch_pixel_relation(*pooled))
    before = SimpleNamespace(**{**vars(teacher), "embedding": pooled[1]})
    for name, value in terms(before).items():
        torch.testing.assert_close(value, whole[name])


def test_an_image_without_labels_goes_to_the_memory_by_the_teachers_predictions() -> None:
    student, teacher = _output(6, 0), _output(8, 1)
    teacher.logits = torch.full_like(teacher.logits, -1.0)
    teacher.logits[1, 2] = 1.0
    labels = torch.full((2, 64, 96), UNLABELLED)
    labels[0] = 255
    labels[0, :32] = 1
    labels[1, :, 48:] = 255  # padding
    teacher.logits[1, 3, :, 12:] = 2.0  # what is predicted there does not count
    for use, expected in ((False, {1}), (True, {1, 2})):
        memory = RelationMemory(4, 6, 8, pixel_queue_size=50, region_queue_size=10, pixel_contrast=40)
        objective = Objective(relation_stride=16, teacher_labels=use)
        objective.terms(student, teacher, labels, memory, generator=torch.Generator().manual_seed(0))
        assert {int(c) for c in memory.pixel_queue.fill().nonzero()[:, 0]} == expected


def test_a_cell_goes_to_the_memory_under_the_class_of_most_of_its_pixels() -> None:
    """Not under that of the pixel in its corner, which may be a thin pole's."""
    labels = torch.zeros(2, 64, 96, dtype=torch.int64)
    labels[:, ::16, ::16] = 3
    labels[:, 48:, :48] = 1
    memory = RelationMemory(4, 6, 8, pixel_queue_size=50, region_queue_size=10, pixel_contrast=40)
    draws = torch.Generator().manual_seed(0)
    Objective(relation_stride=16).terms(_output(6, 0), _output(8, 1), labels, memory, generator=draws)
    assert {int(c) for c in memory.pixel_queue.fill().nonzero()[:, 0]} == {0, 1}
    assert {int(c) for c in memory.region_queue.fill().nonzero()[:, 0]} == {0, 1}
