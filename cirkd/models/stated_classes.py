"""Class names that a trainer saved beside the weights, under one of the names that are usual for them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cirkd.data.palettes import spread_colors
from cirkd.data.sample import Classes
from cirkd.models.pickle_names import entries

_PLACES = (
    *("hyper_parameters", "datamodule_hyper_parameters", "hparams", "meta", "dataset_meta", "args", "config", "cfg"),
    *("model_config", "data", "dataset"),
)
_NAMES = (
    *("classes", "class_names", "class_list", "CLASSES", "label_names", "names", "labels"),
    *("id2label", "label2id", "class_to_idx"),
)
_NUMBER = re.compile(r"(?:label|class)?[-_ ]?\d+", re.IGNORECASE)


def stated_classes(said: Sequence[Mapping[str, Any]], counted: Classes) -> tuple[Classes, str] | None:
    """The classes that a file names, and a note; None where it names none, or not as many.

    Of two classes it may name one: that is the second, and the first is the background.

    Args:
        said: What the file holds and what is said beside it; that which comes first counts.
        counted: The classes that the number of outputs suggests.
    """
    for place, found in _stated(said):
        names = _listed(found)
        if names is not None and len(names) == len(counted):
            known = [name.lower() for name in names] == [name.lower() for name in counted.names]
            colors = counted.colors if known else spread_colors(len(names))
            return Classes(names, colors), f"{len(names)} classes, as {place} in the file names them"
        if names is not None and (len(names), len(counted)) == (1, 2):
            note = f"2 classes, of which {place} in the file names the second"
            return Classes(("background", *names), ((0, 0, 0), *spread_colors(1))), note
    return None


def unused_names(said: Sequence[Mapping[str, Any]], counted: Classes) -> str | None:
    """A note where a file names classes, and not those of the outputs, one each; None where it names none."""
    place = next((place for place, found in _stated(said) if _has_names(found)), None)
    return place and f"{len(counted)} classes, and {place} in the file has not one name for each; --classes names them"


def places_of(said: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Where a trainer keeps what it says of a network, in words, and what it keeps there."""
    for content in said:
        yield "", content
        for place in _PLACES:
            held = entries(content.get(place))
            yield f"{place!r}, ", held
            for inner in _PLACES:
                yield f"{place!r}, {inner!r}, ", entries(held.get(inner))


def _stated(said: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """What stands under a name that is usual for class names, and where, in words."""
    for where, held in places_of(said):
        for key in _NAMES:
            if (found := held.get(key)) is not None:
                yield f"{where}{key!r}", _parsed(found)


def _parsed(found: Any) -> Any:
    """A list or an object that was kept as JSON; whatever else as it is."""
    if isinstance(found, str) and found[:1] in ("[", "{"):
        with suppress(ValueError, RecursionError):
            return json.loads(found)
    return found


def _has_names(found: Any) -> bool:
    """Whether a list, or an object's keys or values, say more than numbers do."""
    held = [*found, *found.values()] if isinstance(found, Mapping) else found if isinstance(found, list | tuple) else []
    return any(isinstance(name, str) and not _NUMBER.fullmatch(name) for name in held)


def _listed(found: Any) -> tuple[str, ...] | None:
    """Names in the order of the outputs: a list, or an object from number to name or back."""
    if isinstance(found, Mapping):
        pairs = [(name, key) if isinstance(name, int) else (key, name) for key, name in found.items()]
        numbers = {str(number): name for number, name in pairs}
        found = [numbers.get(str(place)) for place in range(len(numbers))]
    if not isinstance(found, list | tuple) or not found or not all(isinstance(name, str) for name in found):
        return None
    if all(_NUMBER.fullmatch(name) for name in found):
        return None  # LABEL_0 of transformers, class_0, 0: these say no more than the places do
    return tuple(name[:100] for name in found)
