"""Images of every common kind become 8-bit RGB; the rest gets one clear line."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cirkd.data import images
from cirkd.data.errors import DataError
from cirkd.data.images import read_image, read_label, read_pair

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (7, 5, 3), dtype=np.uint8)


def saved(folder: Path, picture: Image.Image, name: str = "image.png", **options: object) -> Path:
    picture.save(folder / name, **options)
    return folder / name


def test_rgb_is_returned_as_it_is(tmp_path: Path) -> None:
    assert np.array_equal(read_image(saved(tmp_path, Image.fromarray(RGB))), RGB)


def test_grey_fills_all_three_channels(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path, Image.fromarray(RGB[..., 0])))
    assert all(np.array_equal(image[..., channel], RGB[..., 0]) for channel in range(3))


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    deep = RGB[..., 0].astype(np.uint16) * 257
    assert np.array_equal(read_image(saved(tmp_path, Image.fromarray(deep)))[..., 1], RGB[..., 0])


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_an_alpha_channel_is_left_out(tmp_path: Path, alpha: int) -> None:
    with_alpha = np.dstack([RGB, np.full((7, 5), alpha, np.uint8)])
    assert np.array_equal(read_image(saved(tmp_path, Image.fromarray(with_alpha, "RGBA"))), RGB)


def test_cmyk_and_palette_are_converted(tmp_path: Path) -> None:
    flat = Image.new("RGB", (5, 7), (255, 0, 0))
    assert read_image(saved(tmp_path, flat.convert("CMYK"), "image.tif")).shape == (7, 5, 3)
    assert (read_image(saved(tmp_path, flat.convert("P"))) == (255, 0, 0)).all()


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_image(saved(tmp_path, Image.fromarray(RGB), "image.jpg", exif=exif)).shape == (5, 7, 3)


@pytest.mark.parametrize(
    ("content", "says"), [(b"just text", "not an image"), (b"", "not an image"), (None, "no such file")]
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "broken.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_image(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_images_are_named(tmp_path: Path, share: float) -> None:
    noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    path = saved(tmp_path, noise)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError, match=r"damaged|not an image"):
        read_image(path)


def test_huge_images_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 34)
    with pytest.raises(DataError, match="scale the image down"):
        read_image(saved(tmp_path, Image.fromarray(RGB)))


def test_a_folder_is_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder"):
        read_image(tmp_path)


def test_labels_keep_their_indices_whatever_the_palette(tmp_path: Path) -> None:
    label = RNG.integers(0, 12, (7, 5), dtype=np.uint8)
    picture = Image.fromarray(label, "P")
    picture.putpalette([value % 256 for value in range(768)])
    assert np.array_equal(read_label(saved(tmp_path, picture)), label)


def test_colour_images_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one class index a pixel"):
        read_label(saved(tmp_path, Image.fromarray(RGB)))


def test_labels_over_255_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="300"):
        read_label(saved(tmp_path, Image.fromarray(np.full((2, 2), 300, np.uint16))))


def test_extreme_sizes(tmp_path: Path) -> None:
    assert read_image(saved(tmp_path, Image.new("RGB", (1, 1), (1, 2, 3)))).tolist() == [[[1, 2, 3]]]
    assert read_image(saved(tmp_path, Image.new("RGB", (20_000, 3)))).shape == (3, 20_000, 3)


def test_a_decompression_bomb_is_refused_at_its_header(tmp_path: Path) -> None:
    import struct
    import time
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10**7)))
    (tmp_path / "bomb.png").write_bytes(bomb)
    started = time.monotonic()
    for read in (read_image, read_label):
        with pytest.raises(DataError, match="far over 64 megapixels"):
            read(tmp_path / "bomb.png")
    assert time.monotonic() - started < 5


def test_formats_that_run_programs_are_not_tried(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match="not an image"):
        read_image(tmp_path / "page.png")


def test_a_damaged_exif_is_passed_over(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(RGB), "image.jpg", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff\xff")
    assert read_image(path).shape == (7, 5, 3)


def test_numbers_that_are_no_colours_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(np.zeros((3, 3), np.float32)), "float.tif")
    with pytest.raises(DataError, match="one class index a pixel"):
        read_label(path)


def bands_tiff(path: Path, bands: int) -> Path:
    """A TIFF of so many 8-bit numbers a pixel, 4 x 6 pixels, which Pillow can't write: pixel (0, 0) is 0, 1, 2, ..."""
    numbers = bytes(range(24 * bands))
    bits, spare = struct.pack(f"<{bands}H", *[8] * bands), struct.pack(f"<{bands - 3}H", *[0] * (bands - 3))
    end = 8 + len(numbers) + 2 + 12 * 9 + 4
    tags: list[tuple[int, int, int, int | bytes]] = [
        *[(256, 3, 1, 6), (257, 3, 1, 4), (258, 3, bands, end), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 8)],
        *[(277, 3, 1, bands), (278, 3, 1, 4)],
        (338, 3, bands - 3, spare.ljust(4, b"\0") if len(spare) <= 4 else end + len(bits)),
    ]
    entries = [
        struct.pack("<HHI", *tag[:3]) + (tag[3] if isinstance(tag[3], bytes) else struct.pack("<I", tag[3]))
        for tag in tags
    ]
    head = b"II*\0" + struct.pack("<I", 8 + len(numbers))
    path.write_bytes(head + numbers + struct.pack("<H", 9) + b"".join(entries) + bytes(4) + bits + spare)
    return path


def test_of_many_bands_the_first_three_are_taken_and_it_is_said(tmp_path: Path) -> None:
    pixels, _, note = read_pair(bands_tiff(tmp_path / "a.tif", 5), None, None)
    assert pixels[0, 0].tolist() == [0, 1, 2]
    assert "the first three are taken for red, green and blue" in note
    with pytest.raises(DataError, match=r"TIFF of up to 6 bands \(save red, green and blue alone\) are read"):
        read_image(bands_tiff(tmp_path / "a.tif", 8))
