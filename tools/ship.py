"""Ship a sweep's students: `python -m tools.ship docs/study/streets`.

Of the seeds that the baseline and CIRKD were both trained with, the one whose gain on val is the median (of an even
number, the lower of the middle two) gives `checkpoints/DATA-baseline` and `DATA-cirkd`. On the bundled streets, the
journals and snapshots of their runs ship as well, to be watched on the Training page; photographs of other data sets,
which snapshots hold, do not. The sweep's `runs/` must still be there.
"""

import shutil
import sys
from pathlib import Path

from cirkd.checkpoint import load_model, read_header, save_checkpoint
from cirkd.data.errors import TrainingError
from cirkd.sweep.results import Results, read_results
from tools import checkpoint_scores

FOLDER = Path(__file__).resolve().parents[1] / "checkpoints"
ROLES = ("baseline", "cirkd")


def median_seed(results: Results, recipe: str, measure: str = "miou_val") -> int:
    """The seed whose difference to the baseline is the median of all seeds'.

    Raises:
        TrainingError: no seed was trained both ways.
    """
    found = {item.name: item.differences for item in results.compare(measure)}.get(recipe, {})
    if not found:
        raise TrainingError(f"{recipe} and {results.baseline} have no seed in common; sweep both with the same seeds")
    return sorted(found, key=lambda seed: (found[seed], seed))[(len(found) - 1) // 2]


def ship(run: Path, name: str, folder: Path = FOLDER, record: bool = True) -> None:
    """A run's checkpoint under another name, and where wanted its journal and snapshots as a record of that name.

    Raises:
        CirkdError: the run has written no checkpoint.
    """
    written = run / f"{run.name}.safetensors"
    provenance = read_header(written)["provenance"]
    provenance["recipe"]["name"] = name
    model = load_model(written, "cpu")
    save_checkpoint(folder / f"{name}.safetensors", model, **provenance)
    if record:
        place = folder / "records" / name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(run / "snapshots", place / "snapshots")
        shutil.copy(run / "journal.jsonl", place)


def main() -> None:
    sweep = Path(sys.argv[1])
    results = read_results(sweep)
    data = results.baseline.removesuffix("-baseline")
    seed = median_seed(results, f"{data}-cirkd")
    for role in ROLES:
        ship(sweep / "runs" / f"{data}-{role}-seed{seed}", f"{data}-{role}", record=data == "streets")
    checkpoint_scores.main()
    print(f"seed {seed} of {', '.join(map(str, results.seeds))}")


if __name__ == "__main__":
    main()
