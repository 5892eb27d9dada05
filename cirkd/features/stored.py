"""A folder of embeddings, as `cirkd.features.store` writes it, opened as a sample of its pixels.

However many rows the folder holds, only those of the sample stay in memory: first the columns of classes and keys are
read, a piece at a time, and of each class the rows with the smallest keys are chosen; then the other columns of the
row groups that hold chosen rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.data import bundled
from cirkd.data.errors import StudyError, line_of
from cirkd.data.matching import match_classes
from cirkd.features.feature_set import IGNORED, FeatureSet, ModelFeatures, Pixels
from cirkd.features.folder_settings import PARTS, RESULT, SETTINGS, ExtractionSettings, classes_from, read_settings
from cirkd.features.grids import rule
from cirkd.features.sampling import Smallest, fair_shares

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BUDGET = 6000
"""Pixels that are opened, as many of each class as of any other."""
_PIECE = 2048
_ROLES = {part: role for role, part in bundled.PARTS.items()}
"""How the last part of the names that this project gives its checkpoints says what a model is."""


@dataclass(frozen=True)
class StoredFolder:
    """What a folder of embeddings holds, known without reading its pixels.

    Attributes:
        path: of the folder.
        settings: what it was made with.
        models: name shown -> name in the file, in the file's order.
        rows: how many pixels it stores.
    """

    path: Path
    settings: ExtractionSettings
    models: dict[str, str]
    rows: int

    @property
    def shown(self) -> int:
        """How many of the pixels are opened."""
        return min(self.rows, BUDGET)

    def text(self) -> str:
        """The data set and its split, for captions."""
        split = "" if self.settings.split == "all" else f" {self.settings.split}"
        return f"{self.settings.data}{split}"


def is_stored(folder: Path) -> bool:
    """Whether a folder is one that `cirkd extract` wrote or is writing."""
    return (folder / RESULT).is_file() or ((folder / SETTINGS).is_file() and (folder / PARTS).is_dir())


def open_stored(folder: Path | str) -> StoredFolder:
    """What a folder of embeddings holds.

    A model is called teacher, before or after where its name ends as this project's checkpoints do (`-teacher`,
    `-baseline`, `-cirkd`) and no other model's does; else by the name that it was extracted under.

    Raises:
        StudyError: no folder of embeddings, one that is not finished, or one that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StudyError(f"{folder}: there is no such folder; `cirkd extract` writes one")
    settings = read_settings(folder)
    with _opened(folder) as file:
        schema = file.schema_arrow
        names = [name.removesuffix(".embedding") for name in schema.names if name.endswith(".embedding")]
        if sorted(names) != sorted(settings.models):
            raise StudyError(f"{folder / RESULT}: not of the models that {SETTINGS} names; run `cirkd extract` again")
        for name, kind in _columns(names).items():
            if name not in schema.names or not kind(schema.field(name).type):
                raise StudyError(f"{folder / RESULT}: has no column {name!r} of its kind; run `cirkd extract` again")
        return StoredFolder(folder, settings, _shown(names), file.metadata.num_rows)


def read_stored(folder: StoredFolder, budget: int = BUDGET) -> FeatureSet:
    """The sample of a folder's pixels: of each class those with the smallest keys, `budget` in all.

    The features have neither images nor grids (see `FeatureSet.sampled`); `image_names` are those of the images that
    the sample's pixels come from.

    Raises:
        StudyError: the file cannot be read, or holds what no extraction writes.
    """
    started = time.perf_counter()
    if budget < 1:
        raise StudyError(f"budget {budget}: choose at least 1 pixel")
    settings = folder.settings
    available = class_counts(folder)
    with _opened(folder.path) as file:
        chosen = _chosen(file, fair_shares(available, budget))
        table = _rows(file, list(_columns(list(folder.models.values()))), chosen)
        arrays = _arrays(table, folder)
    shown, image = np.unique(arrays["image"], return_inverse=True)
    label = arrays["label"] if settings.labelled else np.full(len(chosen), IGNORED, np.uint8)
    features = FeatureSet(
        classes=classes_from(settings.classes, settings.colors),
        image_names=tuple(settings.images[i] for i in shown.tolist()),
        images=(),
        labels=() if (label != IGNORED).any() else None,
        pixels=Pixels(image.astype(np.int32), arrays["row"], arrays["column"], label, ()),
        models={name: _model(name, stored, settings, arrays) for name, stored in folder.models.items()},
    )
    features.provenance.update(_provenance(folder, features, available, time.perf_counter() - started))
    return features


def _columns(models: list[str]) -> dict[str, Any]:
    """name -> test of its type, of every column that a file has."""
    import pyarrow.types as types

    found: dict[str, Any] = {name: types.is_int32 for name in ("image", "row", "column")}
    found |= {"group": types.is_uint8, "label": types.is_uint8, "key": types.is_float64}
    for name in models:
        found[f"{name}.embedding"] = lambda kind: types.is_fixed_size_list(kind) and types.is_float32(kind.value_type)
        found |= {f"{name}.prediction": types.is_uint8, f"{name}.confidence": types.is_float32}
    return found


def _shown(names: list[str]) -> dict[str, str]:
    roles = [_ROLES.get(name.rpartition("-")[2]) if "-" in name else None for name in names]
    return {
        role if role is not None and roles.count(role) == 1 and role not in names else name: name
        for name, role in zip(names, roles, strict=True)
    }


