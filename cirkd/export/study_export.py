"""Exports of a study; a part of `cirkd.study.Study`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from cirkd.export.source import Source
    from cirkd.export.tables import Table


class Exports:
    """Tables and embeddings of a study, as objects and as files."""

    def tables(self) -> dict[str, Table]:
        """name -> table, of all that this study has numbers for."""
        from cirkd.export.tables import tables

        return {name: make() for name, make in tables(cast("Source", self)).items()}

    def export_tables(self, folder: Path | str, kind: str = "csv") -> list[Path]:
        """Write every table to `folder` as "csv" or "parquet"."""
        from cirkd.export.tables import write_table

        return [write_table(table, Path(folder) / f"{name}.{kind}") for name, table in self.tables().items()]

    def export_embeddings(self, path: Path | str, budget: int | None = None, seed: int = 0) -> Path:
        """Write the embeddings of all pixels, or of a class-balanced sample of `budget`, as Parquet."""
        from cirkd.export.embeddings import write_embeddings

        study: Any = self
        pixels = None if budget is None else study.sample(budget, seed).index
        return write_embeddings(study.features(), path, pixels)

    def export_projector(self, path: Path | str, budget: int = 2000, seed: int = 0) -> Path:
        """Write a class-balanced sample of `budget` pixels for the TensorBoard projector, to a folder or a .zip."""
        from cirkd.export.projector import write_projector

        study: Any = self
        return write_projector(study.features(), np.asarray(study.sample(budget, seed).index), path)
