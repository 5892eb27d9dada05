"""One of each, added by its file and its one entry to a copy of the house, is there everywhere: in the commands, on the
pages, in the report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.app.toy import CLASSES, make_checkpoints, make_streets

pytestmark = pytest.mark.slow
HOUSE = Path(__file__).parents[1]
DATA = f'''"""A data set of somebody's own: images in a folder for each split, and a file that tells it from others."""

from cirkd.data.entry import DataSet
from cirkd.data.pairs import Frame, Pairs, image_files
from cirkd.data.sample import Classes

CLASSES = Classes({tuple(name for name, _ in CLASSES)}, {tuple(color for _, color in CLASSES)})


def open_mine(split, root):
    found = [Frame(p.stem, p, p.with_name(p.stem + "_label.png")) for p in image_files(root / split, (".webp",))]
    return Pairs("mine", split, CLASSES, found)


ENTRY = DataSet(
    "mine", "Streets of mine", "mine.txt", open_mine, ("val", "train"), marks=("mine.txt",), classes=CLASSES
)
'''
LOSS = '''"""Spread of the logits."""


def spread(batch):
    return batch.student.logits.std()
'''
NETWORK = '''"""The encoder's last map, narrowed."""

from torch import nn


class LastMap(nn.Module):
    def __init__(self, channels, width, atrous_rates):
        super().__init__()
        self.layer = nn.Conv2d(channels[-1], width, 1)
        self.rates = atrous_rates

    def forward(self, features):
        return self.layer(features[-1])
'''
COLOR = '''"""Whether a pixel's row is even."""

import numpy as np


def rows(features, model, divergence):
    from cirkd.analysis.colorings import NO_CATEGORY, Category, Kinds

    return Kinds((features.pixels.row % 2).astype(np.uint8), {0: Category("even", "#111111"), 1: NO_CATEGORY})
