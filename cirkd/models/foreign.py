"""From a file of weights of another project to the network that they belong to, with what the user says about it."""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from cirkd.data.errors import CheckpointError
from cirkd.data.sample import Classes
from cirkd.models.answers import Answers
from cirkd.models.fit import JOIN_PARTS, UNUSUAL, computed_weight
from cirkd.models.layouts import ASSUMED, Hints, Recognised, recognise
from cirkd.models.mmseg_meta import named_in, threshold_of
from cirkd.models.pickle_names import TENSORS_OF_ARRAYS, entries, holds_arrays
from cirkd.models.segmenter import ModelInfo
from cirkd.models.settings_beside import stated_preprocessing, without_buffers
from cirkd.models.stated_classes import stated_classes, unused_names
from cirkd.models.unwrap import Part, chosen, counterpart, other_networks, other_weights, parts
from cirkd.models.weight_files import FileContent


def identify_foreign(file: FileContent, answers: Answers) -> Recognised:
    """The network that a file of another project holds.

    Raises:
        CheckpointError: none that is known; says what to do.
    """
    listed = parts(file.content)
    hints = Hints(answers.architecture, answers.encoder, file.config, entries(file.content.get("meta")))
    for part in chosen(listed, answers.weights):
        if (found := _recognised(file, part, hints)) is not None:
            break
    else:
        raise CheckpointError(_unknown(file, listed, answers))
    found = _two_classes(_without_strange_auxiliary(found), hints.meta)
    said = (file.content, file.metadata, file.config or {})
    info = _named(found.info, said)
    assumed = any(note.startswith(ASSUMED) for note in info.notes)
    stated, note = stated_preprocessing(file.beside, part.file, part.prefix, said if assumed else ())
    kept = tuple(line for line in info.notes if stated is None or not line.startswith(ASSUMED))
    info = replace(info, preprocessing=stated or info.preprocessing, notes=(*kept, *([note] if note else ())))
    told = replace(hints, architecture=None, encoder=None)
    others = other_networks(listed, part, lambda other: _is_network(file, other, told))
    notes = (*info.notes, *part.notes, *_rounded(part), *other_weights(listed, part), *others)
    info = replace(info, notes=notes, provenance={"file": file.path.name})
    ignored, other = (*found.ignored, *part.beside), counterpart(listed, part)
    return replace(found, info=info, path=file.path, ignored=ignored, other=other)


def _recognised(file: FileContent, part: Part, hints: Hints) -> Recognised | None:
    try:
        return recognise(without_buffers(part.tensors), hints)
    except UNUSUAL as error:
        if strange := _strange(part.tensors):
            raise CheckpointError(f"{file.path}: {strange}") from None
        named = " ".join(filter(None, (hints.architecture, hints.encoder)))
        said = f"not those of {named}, as was given" if named else "cut off or of unusual shapes"
        remedy = "leave --architecture and --encoder out" if named else "save the model again"
        line = f"its weights are {said} ({type(error).__name__}: {str(error)[:60]}); {remedy}"
        raise CheckpointError(f"{file.path}: {line}") from None
    except CheckpointError as error:
        raise CheckpointError(f"{file.path}: {_strange(part.tensors) or error}") from None


def _strange(tensors: Mapping[str, torch.Tensor]) -> str:
    """Tensors that stand for weights or hold none, and what to do about it; "" where all are weights."""
    if computed := computed_weight(tensors):
        return "; ".join(computed)
    empty = next((name for name, value in tensors.items() if name.endswith("weight") and not value.numel()), "")
    return empty and f"{empty} is empty; {JOIN_PARTS}"


def _rounded(part: Part) -> tuple[str, ...]:
    """A line where weights are kept in fewer bits than a network computes with to some purpose."""
    small = next((v.dtype for v in part.tensors.values() if v.is_floating_point() and v.element_size() == 1), None)
    text = f"weights are stored as {str(small).removeprefix('torch.')}, in 8 bits: predictions differ from those before"
    return (text,) if small is not None else ()


def _is_network(file: FileContent, part: Part, hints: Hints) -> bool:
    with suppress(CheckpointError):
        return _recognised(file, part, hints) is not None
    return False


