"""Losses of rivals against slow, obvious forms of their papers' formulas."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cirkd import losses
from cirkd.losses.boundary import boundary_mask
from cirkd.losses.generation import MASKED, FeatureGenerator, random_mask
from tests import oracles

SIZES = st.tuples(st.integers(1, 2), st.integers(2, 4), st.integers(1, 5), st.integers(1, 5))


def drawn(*shape: int, seed: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, *shape, generator=draw, dtype=torch.float64)
    return student.requires_grad_(), teacher


def assert_same(found: Tensor, wanted: Tensor, student: Tensor) -> None:
    """Value and gradient."""
    torch.testing.assert_close(found, wanted)
    slopes = [torch.autograd.grad(value, student, retain_graph=True)[0] for value in (found, wanted)]
    torch.testing.assert_close(*slopes)


@settings(max_examples=10)
@given(SIZES, st.sampled_from([1.0, 4.0]), st.integers(0, 99))
def test_correlations(shape: tuple[int, int, int, int], temperature: float, seed: int) -> None:
    student, teacher = drawn(*shape, seed=seed)
    wanted = oracles.inter_class_correlation(student, teacher, temperature)
    assert_same(losses.inter_class_correlation(student, teacher, temperature), wanted, student)
    if shape[0] * shape[2] * shape[3] > 1:  # one pixel has no spread, and nothing to correlate
        wanted = oracles.intra_class_correlation(student, teacher, temperature)
        assert_same(losses.intra_class_correlation(student, teacher, temperature), wanted, student)


def test_correlation_does_not_mind_scale() -> None:
    """What distinguishes it from a divergence: probabilities half as far from their mean agree just as well."""
    probabilities = torch.tensor([0.7, 0.2, 0.1])
    softer = probabilities / 2 + 1 / 6
    ours, theirs = (x.log().reshape(1, 3, 1, 1) for x in (softer, probabilities))
    assert losses.inter_class_correlation(ours, theirs).abs() < 1e-6
    assert losses.logit_distillation(ours, theirs) > 0.05


@settings(max_examples=10)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 99))
def test_boundaries(h: int, w: int, seed: int) -> None:
    labels = torch.randint(-1, 4, (2, h, w), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(boundary_mask(labels, 3), oracles.boundary_mask(labels, 3))


@settings(max_examples=10)
@given(SIZES, st.sampled_from([1.0, 4.0]), st.integers(0, 99))
def test_boundary_and_body(shape: tuple[int, int, int, int], temperature: float, seed: int) -> None:
    student, teacher = drawn(*shape, seed=seed)
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, shape[1], (shape[0], *shape[2:]), generator=draw)
    labels[:, :3] = 0  # regions wide enough for an inside
    wanted = oracles.boundary_distillation(student, teacher, labels, temperature)
    assert_same(losses.boundary_distillation(student, teacher, labels, temperature), wanted, student)
    wanted = oracles.body_distillation(student, teacher, labels, temperature)
    assert_same(losses.body_distillation(student, teacher, labels, temperature), wanted, student)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
@pytest.mark.parametrize("shape", [(1, 4, 5, 9), (2, 6, 3, 2), (1, 2, 16, 17)])
def test_dense_contrast(shape: tuple[int, int, int, int], temperature: float) -> None:
    generated, teacher = drawn(*shape, seed=0)
    wanted = oracles.dense_contrast(generated, teacher, temperature)
    assert_same(losses.dense_contrast(generated, teacher, temperature), wanted, generated)


def test_masked_generation() -> None:
    generated, teacher = drawn(2, 3, 4, 5, seed=0)
    distances = [
        (generated[image, :, row, column] - teacher[image, :, row, column]).square().sum()
        for image, row, column in product(range(2), range(4), range(5))
    ]
    assert_same(losses.masked_generation(generated, teacher), torch.stack(distances).mean(), generated)


def test_a_generator_sees_what_is_not_masked() -> None:
    torch.manual_seed(0)
    generator, embedding = FeatureGenerator(3, 5), torch.randn(1, 3, 9, 9)
    mask = torch.zeros(1, 1, 9, 9)
    mask[..., 4, 4] = 1
    changed = embedding + torch.randn_like(embedding) * (1 - mask)
    assert torch.equal(generator(embedding, mask), generator(changed, mask))
    assert not torch.equal(generator(embedding, mask), generator(embedding + mask, mask))


@pytest.mark.parametrize("size", [(40, 50)])
def test_three_quarters_are_masked_by_the_generator_of_the_run(size: tuple[int, int]) -> None:
    masks = [random_mask(torch.zeros(1, 3, *size), torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(masks[0], masks[1]) and not torch.equal(masks[0], masks[2])
    assert masks[0].unique().tolist() == [0, 1] and masks[0].mean() == pytest.approx(1 - MASKED, abs=0.03)
