"""Class lists in files: `classes.json` of a folder, and what `--classes` names."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from cirkd.data.class_rows import entries_of, rows
from cirkd.data.errors import DataError, line_of
from cirkd.data.pairs import text_of
from cirkd.data.palettes import spread_colors
from cirkd.data.sample import IGNORED, Classes, Color

_WANTED = 'a list of {"name": "road", "color": [128, 64, 128]}, or of names, was wanted'
_NUMBERS = ("trainId", "train_id", "id")
"""Keys by which class lists number classes: places, and values in label maps."""
_SPELLINGS = {
    "name": ("name", "title", "label", "class", "class_name", "readable"),
    "color": ("color", "colour", "rgb", "color_rgb"),
    "id": ("id", "index", "class_id", "label_id"),
}
"""What class lists call what is called so here; the first that is there counts."""
_CONTAINERS = ("id2label", "categories", "classes", "labels", "names", "CLASSES", "stuff_classes")
_PALETTES = ("palette", "PALETTE", "colors", "stuff_colors")
"""Where a class list has its names, and where its colours in a list of their own."""
_UNREAD_IDS = (
    'classes are numbered by their places in the class list, not by "id", as not all of these can stand in label maps '
    '(0 to 254; 255 or -1 for no class); "value" says otherwise'
)


@dataclass(frozen=True, eq=False)
class ClassList:
    """Classes, and which value stands for each in label maps.

    Args:
        classes: Names and colours; colours that the file does not give are spread over the hues.
        colored: Whether the file gives the colours.
        table: uint8 `[256]`, from a value in a label map to the class; None where values are class numbers. A value of
            no class stays what it is, so that it is counted as such; where that is the number of a class, it is 255.
        note: Which of its numbers count, where the file has them under other names; "" where nothing is to be said.
        void: Colours of its entries for no class.
    """

    classes: Classes
    colored: bool
    table: np.ndarray | None = None
    note: str = ""
    void: tuple[Color, ...] = ()

    def numbered(self, values: np.ndarray) -> tuple[np.ndarray, str]:
        """The values of a label map as class numbers; and a note where some of no class had to become 255."""
        if self.table is None:
            return values, ""
        found = self.table[values]
        if not ((found == IGNORED) & (values != IGNORED)).any():
            return found, ""
        # All that could be hidden rather than what this map has, so that a data set has one such note and no hundreds.
        hidden = ", ".join(str(value) for value in np.flatnonzero(self.table[:IGNORED] == IGNORED))
        return found, f"label maps have values that no class of the class list has and that count as 255: of {hidden}"


def class_list_in(root: Path) -> Path | None:
    """The class list of a folder, where it has one."""
    return next((root / name for name in ("classes.json", "classes.txt") if (root / name).is_file()), None)


def read_class_list(path: Path) -> ClassList:
    """Read a class list.

    It is JSON: a list of names; or of `{"name": ..., "color": [r, g, b], "value": 255}`, of which all but the name may
    be left out (`value`: what stands for the class in label maps, where that is not its place in the list; `id` means
    the same where all can stand there, and `trainId` is the place; an entry whose `id` or `trainId` is -1 or 255 is no
    class); or an object from numbers to names, as `id2label` is; or one with a list of `categories`; all of which may
    be written in YAML, too. Or it is a text file with a name a line.

    Raises:
        DataError: no such file, or none of these; says what was wanted.
    """
    try:
        text = text_of(path)
    except UnicodeDecodeError:
        raise DataError(f"{path}: this class list is not written in UTF-8; save it in that encoding") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}); {_WANTED}") from None
    try:
        if path.suffix.lower() in (".yaml", ".yml"):
            return _from_entries(_entries(yaml.safe_load(text)))
        if path.suffix == ".json" or text.lstrip()[:1] in ("[", "{"):
            return _from_entries(_entries(json.loads(text)))
        return _from_entries(rows(text))
    except yaml.YAMLError as error:
        raise DataError(f"{path}: no YAML that can be read ({line_of(error)}); {_WANTED}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: {_WANTED} ({error!r})") from None


def _entries(found: Any) -> list[dict[str, Any]]:
    """The entries of any of the forms, in class order."""
    palette: Any = None
    if isinstance(found, dict):
        palette = next((found[key] for key in _PALETTES if isinstance(found.get(key), list)), None)
        found = next((found[key] for key in _CONTAINERS if isinstance(found.get(key), dict | list)), found)
    listed = isinstance(found, list)
    if isinstance(found, dict) and all(type(value) is int for value in found.values()):
        found = [{"name": name, "id": number} for name, number in found.items()]
    if isinstance(found, dict) and all(isinstance(value, list) for value in found.values()):
        found = [{"name": name, "color": color} for name, color in found.items()]
    if isinstance(found, dict):
        found = {str(key): value for key, value in found.items()}
        numbers = sorted(int(key) for key in found)
        if numbers != list(range(len(found))):
            raise ValueError(f"the numbers {numbers[:3]}... are not 0, 1, 2, ...; write a list, with each as a value")
        found = [found[str(number)] for number in numbers]
    if not isinstance(found, list) or not found:
        raise ValueError("there is no class in it")
    if palette and len(palette) == len(found) and all(isinstance(entry, str) for entry in found):
        with suppress(ValueError, TypeError):  # colours of another kind, such as names, are left out
            return [{"name": name, "color": _color(color)} for name, color in zip(found, palette, strict=True)]
    if listed and all(isinstance(entry, str) for entry in found):
        return entries_of(found)
    return [_spelled(entry) if isinstance(entry, dict) else {"name": entry} for entry in found]


def _spelled(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry under the names that count here, its numbers as numbers."""
    found = dict(entry)
    for name, others in _SPELLINGS.items():
        value = next((entry[other] for other in others if entry.get(other) is not None), None)
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    for name in (*_NUMBERS, "value"):
        if re.fullmatch(r"-?\d{1,9}", str(found.get(name))):
            found[name] = int(found[name])
    return found


