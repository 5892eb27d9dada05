"""The files that the authors of CIRKD published, of the paper and of its second version.

DeepLabV3 and PSPNet on a ResNet or MobileNetV2, and SegFormer, for any number of classes, with or without the auxiliary
head. Their networks take BGR in 0..255 with a mean subtracted.

Source: github.com/winycg/CIRKD (Yang et al., CVPR 2022, and its extension CIRKDv2).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from cirkd.data.catalog import classes_by_count
from cirkd.data.errors import CheckpointError
from cirkd.data.sample import Classes
from cirkd.models import published_networks as nets
from cirkd.models.build import FcnHead
from cirkd.models.fit import compare
from cirkd.models.layouts import Hints, Recognised, count_blocks, renamed
from cirkd.models.segmenter import ModelInfo, Preprocessing, Segmenter
from cirkd.models.weight_files import read_weights

PREPROCESSING = Preprocessing(
    mean=(122.67891434 / 255, 116.66876762 / 255, 104.00698793 / 255),
    std=(1 / 255, 1 / 255, 1 / 255),
    channel_order="bgr",
)

OUTPUT_STRIDE = 8
"""Of the ones on a ResNet or MobileNetV2."""

RESNETS: dict[str, tuple[tuple[int, int, int, int], bool]] = {
    "resnet18": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
    "resnet101": ((3, 4, 23, 3), True),
    "resnet152": ((3, 8, 36, 3), True),
}
"""Blocks of each stage, and whether they are bottlenecks."""

MIX_TRANSFORMERS: dict[str, tuple[int, tuple[int, int, int, int]]] = {
    "mit_b0": (32, (2, 2, 2, 2)),
    "mit_b1": (64, (2, 2, 2, 2)),
    "mit_b2": (64, (3, 4, 6, 3)),
    "mit_b3": (64, (3, 4, 18, 3)),
    "mit_b4": (64, (3, 8, 27, 3)),
    "mit_b5": (64, (3, 6, 40, 3)),
}
"""Width of the first stage, and blocks of each."""

_NAMES = {
    "pretrained.net.": "encoder.",
    "pretrained.": "encoder.",
    "head.block.4.": "classifier.",
    "head.classifier.": "classifier.",
    "head.": "decoder.",
    "auxlayer.block.": "auxiliary.layers.",
    "linear_pred.": "classifier.",
    "linear_": "decoder.linear_",
    "patch_embed": "encoder.patch_embed",
    "block": "encoder.block",
    "norm": "encoder.norm",
}
_IGNORED = ("pretrained.fc.", "pretrained.net.classifier.")


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The network that a state dict with the published names belongs to; None for other names."""
    described = _describe(tensors)
    if described is None:
        return None
    architecture, encoder, embedding, classifier, options = described
    classes, note = classes_by_count(classifier.shape[0])
    info = ModelInfo(
        architecture=architecture,
        encoder=encoder,
        output_stride=4 if architecture == "segformer" else OUTPUT_STRIDE,
        embedding_channels=embedding.shape[0],
        auxiliary=any(key.startswith("auxlayer.") for key in tensors),
        classes=classes,
        preprocessing=PREPROCESSING,
        options=options,
        layout="published",
        notes=(note,),
    )
    ignored = tuple(key for key in tensors if key.startswith(_IGNORED))
    kept = {key: value for key, value in tensors.items() if key not in ignored}
    return Recognised(info, renamed(kept, _NAMES), ignored)


def build(info: ModelInfo) -> Segmenter:
    """The network that an info of this layout describes, with fresh weights.

    Its options may hold `dropout`, before the classifiers, and `pyramid_dropout`; else they are as published.

    Raises:
        CheckpointError: an architecture or encoder that was not published.
    """
    encoder, channels = _encoder(info.encoder)
    width = info.embedding_channels
    rates = {name: float(info.options[name]) for name in ("dropout", "pyramid_dropout") if name in info.options}
    decoders: dict[str, Callable[[], nn.Module]] = {
        "deeplabv3": lambda: nets.DeepLabHead(channels[-1], int(info.options["pyramid_channels"]), width, **rates),
        "pspnet": lambda: nets.PspHead(channels[-1], width, dropout=rates.get("dropout", nets.DROPOUT)),
        "segformer": lambda: nets.SegFormerHead(channels, width),
    }
    if info.architecture not in decoders or (info.architecture == "segformer") != (info.encoder in MIX_TRANSFORMERS):
        raise CheckpointError(f"{info.architecture} on {info.encoder} was not published; save the model again")
    auxiliary = FcnHead(channels[-2], len(info.classes), rates.get("dropout", 0.1)) if info.auxiliary else None
    return Segmenter(encoder, decoders[info.architecture](), info, auxiliary)


