import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.relations import divergence_maps, maps, most_similar, normalize
from tests import oracles


def unit_rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_divergence_maps_are_the_definition(temperature: float, small_tiles: None) -> None:
    teacher, students = unit_rows(12, 4), [unit_rows(12, width, seed=width) for width in (3, 5)]
    images = [slice(0, 2), slice(2, 9), slice(9, 12)]  # of different sizes
    to_images, to_all = divergence_maps(students, teacher, images, temperature)
    for number, student in enumerate(students):
        wanted = oracles.relation_divergence(student, student, teacher, teacher, temperature)
        torch.testing.assert_close(to_all[number], wanted)
        for j, keys in enumerate(images):
            wanted = oracles.relation_divergence(student, student[keys], teacher, teacher[keys], temperature)
            torch.testing.assert_close(to_images[number, :, j], wanted)


def test_progress_grows_and_can_cancel() -> None:
    rows, shares = unit_rows(6, 3), []
    divergence_maps([rows], rows, [slice(0, 3), slice(3, 6)], 0.1, shares.append)
    assert shares[0] == 0 and shares == sorted(shares) and shares[-1] < 1

    def cancel(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        divergence_maps([rows], rows, [slice(0, 6)], 0.1, cancel)


@settings(max_examples=40)
@given(n=st.integers(0, 9), k=st.integers(0, 13), count=st.integers(0, 15), own=st.booleans(), seed=st.integers(0, 99))
def test_most_similar_are_those_of_the_sorted_row(n: int, k: int, count: int, own: bool, seed: int) -> None:
    keys = unit_rows(k, 4, seed=seed)
    rows = keys if own else unit_rows(n, 4, seed=seed + 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "KEYS_AT_ONCE", 4)
        patch.setattr(maps, "tile_entries", lambda device: 12)
        found = most_similar(rows, keys, count, themselves=not own)
    for number, row in enumerate(rows):
        order = sorted((j for j in range(k) if not (own and j == number)), key=lambda j: -float(row @ keys[j]))[:count]
        assert found.key[number].tolist() == order
        torch.testing.assert_close(found.similarity[number], keys[order] @ row)