def _numbered(entries: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """The entries in the order of their train ids, or of their ids, which are then their values; and what was done."""
    key = next((key for key in _NUMBERS if any(key in entry for entry in entries)), None)
    if key is None or any("value" in entry for entry in entries):
        return entries, ""
    whole = all(type(entry.get(key)) is int for entry in entries)
    ordered = sorted((entry for entry in entries if _is_class(entry[key])), key=lambda e: e[key]) if whole else []
    if key == "id" and len(ordered) == 1:  # 255 is the other class of a mask of 0 and 255
        ordered += [entry for entry in entries if entry["id"] == IGNORED]
    if key == "id" and not (ordered and all(-1 <= entry["id"] <= IGNORED for entry in entries)):
        return entries, _UNREAD_IDS
    if not whole:
        raise ValueError(f"{key!r}: each class has a whole number of its own")
    found = [entry[key] for entry in ordered]
    note = _note(key, entries, found)
    if key == "id":
        ordered = [{**entry, "value": entry["id"]} for entry in ordered]
    elif found != list(range(len(ordered))):
        raise ValueError(f"{key!r}: 0, 1, 2, ... were wanted, each once, and 255 or -1 for no class")
    return ordered, note


def _is_class(number: int) -> bool:
    """Whether a number stands for a class; 255 and -1 stand for none."""
    return 0 <= number < IGNORED


def _note(key: str, entries: list[dict[str, Any]], found: list[int]) -> str:
    """What is to be said of numbers that count, where they are not the places in the list."""
    other = ', not by "id"' if key != "id" and any("id" in entry for entry in entries) else ""
    void = [str(entry.get("name")) for entry in entries if entry[key] not in found]
    if not (other or void or found != list(range(len(entries)))):
        return ""
    text = f'label maps are read by "{key}" of the class list{other}; "value" says otherwise'
    if void:
        text += f"; its 255 and -1 are no class: {', '.join(void[:3])}{', ...' if len(void) > 3 else ''}"
    return text


def _from_entries(entries: list[dict[str, Any]]) -> ClassList:
    listed, (entries, note) = entries, _numbered(entries)
    if not entries:
        raise ValueError("there is no class in it")
    names = [entry["name"] for entry in entries]
    if strange := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"{strange[0]!r} is no name; write it in quotes")
    colored = all("color" in entry for entry in entries)
    spread = spread_colors(len(names))
    colors = tuple(_color(entry.get("color", spread[place])) for place, entry in enumerate(entries))
    void = {_color(entry["color"]) for entry in listed if "color" in entry} - set(colors)
    return ClassList(Classes(tuple(names), colors), colored, _table(entries), note, tuple(sorted(void)))


def _table(entries: list[dict[str, Any]]) -> np.ndarray | None:
    if not any("value" in entry for entry in entries):
        return None
    values = [int(entry.get("value", place)) for place, entry in enumerate(entries)]
    if len(set(values)) < len(values) or not all(0 <= value < 256 for value in values):
        raise ValueError(f"values {values}: each class has one of its own, from 0 to 255")
    if values == list(range(len(values))):
        return None
    table = np.arange(256, dtype=np.uint8)
    table[: len(values)] = IGNORED
    table[values] = np.arange(len(values))
    return table


def _color(value: Any) -> Color:
    """Three numbers, a fourth for alpha, or #rrggbb; as text, too."""
    code = re.fullmatch(r"#?([0-9a-fA-F]{6})(?:[0-9a-fA-F]{2})?", value) if isinstance(value, str) else None
    numbers = re.findall(r"[\d.]+", value) if isinstance(value, str) else value
    parts: list[Any] = list(bytes.fromhex(code[1])) if code else list(numbers)
    if len(parts) not in (3, 4):
        raise ValueError(f"colour {value}: three whole numbers from 0 to 255, or #rrggbb")
    red, green, blue = map(float, parts[:3] if len(parts) == 4 else parts)
    if not all(part.is_integer() and 0 <= part <= 255 for part in (red, green, blue)):
        raise ValueError(f"colour {value}: three whole numbers from 0 to 255, or #rrggbb")
    return int(red), int(green), int(blue)
