"""Every page with every kind of study: one, two and five models, no labels, classes that differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import page_list
from tests.app.conftest import assert_stands
from tests.app.test_embeddings import study_without
from tests.app.toy import CLASSES
from tests.cases import mostly_slow

Open = Callable[..., Any]
PAGES = tuple(entry.name for entry in page_list.PAGES if entry.name != "training")  # which shows no study
KINDS = ("teacher alone", "student alone", "two", "five", "no labels", "one without labels", "other classes")


@pytest.fixture(scope="module")
def studies(study_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """kind -> query parameters of such a study."""
    folder = tmp_path_factory.mktemp("combinations")
    plain = folder / "plain"
    plain.mkdir()
    for file in sorted((study_folders / "data" / "streets" / "val").glob("*.webp"))[:3]:
        shutil.copy(file, plain)
    further = [folder / f"{name}.safetensors" for name in ("first", "second")]
    for path, part in zip(further, ("baseline", "cirkd"), strict=True):
        shutil.copy(study_folders / "checkpoints" / f"streets-{part}.safetensors", path)
    return {
        "teacher alone": study_without(("before", "after")),
        "student alone": study_without(("teacher", "before")),
        "two": study_without(("before",)),
        "five": study_without(()) | {"others": ",".join(map(str, further))},
        "no labels": {"data": "folder", "folder": str(plain)},
        "one without labels": study_without(("before", "after")) | {"data": "folder", "folder": str(plain)},
        "other classes": study_without(()) | {"after": str(fewer_classes(folder / "fewer.safetensors"))},
    }


def fewer_classes(path: Path) -> Path:
    """A student that knows the first four of the toy study's classes and a fifth that the labels lack."""
    import cirkd
    from cirkd.data.sample import Classes

    known = [*CLASSES[:4], ("tram", (10, 200, 90))]
    classes = Classes(tuple(name for name, _ in known), tuple(color for _, color in known))
    model = cirkd.build_segmenter("deeplabv3", "mobilenet_v2", classes, output_stride=8, embedding_channels=16)
    cirkd.save_checkpoint(path, model)
    return path


THREE = ("Teacher", "Before", "After")
MODELS = {
    "teacher alone": ("Teacher",),
    "student alone": ("After",),
    "two": ("Teacher", "After"),
    "five": (*THREE, "first", "second"),
    "no labels": THREE,
    "one without labels": ("Teacher",),
    "other classes": THREE,
}
TITLES = {name: name.capitalize() for name in PAGES} | {"memory": "Memory bank", "split": "Whole split"}
BANKLESS = ("teacher alone", "one without labels", "other classes")
UNLABELLED = ("no labels", "one without labels")


@pytest.mark.parametrize("kind", mostly_slow(KINDS, fast=("two",)))
@pytest.mark.parametrize("name", PAGES)
def test_every_page_shows_what_the_study_has(
    page: Open, studies: dict[str, dict[str, str]], name: str, kind: str
) -> None:
    test = page(name, **studies[kind])
    assert not test.exception
    assert not test.error
    models = MODELS[kind]
    title = "One model" if len(models) == 1 else "What distillation changed"
    assert test.title[0].value == (title if name == "overview" else TITLES[name])
    charts = len(test.get("plotly_chart"))
    text = "\n".join(item.value for item in test.markdown)
    noted = " ".join(item.value for item in test.info)
    drawn = {item.proto.component_name: len(item.proto.bytes) for item in test.get("bidi_component")}
    if name in ("embeddings", "relations", "centroids"):
        assert all((f"**{role}**" in text) == (role in models) for role in THREE)
    if name == "embeddings":
        assert charts == len(models)
    if name in ("relations", "centroids"):
        assert charts >= len(models)
    if name == "explorer":
        assert drawn["cirkd_explorer"] > 10_000
    if name == "predictions":
        scored = kind not in UNLABELLED
        assert ("mIoU" in text) == scored
        assert ("distillation **fixed" in text) == (
            kind == "five"
        )  # both students, labels, and classes that are theirs
    if name == "memory":
        assert ("brings a memory bank" in noted) == (kind in BANKLESS)
        assert ("**How full**" in text) == (kind not in BANKLESS)
    if name == "learn":
        assert drawn["cirkd_lesson"] > 10_000
        assert charts == 0
    if name == "overview":
        assert ("Without labels" in text) == (kind in UNLABELLED)
        assert (charts == 0) == (kind == "one without labels")  # nor an empty one that keeps a place
    if kind == "other classes" and name not in ("overview", "export"):
        said = " ".join(item.value for item in (*test.caption, *test.info, *test.warning, *test.markdown))
        assert "classes" in said


@pytest.mark.slow
def test_a_whole_split_with_a_student_of_other_classes(page: Open, studies: dict[str, dict[str, str]]) -> None:
    test = page("split", **studies["other classes"], split_go="true")
    assert not test.exception
    assert not test.error
    said = " ".join(item.value for item in (*test.caption, *test.markdown))
    assert "After knows other classes than these labels" in said
    assert "predicts other classes than the labels" in said
    # The two that know the classes are scored; the divergence of the third is measured as well.
    headline = next(item.value for item in test.markdown if "mIoU on all" in item.value)
    assert [role in headline for role in THREE] == [True, True, False]
    assert test.session_state["split_order"] in ("away", "closer")


# In a browser every page once and every kind of study once or twice; all the rest of a night.
PAIRS = {(name, KINDS[index % len(KINDS)]) for index, name in enumerate(PAGES)}


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(name, kind, marks=() if (name, kind) in PAIRS else pytest.mark.nightly)
        for name in PAGES
        for kind in KINDS
    ],
)
def test_every_page_stands_in_a_browser(
    browser_page: Open, studies: dict[str, dict[str, str]], name: str, kind: str
) -> None:
    from urllib.parse import urlencode

    place = "" if name == "overview" else name
    assert_stands(browser_page(f"{place}?{urlencode(studies[kind])}", width=800))
