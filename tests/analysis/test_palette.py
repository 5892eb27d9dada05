"""Colours and numbers bring the pixels' colours back."""

import numpy as np

from cirkd.analysis.palette import palette


def test_codes_bring_the_colours_back():
    rng = np.random.default_rng(0)
    table = rng.integers(0, 256, (9, 3), dtype=np.uint8)
    rgb = table[rng.integers(0, 9, 200)]
    pixels = rng.permutation(200)[:77]
    found = palette(rgb, pixels)
    assert len(found.colors) == len(set(found.colors)) <= 9
    for pixel, code in zip(pixels, found.codes, strict=True):
        assert found.colors[code] == "#{:02x}{:02x}{:02x}".format(*rgb[pixel])


def test_many_colours_and_no_pixels():
    rgb = np.stack(np.unravel_index(np.arange(1000), (10, 10, 10)), axis=1).astype(np.uint8)
    assert len(palette(rgb, range(1000)).colors) == 1000
    assert palette(rgb, range(1000)).codes.max() == 999
    assert palette(rgb, []).colors == ()
