"""The table of `data/streets/README.md`, counted from its manifest: `python -m tools.data_card` writes it anew."""

import json
from pathlib import Path

from tools.checkpoint_scores import write_between

FOLDER = Path(__file__).resolve().parents[1] / "data" / "streets"
BEGIN, END = "<!-- counts: begin -->", "<!-- counts: end -->"
SPLITS = ("train", "val", "test")


def table(folder: Path = FOLDER) -> str:
    """Frames and scenes of each split, and the share of its pixels that each class has, as Markdown."""
    manifest = json.loads((folder / "manifest.json").read_text())
    frames = {split: [frame for frame in manifest["frames"] if frame["split"] == split] for split in SPLITS}
    rows = ["| | " + " | ".join(SPLITS) + " |", "|---" * (len(SPLITS) + 1) + "|"]
    rows.append("| frames | " + " | ".join(str(len(frames[split])) for split in SPLITS) + " |")
    rows.append("| scenes | " + " | ".join(str(len({f["scene"] for f in frames[split]})) for split in SPLITS) + " |")
    totals = {
        split: [sum(column) for column in zip(*(f["counts"] for f in frames[split]), strict=True)] for split in SPLITS
    }
    for number, item in enumerate(manifest["classes"]):
        shares = [f"{100 * totals[split][number] / sum(totals[split]):.2f} %" for split in SPLITS]
        rows.append(f"| {item['name']} | " + " | ".join(shares) + " |")
    return "\n".join(rows)


def main() -> None:
    """Write the table into the card."""
    write_between(FOLDER / "README.md", BEGIN, END, table())


if __name__ == "__main__":
    main()
