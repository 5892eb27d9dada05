"""Classes: lists of them in many forms, labels that are none, and a network's matched with a data set's."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cirkd.data.catalog import classes_by_count, open_data
from cirkd.data.class_list import read_class_list
from cirkd.data.coco_stuff import COCO_STUFF
from cirkd.data.errors import CheckpointError, DataError
from cirkd.data.matching import channel_order, match_classes
from cirkd.data.palettes import CITYSCAPES, VOC
from cirkd.data.sample import IGNORED, Classes
from cirkd.data.unscored import label_counts, unscored_notes
from tests.data.tiny_folder import LABEL, NAMES, folder


def named(*names: str) -> Classes:
    return Classes(names, tuple((i, i, i) for i in range(len(names))))


def test_labels_of_no_class_are_counted_and_named() -> None:
    two, four = named("a", "b"), named(*NAMES)
    assert unscored_notes(label_counts(np.array([[0, 1]], np.uint8)), two) == []
    (hidden,) = unscored_notes(label_counts(np.array([[0, 255]], np.uint8)), two)
    assert "label 255 counts as unlabelled: 50.0 % of the pixels" in hidden and '"value": 255' in hidden
    (of_voc,) = unscored_notes(label_counts(np.array([[0, 255]], np.uint8)), VOC)
    assert of_voc == "label 255 counts as unlabelled: 50.0 % of the pixels"
    (shifted,) = unscored_notes(label_counts(LABEL + 1), four)
    assert "labels 4 are none of the 4 classes" in shifted and "numbered from 1" in shifted


def test_the_advice_for_masks_of_0_and_255_works(tmp_path: Path) -> None:
    root = folder(tmp_path)
    mask = ((LABEL > 1) * 255).astype(np.uint8)
    Image.fromarray(mask).save(root / "labels" / "f0.png")
    (root / "classes.json").write_text('[{"name": "rest"}, {"name": "thing", "value": 255}]')
    label = open_data("folder", root=root)[0].label
    assert label is not None
    assert np.array_equal(label, LABEL > 1)


def test_the_advice_for_a_list_without_the_background_works(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "classes.json").unlink()
    (root / "classes.txt").write_text("\n".join(NAMES[1:]))
    for names, notes in (
        (
            NAMES[1:],
            [
                "labels 3 are none of the 3 classes and count as unlabelled: 25.0 % of the pixels; if 0 is a "
                "background, and not 'tree', name it first in the class list"
            ],
        ),
        (("background", *NAMES[1:]), []),
    ):
        (root / "classes.txt").write_text("\n".join(names))
        data = open_data("folder", root=root)
        label = data[0].label
        assert label is not None and data.classes is not None
        assert unscored_notes(label_counts(label), data.classes) == notes


def test_the_advice_for_labels_from_1_works(tmp_path: Path) -> None:
    root = folder(tmp_path)
    Image.fromarray(LABEL + 1).save(root / "labels" / "f0.png")
    (root / "classes.json").write_text(json.dumps([{"name": n, "value": i + 1} for i, n in enumerate(NAMES)]))
    label = open_data("folder", root=root)[0].label
    assert label is not None
    assert np.array_equal(label, LABEL)


@pytest.mark.parametrize(
    ("numbers", "values", "note"),
    [
        ([{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}], [1, 2, 3, 4], 'by "id" of the class list'),
        ([{"id": 7}, {"id": 3}, {"id": 9}, {"id": 0}], [7, 3, 9, 0], 'by "id" of the class list'),
        ([{"id": 3}, {"id": 2}, {"id": 1}, {"id": 0}], [3, 2, 1, 0], ""),
        ([{"trainId": 1}, {"trainId": 0}, {"trainId": 3}, {"trainId": 2}], [1, 0, 3, 2], ""),
        ([{"id": 9, "trainId": i} for i in range(4)], [0, 1, 2, 3], 'by "trainId" of the class list, not by "id"'),
        ([{"id": i} for i in range(4)], [0, 1, 2, 3], ""),
        ([{"id": 9, "value": i + 5} for i in range(4)], [5, 6, 7, 8], ""),
    ],
)
@pytest.mark.parametrize("coco", [False, True])
def test_numbers_of_a_class_list_count(
    numbers: list[dict[str, int]], values: list[int], note: str, coco: bool, tmp_path: Path
) -> None:
    root = folder(tmp_path)
    entries = [{"name": name, **more} for name, more in zip(NAMES, numbers, strict=True)]
    (root / "classes.json").write_text(json.dumps({"categories": entries, "images": []} if coco else entries))
    Image.fromarray(np.array(values, np.uint8)[LABEL]).save(root / "labels" / "f0.png")
    data = open_data("folder", "all", root)
    label = data[0].label
    assert data.classes is not None and label is not None
    assert np.array_equal(np.array(data.classes.names)[label], np.array(NAMES)[LABEL])
    assert bool(note) == bool(data.notes) and note in " ".join(data.notes)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "ids",
    [[3482911, 3482912, 3482913, 3482914], ["x0", "x1", "x2", "x3"], [1, None, 2, 3], [0.0, 1.0, 2.0, 3.0], [-1] * 4],
)
def test_ids_that_cannot_stand_in_label_maps_do_not_count(ids: list[object], tmp_path: Path) -> None:
    """Keys of an annotation tool say nothing of label maps: the places count, and a note says so."""
    root = folder(tmp_path)
    entries = [{"name": name, "id": number} for name, number in zip(NAMES, ids, strict=True)]
    (root / "classes.json").write_text(json.dumps(entries))
    data = open_data("folder", "all", root)
    assert data.classes is not None and data.classes.names == NAMES
    assert np.array_equal(data[0].label, LABEL)
    assert 'by their places in the class list, not by "id"' in data.notes[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", ["id", "trainId"])
@pytest.mark.parametrize("void", [-1, 255])
@pytest.mark.parametrize("place", [0, 4])
def test_entries_for_no_class_are_none(key: str, void: int, place: int, tmp_path: Path) -> None:
    root = folder(tmp_path)
    entries = [{"name": name, key: number} for number, name in enumerate(NAMES)]
    entries.insert(place, {"name": "nothing", key: void})
    (root / "classes.json").write_text(json.dumps(entries))
    label = np.where(LABEL == 3, 255, LABEL).astype(np.uint8)
    Image.fromarray(label).save(root / "labels" / "f0.png")
    data = open_data("folder", "all", root)
    assert data.classes is not None and data.classes.names == NAMES
    assert np.array_equal(data[0].label, label)
    assert "255 and -1 are no class: nothing" in data.notes[0]  # type: ignore[attr-defined]


def test_a_mask_of_0_and_255_has_two_classes(tmp_path: Path) -> None:
    root = folder(tmp_path)
    entries = [{"name": "ground", "id": 0}, {"name": "crack", "id": 255}]
    (root / "classes.json").write_text(json.dumps(entries))
    Image.fromarray(np.where(LABEL == 3, 255, 0).astype(np.uint8)).save(root / "labels" / "f0.png")
    data = open_data("folder", "all", root)
    assert data.classes is not None and data.classes.names == ("ground", "crack")
    assert np.array_equal(data[0].label, (LABEL == 3).astype(np.uint8))


@pytest.mark.parametrize(
    ("key", "numbers", "strange", "hidden"),
    [
        ("id", [0, 1, 2, 3], "labels 4, 19, 33 are none of the 4 classes", ""),
        ("value", [0, 1, 2, 3], "labels 4, 19, 33 are none of the 4 classes", ""),
        ("id", [0, 1, 2, 4], "labels 19, 33 are none of the 4 classes", "count as 255: of 3"),
        ("value", [0, 33, 2, 4], "labels 19 are none of the 4 classes", "count as 255: of 1, 3"),
        ("id", [1, 2, 3, 4], "labels 19, 33 are none of the 4 classes", "count as 255: of 0"),
    ],
)
def test_values_that_no_class_has_are_told_by_their_own_numbers(
    key: str, numbers: list[int], strange: str, hidden: str, tmp_path: Path
) -> None:
    """A class list's numbers hide no wrong label: each is counted under the number that the file has."""
    root = folder(tmp_path)
    label = np.resize(np.array([0, 1, 2, 3, 4, 19, 33, 255], np.uint8), LABEL.shape)
    Image.fromarray(label).save(root / "labels" / "f0.png")
    entries = [{"name": name, key: number} for name, number in zip(NAMES, numbers, strict=True)]
    (root / "classes.json").write_text(json.dumps(entries))
    data = open_data("folder", "all", root)
    sample = data[0]
    assert data.classes is not None and sample.label is not None
    for place, number in enumerate(numbers):
        assert np.array_equal(sample.label == place, label == number)
    assert (sample.label[label == 255] == 255).all()
    notes = unscored_notes(label_counts(sample.label), data.classes)
    assert strange in notes[0] and notes[1].startswith("label 255 counts as unlabelled")
    assert bool(sample.note) == bool(hidden) and sample.note.endswith(hidden)


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        ([{"trainId": 1}, {}, {}, {}], "'trainId': each class has a whole number of its own"),
        ([{"value": 256}, {}, {}, {}], "each class has one of its own, from 0 to 255"),
        ([{"value": -1}, {}, {}, {}], "each class has one of its own, from 0 to 255"),
        ([{"id": 1}] * 4, "each class has one of its own"),
        ([{"trainId": 5}, {"trainId": 0}, {"trainId": 255}, {"trainId": -1}], "'trainId': 0, 1, 2, ... were wanted"),
    ],
)
def test_numbers_that_cannot_be_are_refused(numbers: list[dict[str, int]], line: str, tmp_path: Path) -> None:
    entries = [{"name": name, **more} for name, more in zip(NAMES, numbers, strict=True)]
    (folder(tmp_path) / "classes.json").write_text(json.dumps(entries))
    with pytest.raises(DataError, match=line):
        open_data("folder", root=tmp_path)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('["wall", "tree"]', ("wall", "tree")),
        ('{"0": "wall", "1": "tree"}', ("wall", "tree")),
        ('{"id2label": {"0": "wall", "1": "tree"}}', ("wall", "tree")),
        ('\ufeff[{"name": "wall"}, {"name": "tree"}]', ("wall", "tree")),
        ('["tree", "road", "tree"]', ("tree", "road", "tree (2)")),
    ],
)
def test_class_lists_have_many_forms(text: str, names: tuple[str, ...], tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "classes.json").write_text(text, encoding="utf-8")
    classes = open_data("folder", root=root).classes
    assert classes is not None
    assert classes.names == names


