"""Mean, standard deviation and range as the files beside a network's weights state them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from cirkd.data.errors import CheckpointError
from cirkd.models.segmenter import Preprocessing

FILES = ("preprocessor_config.json", "albumentations_config_eval.json")
"""Of transformers, and of segmentation-models-pytorch."""


def stated_preprocessing(beside: Mapping[str, Mapping[str, Any]]) -> tuple[Preprocessing | None, str]:
    """What the files say, and which file says it; None where none does.

    Args:
        beside: Their contents by name.

    Raises:
        CheckpointError: numbers that no preprocessing has.
    """
    for name, read in zip(FILES, (_transformers, _albumentations), strict=True):
        if name in beside:
            try:
                found = read(beside[name])
            except (TypeError, ValueError, ZeroDivisionError) as error:
                raise CheckpointError(f"{name}: {str(error)[:100]}; mend it, or give --mean and --std") from None
            if found is not None:
                return found, name
    return None, ""


def _transformers(found: Mapping[str, Any]) -> Preprocessing | None:
    mean, std = (found.get(name, value) for name, value in (("image_mean", [0.0] * 3), ("image_std", [1.0] * 3)))
    if not found.get("do_normalize", True):
        mean, std = [0.0] * 3, [1.0] * 3
    elif "image_mean" not in found:
        return None
    # (pixel * factor - mean) / std, where `Preprocessing` has pixels in 0..1.
    top = 255 * float(found.get("rescale_factor", 1 / 255)) if found.get("do_rescale", True) else 255.0
    return _scaled(mean, std, top)


def _albumentations(found: Mapping[str, Any]) -> Preprocessing | None:
    """The step `Normalize`: (pixel - mean * max) / (std * max)."""
    for step in _steps(found.get("transform", found)):
        if str(step.get("__class_fullname__", "")).rpartition(".")[2] == "Normalize" and "mean" in step:
            if step.get("normalization", "standard") != "standard":
                raise ValueError(f"normalization {step['normalization']!r} is not one mean and std for all images")
            return _scaled(step["mean"], step["std"], 255 / float(step.get("max_pixel_value", 255)))
    return None


def _steps(found: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(found, Mapping):
        yield found
        for step in found.get("transforms") or ():
            if isinstance(step, Mapping):
                yield step


def _scaled(mean: Any, std: Any, top: float) -> Preprocessing:
    """`mean` and `std` of pixels that run from 0 to `top`."""
    if not math.isfinite(top) or top <= 0:
        raise ValueError(f"pixels from 0 to {top}")
    numbers = [
        [float(v) / top for v in (values if isinstance(values, list | tuple) else [values] * 3)]
        for values in (mean, std)
    ]
    return Preprocessing(tuple(numbers[0]), tuple(numbers[1]))  # pyright: ignore[reportArgumentType]
