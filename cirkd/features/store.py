"""Embeddings of a whole data set in a folder of Parquet files, in memory that does not grow with it.

Images are taken in chunks of a fixed size. Every pixel draws a number from seed, image and position alone; of each
class a part keeps the pixels with the smallest numbers of its chunk, and the whole keeps those with the smallest of
all. So the choice is the same however many processes share the chunks and however often the work was interrupted. A
part is written whole or not at all, and one that is there is not made again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cirkd.data.errors import StudyError
from cirkd.data.matching import match_classes
from cirkd.data.whole_files import replacing, writable_folder
from cirkd.features.feature_set import IGNORED
from cirkd.features.folder_settings import PARTS, RESULT, SETTINGS, ExtractionSettings, classes_from, settings_of
from cirkd.features.grids import averaged, on_grid, resampled
from cirkd.features.parquet import options_of
from cirkd.features.sampling import Smallest, keys, merged, smallest
from cirkd.models import inference

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from cirkd.data.sample import Classes, SegmentationData
    from cirkd.models.segmenter import Segmenter
    from cirkd.models.stream import Item
    from cirkd.training.processes import Processes

CHUNK = 32
"""Images a part. Part of what makes a folder what it is: another size would draw the line elsewhere."""
THIN_EVERY = 8
"""Images whose candidates are held at once: thinning copies all that is kept."""
ROW_GROUP = 4096
"""Rows of a group in the files: who reads some columns of some rows holds no more than that at once."""


def extract_to(
    folder: Path,
    models: Mapping[str, Segmenter],
    data: SegmentationData,
    *,
    per_class: int = 1000,
    layer: str = "decoder",
    precision: str = "float32",
    seed: int = 0,
    images: int | None = None,
    workers: int = 0,
    processes: Processes | None = None,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Write the embeddings of a data set's pixels, `per_class` of each class, to a folder.

    The folder gets `settings.json`, `parts/*.parquet` and, when all is done, `pixels.parquet`: a row for each pixel
    with image, row and column on the first model's grid (at most 4,096 positions, as in a study), label (null where
    its image has none), the class that it was drawn for (`group`: the label, else the first model's prediction), and
    each model's embedding, prediction and confidence. All classes are numbered as in `settings.json`.

    Args:
        folder: New, or one that an interrupted run with the same settings left.
        models: By name, in order; each on its device, in evaluation mode.
        data: The split; labels are used where there are any.
        images: Only so many, from the first; None for all.
        workers: Processes that read images ahead.
        processes: Those that share the work.
        progress: Called with the share done of this process's chunks.

    Returns:
        The file of all pixels.

    Raises:
        CirkdError: the folder is of other settings, an image can't be read, or outputs are not finite.
    """
    from cirkd.models.stream import stream
    from cirkd.training.processes import Processes as Alone

    processes = processes or Alone()
    settings = settings_of(models, data, images, per_class, layer, precision, seed)
    _agree(folder, settings, processes)
    starts = range(0, len(settings.images), CHUNK)
    mine = processes.share(starts)
    missing = [start for start in mine if not _part(folder, start).is_file()]
    work = _Chunks(models, settings)
    for start in sorted(set(mine) - set(missing)):
        work.seen.add_part(_part(folder, start))
    chunks = {start: range(start, min(start + CHUNK, len(settings.images))) for start in missing}
    # One stream for all chunks, so that reading ahead does not stop at their ends.
    items = stream(data, list(itertools.chain(*chunks.values())), work.kinds, workers=workers)
    for done, (start, chunk) in enumerate(chunks.items(), 1):
        _write(_part(folder, start), work.table(itertools.islice(items, len(chunk))))
        if progress is not None:
            progress((len(mine) - len(missing) + done) / len(mine))
    processes.wait()
    if processes.is_main:
        _write(folder / RESULT, merged([_part(folder, start) for start in starts], per_class))
    processes.wait()
    return folder / RESULT