@pytest.mark.parametrize(
    "text",
    ["[]", '[{"name": "a", "color": [0, 0, 300]}]', '{"1": "a"}', "[3]", json.dumps([f"t{i}" for i in range(300)])],
)
def test_class_lists_that_make_no_sense_are_refused(text: str, tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "classes.json").write_text(text)
    with pytest.raises(DataError, match=r"classes\.json"):
        open_data("folder", root=root)


def test_classes_in_a_text_file_and_in_utf_16(tmp_path: Path) -> None:
    root = folder(tmp_path)
    text = (root / "classes.json").read_text()
    (root / "classes.json").write_text(text, encoding="utf-16")
    assert open_data("folder", root=root).classes.names == NAMES  # type: ignore[union-attr]
    (root / "classes.json").unlink()
    (root / "classes.txt").write_text("\n".join(NAMES))
    assert open_data("folder", root=root).classes.names == NAMES  # type: ignore[union-attr]


def test_classes_are_matched_by_name_in_any_order() -> None:
    found = match_classes(named("Traffic_Light", "road"), named("road", "traffic light"))
    assert found.table is not None
    assert found.table[:2].tolist() == [1, 0] and found.note == ""
    twice = named("wall", "tree", "road", "tree")
    assert channel_order(twice, twice) == [0, 1, 2, 3]


