"""The networks of the published CIRKD checkpoints, with the parameter names of their files.

Encoders return their feature maps, finest first; decoders turn that list into the pixel embedding. Output stride is 8:
where a stage would stride, it dilates instead, and its first block by half as much.

Source: DeepLabV3 (Chen et al., 2017), PSPNet (Zhao et al., CVPR 2017), MobileNetV2 (Sandler et al., CVPR 2018),
SegFormer (Xie et al., NeurIPS 2021).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RATES = (12, 24, 36)
"""Dilations of the pyramid of DeepLabV3's head."""
SCALES = (1, 2, 3, 6)
"""Sides of the pooled maps of PSPNet's head."""
PYRAMID_DROPOUT, DROPOUT = 0.5, 0.1
"""Dropout in training: after DeepLabV3's pyramid, and before the classifiers."""
MOBILENET_STAGES = (
    (1, 16, 1, 1, 1),
    (6, 24, 2, 2, 1),
    (6, 32, 3, 2, 1),
    (6, 64, 4, 1, 2),
    (6, 96, 3, 1, 2),
    (6, 160, 3, 1, 4),
    (6, 320, 1, 1, 4),
)
"""Expansion, width, blocks, stride and dilation of each stage of MobileNetV2 at output stride 8."""


def conv_norm(
    inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A convolution without bias that keeps the size (but for its stride), and its normalisation."""
    padding = dilation * (kernel // 2)
    return (
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3 and 1x1 in a bottleneck, beside the identity or a 1x1 convolution.

    Args:
        inputs: Channels that come in.
        width: Channels of the 3x3 convolutions; a bottleneck gives four times as many.
        stride: Of the first 3x3 convolution.
        dilation: Of the first 3x3 convolution.
        stage_dilation: Of the second one, where there is one.
        bottleneck: Which of the two forms.
    """

    def __init__(
        self, inputs: int, width: int, stride: int, dilation: int, stage_dilation: int, bottleneck: bool, project: bool
    ) -> None:
        super().__init__()
        outputs = width * 4 if bottleneck else width
        if bottleneck:
            self.conv1, self.bn1 = conv_norm(inputs, width, 1)
            self.conv2, self.bn2 = conv_norm(width, width, 3, stride, dilation)
            self.conv3, self.bn3 = conv_norm(width, outputs, 1)
        else:
            self.conv1, self.bn1 = conv_norm(inputs, width, 3, stride, dilation)
            self.conv2, self.bn2 = conv_norm(width, width, 3, 1, stage_dilation)
        self.bottleneck = bottleneck
        self.downsample = nn.Sequential(*conv_norm(inputs, outputs, 1, stride)) if project else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.bottleneck:
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A ResNet with a stem of three 3x3 convolutions.

    Args:
        blocks: How many blocks each of the four stages has.
        bottleneck: Whether its blocks are bottlenecks.
    """

    def __init__(self, blocks: Sequence[int], bottleneck: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_norm(3, 64, 3, 2)
        self.conv2, self.bn2 = conv_norm(64, 64, 3)
        self.conv3, self.bn3 = conv_norm(64, 128, 3)
        growth = 4 if bottleneck else 1
        self.out_channels = [64 * growth, 128 * growth, 256 * growth, 512 * growth]
        inputs = 128
        for stage, (count, dilation) in enumerate(zip(blocks, (1, 1, 2, 4), strict=True)):
            layers = []
            for i in range(count):
                stride = 2 if stage == 1 and i == 0 else 1
                own = max(1, dilation // 2) if i == 0 else dilation
                layers.append(ResidualBlock(inputs, 64 * 2**stage, stride, own, dilation, bottleneck, project=i == 0))
                inputs = self.out_channels[stage]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        x = F.relu(self.bn3(self.conv3(x)))
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        maps = []
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
            maps.append(x)
        return maps


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; beside the identity where the shape allows."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, dilation: int) -> None:
        super().__init__()
        width = inputs * expansion
        expand = (*conv_norm(inputs, width, 1), nn.ReLU6()) if expansion > 1 else ()
        filtering = (*conv_norm(width, width, 3, stride, dilation, groups=width), nn.ReLU6())
        self.conv = nn.Sequential(*expand, *filtering, *conv_norm(width, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return x + y if y.shape == x.shape else y


class MobileNetV2(nn.Module):
    """MobileNetV2 without its last 1x1 convolution; returns the maps at strides 4, 8, 8 and 8."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Sequential(*conv_norm(3, 32, 3, 2), nn.ReLU6())]
        inputs, before = 32, 1
        for expansion, outputs, count, stride, dilation in MOBILENET_STAGES:
            # A convolution that has lost its stride to dilation keeps the dilation of the stage before.
            layers.append(InvertedResidual(inputs, outputs, expansion, stride, before))
            layers += [InvertedResidual(outputs, outputs, expansion, 1, dilation) for _ in range(count - 1)]
            inputs, before = outputs, dilation
        self.features = nn.Sequential(*layers)
        self.out_channels = [24, 32, 96, 320]

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in (3, 6, 13, 17):
                maps.append(x)
        return maps


class DeepLabHead(nn.Module):
    """Atrous pyramid, then a 3x3 convolution to the pixel embedding.

    Args:
        dropout: In training, of the embedding's entries; pyramid_dropout: of the pyramid's.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        embedding: int,
        *,
        dropout: float = DROPOUT,
        pyramid_dropout: float = PYRAMID_DROPOUT,
    ) -> None:
        super().__init__()
        self.aspp = Pyramid(inputs, width, pyramid_dropout)
        self.block = nn.Sequential(*conv_norm(width, embedding, 3), nn.ReLU(), nn.Dropout(dropout))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        return self.block(self.aspp(features[-1]))


class Pyramid(nn.Module):
    """A 1x1 branch, three dilated 3x3 branches and a pooled one, concatenated and projected."""

    def __init__(self, inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.b0 = nn.Sequential(*conv_norm(inputs, width, 1), nn.ReLU())
        self.b1, self.b2, self.b3 = (
            nn.ModuleDict({"block": nn.Sequential(*conv_norm(inputs, width, 3, 1, rate), nn.ReLU())}) for rate in RATES
        )
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_norm(inputs, width, 1), nn.ReLU())
        self.b4 = nn.ModuleDict({"gap": pooled})
        self.project = nn.Sequential(*conv_norm(5 * width, width, 1), nn.ReLU(), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        dilated = [branch["block"](x) for branch in (self.b1, self.b2, self.b3)]
        pooled = self.b4["gap"](x).expand(-1, -1, *x.shape[2:])
        return self.project(torch.cat([self.b0(x), *dilated, pooled], dim=1))


class PspHead(nn.Module):
    """The map beside four pooled ones, then a 3x3 convolution to the pixel embedding."""

    def __init__(self, inputs: int, embedding: int, *, dropout: float = DROPOUT) -> None:
        super().__init__()
        branch = {f"conv{i}": nn.Sequential(*conv_norm(inputs, inputs // 4, 1), nn.ReLU()) for i in range(1, 5)}
        self.psp = nn.ModuleDict(branch)
        self.block = nn.Sequential(*conv_norm(2 * inputs, embedding, 3), nn.ReLU(), nn.Dropout(dropout))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        x = features[-1]
        size = x.shape[2:]
        pooled = [
            F.interpolate(branch(F.adaptive_avg_pool2d(x, scale)), size=size, mode="bilinear", align_corners=True)
            for branch, scale in zip(self.psp.values(), SCALES, strict=True)
        ]
        return self.block(torch.cat([x, *pooled], dim=1))


class Linear(nn.Module):
    """A linear layer on each position of a map `[B, d, h, w]`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SegFormerHead(nn.Module):
    """Every level through a linear layer, upsampled to the finest and fused to the pixel embedding."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.linear_c4, self.linear_c3, self.linear_c2, self.linear_c1 = (
            Linear(inputs, width) for inputs in reversed(channels)
        )
        self.linear_fuse = nn.Sequential(nn.Conv2d(4 * width, width, 1), nn.BatchNorm2d(width), nn.ReLU())

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        size = features[-4].shape[2:]
        layers = (self.linear_c4, self.linear_c3, self.linear_c2, self.linear_c1)
        levels = [layer(x) for layer, x in zip(layers, reversed(features[-4:]), strict=True)]
        fine = [F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in levels]
        return self.linear_fuse(torch.cat(fine, dim=1))
