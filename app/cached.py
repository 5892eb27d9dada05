"""What is kept between runs of a page: opened models and studies by Streamlit, the rest in one cache of its own."""

from __future__ import annotations

import functools
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import streamlit as st

import cirkd
from app.catalogue import STORED, Images
from cirkd.analysis import pictures, places
from cirkd.analysis import trajectory as trajectories
from cirkd.cache import BUDGET, Cache
from cirkd.data.bundled import PARTS
from cirkd.data.catalog import open_data
from cirkd.data.errors import CheckpointError, DataError
from cirkd.data.safe_palette import OWN
from cirkd.data.sample import Sample, SegmentationData
from cirkd.doctor import Verdict, examine, refused
from cirkd.features.feature_set import Progress
from cirkd.features.stored import StoredFolder, class_counts, open_stored
from cirkd.models.places import commanded, own_network
from cirkd.study import Study

P = ParamSpec("P")
T = TypeVar("T")


IDLE_BUDGET = 300_000_000
"""Bytes of results that stay when nobody has asked for them for a while: those of the study that opens first."""


@dataclass(frozen=True)
class StudyKey:
    """What a study is made of; equal keys are the same study.

    models: (name, path, stamp) of each model, in order; names: of the images chosen; none where `images` is a folder
    of embeddings, of which a sample is shown; stamps: of the files of these images, see `stamps`.
    """

    models: tuple[tuple[str, str, float], ...]
    images: Images
    names: tuple[str, ...]
    layer: str
    device: str
    precision: str
    stamps: tuple[tuple[int, ...], ...] = ()
    palette: str = OWN

    @property
    def content(self) -> StudyKey:
        """The key of the same study in the classes' own colours: places in one are places in the other."""
        return replace(self, palette=OWN)

    @property
    def sampled(self) -> bool:
        """Whether the study is a sample of the pixels in a folder of embeddings."""
        return self.images.name == STORED


@st.cache_resource(max_entries=8, show_spinner=False)
def model(path: str, stamp: float, device: str) -> Any:
    """A loaded checkpoint, shared by all windows; loaded again when the file has changed."""
    _refuse_code(path)
    cirkd.prepare()
    return cirkd.load_model(path, device=device)


@st.cache_resource(max_entries=8, show_spinner=False)
def study(key: StudyKey) -> Study:
    """An opened study; it keeps its results.

    Raises:
        CirkdError: a model or an image cannot be opened.
    """
    if key.palette != OWN:
        return study(key.content).in_palette(key.palette)
    if key.sampled:
        return Study.from_folder(key.images.root, cache=cache())
    models = {name: model(path, stamp, key.device) for name, path, stamp in key.models}
    roles = {role: models.pop(role, None) for role in PARTS}
    found = Study.open(
        **roles,
        students=models,
        images=data(key.images),
        indices=[_place(key.images, name) for name in key.names],
        layer=key.layer,
        device=key.device,
        precision=key.precision,
        cache=cache(),
    )
    found.files = {name: Path(path) for name, path, _ in key.models}
    return found


@st.cache_resource(show_spinner=False)
def cache() -> Cache:
    """What is kept in memory beside the opened models, for all windows together.

    All results stand in it, what the models gave for images, and what else this module makes. `CIRKD_CACHE_GB` sets
    how much, in use or idle.
    """
    wanted = os.environ.get("CIRKD_CACHE_GB", "")
    try:
        return Cache(int(float(wanted) * 1e9)) if wanted else Cache(BUDGET, IDLE_BUDGET)
    except ValueError:
        raise DataError(f"CIRKD_CACHE_GB={wanted}: a number of gigabytes is wanted, such as 1.5") from None


def kept(make: Callable[P, T]) -> Callable[P, T]:
    """A function whose values are kept in the one cache. Its arguments must be hashable; nobody changes its values."""

    @functools.wraps(make)
    def found(*args: P.args, **kwargs: P.kwargs) -> T:
        return cache().get((make.__name__, *args, *kwargs.items()), lambda: make(*args, **kwargs))

    return found