'''
PAGE = """import streamlit as st
from app import study_bar

st.title(", ".join(study_bar.current().names))
"""


class Addition(NamedTuple):
    """What is added: the one file, the table that gets its one entry, and what it imports for that."""

    file: str
    text: str
    table: str
    opening: str
    entry: str
    imports: str = ""


ADDITIONS = {
    "data set": Addition(
        "cirkd/data/mine.py",
        DATA,
        "cirkd/data/catalog.py",
        "    for entry in (",
        "        mine.ENTRY,",
        "from cirkd.data import mine",
    ),
    "loss": Addition(
        "cirkd/losses/spread.py",
        LOSS,
        "cirkd/losses/terms.py",
        "TERMS: dict[str, Term] = {",
        '    "spread": Term("Spread of logits", "#123456", "How far logits spread.", spread),',
        "from cirkd.losses.spread import spread",
    ),
    "method": Addition(
        "",
        "",
        "cirkd/training/recipes/methods.py",
        "METHODS: dict[str, Method] = {",
        '    "spread": Method("Spreading", replace(_TASK, spread=0.25), "how far logits spread"),',
    ),
    "architecture": Addition(
        "cirkd/models/last_map.py",
        NETWORK,
        "cirkd/models/build.py",
        "ARCHITECTURES: dict[str, Architecture] = {",
        '    "last_map": Architecture(LastMap, strides=(16,), options=("atrous_rates",)),',
        "from cirkd.models.last_map import LastMap",
    ),
    "colour": Addition(
        "cirkd/analysis/rows.py",
        COLOR,
        "cirkd/analysis/colorings.py",
        "COLORINGS: dict[str, Coloring] = {",
        '    "rows": Coloring("Row of pixels", rows),',
        "from cirkd.analysis.rows import rows",
    ),
    "page": Addition(
        "app/views/names.py",
        PAGE,
        "app/page_list.py",
        "PAGES = (",
        '    PageEntry("names", "Names", ":material/label:", "the models\' names"),',
    ),
}
COMMANDS = """
import sys
from cirkd.cli import main

def run(words):
    try:
        code = main(words.split())
    except SystemExit as left:
        code = left.code or 0
    assert code == 0, (words, code)

trained = "--data mine --root data/mine --network.architecture last_map --network.output-stride 16 --steps 2"
small = "--batch-size 2 --journal-every 1 --evaluate-every 0 --augmentation.crop 32 32 --workers 0 --name tried"
run("data")
run("train --help")
run("train streets-spread --help")
run(f"train streets-spread {trained} {small} --teacher checkpoints/streets-teacher.safetensors")
run("doctor runs/tried/tried.safetensors")
run("evaluate runs/tried/tried.safetensors --data mine --root data/mine")
run("report study.html --after runs/tried/tried.safetensors --images mine/val --root data/mine --no-lesson --count 2")
"""
APP = """
import os
import json
from streamlit.testing.v1 import AppTest

def page(name, **query):
    test = AppTest.from_file(os.path.abspath("app/main.py"), default_timeout=120)
    test.query_params.update(query)
    return (test if name == "overview" else test.switch_page(f"views/{name}.py")).run()

def options(test, key):
    return list(next(item for item in test.selectbox if item.key == key).options)

mine = {"data": "mine", "after": "runs/tried/tried.safetensors"}
tests = {"names": page("names", **mine), "embeddings": page("embeddings", embeddings_by="rows", **mine)}
tests["training"] = page("training")
from app import page_list
from app.explorer import address
from cirkd.analysis.colorings import all_colors
from cirkd.analysis.explorer_block import explorer_block
from cirkd.analysis.explorer_encode import encode
from cirkd.charts import training as curves
from tests.analysis.test_explorer_block import read
from tests.factories import make_features

features = make_features()
header, _ = read(encode(explorer_block(features), {}, colors=all_colors(features)))
print("FOUND", json.dumps({
    "errors": [str(e) for test in tests.values() for e in (*test.exception, *test.error)],
    "sources": options(tests["names"], "bar_data"),
    "title": tests["names"].title[0].value,
    "colors": options(tests["embeddings"], "embeddings_by"),
    "legend": str([item.proto for item in tests["embeddings"].get("html")]),
    "recipes": options(tests["training"], "training_recipe"),
    "curve": list(curves.term("spread")),
    "link": address.parse({"explorer_color": "rows"}),
    "sent": {item["name"]: item["label"] for item in header["colorings"]},
    "readme": page_list.table(),
}))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with one of each in it, and a small study beside it."""
    root = tmp_path_factory.mktemp("house")
    for name in ("cirkd", "app", "tests"):
        shutil.copytree(HOUSE / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "reference"))
    for added in ADDITIONS.values():
        _add(root, added)
    make_checkpoints(root / "checkpoints")
    make_streets(root / "data" / "streets")
    make_streets(root / "data" / "mine")
    (root / "data" / "mine" / "manifest.json").rename(root / "data" / "mine" / "mine.txt")
    return root


def _add(root: Path, added: Addition) -> None:
    """Write the file, and the entry at the start of its table."""
    if added.file:
        assert not (root / added.file).exists()
        (root / added.file).write_text(added.text, encoding="utf-8")
    text = (root / added.table).read_text(encoding="utf-8")
    assert text.count(f"{added.opening}\n") == 1
    text = text.replace(f"{added.opening}\n", f"{added.opening}\n{added.entry}\n")
    first = "\nfrom cirkd."
    text = text.replace(first, f"\n{added.imports}{first}", 1) if added.imports else text
    (root / added.table).write_text(text, encoding="utf-8")


def _run(house: Path, script: str) -> str:
    known = {name: value for name, value in os.environ.items() if not name.startswith("CIRKD_")}
    environment = {**known, "PYTHONPATH": str(house), "CIRKD_CACHE": str(house / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=house, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def said(house: Path) -> str:
    """What the commands print; a network is trained by them."""
    return _run(house, COMMANDS)


def test_the_commands_know_one_of_each(house: Path, said: str) -> None:
    assert "Streets of mine; splits val, train; --root holds mine.txt" in said
    assert "The student distilled with Spreading: how far logits spread." in said
    assert "--objective.spread" in said and "How far logits spread." in said
    assert "One of: last_map, deeplabv3" in " ".join(said.split())
    assert "tried.safetensors on mine val, 8 images" in said
    steps = [json.loads(line) for line in (house / "runs/tried/journal.jsonl").read_text().splitlines()]
    values = [step for step in steps if step["kind"] == "train"]
    assert len(values) == 2
    assert all(0 < step["weighted"]["spread"] == 0.25 * step["raw"]["spread"] for step in values)


def test_the_report_knows_them(house: Path, said: str) -> None:
    text = (house / "study.html").read_text(encoding="utf-8")
    assert "last_map" in text
    assert all(name in text for name, _ in CLASSES)
    assert "Images: val" in text


def test_the_pages_know_them(house: Path, said: str) -> None:
    found = json.loads(_run(house, APP).partition("FOUND ")[2])
    assert found["errors"] == []
    assert found["title"] == "after"
    assert "Streets of mine" in found["sources"]
    assert "row of pixels" in found["colors"] and "even" in found["legend"]
    assert "streets-spread" in found["recipes"]
    assert found["curve"] == ["Spread of logits", "#123456"]
    assert found["link"] == {"color": "rows"} and found["sent"]["rows"] == "Row of pixels"
    assert "| Names | the models' names |" in found["readme"]


def test_the_table_of_what_to_touch_names_each(house: Path) -> None:
    """CONTRIBUTING says for each which file has its table, and under which name."""
    text = (HOUSE / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(): row for row in text.splitlines() if row.startswith("| a")}
    named = {"data set": "a data set", "loss": "a loss", "method": "a method", "architecture": "a network"}
    named |= {"colour": "a colour of dots", "page": "a page"}
    assert named.keys() == ADDITIONS.keys()
    for what, row in named.items():
        added = ADDITIONS[what]
        assert Path(added.table).name in rows[row], what
        assert not added.file or str(Path(added.file).parent) in rows[row] or what in ("architecture", "colour"), what
