"""Networks as HRNet-Semantic-Segmentation saves them: HRNet with two 1x1 convolutions, or with object context.

Source: github.com/HRNet/HRNet-Semantic-Segmentation; HRNet (Wang et al., TPAMI 2020), which works at four resolutions
side by side and exchanges between them; OCR (Yuan et al., ECCV 2020).
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cirkd.data.catalog import classes_by_count
from cirkd.models.layouts import ASSUMED_INPUT, Hints, Recognised, count_blocks, renamed
from cirkd.models.published_networks import ResidualBlock, conv_norm
from cirkd.models.segmenter import ModelInfo, Segmenter

_PLAIN = {"last_layer.3.": "classifier.", "last_layer.": "decoder.layers.", "": "encoder."}
_OCR = {
    "cls_head.": "classifier.",
    **{f"{n}.": f"decoder.{n}." for n in ("conv3x3_ocr", "aux_head", "ocr_distri_head")},
    "": "encoder.",
}


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The network that a state dict with these names belongs to; None for other names."""
    context = tensors.get("ocr_distri_head.object_context_block.f_up.0.weight")
    ocr = context is not None
    classifier = tensors.get("cls_head.weight" if ocr else "last_layer.3.weight")
    if classifier is None or "stage4.0.branches.3.0.conv1.weight" not in tensors:
        return None
    classes, note = classes_by_count(classifier.shape[0])
    options = hrnet_options(tensors)
    if ocr:
        corners = "align_corners true, as its settings have it; --align-corners false for one trained otherwise"
    else:
        corners = "align_corners false, as in its first branches; give --align-corners for one trained otherwise"
    info = ModelInfo(
        architecture="hrnet_ocr" if ocr else "hrnet",
        encoder=f"hrnet_w{options['widths'][0]}",
        output_stride=4,
        embedding_channels=classifier.shape[1],
        auxiliary=False,
        classes=classes,
        options=options if context is None else {**options, "keys": int(context.shape[1])},
        layout="hrnet",
        notes=(note, corners, ASSUMED_INPUT),
        align_corners=ocr,
    )
    ignored = () if ocr else tuple(name for name in tensors if name.startswith("aux_head."))
    kept = {name: value for name, value in tensors.items() if name not in ignored}
    return Recognised(info, renamed(kept, _OCR if ocr else _PLAIN), ignored)


def build(info: ModelInfo) -> Segmenter:
    """The network that an info of this layout describes, with fresh weights."""
    options = dict(info.options)
    keys, width, corners = int(options.pop("keys", 0)), info.embedding_channels, info.align_corners
    encoder = HRNet(**options, twice=False, align_corners=corners)
    channels = encoder.out_channels
    decoder = ObjectContext(channels, width, keys, len(info.classes), corners) if keys else None
    return Segmenter(encoder, decoder or JoinedMaps(channels, width, corners), info)


