"""The JSON header of this project's checkpoints: a network's description written and read again."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cirkd.data.errors import CheckpointError
from cirkd.data.sample import Classes
from cirkd.models.segmenter import ModelInfo, Preprocessing

FORMAT = 1


def header_of(info: ModelInfo, provenance: dict[str, Any]) -> dict[str, Any]:
    """The JSON header of a checkpoint."""
    header = asdict(replace(info, provenance=dict(info.provenance) | provenance))
    return {"format": FORMAT, **header}


def parse_header(path: Path, text: str) -> dict[str, Any]:
    """Parse a header.

    Raises:
        CheckpointError: it is damaged, or of a newer format.
    """
    try:
        header = json.loads(text)
        if header["format"] > FORMAT:
            raise CheckpointError(f"{path}: written by a newer version (format {header['format']}); update cirkd")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path}: its header is damaged ({error!r}); copy the file again") from None
    return header


def info_of(path: Path, header: dict[str, Any]) -> ModelInfo:
    """The network description in a header.

    Raises:
        CheckpointError: a field is missing or wrong.
    """
    try:
        classes, layout = header["classes"], str(header.get("layout", "cirkd"))
        stated: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in header["preprocessing"].items()
        }
        return ModelInfo(
            architecture=str(header["architecture"]),
            encoder=str(header["encoder"]),
            output_stride=int(header["output_stride"]),
            embedding_channels=int(header["embedding_channels"]),
            auxiliary=bool(header["auxiliary"]),
            classes=Classes(
                names=tuple(str(name) for name in classes["names"]),
                colors=tuple((int(r), int(g), int(b)) for r, g, b in classes["colors"]),
                ignore_index=int(classes["ignore_index"]),
                guessed=bool(classes.get("guessed", False)),
            ),
            preprocessing=Preprocessing(**stated),
            options=dict(header["options"]),
            provenance=dict(header["provenance"]),
            layout=layout,
            notes=tuple(str(note) for note in header.get("notes", ())),
            align_corners=bool(header.get("align_corners", layout in ("cirkd", "published", "smp"))),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"{path}: its header is incomplete ({error!r}); save the model again") from None
