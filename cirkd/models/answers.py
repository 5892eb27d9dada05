"""What a user says about a file of weights that the file does not tell, or tells wrongly.

The same answers are options of the command line, arguments of `load_model` and `Study.open`, fields of the sidebar, and
lines of a file beside the weights: `student.cirkd.json` beside `student.pth`, `model.cirkd.json` in a folder.
"""

import dataclasses
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cirkd.data.errors import CheckpointError, DataError
from cirkd.data.palettes import spread_colors
from cirkd.data.sample import Classes
from cirkd.models.layouts import ASSUMED
from cirkd.models.places import sidecar
from cirkd.models.segmenter import ModelInfo, Preprocessing

_LONGEST = 1_000_000


@dataclass(frozen=True)
class Answers:
    """What a checkpoint is, where its content does not tell.

    Args:
        architecture: Such as unet.
        encoder: Such as resnet34.
        classes: A file that names the classes in the order of the outputs: classes.json, or a name a line.
        mean: Subtracted from pixels, red, green, blue; in units of `range`.
        std: What they are divided by then, in the same units.
        range: Largest pixel value before the mean is subtracted: 1 or 255.
        channel_order: Of the network's input: rgb or bgr.
        input_scale: Input size divided by image size, per side; 0.5 halves the image.
        align_corners: Whether corner pixels coincide when logits are upsampled to the image's size.
        weights: Of a file that holds several: raw, ema for the averaged ones, or a place in it such as teacher.
    """

    architecture: str | None = None
    encoder: str | None = None
    classes: Path | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    range: float | None = None
    channel_order: Literal["rgb", "bgr"] | None = None
    input_scale: float | None = None
    align_corners: bool | None = None
    weights: str | None = None

    def over(self, other: "Answers") -> "Answers":
        """These answers, and the other's where these say nothing."""
        return dataclasses.replace(other, **self.given())

    def given(self) -> dict[str, Any]:
        """The answers that are given, by name."""
        return {k: v for k, v in ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self)) if v is not None}


def read_sidecar(path: Path) -> Answers:
    """The answers beside a file of weights; none where there is no such file.

    Raises:
        CheckpointError: it is damaged, or holds what is no answer.
    """
    file = sidecar(path)
    if not file.is_file():
        return Answers()
    wanted = f"an object with some of {', '.join(f.name for f in dataclasses.fields(Answers))} was wanted"
    try:
        if file.stat().st_size > _LONGEST:
            raise CheckpointError(f"{file}: over {_LONGEST // 10**6} MB; {wanted}")
        found = json.loads(file.read_text(encoding="utf-8-sig"))
        if found.get("classes") is not None:
            found["classes"] = file.parent / str(found["classes"])
        return checked(**found)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{file}: {str(error)[:120]}; {wanted}") from None


def write_sidecar(path: Path, answers: Answers) -> Path:
    """Keep answers beside a file of weights; returns where.

    Raises:
        CheckpointError: the folder refuses.
    """
    file = sidecar(path)
    found = answers.given()
    if answers.classes is not None:
        found["classes"] = str(answers.classes.resolve())
    try:
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise CheckpointError(
            f"{file}: cannot be written ({error.strerror}); copy the weights to a folder of your own, or upload them"
        ) from None
    return file


def checked(**given: Any) -> Answers:
    """Answers out of values of any origin.

    Raises:
        ValueError, TypeError: one has another form than was wanted; says which.
    """
    known = {field.name for field in dataclasses.fields(Answers)}
    if strange := next((name for name in given if name not in known), None):
        raise ValueError(f"{strange!r} is no answer")
    given = {name: value for name, value in given.items() if value is not None}
    for name in ("mean", "std"):
        if name in given:
            values = tuple(float(v) for v in given[name])
            if len(values) != 3 or not all(math.isfinite(v) for v in values):
                raise ValueError(f"{name} {list(values)}: three finite numbers were wanted")
            given[name] = values
    for name in ("range", "input_scale"):
        if name in given:
            given[name] = float(given[name])
    if given.get("channel_order", "rgb") not in ("rgb", "bgr"):
        raise ValueError(f"channel_order {given['channel_order']!r}: rgb or bgr was wanted")
    if not isinstance(given.get("weights", ""), str):
        raise TypeError(f"weights {given['weights']!r}: raw, ema or a place in the file was wanted")
    if not isinstance(given.get("align_corners", True), bool):
        raise TypeError(f"align_corners {given['align_corners']!r}: true or false was wanted")
    if "classes" in given:
        given["classes"] = Path(given["classes"])
    return Answers(**given)