def hrnet_options(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The sizes of an HRNet, as they show in its weights."""
    return {
        "first_width": int(tensors["layer1.0.conv1.weight"].shape[0]),
        "first_blocks": count_blocks(tensors, "layer1."),
        "widths": [int(tensors[f"stage4.0.branches.{i}.0.conv1.weight"].shape[0]) for i in range(4)],
        "modules": [count_blocks(tensors, f"stage{stage}.") for stage in (2, 3, 4)],
        "blocks": [count_blocks(tensors, f"stage{stage}.0.branches.0.") for stage in (2, 3, 4)],
    }


class HRNet(nn.Module):
    """Returns the maps at strides 4, 8, 16 and 32.

    Args:
        first_width, first_blocks: Of the bottlenecks that come before the first exchange.
        widths: Channels at each stride.
        modules: How many exchanges each of the three stages has.
        blocks: How many residual blocks stand before each.
        twice: Whether a coarser map, on its way to a finer one, is upsampled by 2, 4 or 8 and then brought to the
            finer one's size once more (mmsegmentation), or goes there in one step.
        align_corners: Of that upsampling.
    """

    def __init__(
        self,
        first_width: int,
        first_blocks: int,
        widths: Sequence[int],
        modules: Sequence[int],
        blocks: Sequence[int],
        twice: bool,
        align_corners: bool,
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_norm(3, 64, 3, 2)
        self.conv2, self.bn2 = conv_norm(64, 64, 3, 2)
        inputs = [64] + [4 * first_width] * (first_blocks - 1)
        self.layer1 = nn.Sequential(
            *(ResidualBlock(n, first_width, 1, 1, 1, True, project=n != 4 * first_width) for n in inputs)
        )
        before = [4 * first_width]
        for stage, (count, depth) in enumerate(zip(modules, blocks, strict=True), 2):
            now = list(widths[:stage])
            setattr(self, f"transition{stage - 1}", _transition(before, now))
            exchanges = (Exchange(now, depth, twice, align_corners) for _ in range(count))
            setattr(self, f"stage{stage}", nn.ModuleList(exchanges))
            before = now
        self.out_channels = before

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        maps = [self.layer1(x)]
        for stage in (2, 3, 4):
            transition = getattr(self, f"transition{stage - 1}")
            # A new branch starts from the coarsest map there is.
            maps = [layer(maps[min(i, len(maps) - 1)]) for i, layer in enumerate(transition)]
            for exchange in getattr(self, f"stage{stage}"):
                maps = exchange(maps)
        return maps


def _layer(inputs: int, outputs: int, kernel: int, stride: int, active: bool = True) -> nn.Sequential:
    return nn.Sequential(*conv_norm(inputs, outputs, kernel, stride), *([nn.ReLU()] if active else []))


def _transition(before: Sequence[int], now: Sequence[int]) -> nn.ModuleList:
    layers: list[nn.Module] = []
    for i, width in enumerate(now):
        if i < len(before):
            layers.append(nn.Identity() if before[i] == width else _layer(before[i], width, 3, 1))
        else:
            layers.append(nn.Sequential(_layer(before[-1], width, 3, 2)))
    return nn.ModuleList(layers)


class Exchange(nn.Module):
    """Residual blocks at each resolution, after which each map is given the sum of all."""

    def __init__(self, widths: Sequence[int], depth: int, twice: bool, align_corners: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(w, w, 1, 1, 1, False, project=False) for _ in range(depth))) for w in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_way(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )
        self.twice, self.align_corners = twice, align_corners

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        own = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        fused = []
        for target, ways in enumerate(self.fuse_layers):
            arrived = [
                self._brought(way(x), own[target], source - target)
                for source, (way, x) in enumerate(zip(cast(nn.ModuleList, ways), own, strict=True))
            ]
            fused.append(F.relu(sum(arrived[1:], arrived[0])))
        return fused

    def _brought(self, x: Tensor, target: Tensor, steps: int) -> Tensor:
        if steps <= 0:
            return x
        if self.twice:
            x = F.interpolate(x, scale_factor=2**steps, mode="bilinear", align_corners=False)
        return F.interpolate(x, size=target.shape[2:], mode="bilinear", align_corners=self.align_corners)


def _way(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """From one resolution to another, but for the upsampling."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(*conv_norm(widths[source], widths[target], 1))
    steps = target - source
    last = [_layer(widths[source], widths[target], 3, 2, active=False)]
    return nn.Sequential(*(_layer(widths[source], widths[source], 3, 2) for _ in range(steps - 1)), *last)


class JoinedMaps(nn.Module):
    """All maps at the finest one's size side by side, then a 1x1 convolution to the embedding."""

    def __init__(self, channels: Sequence[int], width: int, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.layers = nn.Sequential(nn.Conv2d(sum(channels), width, 1), nn.BatchNorm2d(width), nn.ReLU())

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        return self.layers(joined(maps, self.align_corners))


def joined(maps: Sequence[Tensor], align_corners: bool) -> Tensor:
    """Maps at the first one's size, side by side."""
    size = maps[0].shape[2:]
    others = [F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners) for x in maps[1:]]
    return torch.cat([maps[0], *others], dim=1)


def class_means(x: Tensor, scores: Tensor) -> Tensor:
    """The embedding of each class in an image, `[b, d, classes, 1]`: the mean of a map `[b, d, h, w]` where it is.

    Args:
        scores: Of the classes `[b, classes, h, w]`; their softmax over positions says where each is.
    """
    return torch.einsum("bkn,bcn->bck", scores.flatten(2).softmax(dim=2), x.flatten(2))[..., None]


def attended(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """What each position `[b, c, h, w]` of a query takes of values `[b, d, n, 1]` by its likeness to their keys."""
    weights = torch.einsum("bcn,bck->bnk", query.flatten(2), keys.flatten(2)) * query.shape[1] ** -0.5
    return torch.einsum("bnk,bck->bcn", weights.softmax(dim=2), values.flatten(2)).unflatten(2, query.shape[2:])


def _pointwise(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 1, bias=False), nn.Sequential(nn.BatchNorm2d(outputs), nn.ReLU())]


class ObjectContext(nn.Module):
    """Each position is given what there is of the classes that it resembles, with the parameter names of HRNet + OCR.

    A first classifier says where each class is; the mean embedding there is the class's; positions attend to these.
    """

    def __init__(self, channels: Sequence[int], width: int, keys: int, classes: int, align_corners: bool) -> None:
        super().__init__()
        total = sum(channels)
        self.conv3x3_ocr = nn.Sequential(nn.Conv2d(total, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.aux_head = nn.Sequential(
            nn.Conv2d(total, total, 1), nn.BatchNorm2d(total), nn.ReLU(), nn.Conv2d(total, classes, 1)
        )
        self.ocr_distri_head = _Attention(width, keys)
        self.align_corners = align_corners

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x = joined(maps, self.align_corners)
        scores, x = self.aux_head(x), self.conv3x3_ocr(x)
        return self.ocr_distri_head(x, class_means(x, scores))


class _Attention(nn.Module):
    def __init__(self, width: int, keys: int) -> None:
        super().__init__()
        two = [nn.Sequential(*_pointwise(width, keys), *_pointwise(keys, keys)) for _ in range(2)]
        ways = {"f_pixel": two[0], "f_object": two[1]}
        ways |= {"f_down": nn.Sequential(*_pointwise(width, keys)), "f_up": nn.Sequential(*_pointwise(keys, width))}
        self.object_context_block = nn.ModuleDict(ways)
        self.conv_bn_dropout = nn.Sequential(*_pointwise(2 * width, width))

    def forward(self, x: Tensor, objects: Tensor) -> Tensor:
        ways = self.object_context_block
        context = attended(ways["f_pixel"](x), ways["f_object"](objects), ways["f_down"](objects))
        return self.conv_bn_dropout(torch.cat([ways["f_up"](context), x], dim=1))