def data(images: Images) -> SegmentationData:
    """An opened data set: its names and classes, and samples by number."""
    return _opened(images)[0]


@kept
def _opened(images: Images) -> tuple[SegmentationData, dict[str, int]]:
    """An opened data set, and the number of each of its images by name: of these it may have a hundred thousand."""
    found = open_data(images.name, images.split, Path(images.root))
    return found, {name: number for number, name in enumerate(found.names)}


@kept
def stored(images: Images) -> StoredFolder:
    """What a folder of embeddings holds.

    Raises:
        StudyError: it is not finished, or cannot be read.
    """
    return open_stored(images.root)


@kept
def stored_counts(images: Images) -> dict[str, int]:
    """class -> how many pixels of it a folder of embeddings holds.

    Raises:
        StudyError: it cannot be read.
    """
    found = stored(images)
    return {found.settings.classes[c]: count for c, count in class_counts(found).items()}


def stamps(images: Images, names: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """What changes when the files of these images do; () for each that is not there."""
    opened, known = _opened(images)
    stamp = getattr(opened, "stamp", lambda index: ())
    return tuple(stamp(known[name]) if name in known else () for name in names)


def sample(images: Images, name: str) -> Sample:
    """One image of a data set with its labels, read without opening any model; read again when its files change.

    Raises:
        DataError: it is not there, or cannot be read.
    """
    key = "sample", images, name, stamps(images, (name,))
    return cache().get(key, lambda: data(images)[_place(images, name)])


def _place(images: Images, name: str) -> int:
    """The number of an image in its data set."""
    _, numbers = _opened(images)
    if name not in numbers:
        raise DataError(f"{name}: no such image in {images.name} {images.split}; choose the images again")
    return numbers[name]


@kept
def telling_images(images: Images, count: int) -> tuple[str, ...]:
    """The names of a few images that together show the classes."""
    opened = data(images)
    return tuple(opened.names[i] for i in places.telling_images(opened, count))


def thumbnail(images: Images, name: str, width: int = 240) -> bytes:
    """A small JPEG of one image; made again when its file changes."""
    key = "thumbnail", images, name, width, stamps(images, (name,))
    return cache().get(
        key, lambda: pictures.encoded(data(images)[_place(images, name)].image, width, "JPEG", quality=82)
    )


@kept
def header(path: str, stamp: float) -> dict[str, Any]:
    """What a checkpoint says about itself, read without its weights and without PyTorch; {} if it can't be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads((file.metadata() or {})["cirkd"])
    except (SafetensorError, OSError, KeyError, ValueError):
        return {}


def trajectory(run: str, count: int, stamp: float, fitted: int, progress: Progress) -> trajectories.Trajectory:
    """A run's trajectory; count and stamp are of its snapshots, so that new ones make it anew.

    fitted: to how many snapshots the map is fitted; progress: told how far it is, see `cirkd.analysis.trajectory`.

    Raises:
        StudyError: a snapshot cannot be read.
    """
    key = "trajectory", run, count, stamp, fitted
    return cache().get(key, lambda: trajectories.trajectory(Path(run), fitted=fitted, progress=progress))


@kept
def verdict(path: str, stamp: float) -> Verdict:
    """What the doctor says of a file; asked again when the file has changed."""
    try:
        _refuse_code(path)
    except CheckpointError as error:
        return refused(path, error)
    with st.spinner("Looking at the checkpoint"):
        cirkd.prepare()
        return examine(path)


def _refuse_code(path: str) -> None:
    """A file of Python is run only where the command line named it.

    Raises:
        CheckpointError: it did not.
    """
    if own_network(path) and path not in commanded().values():
        raise CheckpointError(
            f"{path}: a network of your own is run, and opens from the command line alone; "
            "start the app with `cirkd app --model after=FILE.py:make,WEIGHTS`"
        )


def private_folder() -> Path:
    """A folder for this window's uploads that nobody else can read; removed with the window, or with the server."""
    return Path(_private_folder().name)


@st.cache_resource(scope="session", on_release=lambda folder: folder.cleanup())
def _private_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="cirkd-", ignore_cleanup_errors=True)
