"""Data sets in other classes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cirkd.data.errors import DataError
from cirkd.data.folder import Folder
from cirkd.data.mapped import Mapped
from cirkd.data.matching import match_classes
from cirkd.data.sample import IGNORED, Classes

NAMES = ("road", "car", "truck", "sky")


def mapping(tmp_path: Path, content: object) -> Path:
    (tmp_path / "map.json").write_text(json.dumps(content))
    return tmp_path / "map.json"


@pytest.fixture
def streets(tmp_path: Path) -> Folder:
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    Image.new("RGB", (4, 1)).save(tmp_path / "data" / "images" / "a.png")
    Image.fromarray(np.array([[0, 1, 2, 3]], np.uint8)).save(tmp_path / "data" / "labels" / "a.png")
    (tmp_path / "data" / "classes.json").write_text(json.dumps(NAMES))
    return Folder(tmp_path / "data")


def test_classes_are_joined_and_left_out(streets: Folder, tmp_path: Path) -> None:
    mapped = Mapped(streets, mapping(tmp_path, {"car": "vehicle", "truck": "vehicle", "sky": None}))
    assert mapped.classes.names == ("road", "vehicle")
    label = mapped[0].label
    assert label is not None
    assert label.tolist() == [[0, 1, 1, 255]]


def test_names_in_other_spelling_are_those_of_the_classes(streets: Folder, tmp_path: Path) -> None:
    """As a network's are: "Sky" would else be a class still, and "Car" another one than "car"."""
    mapped = Mapped(streets, mapping(tmp_path, {"TRUCK": "Car", "Sky": None, "bus": "Car"}))
    assert mapped.classes.names == ("road", "car")
    label = mapped[0].label
    assert label is not None
    assert label.tolist() == [[0, 1, 1, 255]]
    table = match_classes(Classes(("Bus", "sky", "Road", "car"), ((0, 0, 0),) * 4), mapped.classes).table
    assert table is not None
    assert table[:4].tolist() == [1, IGNORED, 0, 1]
    assert Mapped(streets, mapping(tmp_path, {"car": "Car"})).classes.names == ("road", "Car", "truck", "sky")


def test_a_network_of_finer_classes_is_matched(streets: Folder, tmp_path: Path) -> None:
    mapped = Mapped(streets, mapping(tmp_path, {"car": "vehicle", "truck": "vehicle", "sky": None, "bus": "vehicle"}))
    own = Classes(("bus", "sky", "road", "truck", "car"), ((0, 0, 0),) * 5)
    table = match_classes(own, mapped.classes).table
    assert table is not None
    assert table[:5].tolist() == [1, IGNORED, 0, 1, 1]


@pytest.mark.parametrize("content", [[], {}, {"car": 3}, {"boat": "ship"}, dict.fromkeys(NAMES)])
def test_mappings_that_make_no_sense(streets: Folder, tmp_path: Path, content: object) -> None:
    with pytest.raises(DataError, match=r"map\.json.*an object from class to class"):
        Mapped(streets, mapping(tmp_path, content))
