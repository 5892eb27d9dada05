"""A class list as text: names, one a line, with or without numbers and colours, as tools write them."""

import csv
import re
from collections.abc import Mapping, Sequence
from typing import Any

_NAMES = ("name", "class", "class name", "label")
_NUMBERS = ("id", "idx", "index", "value", "pixel value", "pixel", "class id", "label id", "number")
_RGB_COLUMNS = (("r", "red"), ("g", "green"), ("b", "blue"))
_COLOR = ("color", "colour", "rgb", "hex")
"""What tools call the columns of a table; words are parted by one space here."""
_WHOLE_COLOR = re.compile(r"\s*#?[\da-fA-F]{6}\s*|\D*\d{1,3}\D+\d{1,3}\D+\d{1,3}\D*")
"""A colour that stands in one column: #804080, or three numbers."""


_ID = r"(?P<id>-?\d+)"
_RGB = r"[(\[]?\s*(?P<r>\d{1,3})\s*[,;\s]\s*(?P<g>\d{1,3})\s*[,;\s]\s*(?P<b>\d{1,3})\s*[)\]]?"
_OF_COLOR = rf"(?:{_RGB}|#(?P<hex>[\da-fA-F]{{6}}))"
_COMMENT = re.compile(r"\s*#(?!\d|[\da-fA-F]{6}\b)")
_SPACED = re.compile(rf"{_ID}\s+(?P<name>\D.*)")
_FORMS = (
    re.compile(rf"(?:{_ID}[,\s]\s*)?{_OF_COLOR}(?:[,\s]\s*[\d.]+)*\s*[,\s]\s*(?P<name>[^\d\s].*)"),
    re.compile(
        rf"(?:{_ID}\s*[:;,\s]\s*)?(?P<name>(?:\S.*)?[^\d\s:;,])\s*[:;,\s]\s*{_OF_COLOR}(?(id)(?:[,;\s]\s*\d+)?)[:;,\s]*"
    ),
    re.compile(rf"{_ID}(?:\s*[:=.,;)\]\t|]|\s+-\s)\s*(?P<name>\D.*)"),
    _SPACED,
    re.compile(rf"(?P<name>.*\S)\s*[:=,;\t|]\s*{_ID}"),
)
"""A line and what is in it: 128 64 128 road; road: 128, 64, 128; #804080 road; 0: road; 0 road; road: 0; or both."""


def rows(text: str) -> list[dict[str, Any]]:
    """The entries of a class list: `name`, and `id` and `color` where the lines have them.

    Lines that begin with # and neither a number nor a colour are passed over, as is LabelMe's `__ignore__`, which has
    no number.

    Raises:
        ValueError: a table with a cell that is none of its column's.

    Example:
        >>> rows("0: road\\n1: car")
        [{'name': 'road', 'id': 0}, {'name': 'car', 'id': 1}]
        >>> rows("3d model\\nroad")
        [{'name': '3d model'}, {'name': 'road'}]
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _COMMENT.match(line)]
    lines = [line for line in lines if line != "__ignore__"]
    if (table := _table(lines)) is not None:
        return table
    if len(lines) == 1 and "," in lines[0]:
        lines = lines[0].split(",")
    return entries_of([name for name in map(_bare, lines) if name])


def entries_of(names: Sequence[str]) -> list[dict[str, Any]]:
    """The entries of names that may have numbers or colours beside them.

    These count where every name has one, each its own; else they belong to the names. Behind a number and a space alone
    may stand a name, too, as in "2 rooms": there 0 is wanted among them, or 1 as the least and no name twice.
    """
    for form in _FORMS:
        matches = [form.fullmatch(name) for name in names]
        found = [_entry(match.groupdict()) for match in matches if match]
        if len(found) == len(names) and _apart(found) and (form is not _SPACED or _counted(found)):
            return found
    return [{"name": name} for name in names]


def _entry(parts: Mapping[str, str | None]) -> dict[str, Any]:
    """A class from the named parts of a line."""
    number, code, *color = (parts.get(key) for key in ("id", "hex", "r", "g", "b"))
    color = color if code is None else list(bytes.fromhex(code))
    return {
        "name": _bare(parts["name"] or ""),
        **({"id": int(number)} if number is not None else {}),
        **({"color": [int(part) for part in color if part is not None]} if None not in color else {}),
    }


def _table(lines: Sequence[str]) -> list[dict[str, Any]] | None:
    """The entries of a table whose first line names its columns; None where it names none."""
    mark = next((mark for mark in ",\t;" if lines and mark in lines[0]), None)
    if mark is None:
        return None
    head, *body = csv.reader(lines, delimiter=mark, skipinitialspace=True)
    body = [cells for cells in body if any(cells)]  # spreadsheets end in lines of empty cells
    columns = [" ".join(re.split(r"[\s_-]+", cell.strip().lower())) for cell in head]
    name, number, color, *rgb = (_place(columns, known) for known in (_NAMES, _NUMBERS, _COLOR, *_RGB_COLUMNS))
    if color is not None and not all(_WHOLE_COLOR.fullmatch(cells[color]) for cells in body if len(cells) > color):
        color = None
    if name is None or not body or (number is None and color is None and None in rgb):
        return None
    try:
        return [
            {
                "name": cells[name].strip(),
                **({"id": int(cells[number])} if number is not None else {}),
                **({"color": cells[color].strip()} if color is not None else {}),
                **({"color": [int(cells[place]) for place in rgb if place is not None]} if None not in rgb else {}),
            }
            for cells in body
        ]
    except IndexError:
        raise ValueError(f"a line has fewer cells than the first, {', '.join(head)[:60]}") from None


def _place(columns: Sequence[str], known: Sequence[str]) -> int | None:
    return next((columns.index(word) for word in known if word in columns), None)


def _apart(entries: Sequence[dict[str, Any]]) -> bool:
    """Whether each has a number of its own, and colours are colours; "2 wheeler" and "4 wheeler" are names."""
    numbers = [entry["id"] for entry in entries if "id" in entry]
    named = len(entries) == 1 or len({entry["name"] for entry in entries}) > 1
    return named and len(set(numbers)) == len(numbers) and all(max(entry.get("color", [0])) < 256 for entry in entries)


def _counted(entries: Sequence[dict[str, Any]]) -> bool:
    """Whether numbers are those of classes, from 0 on, or from 1 on with names that differ without them."""
    numbers, names = {entry["id"] for entry in entries}, {entry["name"] for entry in entries}
    return 0 in numbers or (min(numbers) == 1 and 1 < len(names) == len(entries))


def _bare(name: str) -> str:
    """A name without quotes and the comma that lists end lines with."""
    return name.strip().rstrip(",;").strip().strip("\"'").strip()
