import pytest
import torch

from cirkd.relations.random_numbers import uniform

CPU = torch.device("cpu")


def test_a_generator_here_draws_itself() -> None:
    first, second = (torch.Generator().manual_seed(3) for _ in range(2))
    assert torch.equal(uniform(2, 3, generator=first, device=CPU), torch.rand(2, 3, generator=second))
    torch.manual_seed(4)
    own = uniform(5, generator=None, device=CPU)
    torch.manual_seed(4)
    assert torch.equal(own, torch.rand(5))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_one_elsewhere_seeds_one_there() -> None:
    draw = torch.Generator().manual_seed(3)
    first, second = (uniform(1000, generator=draw, device=torch.device("cuda")) for _ in range(2))
    again = uniform(1000, generator=torch.Generator().manual_seed(3), device=torch.device("cuda"))
    assert first.is_cuda and torch.equal(first, again) and not torch.equal(first, second)
    assert first.min() >= 0 and first.max() < 1 and abs(first.mean() - 0.5) < 0.05
