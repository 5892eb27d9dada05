import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkd.relations import (
    divergence,
    keyed_divergence,
    normalize,
    pairwise_divergence,
    relation_distribution,
    relation_divergence,
)
from tests import oracles

TEMPERATURES = [0.01, 0.1, 0.5]  # the first takes the path for sharp distributions


def unit_rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


@settings(max_examples=20, deadline=None)
@given(
    n=st.integers(0, 5),
    k=st.integers(1, 5),
    d=st.integers(1, 5),
    e=st.integers(1, 5),
    temperature=st.sampled_from(TEMPERATURES),
    seed=st.integers(0, 99),
)
def test_relation_divergence_is_the_definition(n: int, k: int, d: int, e: int, temperature: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    rows = [torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in ((n, d), (k, d), (n, e), (k, e))]
    found = relation_divergence(*rows, temperature)
    wanted = oracles.relation_divergence(*rows, temperature) if n else torch.zeros(0, dtype=torch.float64)
    torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-9)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    student, student_keys, teacher, teacher_keys = (torch.randn(*s) for s in ((9, 3), (5, 3), (9, 4), (5, 4)))
    whole = relation_divergence(student, student_keys, teacher, teacher_keys)
    monkeypatch.setattr(divergence, "CPU_BLOCK_ENTRIES", 10)
    torch.testing.assert_close(relation_divergence(student, student_keys, teacher, teacher_keys), whole)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gradients_are_those_of_the_values(temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divergence, "CPU_BLOCK_ENTRIES", 10)
    student, teacher, keys = unit_rows(6, 4), unit_rows(6, 4, seed=1), unit_rows(5, 4, seed=2)
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: keyed_divergence(s, teacher, keys, temperature), student)
    images = student.detach().reshape(3, 2, 4).requires_grad_()
    wide = unit_rows(3, 2, 6, seed=3)
    assert torch.autograd.gradcheck(lambda s: pairwise_divergence(s, wide, temperature), images)


def test_both_paths_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = unit_rows(3, 8, 5).requires_grad_(), unit_rows(3, 8, 7, seed=1)
    value = pairwise_divergence(student, teacher, 0.1)
    (gradient,) = torch.autograd.grad(value, student)
    monkeypatch.setattr(divergence, "SAFE_EXPONENT", 0.0)
    other = pairwise_divergence(student, teacher, 0.1)
    torch.testing.assert_close(other, value)
    torch.testing.assert_close(torch.autograd.grad(other, student)[0], gradient)


def test_a_small_divergence_keeps_its_digits_in_float32() -> None:
    teacher = unit_rows(2, 200, 16)
    student = normalize(teacher + 1e-3 * unit_rows(2, 200, 16, seed=1))
    exact = pairwise_divergence(student, teacher, 0.1)
    assert 0 < exact < 1e-3
    assert pairwise_divergence(student.float(), teacher.float(), 0.1).item() == pytest.approx(exact.item(), rel=2e-3)


def test_equal_relations_do_not_diverge() -> None:
    rows = unit_rows(2, 9, 4)
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    student = (rows @ turn).requires_grad_()
    value = pairwise_divergence(student, rows, 0.1)
    assert abs(value.item()) < 1e-12
    assert torch.autograd.grad(value, student)[0].abs().max() < 1e-12


def test_second_derivatives_are_refused() -> None:
    student, other = unit_rows(2, 3, 4).requires_grad_(), unit_rows(2, 3, 4, seed=1)
    for value in (pairwise_divergence(student, other, 0.1), keyed_divergence(student[0], other[0], other[1], 0.1)):
        (gradient,) = torch.autograd.grad(value, student, create_graph=True)
        with pytest.raises(RuntimeError, match="no second derivative"):
            gradient.square().sum().backward()


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4)])
def test_nothing_to_compare_is_zero(shape: tuple[int, int, int]) -> None:
    student = torch.zeros(shape, requires_grad=True)
    value = pairwise_divergence(student, torch.zeros(shape), 0.1)
    value.backward()
    assert value.item() == 0 and student.grad is not None and student.grad.shape == shape


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        relation_distribution(torch.zeros(1, 2), temperature)


def test_distribution_sums_to_one() -> None:
    torch.testing.assert_close(relation_distribution(torch.randn(3, 5), 0.1).sum(1), torch.ones(3))


@pytest.mark.usefixtures("as_shipped")
def test_different_pixels_are_refused() -> None:
    a, b = torch.zeros(3, 2), torch.zeros(4, 2)
    with pytest.raises(ValueError, match="3 student rows and 4 teacher rows"):
        relation_divergence(a, a, b, a)
    with pytest.raises(ValueError, match="4 student keys and 3 teacher keys"):
        relation_divergence(a, b, a, a)