def test_names_that_look_the_same_are_the_same() -> None:
    """An umlaut is one character or two."""
    own, common = (named(*(unicodedata.normalize(form, name) for name in ("Bäume", "Weg"))) for form in ("NFD", "NFC"))
    assert match_classes(own, common).table is not None


def test_guessed_names_give_way_where_the_counts_agree() -> None:
    guessed, _ = classes_by_count(19)
    own = named(*(f"thing {i}" for i in range(19)))
    found = match_classes(guessed, own, "folder")
    assert found.table is not None
    assert found.table[:19].tolist() == list(range(19)) and "in their order" in found.note
    assert match_classes(CITYSCAPES, own).table is None
    turned = Classes(CITYSCAPES.names[::-1], CITYSCAPES.colors[::-1])
    by_name = match_classes(guessed, turned)
    assert by_name.table is not None
    assert by_name.table[0] == 18 and "guessed" in by_name.note


def test_further_classes_of_a_network_are_wrong_predictions() -> None:
    found = match_classes(named("a", "b", "c"), named("c", "a"), "mine")
    assert found.table is not None
    assert found.table[:3].tolist() == [1, IGNORED, 0]
    assert "1 classes that mine has not (b)" in found.note
    missing = match_classes(named("a", "b"), named("a", "b", "c"), "mine")
    assert missing.table is None and "3 classes, the network has 2 (no c)" in missing.note


