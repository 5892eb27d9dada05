"""The report is one file that holds the study and needs nothing else; figures as files; the command line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cirkd.charts import theme
from cirkd.charts.gallery import SECTIONS, gallery
from cirkd.charts.save import differences, figure_bytes, write_figure
from cirkd.cli import main
from cirkd.data.errors import ExportError, StudyError
from cirkd.data.sample import Classes
from cirkd.report import export_figures, open_study, write_report
from cirkd.study import Study
from tests.factories import FakeSegmenter, make_classes, make_samples, make_study


def test_the_report_holds_every_figure_table_and_image_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    study = make_study()
    steps: list[float] = []
    path = write_report(study, tmp_path / "r.html", progress=lambda done, text: steps.append(done))
    text = path.read_text(encoding="utf-8")
    assert text.count("<figure ") == len(gallery(study)) > 15
    for picture in gallery(study):
        assert f'id="{picture.name}"' in text
    assert text.count("data:image/webp;base64,") == 3 * (1 + 1 + 3)
    assert not re.search(r'(?:src|href)="(?!data:)', text.replace(_plotly(), ""))
    assert text.count("<script>paint(") == len(gallery(study))
    assert text.count(_plotly()[:200]) == 1
    sentences = [sentence.replace("`", "") for sentence in study.summary()]
    assert all(sentence.split("'")[0] in text for sentence in sentences)
    for name, score in study.scores().models.items():
        assert f"{score.miou:.4g}" in text, name
    assert steps == sorted(steps) or len(set(steps)) > 5


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    samples = make_samples(2)
    samples[0] = type(samples[0])("<b>&x", samples[0].image, samples[0].label)
    text = write_report(make_study(images=samples), tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<b>&x" not in text
    assert "&lt;b&gt;&amp;x" in text


@pytest.mark.slow
@pytest.mark.parametrize("missing", [("teacher",), ("before", "after"), ("teacher", "before")])
@pytest.mark.parametrize("labels", [True, False])
def test_any_study_can_be_reported(missing: tuple[str, ...], labels: bool, tmp_path: Path) -> None:
    study = make_study(**dict.fromkeys(missing), images=make_samples(1, labels=labels))
    text = write_report(study, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<h2>Embeddings</h2>" in text
    assert ("<h2>Scores</h2>" in text) is labels


@pytest.mark.parametrize("label", [255, 1])
def test_images_without_any_label_or_of_one_class_can_be_reported(label: int, tmp_path: Path) -> None:
    images = [replace(s, label=np.full(s.image.shape[:2], label, np.uint8)) for s in make_samples(2)]
    models = [FakeSegmenter(width=12), FakeSegmenter(seed=1), FakeSegmenter(seed=2)]
    study = Study.open(*models, images=images, classes=make_classes(), device="cpu")
    assert study.features().has_labels is (label == 1)
    text = write_report(study, tmp_path / "r.html", lesson=False).read_text(encoding="utf-8")
    assert ("<h2>Scores</h2>" in text) is (label == 1)


def test_a_student_of_other_classes_is_left_out_of_what_cannot_be_compared(tmp_path: Path) -> None:
    other = Classes(("tram", "tree"), ((10, 200, 90), (0, 90, 0)))
    study = make_study(after=FakeSegmenter(other, seed=2))
    names = {picture.name for picture in gallery(study)}
    assert not names & {"iou-change", "fixed-broken", "gain"}
    assert {"iou", "drift", "map-after"} <= names
    write_report(study, tmp_path / "r.html")


def test_of_a_student_over_time_the_first_and_the_last_are_compared() -> None:
    students = {f"step{n}": FakeSegmenter(seed=n) for n in (1, 2, 3)}
    study = make_study(before=None, after=None, students=students)
    found, pictures = study.centroids(), {picture.name: picture for picture in gallery(study)}
    arrows = pictures["drift"].drawn().layout.annotations
    np.testing.assert_allclose([(a.ax, a.ay) for a in arrows], found.map["step1"])
    np.testing.assert_allclose([(a.x, a.y) for a in arrows], found.map["step3"])
    np.testing.assert_allclose(pictures["gain"].drawn().data[0].x, found.approach("step1", "step3"))
    change = pictures["layers-change"].drawn().data[0].z
    np.testing.assert_allclose(change, study.layer_similarity().change("step1", "step3")[1])
    table = study.tables()["centroids"]
    np.testing.assert_array_equal(table.columns["drift"], found.drift("step1", "step3"))
    assert (table.about["from"], table.about["to"]) == ("step1", "step3")


def test_further_students_are_drawn_by_their_place_in_the_study_whatever_was_drawn_before() -> None:
    for names in (("one", "two"), ("two", "three")):
        study = make_study(before=None, after=None, students={name: FakeSegmenter(seed=1) for name in names})
        drift = next(picture for picture in gallery(study) if picture.name == "drift").drawn()
        shown = {trace.hovertemplate.split(":")[0]: trace.marker for trace in drift.data if trace.hovertemplate}
        looks = theme.roles(study.names)
        assert {name: shown[name].symbol for name in names} == {name: looks[name].symbol for name in names}
        assert {name: shown[name].line.color for name in names} == {name: looks[name].color for name in names}


def test_without_a_teacher_nothing_is_said_to_come_closer() -> None:
    study = make_study(teacher=None)
    names, table = {picture.name for picture in gallery(study)}, study.tables()["centroids"].columns
    assert "drift" in names and "gain" not in names
    np.testing.assert_array_equal(table["drift"], study.centroids().drift("before", "after"))
    assert "approach" not in table


def test_a_cancelled_report_leaves_nothing_behind(tmp_path: Path) -> None:
    def cancel(fraction: float, text: str) -> None:
        if fraction > 0.3 and "image" not in text:
            raise KeyboardInterrupt

    study = make_study()
    study.features()
    with pytest.raises(KeyboardInterrupt):
        write_report(study, tmp_path / "r.html", progress=cancel)
    assert not list(tmp_path.iterdir())


def test_every_figure_stands_by_itself_in_both_modes() -> None:
    study = make_study()
    found = gallery(study)
    assert {picture.section for picture in found} == set(SECTIONS)
    assert len({picture.name for picture in found}) == len(found)
    for picture in found:
        for mode in ("light", "dark"):
            figure = picture.drawn(mode)
            assert figure.layout.paper_bgcolor == theme.paper(mode)
            assert figure.layout.template.layout.font.color == theme.ink(mode)
            heatmaps = [trace for trace in figure.data if trace.type == "heatmap"]
            assert all(trace.showscale for trace in heatmaps)
    drawn = next(picture for picture in found if picture.name == "iou-change").drawn()
    change = 100 * study.scores().iou_change("before", "after")
    np.testing.assert_allclose(np.sort(drawn.data[0].x), np.sort(change[study.scores().present]))


def test_figures_as_files(tmp_path: Path) -> None:
    study = make_study()
    (page,) = export_figures(study, tmp_path, "html", names=["drift"])
    assert page.name == "drift.html" and "Plotly.newPlot" in page.read_text(encoding="utf-8")
    figure = next(p for p in gallery(study) if p.name == "drift").drawn()
    with pytest.raises(ExportError, match="html, png, svg"):
        write_figure(figure, tmp_path / "x.gif")


@pytest.mark.browser
def test_figures_as_pictures(tmp_path: Path) -> None:
    pytest.importorskip("kaleido", reason="drawn by the extra `images`")
    figure = next(p for p in gallery(make_study()) if p.name == "drift").drawn()
    write_figure(figure, tmp_path / "x.png", width=500, scale=2)
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (1000, 2 * figure.layout.height)
        assert len(picture.convert("RGB").getcolors(1_000_000)) > 20
    assert figure_bytes(figure, "svg").startswith(b"<svg")


def test_without_kaleido_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "kaleido", None)
    figure = gallery(make_study())[0].drawn()
    with pytest.raises(ExportError, match=r"pip install 'cirkd\[images\]'"):
        figure_bytes(figure, "png")


@pytest.mark.browser
def test_the_report_opens_without_a_network_as_light_or_dark_as_the_screen(tmp_path: Path, chromium: Any) -> None:
    path = write_report(make_study(), tmp_path / "r.html")
    context = chromium.new_context(viewport={"width": 800, "height": 900}, offline=True, color_scheme="light")
    tab, errors, asked = context.new_page(), [], []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri(), timeout=90_000)
    count = len(gallery(make_study()))
    drawn = f"() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= {count}"
    tab.wait_for_function(drawn, timeout=90_000)
    wider = tab.evaluate("() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
    seen: list[Any] = []
    for scheme in ("light", "dark", "light"):
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_function(
            "([paper, count]) => [...document.querySelectorAll('.js-plotly-plot')]"
            ".filter((e) => e.layout.paper_bgcolor === paper).length === count",
            arg=[theme.paper(scheme), count],
            timeout=90_000,
        )
        page = tab.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert page == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 31)"}[scheme]
        seen.append(tab.evaluate("() => [...document.querySelectorAll('.js-plotly-plot')].map(e => e.data.length)"))
    context.close()
    assert seen[0] == seen[1] == seen[2]
    assert not errors
    assert wider <= 1
    assert not [url for url in asked if url.startswith("http")]


def test_what_is_different_in_the_dark_is_all_that_is_sent_of_it() -> None:
    light = {"a": [1, {"b": "x", "c": [1, 2]}], "d": 1, "e": {"f": 1}}
    dark = {"a": [1, {"b": "y", "c": [1, 2, 3]}], "d": 1, "e": {"g": 1}}
    found = dict(differences(light, dark))
    assert found == {("a", 1, "b"): "y", ("a", 1, "c"): [1, 2, 3], ("e",): {"g": 1}}
    assert not list(differences(light, light))


@pytest.mark.slow
def test_the_command_line_writes_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.app.toy import make_checkpoints, make_streets

    make_checkpoints(tmp_path / "c")
    root = make_streets(tmp_path / "streets")
    names = {"--teacher": "teacher", "--before": "baseline", "--after": "cirkd"}
    words = ["report", str(tmp_path / "r.html"), "--images", "streets/val", "--root", str(root), "--count", "2"]
    for flag, part in names.items():
        words += [flag, str(tmp_path / "c" / f"streets-{part}.safetensors")]
    for flag in ("tables", "projector"):
        words += [f"--{flag}", str(tmp_path / flag)]
    words += ["--embeddings", str(tmp_path / "e.parquet"), "--table-format", "parquet"]
    assert main(words) == 0
    assert "r.html" in capsys.readouterr().out
    assert (tmp_path / "tables" / "memory-bank.parquet").is_file()
    assert (tmp_path / "projector" / "sprite.png").is_file()
    assert (tmp_path / "e.parquet").is_file()


def test_what_cannot_be_reported_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "r.html"), "--images", str(tmp_path / "nowhere")]) == 1
    assert main(["report", str(tmp_path / "r.html"), "--teacher", "gone.safetensors"]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 2
    with pytest.raises(StudyError, match="0 images"):
        open_study(count=0)
