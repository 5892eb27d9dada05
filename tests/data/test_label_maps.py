"""Label maps and images as people have them: read right, or refused with a line that says why."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cirkd.data.catalog import open_data
from cirkd.data.errors import DataError
from cirkd.data.images import read_image, read_label, read_label_noted
from cirkd.data.palettes import VOC
from tests.data.tiny_folder import COLORS, LABEL, NAMES, folder


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


@pytest.mark.parametrize("void", [(0, 0, 0), (32, 33, 34)])
@pytest.mark.parametrize("shown", [(0,), (0, 1, 2), (1, 2, 3, 4), (0, 4)])
def test_a_palette_that_begins_with_void_is_read_by_its_colours(
    void: tuple[int, ...], shown: tuple[int, ...], tmp_path: Path
) -> None:
    root = folder(tmp_path)
    numbers = np.array(shown, np.uint8)[np.arange(48).reshape(6, 8) % len(shown)]
    picture = Image.fromarray(numbers, "P")
    picture.putpalette([value for color in (void, *COLORS) for value in color])
    picture.save(root / "labels" / "f0.png")
    sample = open_data("folder", root=root)[0]
    assert sample.label is not None
    assert np.array_equal(sample.label, np.array([255, 0, 1, 2, 3], np.uint8)[numbers])
    assert "by the colours of their palette" in sample.note and '"color"' in sample.note


@pytest.mark.parametrize("shown", [(0,), (0, 12), (0, 12, 15)])
def test_some_classes_of_a_long_palette_are_read_alike_whichever_occur(shown: tuple[int, ...], tmp_path: Path) -> None:
    root, chosen = folder(tmp_path), (8, 12, 15, 7)
    entries = [{"name": name, "color": VOC.colors[c]} for name, c in zip(NAMES, chosen, strict=True)]
    (root / "classes.json").write_text(json.dumps(entries))
    numbers = np.array(shown, np.uint8)[np.arange(48).reshape(6, 8) % len(shown)]
    picture = Image.fromarray(numbers, "P")
    picture.putpalette([value for color in VOC.colors for value in color])
    picture.save(root / "labels" / "f0.png")
    sample = open_data("folder", root=root)[0]
    assert sample.label is not None
    of = {8: 0, 12: 1, 15: 2, 7: 3, 0: 255}
    assert np.array_equal(sample.label, np.vectorize(of.__getitem__)(numbers))


def test_a_palette_of_other_colours_is_read_by_its_numbers(tmp_path: Path) -> None:
    root = folder(tmp_path)
    for colors in ([(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)], [(i, i, i) for i in range(256)]):
        picture = Image.fromarray(LABEL, "P")
        picture.putpalette([value for color in colors for value in color])
        picture.save(root / "labels" / "f0.png")
        sample = open_data("folder", root=root)[0]
        assert sample.label is not None
        assert np.array_equal(sample.label, LABEL) and not sample.note


def test_two_classes_of_one_colour_are_told(tmp_path: Path) -> None:
    root = folder(tmp_path)
    entries = [{"name": n, "color": c} for n, c in zip(NAMES, (*COLORS[:3], COLORS[0]), strict=True)]
    (root / "classes.json").write_text(json.dumps(entries))
    Image.fromarray(np.array(COLORS, np.uint8)[LABEL % 3]).save(root / "labels" / "f0.png")
    assert "wall and sky have one colour, and its pixels count as wall" in open_data("folder", root=root)[0].note
    assert open_data("folder", root=root)[1].note == ""


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
    with pytest.raises(DataError, match=r"4 pages; .* the number of the page that holds a pixel, from 0 on"):
        read_label(tmp_path / "pages.tif")
    numbers = np.argmax([np.asarray(page) for page in pages], axis=0).astype(np.uint8)
    Image.fromarray(numbers).save(tmp_path / "numbers.png")
    assert np.array_equal(read_label(tmp_path / "numbers.png"), LABEL)
    Image.fromarray(LABEL).save(tmp_path / "j.png", format="JPEG")
    with pytest.raises(DataError, match="JPEG changes the values"):
        read_label(tmp_path / "j.png")
    Image.fromarray(np.where(LABEL == 0, -1, LABEL.astype(np.int32)).astype(np.int32)).save(tmp_path / "m.tif")
    with pytest.raises(DataError, match="label -1 found"):
        read_label(tmp_path / "m.tif")


@pytest.mark.parametrize("key", ["id", "trainId"])
@pytest.mark.parametrize("form", ["RGB", "P"])
def test_a_void_colour_of_the_class_list_is_ignored(key: str, form: str, tmp_path: Path) -> None:
    """An entry for no class has a colour, too; label maps that show it are read, in pixels and in palettes."""
    root = folder(tmp_path)
    entries = [{"name": n, "color": c, key: i} for i, (n, c) in enumerate(zip(NAMES[:3], COLORS[:3], strict=True))]
    entries.append({"name": "void", "color": COLORS[3], key: 255})
    (root / "classes.json").write_text(json.dumps(entries))
    if form == "RGB":
        picture = Image.fromarray(np.array(COLORS, np.uint8)[LABEL])
    else:
        picture = Image.fromarray(np.where(LABEL == 3, 9, LABEL).astype(np.uint8))
        picture.putpalette([part for color in (*COLORS[:3], *[(7, 7, 7)] * 6, COLORS[3]) for part in color])
    picture.save(root / "labels" / "f0.png")
    label = open_data("folder", root=root)[0].label
    assert label is not None
    assert np.array_equal(label, np.where(LABEL == 3, 255, LABEL))


def test_black_that_no_class_has_is_told_and_the_advice_works(tmp_path: Path) -> None:
    root = folder(tmp_path)
    Image.fromarray(np.array(((0, 0, 0), *COLORS[1:]), np.uint8)[LABEL]).save(root / "labels" / "f0.png")
    for first, said in ((COLORS[0], True), ((0, 0, 0), False)):
        entries = [{"name": n, "color": c} for n, c in zip(NAMES, (first, *COLORS[1:]), strict=True)]
        (root / "classes.json").write_text(json.dumps(entries))
        sample = open_data("folder", root=root)[0]
        assert sample.label is not None
        assert np.array_equal(sample.label, np.where(said & (LABEL == 0), 255, LABEL))
        assert ("black in label maps is of no class and counts as 255; if it is of one" in sample.note) == said


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_a_grey_label_map_saved_in_colour_holds_its_numbers(mode: str, tmp_path: Path) -> None:
    """Three equal numbers a pixel are one; in a folder of other colours, too, and with values of the class list."""
    root = folder(tmp_path)
    Image.fromarray(LABEL + 1).convert(mode).save(root / "labels" / "f0.png")
    (root / "classes.json").write_text(json.dumps([{"name": n, "value": i + 1} for i, n in enumerate(NAMES)]))
    sample = open_data("folder", root=root)[0]
    assert sample.label is not None
    assert np.array_equal(sample.label, LABEL)
    assert ("three equal numbers" in sample.note) == (mode != "LA")
    entries = [{"name": n, "color": c} for n, c in zip(NAMES, COLORS, strict=True)]
    (root / "classes.json").write_text(json.dumps(entries))
    assert np.array_equal(read_label(root / "labels" / "f0.png"), LABEL + 1)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_transparency_holds_is_left_out_and_it_is_said(mode: str, tmp_path: Path) -> None:
    """A mask in the alpha channel of a black image would be all of one class."""
    picture = Image.fromarray(LABEL).convert(mode)
    picture.save(tmp_path / "even.png")
    picture.putalpha(Image.fromarray(LABEL * 60))
    picture.save(tmp_path / "uneven.png")
    for name, said in (("even", False), ("uneven", True)):
        values, note = read_label_noted(tmp_path / f"{name}.png")
        assert np.array_equal(values, LABEL) and ("transparent in places, which is left out" in note) == said


def test_a_mask_of_black_and_white_in_jpeg_is_cut_at_half(tmp_path: Path) -> None:
    disc = (np.hypot(*np.mgrid[-60:60, -80:80]) < 40).astype(np.uint8) * 255
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.dstack([disc] * 3)).save(tmp_path / "images" / "a.jpg")
    Image.fromarray(disc).save(tmp_path / "masks" / "a.jpg", quality=85)
    (tmp_path / "classes.json").write_text('[{"name": "rest"}, {"name": "polyp", "value": 255}]')
    sample = open_data("folder", root=tmp_path)[0]
    assert sample.label is not None
    assert np.array_equal(sample.label, disc // 255)
    assert "in JPEG files, which blurs them, are cut at half" in sample.note
    for values in (np.where(disc, 3, 0), np.where(disc, 1, 0), np.where(disc, 128, 0)):
        Image.fromarray(values.astype(np.uint8)).save(tmp_path / "masks" / "a.jpg")
        with pytest.raises(DataError, match="JPEG changes the values"):
            read_label(tmp_path / "masks" / "a.jpg")


@pytest.mark.parametrize(
    ("name", "form", "lost", "kept"),
    [
        ("a.webp", "lossy WebP", {"quality": 100}, {"lossless": True}),
        ("a.webp", "lossy WebP", {"quality": 100, "exif": b"Exif\0\0"}, {"lossless": True, "exif": b"Exif\0\0"}),
        ("a.tif", "JPEG", {"compression": "jpeg", "quality": 100}, {"compression": "tiff_lzw"}),
    ],
)
def test_forms_that_change_numbers_are_refused_wherever_they_are(
    name: str, form: str, lost: dict[str, Any], kept: dict[str, Any], tmp_path: Path
) -> None:
    """WebP files and those of TIFF are of either kind; numbers beside one another are what a lossy one mixes up."""
    values = np.random.default_rng(0).integers(0, 19, (40, 60), np.uint8)
    Image.fromarray(np.dstack([values] * 3)).save(tmp_path / name, **kept)
    assert np.array_equal(read_label(tmp_path / name), values)
    Image.fromarray(np.dstack([values] * 3)).save(tmp_path / name, **lost)
    with pytest.raises(DataError, match=f"{form} changes the values that a label map holds; save it as PNG"):
        read_label(tmp_path / name)
    assert read_image(tmp_path / name).shape == (40, 60, 3)


def test_arrays_of_numpy_are_label_maps(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "labels" / "f0.png").unlink()
    for stored in (LABEL, LABEL.astype(np.float64), LABEL[None].astype(np.int64), LABEL[..., None]):
        np.save(root / "labels" / "f0.npy", stored)
        label = open_data("folder", root=root)[0].label
        assert label is not None
        assert np.array_equal(label, LABEL)


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (np.eye(4)[LABEL], r"an array \[6, 8, 4\] of float64; a label map is \[H, W\].* save its argmax"),
        (LABEL * 0.5, "decimal numbers"),
        (LABEL.astype(np.int64) - 1, "label -1 found"),
        (np.array([{"a": 1}], object), "no array of NumPy that can be read"),
    ],
)
def test_arrays_that_are_no_label_maps_are_told(stored: np.ndarray, says: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", stored)
    with pytest.raises(DataError, match=says):
        read_label(tmp_path / "x.npy")