def answered(info: ModelInfo, answers: Answers, classes: Classes | None = None) -> ModelInfo:
    """A network's description, corrected by what the user says.

    Args:
        classes: The classes themselves, in place of a file that names them.

    Raises:
        CheckpointError: as many classes as the network has no outputs for, or numbers that make no sense.
    """
    classes = classes if classes is not None else _classes(answers)
    said = [name for name in answers.given() if name not in ("architecture", "encoder", "weights")]
    note = (f"as you say: {', '.join(said)}",) if said else ()
    input_of = rf"{re.escape(ASSUMED)}|mean and std as "
    overruled = [start for start, given in ((r"\d+ classes[:,]", classes), (input_of, answers.mean)) if given]
    kept = tuple(line for line in info.notes if not any(re.match(start, line) for start in overruled))
    return dataclasses.replace(
        info,
        classes=info.classes if classes is None else _fitting(classes, len(info.classes), answers.classes),
        align_corners=info.align_corners if answers.align_corners is None else answers.align_corners,
        preprocessing=_preprocessing(info.preprocessing, answers),
        notes=(*kept, *note),
    )


def named_classes(names: Sequence[str]) -> Classes:
    """Classes of these names, in colours spread over the hues."""
    return Classes(tuple(map(str, names)), spread_colors(len(names)))


def _classes(answers: Answers) -> Classes | None:
    if answers.classes is None:
        return None
    from cirkd.data.class_list import read_class_list

    try:
        return read_class_list(answers.classes).classes
    except DataError as error:
        raise CheckpointError(str(error)) from None


def _fitting(classes: Classes, outputs: int, file: Path | None) -> Classes:
    # A network with one output tells one thing from the rest: naming that thing is enough.
    if len(classes) == 1 and outputs == 2:
        return Classes(("background", *classes.names), ((0, 0, 0), *classes.colors), classes.ignore_index)
    if len(classes) != outputs:
        raise CheckpointError(
            f"{file or 'classes'}: names {len(classes)} classes, the network has {outputs} outputs; name each of them"
        )
    return classes


def _preprocessing(own: Preprocessing, answers: Answers) -> Preprocessing:
    """Pixels in 0..1 are what `Preprocessing` counts in: numbers for 0..255 are divided by 255."""
    scale = 255.0 if own.std[0] < 0.02 else 1.0
    top = answers.range if answers.range is not None else scale
    if top <= 0 or not math.isfinite(top):
        raise CheckpointError(f"range {top:g}: 1 or 255 was wanted")
    mean = answers.mean if answers.mean is not None else tuple(value * scale for value in own.mean)
    std = answers.std if answers.std is not None else tuple(value * scale for value in own.std)
    if max(map(abs, mean)) > top * 2 or min(std) <= 0 or max(std) > top * 10:
        raise CheckpointError(
            f"mean {_listed(mean)} and std {_listed(std)} for pixels in 0..{top:g} make no sense; "
            "give --mean, --std and --range in the same units, such as 123.7 116.3 103.5, 58.4 57.1 57.4 and 255"
        )
    small = 0 < max(map(abs, answers.mean or (0,))) <= 1 or max(answers.std or (1,)) < 1
    if answers.range is None and scale == 255 and small:
        raise CheckpointError(
            f"mean {_listed(mean)} and std {_listed(std)} look like those of pixels in 0..1, and this network's are of "
            "0..255; give --range 1 or --range 255 with them"
        )
    changes: dict[str, Any] = {}
    if {"mean", "std", "range"} & set(answers.given()):
        changes = {"mean": tuple(v / top for v in mean), "std": tuple(v / top for v in std)}
    if answers.channel_order is not None:
        changes["channel_order"] = answers.channel_order
    if answers.input_scale is not None:
        changes["scale"] = answers.input_scale
    try:
        return dataclasses.replace(own, **changes)
    except ValueError as error:
        raise CheckpointError(f"{error}; check what you gave") from None


def _listed(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)
