"""Networks of segmentation-models-pytorch: all its architectures, on any of its encoders or timm's.

A folder that `save_pretrained` wrote says what it holds; a plain state dict is recognised by its names and shapes, or
by what the user says. The pixel embedding is the input of the segmentation head's first convolution.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from cirkd.data.catalog import classes_by_count
from cirkd.data.errors import CheckpointError
from cirkd.models.layouts import ASSUMED_INPUT, BY_DEFAULT, Hints, Recognised
from cirkd.models.segmenter import ModelInfo, Preprocessing, SegmentationOutput, Segmenter

ARCHITECTURES = {
    "unet": 1,
    "unetplusplus": 1,
    "manet": 1,
    "linknet": 1,
    "fpn": 4,
    "pspnet": 8,
    "deeplabv3": 8,
    "deeplabv3plus": 4,
    "pan": 4,
    "upernet": 4,
    "segformer": 4,
    "dpt": 2,
}
"""Architecture -> input pixels a position of its embedding map, per side."""
_SETTINGS = re.compile(r"(encoder|decoder|psp)_\w+|dynamic_img_size|img_size|pretrained_image_size")
"""What may be set; whatever else a file says, such as where to fetch weights, is not followed."""
_SETTLED = {"encoder_name", "encoder_weights", "in_channels", "classes", "activation", "aux_params", "upsampling"}
_ENCODER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
_HALF = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_TWINS = {"inceptionresnetv2": "inception_resnet_v2", "inceptionv4": "inception_v4", "xception": "legacy_xception"}
"""Encoders of SMP that timm has under another name."""


def recognise(tensors: Mapping[str, Tensor], hints: Hints) -> Recognised | None:
    """The network that a state dict belongs to, by `config.json`, by the hints or by itself; None for other names.

    Raises:
        CheckpointError: it is one of SMP's and can't be told or built; says what to give.
    """
    head = next((k for k in ("segmentation_head.0.weight", "segmentation_head.head.0.weight") if k in tensors), None)
    if head is None:
        return None
    from cirkd.models.smp_inference import (
        has_encoder,
        infer_architecture,
        infer_depth,
        infer_encoder,
        infer_settings,
    )

    config = dict(hints.config or {}) if "_model_class" in (hints.config or {}) else {}
    architecture = (hints.architecture or str(config.get("_model_class", "")) or infer_architecture(tensors)).lower()
    if architecture not in ARCHITECTURES:
        raise CheckpointError(
            f"architecture {architecture!r} is none of SMP's; choose one of: {', '.join(ARCHITECTURES)}"
        )
    if hints.architecture:
        _refuse_another("architecture", architecture, lambda: infer_architecture(tensors))
    settings = _settings(config) if config else infer_settings(architecture, tensors)
    if hints.encoder:
        check_encoder_name(hints.encoder)
        if not has_encoder(hints.encoder, tensors, settings):
            _refuse_another("encoder", hints.encoder, lambda: infer_encoder(tensors, settings))
    encoder = hints.encoder or config.get("encoder_name") or infer_encoder(tensors, settings)
    if not config:
        settings = {**settings, **infer_depth(architecture, str(encoder), tensors)}
    ignored = tuple(name for name in tensors if name.startswith("classification_head."))
    kept = {_new_name(name, str(encoder)): value for name, value in tensors.items() if name not in ignored}
    last = [name for name in kept if name.startswith("classifier.") and name.endswith("weight")][-1]
    classes, note = classes_by_count(kept[last].shape[0])
    notes = (note, ASSUMED_INPUT)
    if not config:
        notes = (*notes, BY_DEFAULT.format("SMP"))
    info = ModelInfo(
        architecture=architecture,
        encoder=str(encoder),
        output_stride=_stride(architecture, settings),
        embedding_channels=tensors[head].shape[1],
        auxiliary=False,
        classes=classes,
        preprocessing=_HALF if config.get("encoder_weights") == "advprop" else preprocessing_of(str(encoder)),
        options=settings,
        layout="smp",
        notes=notes,
    )
    return Recognised(info, kept, ignored)


def _stride(architecture: str, settings: Mapping[str, Any]) -> int:
    """Input pixels a position of the embedding map, per side; for FPN and PSPNet they depend on the encoder's depth."""
    from cirkd.models.smp_inference import DEPTHS

    usual = ARCHITECTURES[architecture]
    if architecture not in ("fpn", "pspnet"):
        return usual
    return max(1, int(usual * 2.0 ** (int(settings.get("encoder_depth", DEPTHS[architecture])) - DEPTHS[architecture])))


