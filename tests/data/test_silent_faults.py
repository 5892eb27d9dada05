"""Files as people have them: read right, or refused with a line that says why; never something else in silence."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cirkd.data.catalog import open_data
from cirkd.data.errors import CheckpointError, DataError
from cirkd.data.images import read_image, read_label
from cirkd.data.matching import NONE, channel_order, match_classes
from cirkd.data.palettes import CITYSCAPES, classes_by_count
from cirkd.data.sample import Classes
from cirkd.data.unscored import label_counts, unscored_notes

LABEL = (np.arange(48).reshape(6, 8) % 4).astype(np.uint8)
COLORS = ((200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0))
NAMES = ("wall", "tree", "road", "sky")


def named(*names: str) -> Classes:
    return Classes(names, tuple((i, i, i) for i in range(len(names))))


def folder(root: Path) -> Path:
    """Two labelled images and `classes.json`."""
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    for i in range(2):
        Image.fromarray(np.dstack([LABEL * 60] * 3)).save(root / "images" / f"f{i}.png")
        Image.fromarray(LABEL).save(root / "labels" / f"f{i}.png")
    entries = [{"name": name, "color": color} for name, color in zip(NAMES, COLORS, strict=True)]
    (root / "classes.json").write_text(json.dumps(entries))
    return root


def grey_png(values: np.ndarray, depth: int, path: Path) -> Path:
    """A grey PNG of 1, 2 or 4 bits a pixel, which Pillow can't write."""
    height, width = values.shape
    each = 8 // depth
    rows = [
        b"\0"
        + bytes(
            sum(int(v) << (8 - depth * (k + 1)) for k, v in enumerate(row[i : i + each])) for i in range(0, width, each)
        )
        for row in values
    ]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_hold_the_index_that_was_stored(depth: int, tmp_path: Path) -> None:
    values = np.minimum(LABEL, 2**depth - 1)
    assert np.array_equal(read_label(grey_png(values, depth, tmp_path / "label.png")), values)


def test_a_pgm_holds_the_index_that_was_stored(tmp_path: Path) -> None:
    (tmp_path / "label.pgm").write_bytes(b"P5\n8 6\n3\n" + LABEL.tobytes())
    assert np.array_equal(read_label(tmp_path / "label.pgm"), LABEL)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_label_map_is_turned_with_its_image(orientation: int, tmp_path: Path) -> None:
    root = folder(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.dstack([LABEL * 60] * 3)).save(root / "images" / "f0.png", exif=exif)
    sample = open_data("folder", root=root)[0]
    assert sample.label is not None
    assert np.array_equal(sample.image[..., 0], sample.label * 60)
    assert bool(sample.note) == (orientation > 1)


def test_a_label_map_that_is_upright_already_stays(tmp_path: Path) -> None:
    root = folder(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.dstack([LABEL * 60] * 3)).save(root / "images" / "f0.png", exif=exif)
    Image.fromarray(np.rot90(LABEL, -1).copy()).save(root / "labels" / "f0.png")
    sample = open_data("folder", root=root)[0]
    assert sample.label is not None
    assert np.array_equal(sample.image[..., 0], sample.label * 60)


def palette(order: tuple[int, ...], path: Path) -> None:
    """The label map with its palette's entries in another order."""
    picture = Image.fromarray(np.array([order.index(c) for c in range(4)], np.uint8)[LABEL], "P")
    picture.putpalette([value for c in order for value in COLORS[c]])
    picture.save(path)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1)])
def test_a_renumbered_palette_is_read_by_its_colours(order: tuple[int, ...], tmp_path: Path) -> None:
    root = folder(tmp_path)
    palette(order, root / "labels" / "f0.png")
    sample = open_data("folder", root=root)[0]
    assert sample.label is not None
    assert np.array_equal(sample.label, LABEL)
    assert ("palette" in sample.note) == (order != (0, 1, 2, 3))


def test_a_map_in_the_classes_colours_is_read_by_them(tmp_path: Path) -> None:
    root = folder(tmp_path)
    Image.fromarray(np.array(COLORS, np.uint8)[LABEL]).save(root / "labels" / "f0.png")
    sample = open_data("folder", root=root)[0]
    assert sample.label is not None
    assert np.array_equal(sample.label, LABEL)
    Image.new("RGB", (8, 6), (1, 2, 3)).save(root / "labels" / "f0.png")
    with pytest.raises(DataError, match=r"its colour \(1, 2, 3\) is that of no class"):
        open_data("folder", root=root)[0]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.full((4, 4), 0.5, np.float32), "decimal numbers"),
        (np.full((4, 4), 9000, np.int32), "32-bit numbers"),
        (np.full((4, 4), 4095, np.uint16), "12 bits in 16"),
        (np.full((4, 4), 255, np.uint16), "12 bits in 16"),
    ],
)
def test_ranges_that_a_file_does_not_state_are_refused(values: np.ndarray, says: str, tmp_path: Path) -> None:
    Image.fromarray(values).save(tmp_path / "x.tif")
    with pytest.raises(DataError, match=says):
        read_image(tmp_path / "x.tif")


