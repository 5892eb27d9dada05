import pytest
import torch

from cirkd.relations import cosine_similarity, flatten_positions, normalize
from tests import oracles


def test_cosine_similarity_is_the_definition() -> None:
    a, b = torch.randn(5, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    b[2] = 0
    wanted = torch.tensor([[float(oracles.unit(x) @ oracles.unit(y)) for y in b] for x in a], dtype=torch.float64)
    torch.testing.assert_close(cosine_similarity(a, b), wanted)


def test_a_zero_vector_stays_zero_and_gets_no_gradient() -> None:
    x = torch.zeros(2, 3).index_fill_(0, torch.tensor([1]), 2.0).requires_grad_()
    y = normalize(x)
    y.square().sum().add(y.sum()).backward()
    assert y[0].tolist() == [0, 0, 0]
    assert x.grad is not None and torch.isfinite(x.grad).all() and x.grad[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_derivatives_are_those_of_the_formula(dim: int) -> None:
    x = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: normalize(x, dim), x)
    assert torch.autograd.gradgradcheck(lambda x: normalize(x, dim), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype: torch.dtype) -> None:
    a = torch.randn(6, 8).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        relation = cosine_similarity(a, a)
    assert relation.dtype == torch.float32
    torch.testing.assert_close(relation, cosine_similarity(a.float(), a.float()))


def test_flatten_positions_is_row_major() -> None:
    embedding = torch.arange(12.0).reshape(1, 2, 2, 3)
    assert flatten_positions(embedding)[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5]
