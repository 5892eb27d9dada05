"""From a file of weights of another project to the network that they belong to, with what the user says about it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cirkd.data.errors import CheckpointError
from cirkd.data.sample import Classes
from cirkd.models.answers import Answers
from cirkd.models.layouts import ASSUMED, Hints, Recognised, recognise
from cirkd.models.pickle_records import entries
from cirkd.models.settings_beside import stated_preprocessing, without_buffers
from cirkd.models.unwrap import AVERAGED, Part, chosen, parts
from cirkd.models.weight_files import FileContent

_REPARAMETRISED = re.compile(r"(^|\.)parametrizations\.|weight_(orig|g)$")


def identify_foreign(file: FileContent, answers: Answers) -> Recognised:
    """The network that a file of another project holds.

    Raises:
        CheckpointError: none that is known; says what to do.
    """
    listed = parts(file.content)
    wanted = chosen(listed, answers.weights)
    if listed and not wanted:
        kind = "averaged" if answers.weights == "ema" else "other than averaged"
        raise CheckpointError(f"{file.path}: holds no {kind} weights; leave --weights out")
    hints = Hints(answers.architecture, answers.encoder, file.config, entries(file.content.get("meta")))
    found, part = _first_known(file, wanted, hints)
    if found is None or part is None:
        raise CheckpointError(_unknown(file, listed))
    found = _two_classes(_without_strange_auxiliary(found))
    info = found.info
    stated, note = stated_preprocessing(file.beside, part.file)
    if stated is not None:
        kept = tuple(line for line in info.notes if not line.startswith(ASSUMED))
        info = replace(info, preprocessing=stated, notes=(*kept, note))
    notes = (*info.notes, *part.notes, *_other_weights(listed, part, answers))
    info = replace(info, notes=notes, provenance={"file": file.path.name})
    return replace(found, info=info, path=file.path, ignored=(*found.ignored, *part.beside))


def _first_known(file: FileContent, wanted: list[Part], hints: Hints) -> tuple[Recognised | None, Part | None]:
    for part in wanted:
        try:
            found = recognise(without_buffers(part.tensors), hints)
        except (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError) as error:
            named = " ".join(filter(None, (hints.architecture, hints.encoder)))
            said = f"not those of {named}, as was given" if named else "cut off or of unusual shapes"
            raise CheckpointError(
                f"{file.path}: its weights are {said} ({type(error).__name__}: {str(error)[:60]}); "
                "leave --architecture out, or save the model again"
            ) from None
        except CheckpointError as error:
            raise CheckpointError(f"{file.path}: {error}") from None
        if found is not None:
            return found, part
    return None, None


def _other_weights(listed: list[Part], taken: Part, answers: Answers) -> tuple[str, ...]:
    """A line where a file holds both raw and averaged weights."""
    names = set(taken.tensors)
    if not any(part.averaged != taken.averaged and names <= set(part.tensors) for part in listed):
        if not taken.averaged and any(AVERAGED.search(name) for name in taken.beside):
            return ("of raw and averaged weights the raw ones are taken; the others are in a form that is not read",)
        return ("these weights are averages over training (EMA or SWA)",) if taken.averaged else ()
    if taken.averaged:
        return ("of raw and averaged weights the averaged ones are taken; --weights raw takes the others",)
    return ("of raw and averaged weights the raw ones are taken; --weights ema takes the others",)


def _two_classes(found: Recognised) -> Recognised:
    """A network with one output tells a thing from the rest by its sigmoid: two classes, of which one scores 0.

    The softmax of (0, x) is the sigmoid of x.
    """
    if len(found.info.classes) != 1:
        return found
    last = [name for name in found.tensors if name.startswith("classifier.") and found.tensors[name].shape[:1] == (1,)]
    weight = [name for name in last if name.endswith("weight")][-1:]
    tensors = dict(found.tensors)
    for name in weight + [name.removesuffix("weight") + "bias" for name in weight]:
        if name in tensors:
            tensors[name] = torch.cat([torch.zeros_like(tensors[name]), tensors[name]])
    classes = Classes(("background", "foreground"), ((0, 0, 0), (230, 160, 30)), guessed=True)
    notes = tuple(note for note in found.info.notes if not note.startswith("1 classes"))
    note = "one output: two classes, background and foreground, told apart where its sigmoid is 0.5"
    info = replace(found.info, classes=classes, notes=(note, *notes), auxiliary=False)
    left = {name: value for name, value in tensors.items() if not name.startswith("auxiliary.")}
    return replace(found, info=info, tensors=left)


def _without_strange_auxiliary(found: Recognised) -> Recognised:
    """An auxiliary head that was left at another class count is not needed to run the network."""
    heads = [
        value for name, value in found.tensors.items() if name.startswith("auxiliary.") and name.endswith("weight")
    ]
    if not found.info.auxiliary or not heads or heads[-1].shape[0] == len(found.info.classes):
        return found
    tensors: dict[str, Tensor] = {k: v for k, v in found.tensors.items() if not k.startswith("auxiliary.")}
    note = f"its auxiliary head has {heads[-1].shape[0]} classes and is left out"
    info = replace(found.info, auxiliary=False, notes=(*found.info.notes, note))
    return replace(found, info=info, tensors=tensors)


def _unknown(file: FileContent, listed: list[Part]) -> str:
    tensors: Mapping[str, Any] = listed[0].tensors if listed else {}
    if not tensors:
        return f"{file.path}: holds no weights; save the network's state_dict() with torch.save or save_file"
    names = ", ".join(list(tensors)[:2])
    what = f"weights of an unknown network ({len(tensors)} tensors: {names[:80]}, ...)"
    if all(name.startswith("encoder.") for name in tensors):
        return (
            f"{file.path}: an encoder alone, without what makes classes of its maps; give the whole network's weights"
        )
    if marked := next((name for name in tensors if _REPARAMETRISED.search(name)), None):
        return (
            f"{file.path}: {what}; {marked} stands for a weight that is computed: make it plain "
            "(torch.nn.utils.parametrize.remove_parametrizations or prune.remove) and save the network again"
        )
    return f"{file.path}: {what}; open it as FILE.py:make,WEIGHTS, where make() returns the network without weights"