def _named(info: ModelInfo, said: Sequence[Mapping[str, Any]]) -> ModelInfo:
    """With the classes that the file names, where they were guessed; with a note where those names are of others."""
    if not info.classes.guessed:
        return info
    named = stated_classes(said, info.classes)
    if named is None:
        unused = unused_names(said, info.classes)
        return replace(info, notes=(*info.notes, unused)) if unused else info
    old, new = (" and ".join(classes.names) for classes in (info.classes, named[0]))
    kept = tuple(note.replace(old, new) for note in info.notes if not re.match(r"\d+ classes[:,]", note))
    return replace(info, classes=named[0], notes=(named[1], *kept))


def _two_classes(found: Recognised, meta: Mapping[str, Any]) -> Recognised:
    """A network with one output tells a thing from the rest by its sigmoid: two classes, of which one scores 0.

    The softmax of (0, x) is the sigmoid of x. Where mmsegmentation sets another threshold than 0.5, the first class
    scores its logit.
    """
    if len(found.info.classes) != 1:
        return found
    threshold = threshold_of(meta) if found.info.layout in ("mmseg", "nvlabs") else 0.5
    last = [name for name in found.tensors if name.startswith("classifier.") and found.tensors[name].shape[:1] == (1,)]
    weight = [name for name in last if name.endswith("weight")][-1:]
    tensors = dict(found.tensors)
    for name in weight + [name.removesuffix("weight") + "bias" for name in weight]:
        if name in tensors:
            tensors[name] = torch.cat([torch.zeros_like(tensors[name]), tensors[name]])
            if name.endswith("bias"):
                tensors[name][0] = math.log(threshold / (1 - threshold))
    classes = Classes(("background", "foreground"), ((0, 0, 0), (230, 160, 30)), guessed=True)
    classes = named_in(meta, classes) or classes
    notes = tuple(note for note in found.info.notes if not note.startswith("1 classes"))
    note = f"one output: two classes, {' and '.join(classes.names)}, told apart where its sigmoid is {threshold:g}"
    return _without_auxiliary(replace(found, tensors=tensors), classes=classes, notes=(note, *notes))


def _without_strange_auxiliary(found: Recognised) -> Recognised:
    """An auxiliary head that was left at another class count is not needed to run the network."""
    heads = [v for name, v in found.tensors.items() if name.startswith("auxiliary.") and name.endswith("weight")]
    if not found.info.auxiliary or not heads or heads[-1].shape[0] == len(found.info.classes):
        return found
    note = f"its auxiliary head has {heads[-1].shape[0]} classes and is left out"
    return _without_auxiliary(found, notes=(*found.info.notes, note))


def _without_auxiliary(found: Recognised, **changes: Any) -> Recognised:
    tensors = {name: value for name, value in found.tensors.items() if not name.startswith("auxiliary.")}
    return replace(found, info=replace(found.info, auxiliary=False, **changes), tensors=tensors)


def _unknown(file: FileContent, listed: list[Part], answers: Answers) -> str:
    tensors = listed[0].tensors if listed else {}
    if not tensors and holds_arrays(file.content):
        return f"{file.path}: its weights are arrays of NumPy; {TENSORS_OF_ARRAYS}"
    if not tensors or "param_groups" in file.content:
        return f"{file.path}: holds no weights; save the network's state_dict() with torch.save or save_file"
    if answers.weights not in (None, "raw", "ema") and not chosen(listed, answers.weights):
        places = dict.fromkeys(part.prefix.partition(".")[0] for part in listed if part.prefix)
        offered = f" or a place in the file, such as {', '.join(list(places)[:4])}" if places else ""
        return f"{file.path}: holds nothing at {answers.weights!r}; --weights takes raw or ema{offered}"
    if answers.weights is not None and not chosen(listed, answers.weights):
        kind = "averaged" if answers.weights == "ema" else "other than averaged"
        return f"{file.path}: holds no {kind} weights; leave --weights out"
    if answers.weights == "ema":
        return f"{file.path}: its averaged weights are in a form that is not read; leave --weights out"
    names = ", ".join(list(tensors)[:2])
    said = (file.config or {}).get("model_type")
    kind = f"{said[:40]} by its config.json, " if isinstance(said, str) else ""
    what = f"weights of an unknown network ({kind}{len(tensors)} tensors: {names[:80]}, ...)"
    if all(name.startswith("encoder.") for name in tensors):
        return (
            f"{file.path}: an encoder alone, without what makes classes of its maps; give the whole network's weights"
        )
    if strange := _strange(tensors):
        return f"{file.path}: {what}; {strange}"
    return f"{file.path}: {what}; open it as FILE.py:make,WEIGHTS, where make() returns the network without weights"
