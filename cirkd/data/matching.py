"""Which class of a network is which class of a data set: by name, wherever both have names."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from cirkd.data.sample import IGNORED, Classes

_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Matching:
    """How a network's classes are counted as a data set's.

    Args:
        table: uint8 `[256]`, from the network's class to the data set's, `IGNORED` where it has no such class; None
            where the classes are not the same, and nothing can be scored.
        note: What a user should know about it, in one line; "" where names and order are the same.
    """

    table: np.ndarray | None
    note: str = ""


def match_classes(own: Classes, common: Classes, data: str = "the data set") -> Matching:
    """Match a network's classes with those of a data set.

    Classes are the same when their names are, in any order; letter case, spaces, "_" and "-" do not count. A network
    may know more classes than the data set: to predict one of these is wrong everywhere. Where one side's names were
    only guessed from their count and the counts agree, the classes are taken to be the same in their order.

    Args:
        own: Of the network.
        common: Of the data set; its `aliases` say which further names count as its classes.
        data: What to call the data set in notes.

    Example:
        >>> black = ((0, 0, 0),) * 2
        >>> match_classes(Classes(("Sky", "road"), black), Classes(("road", "sky"), black)).table[:2].tolist()
        [1, 0]
    """
    places = {_plain(name): place for place, name in enumerate(common.names)}
    aliases = {_plain(name): target for name, target in common.aliases.items()}
    found = []
    for name in map(_plain, own.names):
        target = aliases.get(name, name)
        found.append(IGNORED if target is None else places.get(_plain(target), IGNORED))
    if set(range(len(common))) <= set(found):
        return Matching(_table(found), _by_name(own, found, data))
    if (own.guessed or common.guessed) and len(own) == len(common):
        text = (
            f"the file names no classes: its {len(own)} are taken to be those of {data}, in their order; "
            "if they are not, name them with --classes FILE"
        )
        return Matching(_table(list(range(len(own)))), text if own.guessed and own.names != common.names else "")
    return Matching(None, _differing(own, common, found, data))


def same_name(names: Iterable[str], name: str) -> str | None:
    """The first of these class names that is the same as another, as they are compared here; None where none is.

    Example:
        >>> same_name(("road", "traffic light"), "Traffic_Light")
        'traffic light'
    """
    return next((known for known in names if _plain(known) == _plain(name)), None)


def in_colors_of(own: Classes, common: Classes) -> Classes:
    """A network's classes, in the colours of a data set's where that has them.

    Example:
        >>> black, red = (0, 0, 0), (255, 0, 0)
        >>> in_colors_of(Classes(("sky", "road"), (black, black)), Classes(("road",), (red,))).colors
        ((0, 0, 0), (255, 0, 0))
    """
    table = match_classes(own, common).table
    if table is None:
        return own
    colors = [color if table[c] == IGNORED else common.colors[table[c]] for c, color in enumerate(own.colors)]
    return replace(own, colors=tuple(colors))


def channel_order(own: Classes, common: Classes) -> list[int] | None:
    """For each class of a data set the network's channel that stands for it; None where there is not one for each.

    Example:
        >>> black = ((0, 0, 0),) * 2
        >>> channel_order(Classes(("sky", "road"), black), Classes(("road", "sky"), black))
        [1, 0]
    """
    table = match_classes(own, common).table
    if table is None:
        return None
    places: list[int] = table[: len(own)].tolist()
    wanted = range(len(common))
    return [places.index(c) for c in wanted] if sorted(p for p in places if p != IGNORED) == list(wanted) else None


def _by_name(own: Classes, found: list[int], data: str) -> str:
    """What is to be said of a match by name."""
    notes = []
    extra = [name for name, place in zip(own.names, found, strict=True) if place == IGNORED]
    if extra:
        listed = ", ".join(extra[:_SHOWN]) + (", ..." if len(extra) > _SHOWN else "")
        notes.append(f"the network knows {len(extra)} classes that {data} has not ({listed}); to predict one is wrong")
    known = [place for place in found if place != IGNORED]
    if own.guessed and known != sorted(known):
        notes.append(
            f"the file names no classes: they were guessed and matched with those of {data} by name; "
            "if they are not in that order, name them with --classes FILE"
        )
    return "; ".join(notes)


def _differing(own: Classes, common: Classes, found: list[int], data: str) -> str:
    missing = [name for place, name in enumerate(common.names) if place not in found]
    extra = [name for name, place in zip(own.names, found, strict=True) if place == IGNORED]
    theirs = f"{len(common)} classes, the network has {len(own)}" if len(own) != len(common) else "other classes"
    only = f" ({', '.join(extra[:_SHOWN])} for {', '.join(missing[:_SHOWN])})" if extra else f" (no {missing[0]})"
    return (
        f"{data}: {theirs}{only}; choose its own data set, name the network's classes with --classes FILE, "
        "or say which count as which with --class-map FILE"
    )


def _table(places: list[int]) -> np.ndarray:
    table = np.full(256, IGNORED, np.uint8)
    table[: len(places)] = places
    return table


def _plain(name: str) -> str:
    return "".join(character for character in unicodedata.normalize("NFC", name).lower() if character not in " _-")
