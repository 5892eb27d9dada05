"""The tables of `checkpoints/README.md`, written from the headers of the checkpoints that lie beside it.

Run `python -m tools.checkpoint_scores` after training; the text around the tables stays. Nothing is typed in by hand.
"""

from pathlib import Path
from typing import Any

from cirkd.checkpoint import read_header

FOLDER = Path(__file__).resolve().parents[1] / "checkpoints"
BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"
ROLES = ("teacher", "baseline", "kd", "cirkd")
STUDIES = ("streets", "streets-few", "camvid")


def tables(folder: Path) -> str:
    """Markdown tables of the checkpoints in a folder, for each study: the runs, then IoU by class and split."""
    headers = {path.stem: read_header(path) for path in sorted(folder.glob("*.safetensors"))}
    sections = []
    for study in STUDIES:
        found = {role: headers[f"{study}-{role}"] for role in ROLES if f"{study}-{role}" in headers}
        if found:
            sections.append(f"## {study}\n\n{_runs(found, folder, study)}\n\n{_classes(found)}")
    return "\n\n".join(sections)


def _runs(headers: dict[str, dict[str, Any]], folder: Path, study: str) -> str:
    rows = ["| | network | steps | seed | MB |", "|---|---|---|---|---|"]
    for role, header in headers.items():
        provenance = header["provenance"]
        size = (folder / f"{study}-{role}.safetensors").stat().st_size / 1e6
        network = f"{header['architecture']}, {header['encoder']}, {header['embedding_channels']} wide"
        rows.append(f"| {role} | {network} | {provenance['steps']} | {provenance['seed']} | {size:.1f} |")
    return "\n".join(rows)


def _classes(headers: dict[str, dict[str, Any]]) -> str:
    columns = [
        (role, split, scores)
        for split in ("val", "test")
        for role, header in headers.items()
        if (scores := header["provenance"]["scores"].get(split))
    ]
    rows = ["| IoU, % | " + " | ".join(f"{role} {split}" for role, split, _ in columns) + " |"]
    rows.append("|---" * (len(columns) + 1) + "|")
    rows.append("| **mIoU** | " + " | ".join(f"**{scores['miou']:.2f}**" for *_, scores in columns) + " |")
    for name in columns[0][2]["iou"]:
        values = [scores["iou"][name] for *_, scores in columns]
        rows.append(f"| {name} | " + " | ".join("-" if value is None else f"{value:.1f}" for value in values) + " |")
    return "\n".join(rows)


def write_between(file: Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between two marks in a file; the marks stay."""
    before, rest = file.read_text().split(begin)
    _, after = rest.split(end)
    file.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def main() -> None:
    write_between(FOLDER / "README.md", BEGIN, END, tables(FOLDER))


if __name__ == "__main__":
    main()
