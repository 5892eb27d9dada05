"""Mapillary Vistas (Neuhold et al., ICCV 2017), version 1.2 and 2.0: its configuration file names the classes.

{training,validation,testing}/images/NAME.jpg
{training,validation}/v2.0/labels/NAME.png and config_v2.0.json    or v1.2; at first labels/ and config.json
"""

import json
from pathlib import Path
from typing import Any

from cirkd.data.class_list import class_list_in
from cirkd.data.entry import DataSet
from cirkd.data.errors import DataError
from cirkd.data.pairs import Pairs, by_ids, photographs, require_folder
from cirkd.data.sample import Classes

_FOLDERS = {"train": "training", "val": "validation", "test": "testing"}
_FORMS = (("v2.0/labels", "config_v2.0.json"), ("v1.2/labels", "config_v1.2.json"), ("labels", "config.json"))
"""Folder of label maps in a split's folder, and the configuration in the root; the newest that is there is taken."""


def open_vistas(split: str, root: Path) -> Pairs:
    """One split of Mapillary Vistas: the classes that its configuration marks as evaluated; all others are ignored.

    Args:
        split: `train`, `val`, or `test`, which has no labels.
        root: The folder that holds `training/`, `validation/` and a configuration file.

    Raises:
        DataError: a folder, the configuration, images or label maps are missing; says which and where.
    """
    own = require_folder(root / _FOLDERS[split], "images and label maps")
    forms = [(labels, config) for labels, config in _FORMS if (root / config).is_file()]
    forms = [form for form in forms if (own / form[0]).is_dir()] or forms
    if not forms:
        raise DataError(f"{root / _FORMS[0][1]}: no such file; it names the classes, unpack it with the images")
    labels, config = forms[0]
    classes, ids, others = _configured(root / config)
    maps = None if split == "test" else own / labels
    return photographs("vistas", split, classes, own / "images", maps, "the data set again", read=by_ids(ids, others))


def _is_vistas(root: Path) -> bool:
    """Folders of these names with a class list and no configuration are somebody's own."""
    return class_list_in(root) is None or any((root / config).is_file() for _, config in _FORMS)


def _configured(path: Path) -> tuple[Classes, list[int], range]:
    """The classes that are evaluated, their values in label maps, and all values there."""
    try:
        entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8-sig"))["labels"]
        used = [(value, entry) for value, entry in enumerate(entries) if entry.get("evaluate", True)]
        names = tuple(str(entry["readable"]) for _, entry in used)
        colors = tuple((int(r), int(g), int(b)) for r, g, b in (entry["color"] for _, entry in used))
        return Classes(names, colors), [value for value, _ in used], range(len(entries))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not the configuration of Mapillary Vistas ({error!r}); unpack it again") from None


ENTRY = DataSet(
    name="vistas",
    title="Mapillary Vistas",
    holds="training/, validation/ and config_v2.0.json",
    open=open_vistas,
    splits=("val", "train", "test"),
    marks=("config_v2.0.json", "config_v1.2.json", "validation/images"),
    confirm=_is_vistas,
    has_split=lambda root, split: (root / _FOLDERS[split] / "images").is_dir(),
)
