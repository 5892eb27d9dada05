"""Which network of segmentation-models-pytorch a plain state dict belongs to, by its names and shapes."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from torch import Tensor

from cirkd.data.errors import CheckpointError
from cirkd.models.fit import on_meta_device
from cirkd.models.layouts import count_blocks

_MARKS = (
    ("decoder.blocks.x_0_0.conv1.0.weight", "unetplusplus"),
    ("decoder.center.top_conv.weight", "manet"),
    ("decoder.blocks.0.conv1.0.weight", "unet"),
    ("decoder.blocks.0.block.0.0.weight", "linknet"),
    ("decoder.p5.weight", "fpn"),
    ("decoder.psp.blocks.0.1.0.weight", "upernet"),
    ("decoder.psp.blocks.0.pool.1.0.weight", "pspnet"),
    ("decoder.aspp.0.convs.0.0.weight", "deeplabv3plus"),
    ("decoder.aspp.convs.0.0.weight", "deeplabv3"),
    ("decoder.0.convs.0.0.weight", "deeplabv3"),
    ("decoder.fpa.branch1.1.conv.weight", "pan"),
    ("decoder.mlp_stage.0.linear.weight", "segformer"),
    ("decoder.projection_blocks.0.project.0.weight", "dpt"),
    ("decoder.reassemble_blocks.0.project_to_out_channel.weight", "dpt"),
)
"""A weight that each architecture has, and those before it in the list have not."""

DEPTHS = {"pspnet": 3, "fpn": 5, "deeplabv3": 5, "deeplabv3plus": 5, "pan": 5, "upernet": 5, "segformer": 5}
"""How many levels an encoder has by default, where the architecture's mark reads the last one."""

_FAMILIES = (
    ("encoder.layer0.conv1.weight", "se"),
    ("encoder.layer1.0.conv1.paths.0.conv.weight", "timm-sk"),
    ("encoder.layer1.0.conv1.weight", "res"),
    ("encoder._conv_stem.weight", "efficientnet"),
    ("encoder.conv_stem.weight", "timm-"),
    ("encoder.patch_embed1.proj.weight", "mit"),
    ("encoder.features.conv0.weight", "densenet"),
    ("encoder.features.conv1_1.conv.weight", "dpn"),
    ("encoder.features.0.conv.weight", "inceptionv4"),
    ("encoder.features.0.0.weight", "mobilenet"),
    ("encoder.features.0.weight", "vgg"),
    ("encoder.stage0.rbr_conv.0.conv.weight", "mobileone"),
    ("encoder.conv2d_1a.conv.weight", "inceptionres"),
    ("encoder.block1.rep.0.conv1.weight", "xception"),
)
"""A weight that the encoders of a family have, and how their names begin."""

_TIMM = (
    "tu-resnet18",
    "tu-resnet34",
    "tu-resnet50",
    "tu-mobilenetv3_small_050",
    "tu-mobilenetv3_small_100",
    "tu-mobilenetv3_large_100",
    "tu-tf_efficientnet_lite0",
    "tu-efficientnet_b0",
    "tu-convnext_tiny",
    "tu-regnety_002",
    "tu-regnety_008",
)
"""Encoders of timm that are tried without being named; it has over a thousand."""


_WITH_NORMS = ("unet", "unetplusplus", "manet", "linknet", "pspnet", "upernet")
"""Architectures that can be built without normalisation in their decoder."""
_NOT_BUILT = (ValueError, KeyError, RuntimeError, IndexError)
_INNER = 16
"""Channels that no image has: what reads so many is not the first layer, which is missing then."""


def infer_architecture(tensors: Mapping[str, Tensor]) -> str:
    """The architecture whose decoder has these weights.

    Raises:
        CheckpointError: none.
    """
    found = next((architecture for mark, architecture in _MARKS if mark in tensors), None)
    if found is None:
        raise CheckpointError("a segmentation head of SMP on a decoder that is none of its own; give --architecture")
    return found


