"""A segmentation network that names its outputs and knows what it was trained for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from cirkd.data.images import resize_image, scaled_size
from cirkd.data.sample import Classes
from cirkd.models.atrous import use_grids
from cirkd.models.taps import layers


@dataclass(frozen=True)
class SegmentationOutput:
    """What a `Segmenter` returns, before any upsampling.

    Args:
        logits: Class scores `[B, C, h, w]`.
        embedding: The pixel embedding `[B, d, h, w]` that feeds the classifier; not normalised.
        auxiliary: Class scores `[B, C, h', w']` of the auxiliary head, where there is one.
        encoded: The encoder's last map `[B, e, h', w']`, where the network gives it.
    """

    logits: Tensor
    embedding: Tensor
    auxiliary: Tensor | None = None
    encoded: Tensor | None = None


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become network input: resized by `scale`, then `(rgb / 255 - mean) / std` per channel, in its order.

    Input in the range 0..255 has a std of 1/255.

    Args:
        mean: Subtracted, in units of 0..1; red, green, blue.
        std: Divided by, in units of 0..1; red, green, blue.
        scale: Input size divided by image size, per side: 0.5 for a network trained on images of half the size.
        channel_order: `rgb` or `bgr`, of the network's input.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    scale: float = 1.0
    channel_order: Literal["rgb", "bgr"] = "rgb"

    def __post_init__(self) -> None:
        if self.channel_order not in ("rgb", "bgr"):
            raise ValueError(f"channel order {self.channel_order!r} is not offered; choose rgb or bgr")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(math.isfinite(v) for v in (*self.mean, *self.std)):
            raise ValueError(f"mean {self.mean} and std {self.std}: three finite numbers each were wanted")
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std}: must be above 0")
        if not 1 / 64 <= self.scale <= 8:
            raise ValueError(f"scale {self.scale}: 1/64 to 8 was wanted")

    def __call__(self, image: np.ndarray | Image.Image) -> Float[Tensor, "3 h w"]:
        """From an image to network input: `resize`, then `normalize`."""
        return self.normalize(self.resize(image))

    def resize(self, image: np.ndarray | Image.Image) -> np.ndarray:
        """The image at the size that the network wants, uint8 `[h, w, 3]`.

        Raises:
            ValueError: the array is not uint8 `[H, W, 3]`.
        """
        pixels = np.array(image.convert("RGB") if isinstance(image, Image.Image) else image)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(f"image is {pixels.dtype} {pixels.shape}; uint8 [H, W, 3] was wanted; read it as RGB")
        return pixels if self.scale == 1 else resize_image(pixels, scaled_size(pixels.shape, self.scale))

    def normalize(self, pixels: np.ndarray) -> Float[Tensor, "3 h w"]:
        """Network input from uint8 `[h, w, 3]` that has its size already."""
        tensor = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
        scaled = (tensor - torch.tensor(self.mean)[:, None, None]) / torch.tensor(self.std)[:, None, None]
        return scaled.flip(0) if self.channel_order == "bgr" else scaled

    def convert(self, batch: Float[Tensor, "B 3 H W"], target: "Preprocessing") -> Float[Tensor, "B 3 h w"]:
        """Turn input made by this preprocessing into what `target` would have made of the same pixels.

        Where the scales differ the input is resampled, so it is what `target` would have made but for details that
        were lost in between.
        """
        if self == target:
            return batch
        if self.scale != target.scale:
            size = scaled_size(batch.shape[2:], target.scale / self.scale)
            batch = F.interpolate(batch, size=size, mode="bilinear", align_corners=False, antialias=True)
        mean, std, their_mean, their_std = (
            torch.tensor(values, device=batch.device)[:, None, None]
            for values in (self.mean, self.std, target.mean, target.std)
        )
        rgb = batch.flip(1) if self.channel_order == "bgr" else batch
        theirs = rgb * (std / their_std) + (mean - their_mean) / their_std
        return theirs.flip(1) if target.channel_order == "bgr" else theirs


@dataclass(frozen=True)
class ModelInfo:
    """What a network is and where it comes from.

    Args:
        architecture: Its name in its layout; for this project's own, a key of `cirkd.models.build.ARCHITECTURES`.
        encoder: The encoder's name in its layout, as segmentation-models-pytorch has it for this project's own.
        output_stride: Input pixels a position of the embedding map, per side.
        embedding_channels: Width d of the pixel embedding.
        auxiliary: Whether there is an auxiliary head.
        classes: Names and colours, in logit order.
        preprocessing: From pixels to network input.
        options: Further arguments of the architecture, such as atrous rates.
        provenance: Recipe, seed, steps, scores and the like; free to grow.
        layout: Whose network it is: `cirkd`, or a key of `cirkd.models.layouts.LAYOUTS`.
        notes: What a user should know about how the file was understood, a line each.
        align_corners: How its logits are upsampled bilinearly to the image's size: whether corner pixels coincide.
    """

    architecture: str
    encoder: str
    output_stride: int
    embedding_channels: int
    auxiliary: bool
    classes: Classes
    preprocessing: Preprocessing = Preprocessing()
    options: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    layout: str = "cirkd"
    notes: tuple[str, ...] = ()
    align_corners: bool = True


class Segmenter(nn.Module):
    """Encoder, decoder and classifier; the decoder's output is the pixel embedding.

    Args:
        encoder: Returns a list of feature maps, finest first.
        decoder: Turns that list into the embedding `[B, d, h, w]`.
        info: What the network is.
        auxiliary: Turns the encoder's last map but one into class scores.
        classifier: Turns the embedding into class scores; a 1x1 convolution when None.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        info: ModelInfo,
        auxiliary: nn.Module | None = None,
        classifier: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        width = info.embedding_channels
        self.classifier = nn.Conv2d(width, len(info.classes), kernel_size=1) if classifier is None else classifier
        self.auxiliary = auxiliary
        self.info = info
        self.memory: nn.Module | None = None
        """Projection head and class queues of a distilled student, where its checkpoint holds them."""
        use_grids(self)

    def forward(self, batch: Float[Tensor, "B 3 H W"]) -> SegmentationOutput:
        features = self.encoder(batch.to(next(self.parameters()).dtype))
        embedding = self.decoder(features)
        # The auxiliary head is a training aid: evaluation does not pay for it.
        auxiliary = self.auxiliary(features[-2]) if self.auxiliary is not None and self.training else None
        return SegmentationOutput(self.classifier(embedding), embedding, auxiliary, features[-1])

    def preprocess(self, image: np.ndarray | Image.Image) -> Float[Tensor, "3 h w"]:
        """Turn a PIL image or uint8 `[H, W, 3]` RGB into this network's input, at the size that it wants.

        Raises:
            ValueError: the array is not uint8 `[H, W, 3]`.
        """
        return self.info.preprocessing(image)

    def layers(self) -> tuple[str, ...]:
        """The names of all layers that can be shown: `stage1` ..., `decoder`, `projected`, then submodules by name.

        Each gives a map `[B, d, h, w]`; `Study.open(layer=...)` takes any of them.
        """
        return layers(self)