def fresh(architecture: str, encoder: str, classes: Classes, width: int, auxiliary: bool, **options: Any) -> Segmenter:
    """A published DeepLabV3 or PSPNet with fresh weights.

    Args:
        width: Of the pixel embedding.
        options: As `build` reads them.

    Raises:
        CheckpointError: an architecture or encoder that was not published.
    """
    info = ModelInfo(
        architecture=architecture,
        encoder=encoder,
        output_stride=OUTPUT_STRIDE,
        embedding_channels=width,
        auxiliary=auxiliary,
        classes=classes,
        preprocessing=PREPROCESSING,
        options={**({"pyramid_channels": width} if architecture == "deeplabv3" else {}), **options},
        layout="published",
    )
    return build(info)


def load_encoder(student: Segmenter, path: Path) -> None:
    """Start a published encoder from a file of its ImageNet weights; those of a classification head are left out.

    Raises:
        CheckpointError: no such file, or weights of another network.
    """
    content = read_weights(path).content
    found = {name: value for name, value in content.items() if isinstance(value, Tensor) and not name.startswith("fc.")}
    fit = compare(student.encoder, found)
    if not fit.complete:
        raise CheckpointError(
            f"{path}: not the weights of the published {student.info.encoder} ({fit.complaint()}); "
            "give ImageNet weights of that network"
        )
    student.encoder.load_state_dict(found, strict=False)


def _describe(tensors: Mapping[str, Tensor]) -> tuple[str, str, Tensor, Tensor, dict[str, Any]] | None:
    """Architecture, encoder, the tensors whose first side is the embedding's width and the class count, options."""
    if "linear_pred.weight" in tensors and "linear_fuse.0.weight" in tensors and "patch_embed1.proj.weight" in tensors:
        embedding, classifier = tensors["linear_fuse.0.weight"], tensors["linear_pred.weight"]
        return "segformer", _mix_transformer(tensors), embedding, classifier, {}
    encoder = _convolutional(tensors)
    if encoder is None or "head.block.0.weight" not in tensors:
        return None
    embedding = tensors["head.block.0.weight"]
    if "head.block.4.weight" in tensors and "head.aspp.b0.0.weight" in tensors:
        options = {"pyramid_channels": tensors["head.aspp.b0.0.weight"].shape[0]}
        return "deeplabv3", encoder, embedding, tensors["head.block.4.weight"], options
    if "head.classifier.weight" in tensors and "head.psp.conv1.0.weight" in tensors:
        return "pspnet", encoder, embedding, tensors["head.classifier.weight"], {}
    return None


def _convolutional(tensors: Mapping[str, Tensor]) -> str | None:
    if "pretrained.net.features.0.0.weight" in tensors:
        return "mobilenetv2"
    if "pretrained.layer1.0.conv1.weight" not in tensors:
        return None
    blocks = tuple(count_blocks(tensors, f"pretrained.layer{stage}.") for stage in range(1, 5))
    form = blocks, "pretrained.layer1.0.conv3.weight" in tensors
    return next((name for name, known in RESNETS.items() if known == form), f"resnet of {blocks}")


def _mix_transformer(tensors: Mapping[str, Tensor]) -> str:
    blocks = tuple(count_blocks(tensors, f"block{stage}.") for stage in range(1, 5))
    form = tensors["patch_embed1.proj.weight"].shape[0], blocks
    return next((name for name, known in MIX_TRANSFORMERS.items() if known == form), f"mit of {form}")


def _encoder(name: str) -> tuple[nn.Module, list[int]]:
    """An encoder with fresh weights, and the widths of its last four maps."""
    if name in MIX_TRANSFORMERS:
        from segmentation_models_pytorch.encoders import get_encoder

        body = get_encoder(name, weights=None)
        return body, list(body.out_channels)[-4:]
    if name == "mobilenetv2":
        mobile = nets.MobileNetV2()
        return mobile, mobile.out_channels
    if name not in RESNETS:
        known = ", ".join([*RESNETS, "mobilenetv2", *MIX_TRANSFORMERS])
        raise CheckpointError(f"encoder {name!r} is none that was published; these are: {known}")
    residual = nets.ResNet(*RESNETS[name])
    return residual, residual.out_channels
