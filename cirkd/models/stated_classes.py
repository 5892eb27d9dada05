"""Class names that a trainer saved beside the weights, under one of the names that are usual for them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cirkd.data.palettes import spread_colors
from cirkd.data.sample import Classes
from cirkd.models.pickle_names import entries

_PLACES = ("hyper_parameters", "hparams", "meta", "args", "config", "cfg", "model_config")
_NAMES = (
    *("classes", "class_names", "class_list", "CLASSES", "label_names", "names", "labels"),
    *("id2label", "label2id", "class_to_idx"),
)
_NUMBER = re.compile(r"(?:label|class)?[-_ ]?\d+", re.IGNORECASE)


def stated_classes(said: Sequence[Mapping[str, Any]], counted: Classes) -> tuple[Classes, str] | None:
    """The classes that a file names, and a note; None where it names none, or not as many.

    Args:
        said: What the file holds and what is said beside it; that which comes first counts.
        counted: The classes that the number of outputs suggests.
    """
    for where, held in places_of(said):
        for key in _NAMES:
            names = _listed(held.get(key))
            if names is not None and len(names) == len(counted):
                known = [name.lower() for name in names] == [name.lower() for name in counted.names]
                colors = counted.colors if known else spread_colors(len(names))
                return Classes(names, colors), f"{len(names)} classes, as {where}{key!r} in the file names them"
    return None


def places_of(said: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Where a trainer keeps what it says of a network, in words, and what it keeps there."""
    for content in said:
        yield "", content
        for place in _PLACES:
            yield f"{place!r}, ", entries(content.get(place))


def _listed(found: Any) -> tuple[str, ...] | None:
    """Names in the order of the outputs: a list, an object from number to name or back, or one of these as JSON."""
    if isinstance(found, str) and found[:1] in ("[", "{"):
        with suppress(ValueError, RecursionError):
            found = json.loads(found)
    if isinstance(found, Mapping):
        pairs = [(name, key) if isinstance(name, int) else (key, name) for key, name in found.items()]
        numbers = {str(number): name for number, name in pairs}
        found = [numbers.get(str(place)) for place in range(len(numbers))]
    if not isinstance(found, list | tuple) or not found or not all(isinstance(name, str) for name in found):
        return None
    if all(_NUMBER.fullmatch(name) for name in found):
        return None  # LABEL_0 of transformers, class_0, 0: these say no more than the places do
    return tuple(name[:100] for name in found)
