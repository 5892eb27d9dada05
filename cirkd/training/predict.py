"""A network's label maps of whole images, as files."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cirkd.data.cityscapes import LABEL_IDS
from cirkd.data.errors import DataError, ExportError
from cirkd.data.matching import match_classes
from cirkd.data.palettes import CITYSCAPES
from cirkd.data.sample import Classes, SegmentationData
from cirkd.models import inference
from cirkd.models.segmenter import Segmenter
from cirkd.models.stream import Item, stream

Form = Literal["ids", "cityscapes", "colors"]


def predict(
    model: Segmenter,
    data: SegmentationData,
    folder: Path,
    *,
    form: Form = "ids",
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    precision: str = "float32",
    workers: int = 0,
    progress: Callable[[float], None] | None = None,
) -> list[Path]:
    """Write a PNG of the image's size and name for each image, and `classes.json`, which names the classes.

    Args:
        model: Its classes are what is written.
        data: The images; labels are not looked at.
        folder: Where the files go; made where it is not there.
        form: `ids`: the class's number; `cityscapes`: the label id that the data set's server wants; `colors`: RGB.
        flip: Average over the image and its mirror image.
        scales: Average over the image at these sizes, relative to what the network wants.

    Raises:
        DataError: an image can't be read, or classes that are not Cityscapes' for its form.
        ExportError: the folder can't be written, or holds the images themselves, their label maps or other classes.
        DeviceError: as of `cirkd.models.inference.run`.
    """
    write = _writer(model.info.classes, form)
    if not scales or min(scales) <= 0:
        raise ExportError(f"scales {list(scales)}: numbers above 0 were wanted, such as 0.75 1 1.25")
    own = model.info.preprocessing
    kinds = [replace(own, scale=own.scale * scale) for scale in scales]
    frames = getattr(data, "frames", ())
    sources = {file.resolve() for frame in frames for file in (frame.image, frame.label) if file is not None}
    named = None if form == "cityscapes" else _class_list(model.info.classes, folder / "classes.json")
    written = []
    with inference.evaluating(model), torch.inference_mode():
        for item in stream(data, range(len(data)), kinds, workers=workers):
            path = folder / f"{item.name}.png"
            if path.resolve() in sources:
                raise ExportError(f"{path}: is one of the images or label maps; choose another folder with --output")
            _save(path, write(_classes_of(model, item, flip, precision)).save)
            written.append(path)
            if progress is not None:
                progress(len(written) / len(data))
    if named is not None:
        _save(folder / "classes.json", lambda path: path.write_bytes(named))
    return written


def _class_list(classes: Classes, path: Path) -> bytes:
    """What names the classes beside their label maps; a list of others that lies there stays."""
    entries = [{"name": name, "color": list(c)} for name, c in zip(classes.names, classes.colors, strict=True)]
    content = json.dumps(entries, indent=1).encode()
    with suppress(OSError, ValueError):  # the same list may be written in another way
        if json.loads(path.read_bytes()) == entries:
            return path.read_bytes()
    if path.is_file():
        raise ExportError(f"{path}: is there and names other classes or colours; choose another folder with --output")
    return content


def _classes_of(model: Segmenter, item: Item, flip: bool, precision: str) -> np.ndarray:
    """The most probable class of each pixel, uint8 `[H, W]`, over all sizes and mirror images."""
    total: Tensor | None = None
    for tensor in item.inputs:
        for mirrored in (False, True) if flip else (False,):
            given = tensor.flip(-1) if mirrored else tensor
            logits = inference.run("the network", model, given[None], [item.name], precision=precision).logits[0]
            with inference.fitting("the network", item.size, logits.device):
                full = inference.at_image_size(logits, item.size, model).softmax(0)
                full = full.flip(-1) if mirrored else full
                total = full if total is None else total + full
    assert total is not None
    return total.argmax(0).to(torch.uint8).cpu().numpy()


def _writer(classes: Classes, form: Form) -> Callable[[np.ndarray], Image.Image]:
    """From class numbers uint8 `[H, W]` to the picture of a form."""
    if form == "colors":
        palette = np.array(classes.colors, np.uint8)
        return lambda found: Image.fromarray(palette[found])
    table = np.arange(256, dtype=np.uint8)
    if form == "cityscapes":
        matching = match_classes(classes, CITYSCAPES, "Cityscapes")
        if matching.table is None:
            differ = matching.note.partition(";")[0]
            raise DataError(f"label ids of {differ}; name the network's classes with --classes FILE, or use --form ids")
        ids = np.zeros(256, np.uint8)
        ids[: len(LABEL_IDS)] = LABEL_IDS
        table = ids[matching.table]
    return lambda found: Image.fromarray(table[found])


def _save(path: Path, write: Callable[[Path], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written ({error.strerror}); choose another place") from None
