"""Networks by name: DeepLabV3, PSPNet and SegFormer's decoder on encoders of segmentation-models-pytorch.

Source: DeepLabV3 (Chen et al., 2017), PSPNet (Zhao et al., CVPR 2017), SegFormer (Xie et al., NeurIPS 2021).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from cirkd.data.errors import CheckpointError
from cirkd.data.sample import Classes
from cirkd.models.pretrained import load_imagenet_weights
from cirkd.models.segmenter import ModelInfo, Preprocessing, Segmenter


def _deeplabv3(
    encoder_channels: Sequence[int],
    width: int,
    *,
    atrous_rates: Sequence[int] = (12, 24, 36),
    pyramid_dropout: float = 0.1,
) -> nn.Module:
    from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3Decoder

    rates = tuple(atrous_rates)
    return DeepLabV3Decoder(encoder_channels[-1], width, rates, aspp_separable=False, aspp_dropout=pyramid_dropout)


def _pspnet(encoder_channels: Sequence[int], width: int, *, dropout: float = 0.1) -> nn.Module:
    from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder

    return PSPDecoder(list(encoder_channels), use_norm="batchnorm", out_channels=width, dropout=dropout)


def _segformer(encoder_channels: Sequence[int], width: int) -> nn.Module:
    from cirkd.models.all_levels import AllLevelDecoder

    return AllLevelDecoder(list(encoder_channels), segmentation_channels=width)


@dataclass(frozen=True)
class Architecture:
    """A way from an encoder's maps to the pixel embedding: an entry of `ARCHITECTURES`.

    Args:
        decoder: Makes it out of the maps' channels, the embedding's width and the options.
        strides: Input pixels a position of the embedding map, per side, that it can have.
        encoder_stride: Of the encoder's last map; where None, that of the embedding, and the last maps are dilated.
        options: Names of further arguments of `decoder` that a recipe's network has; None there is left out.
    """

    decoder: Callable[..., nn.Module]
    strides: tuple[int, ...]
    encoder_stride: int | None = None
    options: tuple[str, ...] = ()


ARCHITECTURES: dict[str, Architecture] = {
    "deeplabv3": Architecture(_deeplabv3, strides=(8, 16), options=("atrous_rates", "pyramid_dropout")),
    "pspnet": Architecture(_pspnet, strides=(8, 16)),
    # It reads all levels of an encoder as it is.
    "segformer": Architecture(_segformer, strides=(4,), encoder_stride=32),
}


def build_segmenter(
    architecture: str,
    encoder: str,
    classes: Classes,
    *,
    output_stride: int = 8,
    embedding_channels: int = 256,
    auxiliary: bool = False,
    preprocessing: Preprocessing | None = None,
    pretrained: bool = False,
    input_scale: float | None = None,
    **options: Any,
) -> Segmenter:
    """Build a network with fresh weights.

    Args:
        architecture: A key of `ARCHITECTURES`.
        encoder: An encoder's name in segmentation-models-pytorch; `tu-NAME` for any timm model.
        classes: What the logits name.
        output_stride: One of the architecture's strides: 8 or 16, and 4 for segformer.
        embedding_channels: Width of the pixel embedding.
        auxiliary: Add an FCN head on the encoder's last map but one, used in training only.
        preprocessing: ImageNet statistics when None.
        pretrained: Start the encoder from ImageNet weights; they bring their own mean and standard deviation.
        input_scale: Input size divided by image size, per side; 0.5 halves the image; when None that of
            `preprocessing`.
        options: Arguments of the architecture, such as `atrous_rates`.

    Raises:
        CheckpointError: unknown architecture or encoder, a stride it can't have, or weights that can't be had.

    Example:
        >>> from cirkd.data.palettes import CAMVID
        >>> build_segmenter("segformer", "tu-mobilenetv3_small_050", CAMVID, output_stride=4).info.embedding_channels
        256
    """
    if architecture not in ARCHITECTURES:
        raise CheckpointError(f"there is no architecture {architecture!r}; choose one of: {', '.join(ARCHITECTURES)}")
    entry = ARCHITECTURES[architecture]
    if output_stride not in entry.strides:
        offered = " or ".join(map(str, entry.strides))
        raise CheckpointError(f"output stride {output_stride} is not offered by {architecture}; choose {offered}")
    body = _encoder(encoder, entry.encoder_stride or output_stride)
    preprocessing = load_imagenet_weights(body, encoder) if pretrained else preprocessing or Preprocessing()
    if input_scale is not None:
        preprocessing = replace(preprocessing, scale=input_scale)
    channels: list[int] = body.out_channels  # pyright: ignore[reportAssignmentType]
    info = ModelInfo(
        architecture=architecture,
        encoder=encoder,
        output_stride=output_stride,
        embedding_channels=embedding_channels,
        auxiliary=auxiliary,
        classes=classes,
        preprocessing=preprocessing,
        options=options,
    )
    decoder = entry.decoder(channels, embedding_channels, **options)
    head = FcnHead(channels[-2], len(classes)) if auxiliary else None
    return Segmenter(body, decoder, info, head)


def build_from_info(info: ModelInfo) -> Segmenter:
    """Build the network that an info describes, of this project's layout or another, with fresh weights.

    Raises:
        CheckpointError: it can't be built.
    """
    if info.layout != "cirkd":
        from cirkd.models.layouts import build_layout

        return build_layout(info)
    model = build_segmenter(
        info.architecture,
        info.encoder,
        info.classes,
        output_stride=info.output_stride,
        embedding_channels=info.embedding_channels,
        auxiliary=info.auxiliary,
        preprocessing=info.preprocessing,
        # Named here, so that no file can ask for them: opening a checkpoint fetches nothing.
        pretrained=False,
        input_scale=None,
        **info.options,
    )
    model.info = replace(model.info, provenance=info.provenance, notes=info.notes, align_corners=info.align_corners)
    return model


def _encoder(name: str, output_stride: int) -> nn.Module:
    from segmentation_models_pytorch.encoders import get_encoder

    from cirkd.models.smp import check_encoder_name

    check_encoder_name(name)
    try:
        return get_encoder(name, in_channels=3, depth=5, weights=None, output_stride=output_stride)
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"encoder {name!r} at output stride {output_stride} cannot be built ({str(error)[:120]}); "
            "take a name that segmentation-models-pytorch lists, or tu-NAME for a timm model"
        ) from None


class FcnHead(nn.Module):
    """A small convolutional classifier on an inner feature map: 3x3 convolution to a quarter of the width, then 1x1."""

    def __init__(self, channels: int, num_classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        width = max(channels // 4, 16)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv2d(width, num_classes, kernel_size=1),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)
