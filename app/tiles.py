"""Pictures of a study as encoded bytes, ready for `st.image` and Plotly, and the legends that go with them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np
import streamlit as st

from app import cached
from app.handle import Handle
from cirkd.analysis import pictures
from cirkd.analysis.places import ChangedPlace
from cirkd.charts import theme
from cirkd.data.sample import Classes


def tile(handle: Handle, kind: str, image: int, model: str = "", opacity: float = 1.0) -> bytes:
    """One picture at the image's size as WebP; kept, so that drawing it again costs nothing.

    kind: image, label, change (of before and after), or a model's prediction, errors or confidence; model: whose;
    opacity: of the colours over the image, 0..1.
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


def encode(pixels: np.ndarray, photo: bool = False) -> bytes:
    """uint8 [H, W, 3] as WebP: lossless for maps, so that colours stay exact."""
    quality = 85 if photo else 20
    return pictures.encoded(pixels, max(pixels.shape), "WEBP", lossless=not photo, quality=quality, method=1)


def data_uri(picture: bytes) -> str:
    """A WebP picture as a `data:` address."""
    return pictures.data_uri(picture, "webp")


def class_legend(classes: Classes, only: Iterable[int] | None = None) -> None:
    """A line of colour chips with the classes' names."""
    shown = range(len(classes)) if only is None else only
    chips([(classes.names[c], theme.class_color(classes.colors[c])) for c in shown])


def chips(entries: list[tuple[str, str]]) -> None:
    """Colour chips with text, wrapping on a narrow page."""
    parts = [
        f'<span style="display:inline-flex;align-items:center;gap:.35rem;white-space:nowrap">'
        f'<span style="width:.8rem;height:.8rem;border-radius:.2rem;background:{color};'
        f'border:1px solid rgba(128,128,128,.5)"></span>{escape(name)}</span>'
        for name, color in entries
    ]
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.85rem">{"".join(parts)}</div>')


def _pixels(handle: Handle, kind: str, image: int, model: str, opacity: float) -> np.ndarray:
    if kind == "image":
        return handle.image(image).image
    features = handle.features()
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
    else:
        colors = pictures.heatmap(features.models[model].confidence_maps[image])
    return colors if opacity >= 1 else pictures.overlay(features.images[image], colors, opacity)