def test_all_label_values_of_coco_stuff_are_its_171_classes() -> None:

    own, _ = classes_by_count(182)
    order = channel_order(own, COCO_STUFF)
    assert order is not None
    assert order[:12] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12] and order[-1] == 181


def test_more_classes_than_label_maps_can_hold_are_refused() -> None:
    with pytest.raises(CheckpointError, match="300 classes: at most 255"):
        classes_by_count(300)


@pytest.mark.parametrize(
    ("text", "names", "numbers"),
    [
        ("0 wall\n1 tree", ("wall", "tree"), None),
        ("0: wall\n1: tree", ("wall", "tree"), None),
        ("0\twall\n1\ttree", ("wall", "tree"), None),
        ("# id, name\n0, wall\n1, tree,", ("wall", "tree"), None),
        ("7: wall\n8: tree", ("wall", "tree"), [7, 8]),
        ("wall: 0\ntree: 1", ("wall", "tree"), None),
        ("Pixel Value, Class\n0, wall\n2, tree", ("wall", "tree"), [0, 2]),
        ("__ignore__\n_background_\ntree", ("_background_", "tree"), None),
        ("1 wall\n2 tree", ("wall", "tree"), [1, 2]),
        ("1 room\n2 rooms\n3 rooms", ("1 room", "2 rooms", "3 rooms"), None),
        ("2 wheeler\n4 wheeler", ("2 wheeler", "4 wheeler"), None),
        ("2 rooms\n3 halls", ("2 rooms", "3 halls"), None),
        ("2 wheeler", ("2 wheeler",), None),
        ("#1 hit\ntree", ("#1 hit", "tree"), None),
        ("3d model\n1.5 inch", ("3d model", "1.5 inch"), None),
        ("wall, tree", ("wall", "tree"), None),
        ('"wall"\n"tree"', ("wall", "tree"), None),
        ("-1: void\n0: wall\n1: tree", ("wall", "tree"), None),
        ("2 wheeler 1 2 3\n4 wheeler 4 5 6", ("2 wheeler 1 2 3", "4 wheeler 4 5 6"), None),
    ],
)
def test_numbers_in_a_text_list_are_no_part_of_names(
    text: str, names: tuple[str, ...], numbers: list[int] | None, tmp_path: Path
) -> None:
    (tmp_path / "classes.txt").write_text(text)
    found = read_class_list(tmp_path / "classes.txt")
    assert found.classes.names == names
    assert (found.table is None) == (numbers is None)
    if found.table is not None:
        assert found.table[numbers].tolist() == [0, 1]