class _Chunks:
    """Models and settings of a run; makes the table of a chunk."""

    def __init__(self, models: Mapping[str, Segmenter], settings: ExtractionSettings) -> None:
        self.models, self.settings = models, settings
        self.kinds = list(dict.fromkeys(model.info.preprocessing for model in models.values()))
        # What earlier chunks have put out of reach need not be written: parts grow rarer, the whole stays the same.
        self.seen = Smallest(settings.per_class)
        self.device = next(next(iter(models.values())).parameters()).device
        self.precision = inference.resolve_precision(settings.precision, self.device)
        common = classes_from(settings.classes, settings.colors)
        self.tables = {name: self._table(model, common) for name, model in models.items()}

    def _table(self, model: Segmenter, common: Classes) -> Tensor:
        """From a model's class numbers to those of the settings; as they are where the classes are others."""
        import torch

        table = match_classes(model.info.classes, common).table
        return torch.from_numpy(np.arange(256, dtype=np.uint8) if table is None else table).to(self.device)

    def table(self, items: Iterable[Item]) -> pa.Table:
        """The pixels of these images that may belong to the whole."""
        import pyarrow as pa

        kept: list[dict[str, np.ndarray]] = []
        bounds = self.seen.bounds()
        for item in items:
            kept.append(self._pixels(item, bounds))
            if len(kept) > THIN_EVERY:
                # What has no chance any more goes, so that a chunk is hardly larger than its budget.
                kept = [self._thinned(kept)]
        found = self._thinned(kept)
        self.seen.add(found["group"], found["key"])
        columns: dict[str, pa.Array] = {
            name: pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
            if values.ndim == 2
            else pa.array(values)
            for name, values in found.items()
        }
        columns["label"] = pa.array(found["label"], mask=found["label"] == IGNORED)
        return pa.table(columns)

    def _thinned(self, kept: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        joined = {name: np.concatenate([part[name] for part in kept]) for name in kept[0]}
        chosen = smallest(joined["group"], joined["key"], self.settings.per_class)
        return {name: values[chosen] for name, values in joined.items()}

    def _pixels(self, item: Item, bounds: np.ndarray) -> dict[str, np.ndarray]:
        """The candidates of one image: of each class those whose numbers are within its bound."""
        import torch

        outputs: dict[str, Any] = {}
        grid: tuple[int, int] | None = None
        with torch.inference_mode():
            for name, model in self.models.items():
                outputs[name] = self._run(name, model, item, grid)
                grid = grid or tuple(outputs[name][0].shape[1:])
        assert grid is not None
        predicted = outputs[next(iter(outputs))][1].flatten().cpu().numpy()
        nothing = np.full(len(predicted), IGNORED, np.uint8)
        label = nothing if item.label is None else on_grid(item.label.numpy(), grid).ravel()
        label = np.where(label < len(self.settings.classes), label, IGNORED).astype(np.uint8)
        group = self._known(predicted) if item.label is None else label
        drawn = keys(self.settings.seed, item.index, len(group))
        chosen = smallest(np.where(drawn <= bounds[group], group, IGNORED), drawn, self.settings.per_class)
        rows, columns = np.divmod(chosen.astype(np.int32), np.int32(grid[1]))
        found = {
            "image": np.full(len(chosen), item.index, np.int32),
            "row": rows,
            "column": columns,
            "group": group[chosen],
            "label": label[chosen],
            "key": drawn[chosen],
        }
        places = torch.from_numpy(chosen).to(self.device)
        for name, (embedding, prediction, confidence) in outputs.items():
            found[f"{name}.embedding"] = embedding.flatten(1)[:, places].T.contiguous().cpu().numpy()
            found[f"{name}.prediction"] = prediction.flatten()[places].cpu().numpy()
            found[f"{name}.confidence"] = confidence.flatten()[places].cpu().numpy()
        return found

    def _known(self, predicted: np.ndarray) -> np.ndarray:
        """The first model's predictions, 255 where they are none of the settings' classes."""
        first = self.settings.models[next(iter(self.models))]
        if tuple(first["classes"]) != self.settings.classes:
            return np.full(len(predicted), IGNORED, np.uint8)
        return predicted

    def _run(self, name: str, model: Segmenter, item: Item, grid: tuple[int, int] | None) -> tuple[Any, Any, Any]:
        """Embedding [d, h, w], prediction and confidence [h, w] of one model, on the grid where there is one."""
        batch = item.inputs[self.kinds.index(model.info.preprocessing)][None]
        layer = self.settings.models[name]["layer"]
        output = inference.run(name, model, batch, [item.name], precision=self.precision, layer=layer)
        embedding, logits = averaged(output.embedding[0]), averaged(output.logits[0])
        size = grid or (int(embedding.shape[1]), int(embedding.shape[2]))
        prediction, confidence = inference.best_class(resampled(logits, size))
        return resampled(embedding, size), self.tables[name][prediction.long()], confidence


def _agree(folder: Path, settings: ExtractionSettings, processes: Processes) -> None:
    """The folder is new, or of the same settings."""
    path = folder / SETTINGS
    text = settings.text()
    if processes.is_main:
        writable_folder(folder / PARTS, StudyError)
        if not path.is_file():
            with replacing(path) as temporary:
                temporary.write_text(text)
    processes.wait()
    if path.read_text() != text:
        raise StudyError(f"{folder}: holds embeddings of other models, images or settings; choose another folder")


def _part(folder: Path, start: int) -> Path:
    return folder / PARTS / f"{start:07d}.parquet"


def _write(path: Path, table: pa.Table) -> None:
    """The file is complete or not there."""
    import pyarrow.parquet as pq

    try:
        with replacing(path) as temporary:
            pq.write_table(table, temporary, row_group_size=ROW_GROUP, **options_of(table.schema))
    except OSError as error:
        raise StudyError(f"{path}: cannot be written ({error.strerror}); free some space, then run it again") from None
