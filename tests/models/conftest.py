"""A small network, as a trainer would save it."""

import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    return smp.Unet("resnet18", encoder_weights=None, encoder_depth=3, decoder_channels=(16, 16, 8), classes=4).eval()


@pytest.fixture(scope="module")
def state(network: torch.nn.Module) -> dict[str, Tensor]:
    return network.state_dict()
