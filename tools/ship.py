"""Ship a sweep's students: `python -m tools.ship docs/study/streets`.

Of the seeds that the baseline and CIRKD were both trained with, the one whose gain on val is the median (of an even
number, the lower of the middle two) gives `checkpoints/STUDY-baseline`, `STUDY-cirkd` and, where it was trained,
`STUDY-kd`; CIRKD's file also holds what it gained over all seeds. On the bundled streets, the journals and snapshots of
their runs ship as well, to be watched on the Training page; photographs of other data sets, which snapshots hold, do
not. The sweep's `runs/` must still be there.
"""

import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cirkd.analysis.paired import LEAST_SEEDS
from cirkd.analysis.stored_scores import SeedGain
from cirkd.checkpoint import load_model, read_header, save_checkpoint
from cirkd.data.bundled import data_of
from cirkd.data.errors import TrainingError
from cirkd.sweep.results import SweepResults, read_results
from tools import checkpoint_scores

FOLDER = Path(__file__).resolve().parents[1] / "checkpoints"
ROLES = ("baseline", "kd", "cirkd")


def median_seed(results: SweepResults, recipe: str, measure: str = "miou_val") -> int:
    """The seed whose difference to the baseline is the median of all seeds'.

    Raises:
        TrainingError: no seed was trained both ways.
    """
    found = {item.name: item.differences for item in results.compare(measure)}.get(recipe, {})
    if not found:
        raise TrainingError(f"{recipe} and {results.baseline} have no seed in common; sweep both with the same seeds")
    return sorted(found, key=lambda seed: (found[seed], seed))[(len(found) - 1) // 2]


def gain(results: SweepResults, recipe: str, split: str = "val") -> dict[str, Any]:
    """What a recipe gained over the baseline, for its checkpoint's provenance; empty with too few seeds to tell."""
    (found,) = (item for item in results.compare(f"miou_{split}") if item.name == recipe)
    if len(found.differences) < LEAST_SEEDS:
        return {}
    over, seeds = results.baseline, len(found.differences)
    return {"gain": asdict(SeedGain(over, split, found.gain, found.low, found.high, seeds))}


def ship(run: Path, name: str, folder: Path = FOLDER, record: bool = True, **further: Any) -> None:
    """A run's checkpoint under another name, and where wanted its journal and snapshots as a record of that name.

    Args:
        further: for its provenance.

    Raises:
        CirkdError: the run has written no checkpoint.
    """
    written = run / f"{run.name}.safetensors"
    provenance = read_header(written)["provenance"]
    provenance["recipe"]["name"] = name
    model = load_model(written, "cpu")
    save_checkpoint(folder / f"{name}.safetensors", model, **provenance, **further)
    if record:
        place = folder / "records" / name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(run / "snapshots", place / "snapshots")
        shutil.copy(run / "journal.jsonl", place)


def main() -> None:
    sweep = Path(sys.argv[1])
    results = read_results(sweep)
    study = results.baseline.removesuffix("-baseline")
    seed = median_seed(results, f"{study}-cirkd")
    trained = {row["recipe"] for row in results.rows if row["seed"] == seed}
    for name in (f"{study}-{role}" for role in ROLES):
        if name in trained:
            further = gain(results, name) if name == f"{study}-cirkd" else {}
            ship(sweep / "runs" / f"{name}-seed{seed}", name, record=data_of(study) == "streets", **further)
    checkpoint_scores.main()
    print(f"seed {seed} of {', '.join(map(str, results.seeds))}")


if __name__ == "__main__":
    main()
