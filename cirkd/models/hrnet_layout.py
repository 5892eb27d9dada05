"""Networks as HRNet-Semantic-Segmentation saves them: HRNet with a head of two 1x1 convolutions, without OCR.

Source: github.com/HRNet/HRNet-Semantic-Segmentation.
"""

from collections.abc import Mapping

from torch import Tensor

from cirkd.data.palettes import classes_by_count
from cirkd.models.hrnet import HRNet, JoinedMaps, hrnet_options
from cirkd.models.layouts import Hints, Recognised, renamed
from cirkd.models.segmenter import ModelInfo, Segmenter

_NAMES = {"last_layer.3.": "classifier.", "last_layer.": "decoder.layers."}


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The network that a state dict with these names belongs to; None for other names."""
    if "last_layer.3.weight" not in tensors or "stage4.0.branches.3.0.conv1.weight" not in tensors:
        return None
    classifier = tensors["last_layer.3.weight"]
    classes, note = classes_by_count(classifier.shape[0])
    options = hrnet_options(tensors)
    info = ModelInfo(
        architecture="hrnet",
        encoder=f"hrnet_w{options['widths'][0]}",
        output_stride=4,
        embedding_channels=classifier.shape[1],
        auxiliary=False,
        classes=classes,
        options=options,
        layout="hrnet",
        notes=(note, "align_corners false, as in its first branches; give --align-corners for one trained otherwise"),
        align_corners=False,
    )
    ignored = tuple(name for name in tensors if name.startswith("aux_head."))
    kept = {name: value for name, value in tensors.items() if name not in ignored}
    new = {
        name if name.startswith(("decoder.", "classifier.")) else f"encoder.{name}": value
        for name, value in renamed(kept, _NAMES).items()
    }
    return Recognised(info, new, ignored)


def build(info: ModelInfo) -> Segmenter:
    """The network that an info of this layout describes, with fresh weights."""
    encoder = HRNet(**info.options, twice=False, align_corners=info.align_corners)
    return Segmenter(encoder, JoinedMaps(encoder.out_channels, info.embedding_channels, info.align_corners), info)
