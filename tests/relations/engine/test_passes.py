"""Passes over a tile beside their formulas in float64, and losses and maps that stand on them."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.relations import divergence_maps, keyed_divergence, normalize, pairwise_divergence
from cirkd.relations.engine import tiled, tiles
from cirkd.relations.engine import torch_passes as passes
from tests import oracles


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 12 - 6


@settings(max_examples=15)
@given(
    rows=st.integers(1, 70),
    width=st.integers(1, 140),
    images=st.integers(1, 3),
    keyed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_passes_are_their_formulas(rows: int, width: int, images: int, keyed: bool, seed: int) -> None:
    images = images if keyed else 1
    p, t = logits(2, rows, width * images, seed=seed)
    by_row, by_key = torch.rand(2, rows, images), torch.rand(2, width * images, 1)
    s_wide, t_wide = p.double(), t.double()
    powers = s_wide.exp2(), t_wide.exp2()
    terms = torch.stack([*powers, powers[1] * (t_wide - s_wide)])
    scales = by_row.double().repeat_interleave(width, dim=2) + (by_key.double().mT if keyed else 0)
    q, x = t.clone(), torch.empty_like(p)
    row_sums, key_sums = passes.sums(p, q, q, x, images, keyed)
    torch.testing.assert_close(row_sums.double(), terms.unflatten(2, (images, width)).sum(3), rtol=1e-5, atol=1e-4)
    assert (key_sums is not None) == keyed
    if key_sums is not None:
        torch.testing.assert_close(key_sums.double(), terms.sum(1), rtol=1e-5, atol=1e-4)
    slope = passes.slope(p, q, x, by_row, by_key if keyed else None)
    assert slope.data_ptr() == p.data_ptr()
    wanted = powers[0] * scales[0] - powers[1] * scales[1]
    torch.testing.assert_close(slope.double(), wanted, rtol=1e-5, atol=1e-4)


def test_logits_made_again_give_the_same_powers() -> None:
    p, t = logits(2, 5, 6)
    again = p.clone(), t.clone()
    passes.exponentials(*again)
    q = t.clone()
    passes.sums(p, q, q, torch.empty_like(p), 1, True)
    assert torch.equal(again[0], p) and torch.equal(again[1], q)


def test_a_second_student_finds_the_teacher_as_it_was() -> None:
    t, first, second = logits(3, 5, 6)
    teacher, q, x = t.clone(), torch.empty_like(t), torch.empty_like(t)
    passes.sums(first.clone(), teacher, q, x, 2, True)
    assert torch.equal(teacher, t)
    found = passes.sums(second.clone(), teacher, q, x, 2, True, known=True)
    wanted = passes.sums(second.clone(), t.clone(), torch.empty_like(t), x, 2, True)
    assert all(map(torch.equal, found, wanted))


@pytest.fixture(params=[1, 2])
def with_workers(request: pytest.FixtureRequest) -> Iterator[None]:
    """On one worker and on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("with_workers")
@pytest.mark.parametrize("entries", [60, 300, 100_000])
@pytest.mark.parametrize("kept", [0, 100_000])
def test_losses_and_maps_stand_on_them(entries: int, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", entries)
    monkeypatch.setattr(tiles, "KEPT_ENTRIES", kept)
    student, teacher = (normalize(torch.randn(3, 9, d)) for d in (4, 6))
    student.requires_grad_()
    grids = student.transpose(1, 2)[..., None], teacher.transpose(1, 2)[..., None]
    found, wanted = pairwise_divergence(student, teacher, 0.1), oracles.minibatch_pixel_relation(*grids, 0.1)
    torch.testing.assert_close(found, wanted)
    slope, wanted_slope = (torch.autograd.grad(value, student)[0] for value in (found, wanted))
    along = (slope * student).sum(2, keepdim=True) * student
    torch.testing.assert_close(slope - along, wanted_slope, rtol=1e-4, atol=1e-6)
    images = [slice(0, 9), slice(9, 18), slice(18, 27)]
    rows = student.detach().flatten(0, 1)
    by_image, _ = divergence_maps([rows, rows.flip(1)], teacher.flatten(0, 1), images, 0.1)
    torch.testing.assert_close(by_image[0].mean(), found.detach())


@pytest.mark.usefixtures("with_workers")
def test_the_memory_term_stands_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CPU_ROWS", 4), ("CPU_KEYS", 20), ("KEPT_OF_BLOCK", 80)):
        monkeypatch.setattr(tiled, name, value)  # keys go in three parts, of which one is kept
    monkeypatch.setattr(tiles, "CPU_TILE_ENTRIES", 10)
    student, teacher, keys = (normalize(torch.randn(n, 6)) for n in (11, 11, 50))
    student.requires_grad_()
    found, wanted = keyed_divergence(student, teacher, keys, 0.1), oracles.memory_relation(student, teacher, keys, 0.1)
    torch.testing.assert_close(found, wanted)
    slope, wanted_slope = (torch.autograd.grad(value, student)[0] for value in (found, wanted))
    along = (slope * student).sum(1, keepdim=True) * student  # the oracle normalises
    torch.testing.assert_close(slope - along, wanted_slope, rtol=1e-4, atol=1e-6)
