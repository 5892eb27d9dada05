"""Decode heads of mmsegmentation up to their classifier, with the parameter names of its files.

Each turns the encoder's maps into the pixel embedding, the input of `conv_seg`. `align_corners` is the head's own.

Source: github.com/open-mmlab/mmsegmentation; DeepLabV3 and V3+ (Chen et al., 2017, 2018), PSPNet (Zhao et al., 2017),
UPerNet (Xiao et al., 2018), FCN (Long et al., 2015), SegFormer (Xie et al., 2021), OCRNet (Yuan et al., 2020).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cirkd.models.hrnet import attended, class_means, joined
from cirkd.models.mmseg_encoders import ConvModule

SCALES = (1, 2, 3, 6)
RATES = (1, 12, 24, 36)


def resized(x: Tensor, like: Tensor, align_corners: bool) -> Tensor:
    """A map at another one's size."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=align_corners)


class SeparableConv(nn.Module):
    """A 3x3 convolution of each channel, then one of 1x1, each with normalisation and ReLU."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.depthwise_conv = ConvModule(inputs, inputs, 3, dilation=dilation, groups=inputs)
        self.pointwise_conv = ConvModule(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise_conv(self.depthwise_conv(x))


class Pyramid(nn.Module):
    """DeepLabV3's pyramid, of which the `bottleneck` gives the embedding; separable in DeepLabV3+."""

    separable = False

    def __init__(self, channels: Sequence[int], width: int, align_corners: bool, rates: Sequence[int] = RATES) -> None:
        super().__init__()
        inputs = channels[-1]
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvModule(inputs, width))
        self.aspp_modules = nn.ModuleList(
            ConvModule(inputs, width)
            if rate == 1
            else SeparableConv(inputs, width, rate)
            if self.separable
            else ConvModule(inputs, width, 3, dilation=rate)
            for rate in rates
        )
        self.bottleneck = ConvModule((len(rates) + 1) * width, width, 3)
        self.align_corners = align_corners

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x = maps[-1]
        pooled = resized(self.image_pool(x), x, self.align_corners)
        return self.bottleneck(torch.cat([pooled, *(branch(x) for branch in self.aspp_modules)], dim=1))


class DeepLabV3Plus(Pyramid):
    """The pyramid's output at stride 4 beside the first stage's map, then two separable convolutions."""

    separable = True

    def __init__(
        self,
        channels: Sequence[int],
        width: int,
        align_corners: bool,
        rates: Sequence[int] = RATES,
        fine_inputs: int = 0,
        fine_width: int = 0,
    ) -> None:
        super().__init__(channels, width, align_corners, rates)
        self.c1_bottleneck = ConvModule(fine_inputs, fine_width) if fine_width else None
        self.sep_bottleneck = nn.Sequential(SeparableConv(width + fine_width, width), SeparableConv(width, width))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x = super().forward(maps)
        if self.c1_bottleneck is not None:
            fine = self.c1_bottleneck(maps[0])
            x = torch.cat([resized(x, fine, self.align_corners), fine], dim=1)
        return self.sep_bottleneck(x)


class PspHead(nn.Module):
    """The map beside four pooled ones, then a 3x3 convolution to the embedding."""

    def __init__(
        self, channels: Sequence[int], width: int, align_corners: bool, scales: Sequence[int] = SCALES
    ) -> None:
        super().__init__()
        inputs = channels[-1]
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(scale), ConvModule(inputs, width)) for scale in scales
        )
        self.bottleneck = ConvModule(inputs + len(scales) * width, width, 3)
        self.align_corners = align_corners

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x = maps[-1]
        pooled = [resized(branch(x), x, self.align_corners) for branch in self.psp_modules]
        return self.bottleneck(torch.cat([x, *pooled], dim=1))


class UperHead(PspHead):
    """PSPNet's pyramid on the coarsest map, added to the finer ones step by step; all together give the embedding."""

    def __init__(
        self, channels: Sequence[int], width: int, align_corners: bool, scales: Sequence[int] = SCALES
    ) -> None:
        super().__init__(channels, width, align_corners, scales)
        self.lateral_convs = nn.ModuleList(ConvModule(inputs, width) for inputs in channels[:-1])
        self.fpn_convs = nn.ModuleList(ConvModule(width, width, 3) for _ in channels[:-1])
        self.fpn_bottleneck = ConvModule(len(channels) * width, width, 3)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        levels = [lateral(x) for lateral, x in zip(self.lateral_convs, maps, strict=False)] + [super().forward(maps)]
        for i in range(len(levels) - 1, 0, -1):
            levels[i - 1] = levels[i - 1] + resized(levels[i], levels[i - 1], self.align_corners)
        fine = [conv(x) for conv, x in zip(self.fpn_convs, levels, strict=False)] + [levels[-1]]
        return self.fpn_bottleneck(joined(fine, self.align_corners))