def infer_settings(architecture: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The settings of an architecture that show in the shapes of its weights."""
    # That of UPerNet's pyramid is there in any case.
    norms = (k for k in tensors if k.startswith("decoder.") and k.endswith("running_mean") and "psp.out_conv." not in k)
    plain = architecture in _WITH_NORMS and next(norms, None) is None
    return {**_sizes(architecture, tensors), **({"decoder_use_norm": False} if plain else {})}


def infer_depth(architecture: str, encoder: str, tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """How many levels the encoder has, where these are not as many as usual and the decoder's first weight shows it."""
    from segmentation_models_pytorch.encoders import get_encoder

    usual = DEPTHS.get(architecture)
    first = next((tensors[mark] for mark, name in _MARKS if name == architecture and mark in tensors), None)
    if usual is None or first is None:
        return {}
    for depth in dict.fromkeys((usual, 5, 4, 3)):
        with suppress(*_NOT_BUILT), on_meta_device():
            if get_encoder(encoder, depth=depth, weights=None).out_channels[-1] == first.shape[1]:
                return {} if depth == usual else {"encoder_depth": depth}
    return {}


def _sizes(architecture: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The settings that are numbers of layers or channels."""
    head = next(tensors[k] for k in ("segmentation_head.0.weight", "segmentation_head.head.0.weight") if k in tensors)
    width = int(head.shape[1])
    attention = {"decoder_attention_type": "scse"} if any(".attention1." in key for key in tensors) else {}
    if architecture in ("unet", "manet"):
        return {**_pyramid_settings(architecture, tensors), **(attention if architecture == "unet" else {})}
    if architecture == "unetplusplus":
        depth = len({key.split(".")[2] for key in tensors if key.startswith("decoder.blocks.x_0_")})
        widths = [int(tensors[f"decoder.blocks.x_0_{i}.conv1.0.weight"].shape[0]) for i in range(depth - 1)]
        return {"encoder_depth": depth, "decoder_channels": [*widths, width], **attention}
    if architecture == "linknet":
        return {"encoder_depth": count_blocks(tensors, "decoder.blocks.")}
    if architecture == "fpn":
        return _fpn_settings(tensors, width)
    separable = any(key.endswith("convs.1.0.0.weight") for key in tensors)
    # Of the ways in which a DPT takes up its class token, concatenation alone has weights of its own.
    readout = "cat" if any(key.startswith("decoder.projection_blocks.0.") for key in tensors) else "ignore"
    return {
        "pspnet": {"psp_out_channels": width},
        "deeplabv3": {"decoder_channels": width, "decoder_aspp_separable": separable},
        "deeplabv3plus": {"decoder_channels": width, "decoder_aspp_separable": separable},
        "pan": {"decoder_channels": width},
        "upernet": {"decoder_channels": width},
        "segformer": {"decoder_segmentation_channels": width},
        "dpt": {
            "decoder_fusion_channels": width,
            "decoder_readout": readout,
            "decoder_intermediate_channels": _widths(
                tensors, "decoder.reassemble_blocks.{}.project_to_out_channel.weight"
            ),
        },
    }.get(architecture, {})


def infer_encoder(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> str:
    """The encoder that has exactly these weights.

    Raises:
        CheckpointError: none of those that were tried.
    """
    from segmentation_models_pytorch.encoders import encoders

    family = next((name for mark, name in _FAMILIES if mark in tensors), None)
    timm = any(key.startswith("encoder.model.") for key in tensors)
    names = list(_TIMM) if timm else [n for n in encoders if family is not None and n.startswith(family)]
    own = _shapes({k.removeprefix("encoder."): v for k, v in tensors.items() if k.startswith("encoder.")})
    channels = next((shape[1] for shape in own.values() if len(shape) == 4), 3)
    if channels != 3 and channels < _INNER:
        raise CheckpointError(f"its first layer takes images of {channels} channels; a network for RGB was wanted")
    found = next((name for name in names if has_encoder(name, tensors, settings)), None)
    if found is None:
        raise CheckpointError(
            f"an encoder with {len(own)} weights that is none of those tried; name it with --encoder, such as resnet34"
        )
    return found


def has_encoder(name: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> bool:
    """Whether the weights hold exactly those of this encoder, at one of the depths that are in use."""
    from segmentation_models_pytorch.encoders import get_encoder

    wanted = _shapes({k.removeprefix("encoder."): v for k, v in tensors.items() if k.startswith("encoder.")})
    for depth in dict.fromkeys((int(settings.get("encoder_depth", 5)), 5, 4, 3)):
        with suppress(*_NOT_BUILT), on_meta_device():
            if _shapes(get_encoder(name, depth=depth, weights=None).state_dict()) == wanted:
                return True
    return False


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """name -> shape, without the counts of batches, which old files lack."""
    return {key: tuple(value.shape) for key, value in tensors.items() if not key.endswith("num_batches_tracked")}


def _pyramid_settings(architecture: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Unet and MAnet: a block a level, each with its width."""
    count = count_blocks(tensors, "decoder.blocks.")
    widths = _widths(tensors, "decoder.blocks.{}.conv1.0.weight")
    settings: dict[str, Any] = {"encoder_depth": count, "decoder_channels": widths}
    if architecture == "manet" and "decoder.center.top_conv.weight" in tensors:
        settings["decoder_pab_channels"] = int(tensors["decoder.center.top_conv.weight"].shape[0])
    return settings


def _widths(tensors: Mapping[str, Tensor], name: str) -> list[int]:
    """Channels that each of some numbered layers gives."""
    found: list[int] = []
    while (weight := tensors.get(name.format(len(found)))) is not None:
        found.append(int(weight.shape[0]))
    return found


def _fpn_settings(tensors: Mapping[str, Tensor], width: int) -> dict[str, Any]:
    block = tensors.get("decoder.seg_blocks.0.block.0.block.0.weight")
    segmentation = int(block.shape[0]) if block is not None else width
    return {
        "decoder_pyramid_channels": int(tensors["decoder.p5.weight"].shape[0]),
        "decoder_segmentation_channels": segmentation,
        "decoder_merge_policy": "add" if segmentation == width else "cat",
    }