def test_black_in_16_bits_is_black(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "x.png")
    assert not read_image(tmp_path / "x.png").any()


def test_what_is_no_label_map_is_said(tmp_path: Path) -> None:
    pages = [Image.fromarray(((c == LABEL) * 255).astype(np.uint8)) for c in range(4)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match="4 pages"):
        read_label(tmp_path / "pages.tif")
    Image.fromarray(LABEL).save(tmp_path / "j.png", format="JPEG")
    with pytest.raises(DataError, match="JPEG changes the values"):
        read_label(tmp_path / "j.png")
    Image.fromarray(np.where(LABEL == 0, -1, LABEL.astype(np.int32)).astype(np.int32)).save(tmp_path / "m.tif")
    with pytest.raises(DataError, match="label -1 found"):
        read_label(tmp_path / "m.tif")


def test_labels_of_no_class_are_counted_and_named() -> None:
    two, four = named("a", "b"), named(*NAMES)
    assert unscored_notes(label_counts(np.array([[0, 1]], np.uint8)), two) == []
    (hidden,) = unscored_notes(label_counts(np.array([[0, 255]], np.uint8)), two)
    assert "label 255 counts as unlabelled: 50.0 % of the pixels" in hidden and '"value": 255' in hidden
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


def test_the_advice_for_labels_from_1_works(tmp_path: Path) -> None:
    root = folder(tmp_path)
    Image.fromarray(LABEL + 1).save(root / "labels" / "f0.png")
    (root / "classes.json").write_text(json.dumps([{"name": n, "value": i + 1} for i, n in enumerate(NAMES)]))
    label = open_data("folder", root=root)[0].label
    assert label is not None
    assert np.array_equal(label, LABEL)


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


def test_classes_are_matched_by_name_in_any_order() -> None:
    found = match_classes(named("Traffic_Light", "road"), named("road", "traffic light"))
    assert found.table is not None
    assert found.table[:2].tolist() == [1, 0] and found.note == ""
    twice = named("wall", "tree", "road", "tree")
    assert channel_order(twice, twice) == [0, 1, 2, 3]


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
    assert found.table[:3].tolist() == [1, NONE, 0]
    assert "1 classes that mine has not (b)" in found.note
    missing = match_classes(named("a", "b"), named("a", "b", "c"), "mine")
    assert missing.table is None and "3 classes, the network has 2 (no c)" in missing.note


def test_all_label_values_of_coco_stuff_are_its_171_classes() -> None:
    from cirkd.data.many_classes import COCO_STUFF

    own, _ = classes_by_count(182)
    order = channel_order(own, COCO_STUFF)
    assert order is not None
    assert order[:12] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12] and order[-1] == 181


def test_more_classes_than_label_maps_can_hold_are_refused() -> None:
    with pytest.raises(CheckpointError, match="300 classes: at most 255"):
        classes_by_count(300)


