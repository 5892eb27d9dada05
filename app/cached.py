"""The only `st.cache_*` calls: opened models and studies are resources, everything small is data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st


@dataclass(frozen=True)
class StudyKey:
    """What a study is made of; equal keys are the same study.

    models: (name, path, stamp) in order; data, split, root: of the images; images: their names; stamp: of the folder.
    """

    models: tuple[tuple[str, str, float], ...]
    data: str
    split: str
    root: str
    images: tuple[str, ...]
    layer: str
    device: str
    precision: str
    stamp: float = 0.0


@st.cache_resource(max_entries=8, show_spinner=False)
def model(path: str, stamp: float, device: str) -> Any:
    """A loaded checkpoint, shared by all windows; loaded again when the file has changed."""
    import cirkd

    return cirkd.load_model(path, device=device)


@st.cache_resource(max_entries=6, show_spinner=False)
def study(key: StudyKey) -> Any:
    """An opened `cirkd.study.Study`; it keeps its results."""
    from cirkd.study import Study

    named = {name: model(path, stamp, key.device) for name, path, stamp in key.models}
    images = data(key.data, key.split, key.root, key.stamp)
    indices = [images.names.index(name) for name in key.images]
    roles = {name: named.pop(name, None) for name in ("teacher", "before", "after")}
    return Study.open(
        **roles, students=named, images=images, indices=indices,
        layer=key.layer, device=key.device, precision=key.precision,
    )  # fmt: skip


@st.cache_resource(max_entries=8, show_spinner=False)
def data(name: str, split: str, root: str, stamp: float) -> Any:
    """An opened data set: its names and classes, and samples by number."""
    from cirkd.data.catalog import open_data

    return open_data(name, split, Path(root))


@st.cache_data(max_entries=512, show_spinner=False)
def thumbnail(name: str, split: str, root: str, stamp: float, index: int, width: int = 240) -> bytes:
    """A small JPEG of an image of a data set."""
    from io import BytesIO

    from PIL import Image

    picture = Image.fromarray(data(name, split, root, stamp)[index].image)
    picture.thumbnail((width, width))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def stamp(*parts: Path) -> float:
    """Time of the last change of the newest of these files or folders; 0 where there is none."""
    return max((p.stat().st_mtime for p in parts if p.exists()), default=0.0)


