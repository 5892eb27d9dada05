"""Dilated depthwise convolutions over grids: the same as PyTorch's own, value and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cirkd.data.palettes import CAMVID
from cirkd.models.atrous import DepthwiseAtrous, depthwise_by_grids, use_grids
from cirkd.models.build import build_segmenter


@settings(max_examples=40)
@given(
    size=st.tuples(st.integers(1, 2), st.integers(1, 5), st.integers(1, 13), st.integers(1, 13)),
    kernel=st.sampled_from([(1, 1), (3, 3), (5, 5), (3, 5)]),
    dilation=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    bias=st.booleans(),
    layout=st.sampled_from([torch.contiguous_format, torch.channels_last]),
)
def test_value_and_gradients_are_those_of_conv2d(size, kernel, dilation, bias, layout) -> None:
    channels, draws = size[1], torch.Generator().manual_seed(0)
    leaves = [torch.randn(size, generator=draws, dtype=torch.float64).contiguous(memory_format=layout)]
    leaves += [torch.randn(channels, 1, *kernel, generator=draws, dtype=torch.float64)]
    leaves += [torch.randn(channels, generator=draws, dtype=torch.float64)] if bias else []
    pull = torch.randn(size, generator=draws, dtype=torch.float64)
    padding = tuple(d * (k // 2) for d, k in zip(dilation, kernel, strict=True))

    def run(function):
        own = [leaf.clone().requires_grad_() for leaf in leaves]
        value = function(own[0], own[1], own[2] if bias else None)
        return value, torch.autograd.grad(value, own, pull)

    wanted, gradients = run(lambda x, w, b: F.conv2d(x, w, b, padding=padding, dilation=dilation, groups=channels))
    found, own = run(lambda x, w, b: depthwise_by_grids(x, w, b, dilation))
    torch.testing.assert_close(found, wanted)
    for mine, theirs in zip(own, gradients, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_network_has_them_and_keeps_weights_and_output() -> None:
    model = build_segmenter("deeplabv3", "tu-mobilenetv3_small_050", CAMVID, embedding_channels=16).eval()
    changed = [part for part in model.modules() if isinstance(part, DepthwiseAtrous)]
    dilated = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.groups > 1 and m.dilation != (1, 1)]
    assert changed == dilated
    assert {part.dilation for part in changed} == {(2, 2), (4, 4)}
    batch = torch.randn(2, 3, 72, 104, generator=torch.Generator().manual_seed(0))
    names = list(model.state_dict())
    with torch.no_grad():
        found = model(batch).logits
        for part in changed:
            part.__class__ = nn.Conv2d
        torch.testing.assert_close(found, model(batch).logits)
    assert list(model.state_dict()) == names


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(4, 4, 3, padding=1, groups=4),  # not dilated
        nn.Conv2d(4, 4, 3, padding=2, dilation=2),  # not depthwise
        nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=4),  # two outputs a channel
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, stride=2),
        nn.Conv2d(4, 4, 3, padding=0, dilation=2, groups=4),
        nn.Conv2d(4, 4, 3, padding="same", dilation=2, groups=4),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, padding_mode="reflect"),
    ],
)
def test_other_convolutions_stay_as_they_are(other: nn.Conv2d) -> None:
    use_grids(other)
    assert type(other) is nn.Conv2d
