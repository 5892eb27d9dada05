"""The relation losses beside the straightforward form and the floor, in one run: `make bench`.

The straightforward form builds every relation matrix of teacher and student and keeps all of them for the backward
pass. The floor is what the products of matrices alone take that can't be spared. Times are medians of forward and
backward passes taken in turn; memory is the growth of the peak over one pass in a process of its own, or as a GPU
counts it. Where the straightforward form would not fit the free memory, it is not run. Table and curves go to
`benchmarks/results/`, by kind of machine.
"""

import argparse
import dataclasses
import math
from pathlib import Path

from benchmarks.forms import DEVICE, FORMS, HALF, Case
from benchmarks.measure import fits, kind, machine, measure_alone, medians, times_in_turn
from benchmarks.plot import Curve, Panel, draw
from benchmarks.step import step_seconds

RESULTS = Path(__file__).parent / "results"
NAMES = {"straightforward": "straightforward", "float32": "cirkd", "bf16": "cirkd, bf16"}
CASES = {
    "mini-batch, Cityscapes crop: 2 images, 64x128, widths 128/256": Case(2, 64, 128, 128, 256),
    "mini-batch, CamVid crop: 8 images, 45x45, widths 128/256": Case(8, 45, 45, 128, 256),
    "mini-batch, streets crop: 8 images, 16x32, widths 64/128": Case(8, 16, 32, 64, 128),
    "memory, Cityscapes crop: 2 images, 64x128, 19 classes": Case(2, 64, 128, 128, 256, 19),
    "memory, CamVid crop: 8 images, 45x45, 11 classes": Case(8, 45, 45, 128, 256, 11),
}
POSITIONS = [(16, 32), (32, 64), (64, 128), (96, 192), (128, 256)]
BATCHES = [2, 4, 8, *([16] if DEVICE.type == "cuda" else [])]
Found = dict[str, float]
Growth = dict[str, list[tuple[int, Found]]]


def compare(case: Case, repeats: int) -> tuple[Found, Found]:
    """Median seconds by form and floor, and megabytes by form, of one case."""
    times = medians(times_in_turn(case, repeats))
    memory = {form: measure_alone(case, form)["megabytes"] for form in times if form in FORMS}
    return times, memory


def table(results: dict[str, tuple[Found, Found]]) -> str:
    """The comparison as Markdown."""
    lines = [
        "| work | straightforward | cirkd | faster | floor | x floor "
        "| memory, straightforward | memory, cirkd | of it |",
        "|---|" + "---:|" * 8,
    ]
    if "bf16" in FORMS:
        lines = [line + more for line, more in zip(lines, (" bf16 | again faster |", "---:|---:|"), strict=True)]
    for name, (times, memory) in results.items():
        plain, ours, half = (times.get(form) or math.nan for form in NAMES)
        floor, held = times["floor float32"], memory.get("straightforward", math.nan)
        lines.append(
            f"| {name} | {duration(plain)} | {duration(ours)} | {plain / ours:.1f}x "
            f"| {duration(floor)} | {ours / floor:.1f} | {held:.0f} MB | {memory['float32']:.0f} MB "
            f"| 1/{held / memory['float32']:.0f} |"
            + ("" if math.isnan(half) else f" {duration(half)} | {ours / half:.2f}x |")
        )
    return "\n".join(lines)


def half_table(results: dict[str, tuple[Found, Found]]) -> str:
    """The same in bf16 as Markdown, beside the straightforward form under autocast."""
    lines = ["| work in bf16 | straightforward, autocast | cirkd | faster | floor | x floor |", "|---|" + "---:|" * 5]
    for name, (times, _) in results.items():
        plain, ours, floor = times.get(HALF, math.nan), times["bf16"], times["floor bf16"]
        lines.append(
            f"| {name} | {duration(plain)} | {duration(ours)} | {plain / ours:.1f}x "
            f"| {duration(floor)} | {ours / floor:.1f} |"
        )
    return "\n".join(lines)


def duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.05 or math.isnan(seconds) else f"{1000 * seconds:.2f} ms"


def growth(cases: list[Case]) -> Growth:
    """(rows, seconds and megabytes) of each form by case, as far as it fits the free memory."""
    found: Growth = {form: [] for form in NAMES if form in FORMS}
    for case in cases:
        for form in found:
            if form != "straightforward" or fits(case):
                found[form].append((case.rows, measure_alone(case, form)))
                print(f"{form:16s} {case} {found[form][-1][1]}", flush=True)
    return found


def exponent(points: list[tuple[int, Found]], what: str) -> float:
    """Slope of a straight line through the points of a log-log plot."""
    x = [math.log(rows) for rows, _ in points]
    y = [math.log(found[what]) for _, found in points]
    middle = sum(x) / len(x)
    return sum((a - middle) * b for a, b in zip(x, y, strict=True)) / sum((a - middle) ** 2 for a in x)


def panels(
    by_positions: dict[str, list[tuple[int, Found]]], by_batch: dict[str, list[tuple[int, Found]]]
) -> list[Panel]:
    """Time and memory over the size of an image, and over the number of images."""
    return [
        Panel(
            f"{label} over {over}",
            unit,
            axis,
            [
                Curve(NAMES[form], form, [(rows / per, point[what]) for rows, point in points])
                for form, points in found.items()
            ],
        )
        for what, label, unit in (("seconds", "Time", "s"), ("megabytes", "Peak memory", "MB"))
        for found, over, axis, per in (
            (by_positions, "positions an image", "positions an image, 2 images", 2),
            (by_batch, "images", "images of 64x128 positions", 64 * 128),
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="training steps timed of each objective")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    how = " ".join((__doc__ or "").split("\n\n")[1].split())
    report = [f"# The relation engine, measured\n\n{machine()}. {how}"]
    results: dict[str, tuple[Found, Found]] = {}
    for name, case in CASES.items():
        results[name] = compare(case, options.repeats)
        print(name, *results[name], flush=True)
    report.append(table(results))
    if HALF in FORMS:
        report.append(half_table(results))
    steps = step_seconds(options.steps, DEVICE)
    report.append(
        f"One training step of `streets-cirkd`: {duration(steps['all terms'])}, with task and kd alone "
        f"{duration(steps['task + kd'])}: {steps['all terms'] / steps['task + kd']:.2f}x."
    )
    print(report[-1], flush=True)
    crop = CASES[next(iter(CASES))]
    by_positions = growth([dataclasses.replace(crop, height=h, width=w) for h, w in POSITIONS])
    by_batch = growth([dataclasses.replace(crop, images=count) for count in BATCHES])
    draw(RESULTS / f"relations-{kind()}.png", machine(), panels(by_positions, by_batch))
    report.append(
        f"Peak memory grows with the positions to the power of {exponent(by_positions['float32'], 'megabytes'):.2f}, "
        f"with the images to that of {exponent(by_batch['float32'], 'megabytes'):.2f}.\n\n"
        f"![Time and peak memory over positions and images](relations-{kind()}.png)"
    )
    (RESULTS / f"relations-{kind()}.md").write_text("\n\n".join(report) + "\n")


if __name__ == "__main__":
    main()