def test_what_systems_leave_beside_files_is_passed_over(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for path in list(root.rglob("*.png")):
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
    (root / "images" / "Thumbs.db").touch()
    assert open_data("folder", root=root).names == ["f0", "f1"]


@pytest.mark.parametrize("ending", [".PNG", "_mask.png", "_L.png", ".tif", "-label.png", ".jpg.png"])
@pytest.mark.parametrize("place", ["labels", "masks", "annotations", "groundtruth", "ann_dir"])
def test_label_maps_go_by_many_names(ending: str, place: str, tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "labels").rename(root / place)
    for path in list((root / place).iterdir()):
        Image.open(path).save(path.with_name(path.stem + ending))
        path.unlink()
    label = open_data("folder", root=root)[1].label
    assert label is not None
    assert np.array_equal(label, LABEL)


def test_label_maps_that_match_nothing_are_counted(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "labels" / "f1.png").rename(root / "labels" / "other.png")
    data = open_data("folder", root=root)
    assert "1 of 2 images have no label map" in " ".join(data.notes)  # type: ignore[attr-defined]
    assert "labels/ has 1 label maps that match no image" in " ".join(data.notes)  # type: ignore[attr-defined]


def test_masks_beside_photographs_are_their_labels(tmp_path: Path) -> None:
    for i in range(2):
        Image.fromarray(np.dstack([LABEL * 60] * 3)).save(tmp_path / f"s{i}.jpg")
        Image.fromarray(LABEL).save(tmp_path / f"s{i}.png")
    data = open_data("folder", root=tmp_path)
    assert data.names == ["s0", "s1"]
    assert data[0].label is not None


def test_masks_beside_images_by_their_ending(tmp_path: Path) -> None:
    for image, mask in (("a.png", "a_mask.png"), ("b_image.jpg", "b_gt.tif"), ("c_seg.png", "")):
        Image.fromarray(np.dstack([LABEL * 60] * 3)).save(tmp_path / image)
        if mask:
            Image.fromarray(LABEL).save(tmp_path / mask)
    data = open_data("folder", root=tmp_path)
    # A name that ends so without another file's before it is an image like any other.
    assert data.names == ["a", "b_image", "c_seg"]
    assert [data[i].label is not None for i in range(3)] == [True, True, False]
    assert "are taken as their label maps" in " ".join(data.notes)  # type: ignore[attr-defined]


def test_names_that_some_systems_hold_for_the_same_are_matched(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for old, image, label in (("f0", "Stra\u00dfe \u00fc", "stra\u00dfe u\u0308"), ("f1", "IMG 1", "img 1_Mask")):
        (root / "images" / f"{old}.png").rename(root / "images" / f"{image}.png")
        (root / "labels" / f"{old}.png").rename(root / "labels" / f"{label}.png")
    data = open_data("folder", root=root)
    assert [data[i].label is not None for i in range(2)] == [True, True]


def test_links_to_what_was_not_fetched_are_counted(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for name in ("images", "labels"):
        (root / name / "f1.png").unlink()
        (root / name / "f1.png").symlink_to("/nowhere/store/f1")
    data = open_data("folder", root=root)
    assert data.names == ["f0"]
    for name in ("images", "labels"):
        assert f"1 files of {name}/ are links to files that are not there" in " ".join(data.notes)  # type: ignore[attr-defined]
    (root / "images" / "f0.png").unlink()
    with pytest.raises(DataError, match=r"no image files here; 1 files of images/ are links"):
        open_data("folder", root=root)


def test_classes_in_a_text_file_and_in_utf_16(tmp_path: Path) -> None:
    root = folder(tmp_path)
    text = (root / "classes.json").read_text()
    (root / "classes.json").write_text(text, encoding="utf-16")
    assert open_data("folder", root=root).classes.names == NAMES  # type: ignore[union-attr]
    (root / "classes.json").unlink()
    (root / "classes.txt").write_text("\n".join(NAMES))
    assert open_data("folder", root=root).classes.names == NAMES  # type: ignore[union-attr]


def test_images_of_one_stem_keep_names_of_their_own(tmp_path: Path) -> None:
    for ending in ("jpg", "bmp"):
        Image.new("RGB", (8, 6)).save(tmp_path / f"a.{ending}")
    assert sorted(open_data("folder", root=tmp_path).names) == ["a.bmp", "a.jpg"]


def test_splits_of_a_folder(tmp_path: Path) -> None:
    by_folder = tmp_path / "one"
    folder(by_folder / "train")
    folder(by_folder / "val")
    (by_folder / "val" / "images" / "f1.png").unlink()
    assert len(open_data("folder", "train", by_folder)) == 2
    assert len(open_data("folder", "val", by_folder)) == 1
    listed = folder(tmp_path / "two")
    (listed / "val.txt").write_text("\ufefff1.png\r\n", encoding="utf-8")
    assert open_data("folder", "val", listed).names == ["f1"]
    assert open_data("folder", "0-50%", listed).names != open_data("folder", "50-100%", listed).names
    with pytest.raises(DataError, match="its images are in folders for val, train; choose one of these splits"):
        open_data("folder", "all", by_folder)
    with pytest.raises(DataError, match="no split 'dance'"):
        open_data("folder", "dance", listed)


def test_a_data_set_is_one_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app import catalogue, state
    from cirkd import cli
    from cirkd.data import catalog
    from cirkd.data.entry import DataSet
    from cirkd.data.folder import Folder

    entry = DataSet("pond", "My pond", "pond.txt", lambda split, root: Folder(root), ("val",), marks=("pond.txt",))
    monkeypatch.setitem(catalog.DATA_SETS, "pond", entry)
    monkeypatch.setattr(catalog, "DATA_SETS", {"pond": entry, **catalog.DATA_SETS})
    root = folder(tmp_path)
    (root / "pond.txt").touch()
    assert cli.main(["data"]) == 0
    assert "pond        My pond; splits val; --root holds pond.txt" in capsys.readouterr().out
    assert "pond" in state.sources() and catalogue.title("pond") == "My pond" and "My pond" in catalogue.listed()
    assert catalogue.images("folder", "val", root).name == "pond"
    assert len(catalog.open_named(str(root))) == len(catalog.open_named("pond", root=root)) == 2
