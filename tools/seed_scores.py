"""Scores of the same recipes over several seeds, and the table of them in `checkpoints/README.md`.

`python -m tools.seed_scores RUN_FOLDER ...` reads finished runs, writes what they were and what they scored to
`checkpoints/seeds.json`, and the table from that file. Nothing is typed in by hand.
"""

import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from cirkd.data.errors import TrainingError
from cirkd.training.journal import read_journal
from tools.checkpoint_scores import FOLDER, write_between

FILE = FOLDER / "seeds.json"
BEGIN, END = "<!-- seeds: begin -->", "<!-- seeds: end -->"
TERMS = ("kd", "minibatch_pixel", "memory_pixel", "memory_region")


def read_run(folder: Path) -> dict[str, Any]:
    """What a finished run was (data, seed, steps, weights of its terms) and its final mIoU by split.

    Raises:
        TrainingError: the run has not ended.
    """
    events = read_journal(folder / "journal.jsonl")
    if not events or events[-1]["kind"] != "end":
        raise TrainingError(f"{folder}: this run has not ended; finish it with --resume")
    recipe = next(event["recipe"] for event in events if event["kind"] == "start")
    final = [e for e in events if e["kind"] == "evaluation" and e["step"] == recipe["steps"]]
    return {
        "data": recipe["data"],
        "seed": recipe["seed"],
        "steps": recipe["steps"],
        "weights": {term: recipe["objective"][term] for term in TERMS},
        "miou": {event["split"]: round(event["miou"], 3) for event in final},
    }


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown: a line for each objective and split, with every seed, mean, deviation and the paired difference."""
    lines = []
    for data in sorted({run["data"] for run in runs}, reverse=True):
        here = [run for run in runs if run["data"] == data]
        seeds = sorted({run["seed"] for run in here})
        lines += [
            f"### {data}: mIoU by seed, %\n",
            "| kd, mini-batch, memory pixel, region | split | " + " | ".join(f"seed {s}" for s in seeds)
            + " | mean | deviation | over baseline, same seeds |",
            "|---" * (len(seeds) + 5) + "|",
        ]  # fmt: skip
        objectives = sorted({tuple(run["weights"].values()) for run in here})
        for split in ("val", "test"):
            scores = {
                objective: {
                    run["seed"]: run["miou"][split]
                    for run in here
                    if tuple(run["weights"].values()) == objective and split in run["miou"]
                }
                for objective in objectives
            }
            lines += [
                _line(o, split, by_seed, scores[objectives[0]], seeds) for o, by_seed in scores.items() if by_seed
            ]
        lines.append("")
    return "\n".join(lines).rstrip()


def _line(
    objective: tuple[float, ...], split: str, by_seed: dict[int, float], baseline: dict[int, float], seeds: list[int]
) -> str:
    name = ", ".join(f"{weight:g}" for weight in objective) if any(objective) else "baseline"
    cells = [f"{by_seed[seed]:.2f}" if seed in by_seed else "-" for seed in seeds]
    differences = [by_seed[seed] - baseline[seed] for seed in by_seed if seed in baseline]
    gain = "" if not any(objective) or not differences else _spread(differences, "+.2f")
    return f"| {name} | {split} | " + " | ".join([*cells, *_mean_and_deviation(list(by_seed.values())), gain]) + " |"


def _mean_and_deviation(values: list[float]) -> list[str]:
    return [f"{mean(values):.2f}", f"{stdev(values):.2f}" if len(values) > 1 else "-"]


def _spread(values: list[float], style: str) -> str:
    each = ", ".join(f"{value:{style}}" for value in values)
    return f"{mean(values):{style}} ({each})" if len(values) > 1 else each


def main() -> None:
    runs = sorted(
        (read_run(Path(word)) for word in sys.argv[1:]),
        key=lambda run: (run["data"], list(run["weights"].values()), run["seed"]),
    )
    if runs:
        FILE.write_text(json.dumps(runs, indent=1) + "\n")
    write_between(FOLDER / "README.md", BEGIN, END, table(json.loads(FILE.read_text())))


if __name__ == "__main__":
    main()
