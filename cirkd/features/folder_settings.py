"""What a folder of embeddings is made of, as its `settings.json` says it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from cirkd.data.errors import StudyError
from cirkd.data.matching import match_classes

if TYPE_CHECKING:
    from cirkd.data.sample import Classes, SegmentationData
    from cirkd.models.segmenter import Segmenter

SETTINGS, RESULT, PARTS = "settings.json", "pixels.parquet", "parts"
_LARGEST = 64 * 2**20
"""Bytes of settings that are read; the names of a million images take a third of it."""
_OF_MODEL = ("architecture", "encoder", "digest", "layer")


@dataclass(frozen=True)
class ExtractionSettings:
    """What a folder of embeddings is made of; equal settings make equal folders.

    Args:
        data, split: The data set.
        images: Names of its images, in order.
        models: name -> what is known of each model, its digest among it; the grid is the first one's. Its
            classes are those that its predictions are numbered in: `classes`, wherever they can be matched.
        classes: Names of the classes that labels and budget go by; colors: theirs, as "#rrggbb".
        labelled: Whether any image has labels.
        per_class: Pixels kept of each class.
        layer, precision: As in `cirkd.features.extract`.
        seed: Of the choice of pixels.
    """

    data: str
    split: str
    images: tuple[str, ...]
    models: dict[str, dict[str, Any]]
    classes: tuple[str, ...]
    colors: tuple[str, ...]
    labelled: bool
    per_class: int
    layer: str
    precision: str
    seed: int

    def text(self) -> str:
        """The settings as JSON; equal settings have equal texts."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)


def settings_of(
    models: Mapping[str, Segmenter],
    data: SegmentationData,
    images: int | None,
    per_class: int,
    layer: str,
    precision: str,
    seed: int,
) -> ExtractionSettings:
    """The settings of an extraction.

    Raises:
        StudyError: no model, no image, an unknown layer or no pixel a class.
    """
    from cirkd.models.taps import layer_of_each

    if not models or per_class < 1:
        raise StudyError(f"{len(models)} models, {per_class} pixels a class: at least one of each was wanted")
    if images is not None and images < 1:
        raise StudyError(f"{images} images: 1 or more was wanted; leave it out for all of them")
    layers = layer_of_each(models, layer)
    first = next(iter(models.values()))
    labelled = _has_labels(data)
    classes = data.classes if labelled and data.classes is not None else first.info.classes
    return ExtractionSettings(
        data=data.name,
        split=data.split,
        images=tuple(data.names[: len(data) if images is None else images]),
        models={name: _described(model, layers[name][0], classes) for name, model in models.items()},
        classes=classes.names,
        colors=_colors(classes),
        labelled=labelled,
        per_class=per_class,
        layer=layer,
        precision=precision,
        seed=seed,
    )


def read_settings(folder: Path) -> ExtractionSettings:
    """The settings that a folder was made with.

    Raises:
        StudyError: there are none, or they are not those of an extraction.
    """
    path = folder / SETTINGS
    try:
        if path.stat().st_size > _LARGEST:
            raise StudyError(f"{path}: larger than {_LARGEST // 2**20} MB, so no settings of `cirkd extract`")
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; a folder of embeddings, as `cirkd extract` writes it, has one") from None
    except (OSError, ValueError, RecursionError):
        raise StudyError(f"{path}: cannot be read as JSON; run `cirkd extract` again into a new folder") from None
    names = {field.name for field in fields(ExtractionSettings)}
    if not isinstance(found, dict) or set(found) != names or not _well_formed(found):
        raise StudyError(f"{path}: not the settings of this version's `cirkd extract`; run it into a new folder")
    lists = {name: tuple(found[name]) for name in ("images", "classes", "colors")}
    return ExtractionSettings(**{**found, **lists})


def model_digest(model: Segmenter) -> str:
    """A fingerprint of a network: of its weights, and of what is said of its input and classes."""
    import torch

    found = hashlib.blake2b(digest_size=16)
    known = {
        key: getattr(model.info, key, None) for key in ("architecture", "options", "preprocessing", "align_corners")
    }
    found.update(repr((known, model.info.classes.names)).encode())
    for name, value in model.state_dict().items():
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def classes_from(names: Sequence[str], colors: Sequence[str]) -> Classes:
    """Classes of names and colours "#rrggbb"."""
    from cirkd.data.sample import Classes

    rgb = [bytes.fromhex(color[1:]) for color in colors]
    return Classes(tuple(names), tuple((r, g, b) for r, g, b in rgb))


def _has_labels(data: SegmentationData) -> bool:
    """Whether any image of a data set has a label map, seen without reading more than one of them."""
    frames = getattr(data, "frames", None)
    if frames:
        return any(frame.label is not None for frame in frames)
    return len(data) > 0 and data[0].label is not None


def _described(model: Segmenter, layer: str, common: Classes) -> dict[str, Any]:
    info = model.info
    numbered = info.classes if match_classes(info.classes, common).table is None else common
    return {
        "architecture": info.architecture,
        "encoder": info.encoder,
        "digest": model_digest(model),
        "layer": layer,
        "classes": list(numbered.names),
        "colors": list(_colors(numbered)),
    }


def _colors(classes: Classes) -> tuple[str, ...]:
    return tuple("#{:02x}{:02x}{:02x}".format(*color) for color in classes.colors)


def _well_formed(found: dict[str, Any]) -> bool:
    """Whether every field is of its kind."""
    kinds = {"data": str, "split": str, "layer": str, "precision": str, "per_class": int, "seed": int, "labelled": bool}
    models = found["models"]
    return (
        all(type(found[name]) is kind for name, kind in kinds.items())
        and _strings(found["images"])
        and _named(found)
        and isinstance(models, dict)
        and bool(models)
        and all(isinstance(model, dict) and _named(model) for model in models.values())
        and all(_strings([model.get(name) for name in _OF_MODEL]) for model in models.values())
    )


def _named(holder: dict[str, Any]) -> bool:
    """Whether there are 1 to 255 classes with a colour each."""
    names, colors = holder.get("classes"), holder.get("colors")
    if not _strings(names) or not _strings(colors) or not 0 < len(names) == len(colors) < 256:
        return False
    return all(re.fullmatch("#[0-9a-f]{6}", color) for color in colors)


def _strings(values: Any) -> TypeGuard[list[str]]:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
