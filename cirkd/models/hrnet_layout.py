"""Networks as HRNet-Semantic-Segmentation saves them: HRNet with two 1x1 convolutions, or with object context.

Source: github.com/HRNet/HRNet-Semantic-Segmentation; OCR (Yuan et al., ECCV 2020).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from cirkd.data.palettes import classes_by_count
from cirkd.models.hrnet import HRNet, JoinedMaps, attended, class_means, hrnet_options, joined
from cirkd.models.layouts import Hints, Recognised, renamed
from cirkd.models.segmenter import ModelInfo, Segmenter

_PLAIN = {"last_layer.3.": "classifier.", "last_layer.": "decoder.layers."}
_OCR = {
    "cls_head.": "classifier.",
    **{f"{n}.": f"decoder.{n}." for n in ("conv3x3_ocr", "aux_head", "ocr_distri_head")},
}


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The network that a state dict with these names belongs to; None for other names."""
    ocr = "ocr_distri_head.object_context_block.f_up.0.weight" in tensors
    classifier = tensors.get("cls_head.weight" if ocr else "last_layer.3.weight")
    if classifier is None or "stage4.0.branches.3.0.conv1.weight" not in tensors:
        return None
    classes, note = classes_by_count(classifier.shape[0])
    options = hrnet_options(tensors)
    if ocr:
        keys = int(tensors["ocr_distri_head.object_context_block.f_up.0.weight"].shape[1])
        corners = "align_corners true, as its settings have it; --align-corners false for one trained otherwise"
    else:
        keys = 0
        corners = "align_corners false, as in its first branches; give --align-corners for one trained otherwise"
    info = ModelInfo(
        architecture="hrnet_ocr" if ocr else "hrnet",
        encoder=f"hrnet_w{options['widths'][0]}",
        output_stride=4,
        embedding_channels=classifier.shape[1],
        classes=classes,
        options={**options, **({"keys": keys} if ocr else {})},
        layout="hrnet",
        notes=(note, corners),
        align_corners=ocr,
    )
    ignored = () if ocr else tuple(name for name in tensors if name.startswith("aux_head."))
    kept = {name: value for name, value in tensors.items() if name not in ignored}
    new = {
        name if name.startswith(("decoder.", "classifier.")) else f"encoder.{name}": value
        for name, value in renamed(kept, _OCR if ocr else _PLAIN).items()
    }
    return Recognised(info, new, ignored)


def build(info: ModelInfo) -> Segmenter:
    """The network that an info of this layout describes, with fresh weights."""
    options = dict(info.options)
    keys, width, corners = int(options.pop("keys", 0)), info.embedding_channels, info.align_corners
    encoder = HRNet(**options, twice=False, align_corners=corners)
    channels = encoder.out_channels
    decoder = ObjectContext(channels, width, keys, len(info.classes), corners) if keys else None
    return Segmenter(encoder, decoder or JoinedMaps(channels, width, corners), info)


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
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
        two = [nn.Sequential(*_layer(width, keys), *_layer(keys, keys)) for _ in range(2)]
        ways = {"f_pixel": two[0], "f_object": two[1]}
        ways |= {"f_down": nn.Sequential(*_layer(width, keys)), "f_up": nn.Sequential(*_layer(keys, width))}
        self.object_context_block = nn.ModuleDict(ways)
        self.conv_bn_dropout = nn.Sequential(*_layer(2 * width, width))

    def forward(self, x: Tensor, objects: Tensor) -> Tensor:
        ways = self.object_context_block
        context = attended(ways["f_pixel"](x), ways["f_object"](objects), ways["f_down"](objects))
        return self.conv_bn_dropout(torch.cat([ways["f_up"](context), x], dim=1))