@pytest.mark.parametrize(
    "text",
    [
        "name,r,g,b\nwall,1,2,3\ntree,4,5,6",
        "1 2 3\twall\n4 5 6\ttree",
        "wall: 1, 2, 3\ntree: 4, 5, 6",
        "# label:color_rgb:parts:actions\nwall:1,2,3::\ntree:4,5,6::",
        "wall 1 2 3\ntree 4 5 6",
        "wall: [1, 2, 3]\ntree: [4, 5, 6]",
        "0 wall (1, 2, 3)\n1 tree (4, 5, 6)",
        "wall #010203\ntree #040506",
        "0,wall,#010203\n1,tree,#040506",
        "0 wall 1 2 3 255\n1 tree 4 5 6 255",
        "0\twall\t1,2,3\n1\ttree\t4,5,6",
        '# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL\n  0  1  2  3  0.5  1  1  "wall"\n  1  4  5  6  1  1  1  "tree"',
        "name,color\nwall,#010203\ntree,#040506",
        "name,r,g,b\nwall,1,2,3\ntree,4,5,6\n,,,\n",
        'id,name,color\n0,wall,"1, 2, 3"\n1,tree,"[4 5 6]"',
        '{"classes": ["wall", "tree"], "palette": [[1, 2, 3], [4, 5, 6]]}',
        '{"wall": [1, 2, 3], "tree": [4, 5, 6]}',
        '{"classes": [{"title": "wall", "color": "#010203"}, {"title": "tree", "color": "#040506"}]}',
        '[{"name": "wall", "color": ["1", "2", "3"]}, {"name": "tree", "color": [4.0, 5.0, 6.0]}]',
        '[{"label": "wall", "index": "0", "rgb": [1, 2, 3, 9]}, {"label": "tree", "index": "1", "rgb": [4, 5, 6, 9]}]',
    ],
)
def test_names_and_colours_are_spelled_in_many_ways(text: str, tmp_path: Path) -> None:
    path = tmp_path / ("classes.json" if text[0] in "[{" else "classes.txt")
    path.write_text(text)
    found = read_class_list(path)
    assert (found.classes.names, found.classes.colors) == (("wall", "tree"), ((1, 2, 3), (4, 5, 6)))
    assert found.colored and found.table is None


def test_a_line_that_begins_with_a_colour_is_no_comment(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("# of a facade\n#ff0000 wall\n#00FF00 tree\n")
    found = read_class_list(tmp_path / "classes.txt").classes
    assert (found.names, found.colors) == (("wall", "tree"), ((255, 0, 0), (0, 255, 0)))


def test_a_class_list_from_name_to_number(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text('{"tree": 1, "wall": 0}')
    assert read_class_list(tmp_path / "classes.json").classes.names == ("wall", "tree")


def test_names_that_have_their_numbers_already_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text('{"id2label": {"0": "0 floors", "1": "1: floor"}}')
    assert read_class_list(tmp_path / "classes.json").classes.names == ("0 floors", "1: floor")


def test_colours_that_are_no_bytes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text('[{"name": "wall", "color": [0.5, 0.1, 1.0]}]')
    with pytest.raises(DataError, match="three whole numbers from 0 to 255"):
        read_class_list(tmp_path / "classes.json")


@pytest.mark.parametrize(
    "text",
    ["names: [wall, tree]\nnc: 2", "path: x\nnames:\n  0: wall\n  1: tree", "- wall\n- tree", "- {name: wall}\n- tree"],
)
def test_a_class_list_in_yaml(text: str, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(text)
    assert read_class_list(tmp_path / "data.yaml").classes.names == ("wall", "tree")


@pytest.mark.parametrize("text", ["- no\n- wall", "- off\n- 'on'", "- wall\n- ~", "- 1\n- 2"])
def test_words_that_yaml_takes_for_something_else_are_no_names(text: str, tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(text)
    with pytest.raises(DataError, match=r"(False|None|1) is no name; write it in quotes"):
        read_class_list(tmp_path / "classes.yaml")


def test_yaml_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [wall")
    with pytest.raises(DataError, match=r"no YAML that can be read .*a list of"):
        read_class_list(tmp_path / "data.yaml")


@pytest.mark.parametrize(
    "text", ['{"names": ["wall", "tree"], "colors": ["red", "blue"]}', "id,name,color\n0,wall,red\n1,tree,blue"]
)
def test_colours_of_another_kind_leave_the_names(text: str, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(text)
    found = read_class_list(tmp_path / "classes.txt")
    assert found.classes.names == ("wall", "tree") and not found.colored


def test_a_text_list_of_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes("straße\n".encode("latin-1"))
    with pytest.raises(DataError, match="not written in UTF-8; save it in that encoding"):
        read_class_list(tmp_path / "classes.txt")
