"""Pictures of a study as encoded bytes, ready for `st.image` and Plotly, and the legends that go with them."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import streamlit as st

from app import cached
from cirkd.charts import theme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.handle import Handle
    from cirkd.analysis.places import ChangedPlace
    from cirkd.data.sample import Classes

KINDS = ("image", "label", "prediction", "errors", "confidence", "change")
"""What a tile can show; the middle three belong to a model, `change` to a pair of students."""


def tile(handle: Handle, kind: str, image: int, model: str = "", opacity: float = 1.0) -> bytes:
    """One picture at the image's size as WebP; kept, so that drawing it again costs nothing.

    kind: one of KINDS; model: whose; opacity: of the colours over the image, 0..1.
    """
    cache, key = cached.cache(), ("tile", handle.key, kind, image, model, opacity)
    found = cache.find(key)
    if found is None:
        found = encode(_pixels(handle, kind, image, model, opacity), photo=kind == "image" or opacity < 1)
        cache.keep(key, found)
    return found


def crop(handle: Handle, place: ChangedPlace, kind: str, model: str = "") -> bytes:
    """The part of a tile that a place shows, its classes over the photo so that objects can still be seen."""
    opacity = 1.0 if kind == "image" else 0.7
    return encode(place.cut(_pixels(handle, kind, place.image, model, opacity)), photo=True)


def encode(pixels, photo: bool = False) -> bytes:
    """uint8 [H, W, 3] as WebP: lossless for maps, so that colours stay exact."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=not photo, quality=85 if photo else 20, method=1)
    return buffer.getvalue()


def data_uri(picture: bytes) -> str:
    """A WebP picture as a `data:` address."""
    return "data:image/webp;base64," + b64encode(picture).decode()


def class_legend(classes: Classes, only: Iterable[int] | None = None) -> None:
    """A line of colour chips with the classes' names."""
    shown = range(len(classes)) if only is None else only
    chips([(classes.names[c], theme.class_color(classes.colors[c])) for c in shown])


def change_legend() -> None:
    """What the colours of a fixed-or-broken map mean."""
    chips(
        [
            ("fixed: wrong before, right after", theme.FIXED),
            ("broken: right before, wrong after", theme.BROKEN),
            ("wrong in both", theme.BOTH_WRONG),
            ("right in both", theme.BOTH_RIGHT),
            ("unlabelled", theme.UNLABELLED),
        ]
    )


def chips(entries: list[tuple[str, str]]) -> None:
    """Colour chips with text, wrapping on a narrow page."""
    parts = [
        f'<span style="display:inline-flex;align-items:center;gap:.35rem;white-space:nowrap">'
        f'<span style="width:.8rem;height:.8rem;border-radius:.2rem;background:{color};'
        f'border:1px solid rgba(128,128,128,.5)"></span>{escape(name)}</span>'
        for name, color in entries
    ]
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.85rem">{"".join(parts)}</div>')


def _pixels(handle: Handle, kind: str, image: int, model: str, opacity: float):
    from cirkd.data.sample import Classes
    from cirkd.study import pictures

    if kind == "image":
        return handle.image(image).image
    features = handle.features()
    photo = features.images[image]
    if kind == "label":
        colors = pictures.colorize((features.labels or ())[image], features.classes)
    elif kind == "change":
        colors = pictures.colorize_change(handle.pixel_change().maps[image])
    elif kind == "errors":
        # A model compared with itself: 0 is right in both, 1 wrong in both.
        told = Classes(("right", "wrong"), (pictures.CHANGE_COLORS[0], pictures.CHANGE_COLORS[3]))
        colors = pictures.colorize(handle.pixel_change(model, model).maps[image], told)
    elif kind == "prediction":
        found = features.models[model]
        colors = pictures.colorize(found.prediction_maps[image], found.classes)
    elif kind == "confidence":
        colors = pictures.heatmap(features.models[model].confidence_maps[image])
    else:
        raise ValueError(f"tile {kind!r}: choose one of {KINDS}")
    return colors if opacity >= 1 else pictures.overlay(photo, colors, opacity)
