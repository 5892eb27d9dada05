"""Mean, standard deviation and range, as the files beside a network's weights state them or tensors in its own."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any

from torch import Tensor

from cirkd.data.errors import CheckpointError
from cirkd.models.segmenter import Preprocessing
from cirkd.models.stated_classes import places_of
from cirkd.models.unwrap import WRAPPERS

FILES = ("preprocessor_config.json", "albumentations_config_eval.json")
"""Of transformers, and of segmentation-models-pytorch."""

BUFFERS = (("mean", "std"), ("pixel_mean", "pixel_std"), ("image_mean", "image_std"))
"""Names that a network gives the tensors by which it normalises its input itself."""

_OF_INPUT = re.compile(r"norm|preproc|prepare|transform|aug|input|image|pixel|scale|standardi[sz]|^\d+$", re.IGNORECASE)
"""Names of modules that make a network's input, as a trainer has them beside the network; numbers of a sequence."""


def stated_preprocessing(
    beside: Mapping[str, Mapping[str, Any]],
    tensors: Mapping[str, Tensor],
    prefix: str = "",
    said: Sequence[Mapping[str, Any]] = (),
) -> tuple[Preprocessing | None, str]:
    """What the files say, else a network's own tensors, else its trainer, and a note of where; None where none does.

    Args:
        beside: The files' contents by name.
        tensors: All that stand in the file of weights; their names may have others before them.
        prefix: What the names of the network's own tensors have before them.
        said: What a trainer keeps in the file beside the weights.

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
                return found, f"mean and std as {name} says" + _resized(beside[name])
    found, note = _buffers(tensors, prefix)
    return (found, note) if found is not None or note else _settings(said)


def _settings(said: Sequence[Mapping[str, Any]]) -> tuple[Preprocessing | None, str]:
    """From lists of three numbers in what a trainer says."""
    for where, held in places_of(said):
        for names in BUFFERS:
            mean, std = (held.get(name) for name in names)
            if _is_triple(mean) and _is_triple(std):
                return _told(mean, std, f"{where}{names[0]!r} and {names[1]!r}")
    return None, ""


def _is_triple(found: Any) -> bool:
    return isinstance(found, list | tuple) and len(found) == 3 and all(type(v) in (int, float) for v in found)


def _told(mean: Any, std: Any, where: str) -> tuple[Preprocessing | None, str]:
    """Of pixels in 0..255 where the numbers are that large, else in 0..1."""
    top = 255.0 if max(map(abs, (*mean, *std))) > 2 else 1.0
    unsure = "" if top > 1 else "; --range 255 if it was trained on pixels in 0..255"
    with suppress(ValueError):
        return _scaled(mean, std, top), f"mean and std as {where} in the file say{unsure}"
    return None, ""


def _resized(found: Mapping[str, Any]) -> str:
    """What is to be said where images are resized, which is not done here."""
    whole = found.get("transform", found)
    steps = (whole.get("transforms") or ()) if isinstance(whole, Mapping) else ()
    names = [str(step.get("__class_fullname__", "")) for step in steps if isinstance(step, Mapping)]
    if (found.get("do_resize") and found.get("size")) or any("Resize" in n or "MaxSize" in n for n in names):
        return "; it resizes images, too, and here they keep their size: --input-scale gives another"
    return ""


def without_buffers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights without the tensors of `BUFFERS`, where a network has them beside its layers."""
    own = {name for names in BUFFERS for name in names}
    return {name: value for name, value in tensors.items() if not (name in own and value.numel() == 3)}


def _buffers(tensors: Mapping[str, Tensor], prefix: str) -> tuple[Preprocessing | None, str]:
    """From a network's own tensors, or those of what it lies in; not from a teacher's or a loss's beside it."""
    held: defaultdict[tuple[str, ...], dict[str, Tensor]] = defaultdict(dict)
    below: Counter[tuple[str, ...]] = Counter()
    for name, value in tensors.items():
        *place, last = (part for part in re.split(r"[.\0]", name) if part not in WRAPPERS)
        below.update(tuple(place[:depth]) for depth in range(1, len(place) + 1))
        if value.numel() == 3 and value.is_floating_point():
            held[tuple(place)][last] = value
    stated = {place: names for place in held for names in BUFFERS if held[place].keys() >= set(names)}
    own = prefix.rstrip(".").split(".")
    outside = {place: _outside(place, own) for place in stated}
    networks = {place for place in stated if outside[place] and below[place] > len(held[place])}
    strange = networks | {place for place in stated if not all(_OF_INPUT.search(part) for part in outside[place])}
    for place in sorted(stated, key=lambda place: (place in strange, len(outside[place]), -len(place))):
        if place in strange:
            where = ".".join((*place, stated[place][0]))
            return None, f"{where!r} in the file is not taken for the network's input; --mean and --std give its own"
        names = stated[place]
        mean, std = (held[place][name].flatten().tolist() for name in names)
        if (told := _told(mean, std, f"{names[0]!r} and {names[1]!r}"))[0] is not None:
            return told
    return None, ""


def _outside(place: Sequence[str], own: Sequence[str]) -> Sequence[str]:
    """What a place has below the last module in which the network is, too."""
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(place, own, strict=False)))
    return place[shared:]


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
    whole = found.get("transform", found)
    steps = (whole, *(whole.get("transforms") or ())) if isinstance(whole, Mapping) else ()
    for step in (step for step in steps if isinstance(step, Mapping)):
        if str(step.get("__class_fullname__", "")).rpartition(".")[2] == "Normalize" and "mean" in step:
            if step.get("normalization", "standard") != "standard":
                raise ValueError(f"normalization {step['normalization']!r} is not one mean and std for all images")
            return _scaled(step["mean"], step["std"], 255 / float(step.get("max_pixel_value", 255)))
    return None


def _scaled(mean: Any, std: Any, top: float) -> Preprocessing:
    """`mean` and `std` of pixels that run from 0 to `top`."""
    if not math.isfinite(top) or top <= 0:
        raise ValueError(f"pixels from 0 to {top}")
    numbers = [
        [float(v) / top for v in (values if isinstance(values, list | tuple) else [values] * 3)]
        for values in (mean, std)
    ]
    return Preprocessing(tuple(numbers[0]), tuple(numbers[1]))  # pyright: ignore[reportArgumentType]