@contextmanager
def _opened(folder: Path) -> Iterator[pq.ParquetFile]:
    """The file of all pixels; whatever pyarrow finds wrong with it becomes one line."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / RESULT
    if not path.is_file():
        parts = len(list((folder / PARTS).glob("*.parquet")))
        raise StudyError(
            f"{folder}: not finished, {RESULT} is missing beside {parts} parts; start the same `cirkd extract` "
            "again and it goes on"
        )
    try:
        # Mapped, not read: what a damaged page states of its length is then no memory, and a large row group is none.
        with pq.ParquetFile(path, pre_buffer=False, memory_map=True) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise StudyError(
            f"{path}: cannot be read ({line_of(error)}); run `cirkd extract` again into a new folder"
        ) from None


def class_counts(folder: StoredFolder) -> dict[int, int]:
    """class -> how many of a folder's pixels are of it.

    Raises:
        StudyError: none at all, or of classes that the settings do not name.
    """
    counts, classes = np.zeros(256, np.int64), len(folder.settings.classes)
    with _opened(folder.path) as file:
        for piece in _pieces(file, ["group"]):
            counts += np.bincount(piece["group"].to_numpy(), minlength=256)
    if counts[classes:].any() or not counts.any():
        what = "no pixel" if not counts.any() else f"labels beyond the {classes} classes"
        raise StudyError(f"{folder.path / RESULT}: holds {what}; run `cirkd extract` again into a new folder")
    return {int(c): int(counts[c]) for c in np.flatnonzero(counts)}


def _chosen(file: pq.ParquetFile, shares: dict[int, int]) -> np.ndarray:
    """The numbers, ascending, of each class's rows with the smallest keys."""
    share = np.zeros(256, np.int64)
    share[list(shares)] = list(shares.values())
    seen = Smallest(share)
    for piece in _pieces(file, ["group", "key"]):
        seen.add(piece["group"].to_numpy(), piece["key"].to_numpy())
    return seen.numbers


def _rows(file: pq.ParquetFile, columns: list[str], chosen: np.ndarray) -> pa.Table:
    """These rows of these columns, read from the row groups that hold them."""
    import pyarrow as pa

    taken, at = [], 0
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        inside = chosen[(chosen >= at) & (chosen < at + rows)] - at
        start = 0
        for piece in _pieces(file, columns, [group]) if len(inside) else ():
            here = inside[(inside >= start) & (inside < start + len(piece))] - start
            if len(here):
                taken.append(piece.take(pa.array(here)))
            start += len(piece)
        at += rows
    return pa.Table.from_batches(taken)


def _pieces(file: pq.ParquetFile, columns: list[str], groups: list[int] | None = None) -> Iterator[pa.RecordBatch]:
    for piece in file.iter_batches(_PIECE, row_groups=groups, columns=columns):
        for name, column in zip(piece.schema.names, piece.columns, strict=True):
            # A label may be missing: its image has none.
            inner = column.flatten() if name.endswith(".embedding") else column
            if name != "label" and (column.null_count or inner.null_count):
                raise ValueError("it has gaps")
        yield piece


def _arrays(table: pa.Table, folder: StoredFolder) -> dict[str, np.ndarray]:
    """column -> array; embeddings `[rows, d]`."""
    found = {}
    for name in table.column_names:
        values = table[name].combine_chunks()
        if name.endswith(".embedding"):
            found[name] = values.flatten().to_numpy().reshape(len(table), -1)
        elif name == "label":
            found[name] = values.fill_null(IGNORED).to_numpy()
        else:
            found[name] = values.to_numpy()
    images, known, classes = found["image"], found["label"], len(folder.settings.classes)
    faults = {
        f"labels beyond the {classes} classes": ((known >= classes) & (known != IGNORED)).any(),
        "numbers that are not finite": not all(np.isfinite(values).all() for values in found.values()),
        f"images that {SETTINGS} does not name": images.min() < 0 or images.max() >= len(folder.settings.images),
    }
    if what := next((what for what, occurs in faults.items() if occurs), None):
        raise StudyError(f"{folder.path / RESULT}: holds {what}; run `cirkd extract` again into a new folder")
    return found


def _model(name: str, stored: str, settings: ExtractionSettings, arrays: dict[str, np.ndarray]) -> ModelFeatures:
    about = settings.models[stored]
    own, common = classes_from(about["classes"], about["colors"]), classes_from(settings.classes, settings.colors)
    table = match_classes(own, common).table
    prediction = arrays[f"{stored}.prediction"]
    notes = []
    if table is None:
        notes.append(f"{name} knows {len(own)} classes that are not the {len(common)} of this folder")
    if about["layer"] != settings.layer and "=" not in settings.layer:
        lacking = "no projection head" if settings.layer == "projected" else f"no layer {settings.layer}"
        notes.append(f"{name} has {lacking}: its decoder embedding is shown")
    return ModelFeatures(
        name=name,
        layer=about["layer"],
        embedding=np.ascontiguousarray(arrays[f"{stored}.embedding"], np.float32),
        prediction=prediction if table is None else table[prediction],
        confidence=arrays[f"{stored}.confidence"],
        prediction_maps=(),
        confidence_maps=(),
        classes=own if table is None else common,
        info={"architecture": about["architecture"], "encoder": about["encoder"], "stored_as": stored},
        comparable=table is not None,
        note="; ".join(notes),
    )


def _provenance(
    folder: StoredFolder, features: FeatureSet, available: dict[int, int], seconds: float
) -> dict[str, Any]:
    settings = folder.settings
    return {
        "layer": settings.layer,
        "device": "",
        "precision": settings.precision,
        "grid": rule(next(iter(folder.models))),
        "reference": features.reference,
        "seconds": seconds,
        "notes": [],
        "folder": str(folder.path),
        "stored": folder.rows,
        "available": available,
        "images": len(settings.images),
    }
