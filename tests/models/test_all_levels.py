"""The all-level decoder against segmentation-models-pytorch's, which brings every level to stride 4 first."""

import pytest
import torch
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder

from cirkd.models.all_levels import AllLevelDecoder

CHANNELS = [3, 16, 24, 40, 112, 320]


def _features(size: tuple[int, int], first: int = 16) -> list[torch.Tensor]:
    """Maps at strides 1 to 32; sides round up, as encoders' do."""
    draw = torch.Generator().manual_seed(0)
    channels = [3, first, *CHANNELS[2:]]
    sides = [(-(-size[0] // 2**k), -(-size[1] // 2**k)) for k in range(6)]
    return [
        torch.randn(2, c, *side, generator=draw, dtype=torch.float64) for c, side in zip(channels, sides, strict=True)
    ]


@pytest.mark.parametrize("size", [(64, 96), (100, 164), (32, 32)])
@pytest.mark.parametrize("first", [16, 0])
def test_values_and_gradients_are_those_of_the_concatenating_form(size: tuple[int, int], first: int) -> None:
    # In float64: rounding of float32 takes a value to the other side of ReLU's corner now and then.
    slow = SegformerDecoder([3, first, *CHANNELS[2:]], segmentation_channels=12).double().train()
    fast = AllLevelDecoder([3, first, *CHANNELS[2:]], segmentation_channels=12).double().train()
    fast.load_state_dict(slow.state_dict())
    features = _features(size, first)
    expected, got = slow(features), fast(features)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-10)
    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    (got * weights).sum().backward()
    for name, parameter in slow.named_parameters():
        gradient = dict(fast.named_parameters())[name].grad
        scale = float(parameter.grad.abs().max())
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-8, atol=1e-9 * max(scale, 1.0))