class FcnHead(nn.Module):
    """Convolutions on the last map, or on all maps side by side.

    Args:
        channels: Of the maps that come in.
        width: Channels of the embedding.
        kernel: Sides of the convolutions' windows.
        count: How many convolutions.
        concatenated: Whether the input stands beside their output, for one more.
        all_maps: Whether all maps are read, at the finest one's size.
        dilation: Of the convolutions, but for the one that joins.
    """

    def __init__(
        self,
        channels: Sequence[int],
        width: int,
        align_corners: bool,
        kernel: int = 3,
        count: int = 2,
        concatenated: bool = True,
        all_maps: bool = False,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        widths = [sum(channels) if all_maps else channels[-1], *[width] * count]
        self.convs = nn.Sequential(*(ConvModule(a, width, kernel, dilation=dilation) for a in widths[:-1]))
        self.conv_cat = ConvModule(widths[0] + widths[-1], width, kernel) if concatenated else None
        self.all_maps, self.align_corners = all_maps, align_corners

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x = joined(maps, self.align_corners) if self.all_maps else maps[-1]
        y = self.convs(x)
        return y if self.conv_cat is None else self.conv_cat(torch.cat([x, y], dim=1))


class OcrHead(nn.Module):
    """Each position beside what there is of the classes that it resembles, which a first head finds.

    Args:
        channels: Of the maps that come in.
        width: Channels of the embedding.
        keys: Channels in which positions are compared with classes.
        classes: How many there are.
        first: The first head's width, and further arguments of `FcnHead`; it reads the maps that this one does, or of
            several that are not joined the last but one.
    """

    def __init__(
        self,
        channels: Sequence[int],
        width: int,
        align_corners: bool,
        keys: int,
        classes: int,
        first: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.all_maps, self.align_corners = bool(first["all_maps"]), align_corners
        read = channels if self.all_maps else channels[:-1]
        self.first = _Classes(classes, channels=read, align_corners=align_corners, **first)
        self.bottleneck = ConvModule(sum(channels) if self.all_maps else channels[-1], width, 3)
        self.object_context_block = _ObjectContext(width, keys)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        scores = self.first(maps if self.all_maps else maps[:-1])
        x = self.bottleneck(joined(maps, self.align_corners) if self.all_maps else maps[-1])
        return self.object_context_block(x, class_means(x, scores))


class _Classes(FcnHead):
    """With its classifier."""

    def __init__(self, classes: int, width: int, **given: Any) -> None:
        super().__init__(width=width, **given)
        self.conv_seg = nn.Conv2d(width, classes, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        return self.conv_seg(super().forward(maps))


class _ObjectContext(nn.Module):
    def __init__(self, width: int, keys: int) -> None:
        super().__init__()
        self.query_project, self.key_project = (
            nn.Sequential(ConvModule(width, keys), ConvModule(keys, keys)) for _ in range(2)
        )
        self.value_project, self.out_project = ConvModule(width, keys), ConvModule(keys, width)
        self.bottleneck = ConvModule(2 * width, width)

    def forward(self, x: Tensor, objects: Tensor) -> Tensor:
        context = attended(self.query_project(x), self.key_project(objects), self.value_project(objects))
        return self.bottleneck(torch.cat([self.out_project(context), x], dim=1))


class SegFormerHead(nn.Module):
    """Each level through a 1x1 convolution, upsampled to the finest, side by side from fine to coarse."""

    def __init__(self, channels: Sequence[int], width: int, align_corners: bool) -> None:
        super().__init__()
        self.convs = nn.ModuleList(ConvModule(inputs, width) for inputs in channels)
        self.fusion_conv = ConvModule(len(channels) * width, width)
        self.align_corners = align_corners

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        levels = [conv(x) for conv, x in zip(self.convs, maps[-len(self.convs) :], strict=True)]
        return self.fusion_conv(joined(levels, self.align_corners))


HEADS: dict[str, tuple[str, Callable[..., nn.Module]]] = {
    "ocr": ("object_context_block.query_project.0.conv.weight", OcrHead),
    "upernet": ("fpn_bottleneck.conv.weight", UperHead),
    "segformer": ("fusion_conv.conv.weight", SegFormerHead),
    "deeplabv3plus": ("sep_bottleneck.0.depthwise_conv.conv.weight", DeepLabV3Plus),
    "deeplabv3": ("aspp_modules.0.conv.weight", Pyramid),
    "pspnet": ("psp_modules.0.1.conv.weight", PspHead),
    "fcn": ("convs.0.conv.weight", FcnHead),
}
"""Head -> a weight that it has, and those before it in the list have not, and what makes it."""
