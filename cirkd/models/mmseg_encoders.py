"""Encoders of mmsegmentation, with the parameter names of its files.

Source: github.com/open-mmlab/mmsegmentation; ResNet (He et al., CVPR 2016), MobileNetV2 (Sandler et al., CVPR 2018).
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from cirkd.models.published_networks import MOBILENET_STAGES, ResidualBlock, conv_norm


class ConvModule(nn.Module):
    """Convolution without bias, normalisation, ReLU: most layers of these networks."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv, self.bn = conv_norm(inputs, outputs, kernel, stride, dilation, groups)
        self.activate = nn.ReLU() if activation is None else activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activate(self.bn(self.conv(x)))


class ResNet(nn.Module):
    """A ResNet whose later stages may be dilated.

    In a basic block the first 3x3 convolution alone is dilated.

    Args:
        blocks: Of each of the four stages.
        bottleneck: Whether they are bottlenecks.
        deep_stem: Three 3x3 convolutions (ResNetV1c) instead of one of 7x7.
        strides, dilations: Of each stage.
        last_dilations: Of the last stage's blocks, instead of its dilation; none where there is a 0.
        halved: Whether the first block of a dilated stage is dilated half as much.
    """

    def __init__(
        self,
        blocks: Sequence[int],
        bottleneck: bool,
        deep_stem: bool,
        strides: Sequence[int],
        dilations: Sequence[int],
        last_dilations: Sequence[int] = (0,),
        halved: bool = True,
    ) -> None:
        super().__init__()
        self.deep_stem = deep_stem
        if deep_stem:
            self.stem = nn.Sequential(
                *conv_norm(3, 32, 3, 2), nn.ReLU(), *conv_norm(32, 32, 3), nn.ReLU(), *conv_norm(32, 64, 3), nn.ReLU()
            )
        else:
            self.conv1, self.bn1 = conv_norm(3, 64, 7, 2)
        growth = 4 if bottleneck else 1
        self.out_channels = [64 * 2**stage * growth for stage in range(4)]
        inputs = 64
        for stage, (count, stride, dilation) in enumerate(zip(blocks, strides, dilations, strict=True)):
            layers = []
            for i in range(count):
                own, width = (stride if i == 0 else 1), 64 * 2**stage
                dilated = max(1, dilation // 2) if i == 0 and halved else dilation
                dilated = last_dilations[i] if stage == 3 and all(last_dilations) else dilated
                project = i == 0 and (own != 1 or inputs != width * growth)
                layers.append(ResidualBlock(inputs, width, own, dilated, 1, bottleneck, project=project))
                inputs = width * growth
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x) if self.deep_stem else F.relu(self.bn1(self.conv1(x)))
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
        expand = [ConvModule(inputs, width, activation=nn.ReLU6())] if expansion > 1 else []
        filtering = ConvModule(width, width, 3, stride=stride, dilation=dilation, groups=width, activation=nn.ReLU6())
        self.conv = nn.Sequential(*expand, filtering, ConvModule(width, outputs, activation=nn.Identity()))
        self.added = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.added else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 without its last 1x1 convolution; the first block of each layer alone strides and dilates."""

    def __init__(self, strides: Sequence[int], dilations: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = ConvModule(3, 32, 3, stride=2, activation=nn.ReLU6())
        inputs = 32
        layers = zip(MOBILENET_STAGES, strides, dilations, strict=True)
        for number, ((expansion, outputs, count, *_), stride, dilation) in enumerate(layers, 1):
            others = (InvertedResidual(outputs, outputs, expansion, 1, 1) for _ in range(count - 1))
            first = InvertedResidual(inputs, outputs, expansion, stride, dilation)
            setattr(self, f"layer{number}", nn.Sequential(first, *others))
            inputs = outputs
        self.out_channels = [24, 32, 96, 320]

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv1(x)
        maps = []
        for number in range(1, 8):
            x = getattr(self, f"layer{number}")(x)
            if number in (2, 3, 5, 7):
                maps.append(x)
        return maps