def _refuse_another(what: str, given: str, infer: Callable[[], str]) -> None:
    """Refuse a name that was given where the weights show that they are of another one that is known."""
    try:
        found = infer()
    except CheckpointError:
        return  # of what is not known, the user knows more
    if found != given:
        raise CheckpointError(
            f"{what} {given} was given, and the weights are those of {found}; leave --{what} out, or give {found}"
        )


def build(info: ModelInfo) -> Segmenter:
    """The network of SMP that an info describes, with fresh weights; nothing is fetched.

    Raises:
        CheckpointError: SMP can't build it.
    """
    check_encoder_name(info.encoder)
    import segmentation_models_pytorch as smp

    settings = _settings(info.options)
    if info.architecture == "dpt":
        settings.setdefault("dynamic_img_size", True)
    try:
        model: Any = smp.create_model(
            info.architecture, info.encoder, encoder_weights=None, classes=len(info.classes), **settings
        )
    except (KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError, AssertionError) as error:
        text = " ".join(str(error).split())[:120]
        raise CheckpointError(
            f"SMP cannot build {info.architecture} on {info.encoder} ({text}); check --architecture and --encoder"
        ) from None
    return SmpSegmenter(model, info)


class SmpSegmenter(Segmenter):
    """A network of SMP: images are padded to the sides that it can take, and what comes out is cropped again."""

    def __init__(self, model: Any, info: ModelInfo) -> None:
        head = model.segmentation_head
        super().__init__(model.encoder, model.decoder, info, classifier=head.head if hasattr(head, "head") else head[0])
        self.multiple = int(model.encoder.output_stride) if model.requires_divisible_input_shape else 1

    def forward(self, batch: Tensor) -> SegmentationOutput:
        height, width = batch.shape[-2:]
        right, below = -width % self.multiple, -height % self.multiple
        padded = F.pad(batch, (0, right, 0, below)) if right or below else batch
        features = self.encoder(padded)
        embedding = self.decoder(*features) if self.info.architecture == "dpt" else self.decoder(features)
        if right or below:
            rows = -(-height * embedding.shape[-2] // padded.shape[-2])
            columns = -(-width * embedding.shape[-1] // padded.shape[-1])
            embedding = embedding[..., :rows, :columns]
        return SegmentationOutput(self.classifier(embedding), embedding)


def preprocessing_of(encoder: str) -> Preprocessing:
    """What an encoder's ImageNet weights were trained with, by timm's own table, which needs no network.

    >>> preprocessing_of("timm-tf_efficientnet_lite0").mean
    (0.5, 0.5, 0.5)
    """
    import timm

    # Other encoders than timm's keep the usual statistics, but for those that timm has from the same source.
    name = _TWINS.get(encoder) or next((encoder.removeprefix(p) for p in ("tu-", "timm-") if encoder.startswith(p)), "")
    if not name and not encoder.startswith("dpn"):
        return Preprocessing()
    found: Any = timm.models.get_pretrained_cfg(name or encoder) or timm.models.get_pretrained_cfg(
        name.replace("-", "_"), allow_unregistered=True
    )
    if found is not None and found.mean and len(found.mean) == 3 and len(found.std) == 3:
        return Preprocessing(tuple(found.mean), tuple(found.std))
    return Preprocessing()


def check_encoder_name(name: str) -> None:
    """A name of an encoder, and not an address that would be fetched or a file that would be opened.

    Raises:
        CheckpointError: it is no plain name.
    """
    if not _ENCODER_NAME.fullmatch(name):
        raise CheckpointError(f"encoder {name[:60]!r} is no plain name; take one that SMP lists, or tu-NAME of timm")


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a network out of a `config.json` or a header: plain values of known names.

    Raises:
        CheckpointError: a setting that is not known, or lists without end.
    """
    kept = {k: v for k, v in config.items() if k not in _SETTLED and not k.startswith("_") and v is not None}
    for name, value in kept.items():
        if not _SETTINGS.fullmatch(name):
            raise CheckpointError(f"the setting {name[:60]!r} is not read; save the state dict, and give --encoder")
        if isinstance(value, list | tuple) and len(value) > 16:
            raise CheckpointError(f"{name}: a list of {len(value)} values, at most 16 were wanted; check config.json")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}


def _new_name(name: str, encoder: str) -> str:
    if name.startswith("segmentation_head."):
        return re.sub(r"^segmentation_head\.(head|0)\.", "classifier.", name)
    if encoder.startswith("tu-") and name.startswith("encoder.") and not name.startswith("encoder.model."):
        # Files of encoders that SMP once had of its own.
        name = "encoder.model." + name.removeprefix("encoder.")
    for old, new in (("decoder.0.", "decoder.aspp."), ("decoder.1.", "decoder.conv."), ("decoder.2.", "decoder.bn.")):
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
