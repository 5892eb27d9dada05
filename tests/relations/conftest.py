import pytest
import torch


@pytest.fixture(autouse=True)
def seeded_draws() -> None:
    torch.manual_seed(0)
