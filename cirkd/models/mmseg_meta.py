"""What mmsegmentation writes beside its weights: class names, and the whole configuration as text.

Read with regular expressions; the configuration is a program and is never run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cirkd.data.sample import Classes
from cirkd.models.layouts import ASSUMED_INPUT
from cirkd.models.pickle_names import entries
from cirkd.models.segmenter import Preprocessing

_LONGEST = 2_000_000
_USUAL = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_NUMBER = r"\s*(-?\d+(?:\.\d*)?(?:e[-+]?\d+)?)\s*"


@dataclass(frozen=True)
class Stated:
    """What a file says about itself, and the usual settings where it says nothing.

    Args:
        classes: Their names and colours in logit order.
        preprocessing: From pixels to network input.
        align_corners: Of the head's upsampling and of the last one.
        backbone, head: What the configuration says of either; empty where it is cut off.
        note: How the classes were found; empty where the file does not say.
        assumed: What is to be said of the input, a line each: not told, or not as in the test.
    """

    classes: Classes
    preprocessing: Preprocessing
    align_corners: bool
    backbone: str
    head: str
    note: str
    assumed: tuple[str, ...]


def settings_of(meta: Mapping[str, Any], counted: Classes) -> Stated:
    """What `meta` of a file of mmcv or mmengine states.

    Args:
        meta: As the file holds it.
        counted: The classes that the number of outputs suggests.
    """
    text, classes = _text(meta), named_in(meta, counted)
    backbone, head = (_part(text, name) for name in ("backbone", "decode_head"))
    # Of several heads the last one's output counts.
    corners = re.findall(r"\balign_corners\W{1,4}(\w+)", head)[-1:] == ["True"]
    note = f"{len(counted)} classes, as the file names them" if classes is not None else ""
    preprocessing, told = _preprocessing(text)
    assumed = (*(() if told else (ASSUMED_INPUT,)), *_resized(text), *_in_windows(text))
    return Stated(classes or counted, preprocessing, corners, backbone, head, note, assumed)


def threshold_of(meta: Mapping[str, Any]) -> float:
    """The sigmoid of a head's one output above which it is the thing; mmsegmentation's own is 0.3."""
    head = _part(_text(meta), "decode_head")
    found = re.search(r"\bthreshold\W{1,4}(0?\.\d+)", head)
    return float(found[1]) if found else 0.3 if head else 0.5


def named_in(meta: Mapping[str, Any], counted: Classes) -> Classes | None:
    """The classes that the file names, where they are as many as were counted."""
    data = entries(meta.get("dataset_meta"))
    return _classes(data.get("classes", meta.get("CLASSES")), data.get("palette", meta.get("PALETTE")), counted)


def _text(meta: Mapping[str, Any]) -> str:
    return next((v for v in (meta.get("cfg"), meta.get("config")) if isinstance(v, str)), "")[:_LONGEST]


def said(part: str, name: str) -> str:
    """A setting of one word, such as `style='pytorch'`; empty where it is not stated."""
    found = re.search(rf"\b{name}\W{{1,4}}(\w+)", part)
    return found[1] if found else ""


def activation(part: str) -> str:
    """The type in a setting such as `act_cfg=dict(type='ReLU')`; empty where it is not stated."""
    found = re.search(r"\bact_cfg\W{1,4}(?:dict\()?[^(){}]{0,60}?\btype\W{1,4}(\w+)", part)
    return found[1] if found else ""


def numbers(part: str, name: str, standard: tuple[int, ...]) -> list[int]:
    """A setting such as `strides=(1, 2, 1, 1)` or `dilation=6`; the standard where none of that length is."""
    found = re.search(rf"\b{name}\W{{1,40}}(\d[\d\s,]*)", part)
    listed = [int(number) for number in found[1].split(",") if number.strip()] if found else []
    return listed if len(listed) == len(standard) and all(1 <= n <= 64 for n in listed) else list(standard)


def _part(text: str, name: str) -> str:
    """What stands between the brackets of `name=dict(...)`, `'name': {...}` or `name=[dict(...), ...]`."""
    found = re.search(rf"\b{name}\W{{1,4}}?(?:dict\(|\[|(?<={{))", text)
    depth = 1
    for end in range(found.end() if found else len(text), len(text)):
        depth += (text[end] in "([{") - (text[end] in ")]}")
        if found and depth == 0:
            return text[found.end() : end]
    return ""


def _classes(names: Any, palette: Any, counted: Classes) -> Classes | None:
    if not isinstance(names, list | tuple) or len(names) != len(counted):
        return None
    colors = counted.colors
    if isinstance(palette, list | tuple) and len(palette) == len(names):
        listed: list[tuple[Any, ...]] = [tuple(color) if isinstance(color, list | tuple) else () for color in palette]
        if all(len(color) == 3 and all(isinstance(v, int) and 0 <= v < 256 for v in color) for color in listed):
            colors = tuple((int(color[0]), int(color[1]), int(color[2])) for color in listed)
    return Classes(tuple(str(name)[:100] for name in names), colors)


def _preprocessing(text: str) -> tuple[Preprocessing, bool]:
    """How images become input, and whether the configuration says so.

    What the model does itself counts, else the last step `Normalize`, which is that of the test.
    """
    model = _part(text, "model")
    own = _part(model, "data_preprocessor") or _part(text, "data_preprocessor")
    steps = [_inside(text, found.end()) for found in re.finditer(r"\btype\W{1,4}Normalize\b", text)]
    # A step may take its numbers from img_norm_cfg, which older configurations have beside it.
    part = own or ([step for step in steps if re.search(r"\bmean\W", step)] or [_part(text, "img_norm_cfg")])[-1]
    values = [_three(part, name) for name in ("mean", "std")]
    if own:
        # Images are loaded as BGR; either key turns them.
        bgr = not re.search(r"\b(?:bgr_to_rgb|rgb_to_bgr)\W{1,4}True", own)
        if not any(re.search(rf"\b{name}\W{{1,4}}[\[(]", own) for name in ("mean", "std")):
            values = [(0.0,) * 3, (1.0,) * 3]
    else:
        bgr = re.search(r"\bto_rgb\W{1,4}False", part) is not None
    mean, std = (found or usual for found, usual in zip(values, _USUAL, strict=True))
    # Mean and std stand in the order that the network sees; here they are red, green, blue.
    told = values[0] is not None and values[1] is not None
    if told and bgr:
        mean, std = mean[::-1], std[::-1]
    red, green, blue = zip(mean, std, strict=True)
    mean, std = ((red[i] / 255, green[i] / 255, blue[i] / 255) for i in (0, 1))
    return Preprocessing(mean, std, channel_order="bgr" if bgr else "rgb"), told


def _resized(text: str) -> tuple[str, ...]:
    """A line where the test resizes images, which is not done here."""
    found = re.search(r"\bscale\W{1,4}[\[(]\s*(\d+)\s*,\s*(\d+)", _part(text, "test_pipeline"))
    found = found or re.search(r"\bimg_scale\W{1,4}[\[(]\s*(\d+)\s*,\s*(\d+)", _part(text, "test"))
    if not found:
        return ()
    size = f"{found[1]}x{found[2]}"
    return (f"its test resizes images to {size}, and here they keep their size: --input-scale gives another",)


def _in_windows(text: str) -> tuple[str, ...]:
    """A line where the test runs over an image in windows, which is not done here."""
    found = _part(_part(text, "model"), "test_cfg") or _part(text, "test_cfg")
    crop = re.search(r"\bcrop_size\W{1,4}[\[(]\s*(\d+)\s*,\s*(\d+)", found)
    size = f" of {crop[2]}x{crop[1]}" if crop else ""
    line = f"its test runs over an image in windows{size}, and here the whole image is one: scores may differ"
    return (line,) if said(found, "mode") == "slide" else ()


def _three(part: str, name: str) -> tuple[float, ...] | None:
    found = re.search(rf"\b{name}\W{{1,4}}[\[(]{_NUMBER},{_NUMBER},{_NUMBER},?\s*[\])]", part)
    return tuple(float(number) for number in found.groups()) if found else None


def _inside(text: str, place: int) -> str:
    """What stands between the brackets around a place."""
    depth, start = 1, place
    while start and depth:
        start -= 1
        depth += (text[start] in ")]}") - (text[start] in "([{")
    depth, end = 1, place
    while end < len(text) and depth:
        depth += (text[end] in "([{") - (text[end] in ")]}")
        end += 1
    return text[start + 1 : end - 1]
