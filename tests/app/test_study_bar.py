"""The sidebar: choosing models, images and settings changes the study, the address, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from app import cached
from cirkd.charts import theme
from tests.app.test_overview import images_of
from tests.app.toy import make_checkpoints, make_streets
from tests.training.tiny import write_camvid

Open = Callable[..., Any]


def asked(test: Any, name: str) -> str:
    value = test.query_params[name]
    return value if isinstance(value, str) else value[0]


def clean(test: Any) -> None:
    assert not test.exception
    assert not test.error


def test_the_address_holds_the_whole_state(page: Open) -> None:
    test = page()
    clean(test)
    wanted = {"teacher", "before", "after", "data", "split", "images", "layer", "device", "precision"}
    assert wanted <= set(test.query_params)


def test_a_link_opens_the_same_view(page: Open) -> None:
    query = {"teacher": "streets-teacher", "before": "none", "after": "streets-cirkd", "images": "val003,val001"}
    test = page(**query, layer="projected", precision="float32", device="cpu")
    clean(test)
    assert test.selectbox(key="bar_before").value == "none"
    assert test.selectbox(key="bar_layer").value == "projected"
    assert images_of(test) == ("val003", "val001")
    assert asked(test, "precision") == "float32"


@pytest.mark.slow
def test_any_layer_by_name_or_by_model(page: Open) -> None:
    test = page(layer="teacher=stage4, after=stage2")
    clean(test)
    assert test.selectbox(key="bar_layer").value == "teacher=stage4, after=stage2"
    wrong = page(layer="stage9")
    assert not wrong.exception
    assert any("layer 'stage9' is unknown" in error.value and "stage1" in error.value for error in wrong.error)


def test_a_folder_of_nobody_is_one_line_and_can_be_typed_over(page: Open) -> None:
    test = page(data="folder", folder="~nobodyhere/x")
    assert not test.exception
    assert ["there is no such folder" in error.value for error in test.error] == [True]
    assert test.text_input(key="bar_folder").value == "~nobodyhere/x"


def test_a_picker_changes_the_study_and_the_address(page: Open) -> None:
    test = page()
    test.selectbox(key="bar_after").set_value("none").run()
    clean(test)
    assert asked(test, "after") == "none"
    assert not any("After" in metric.label for metric in test.metric)


@pytest.mark.slow
def test_another_split_brings_its_own_images(page: Open) -> None:
    test = page()
    test.segmented_control(key="bar_split").set_value("train").run()
    clean(test)
    assert all(name.startswith("train") for name in images_of(test))


def test_the_choice_survives_a_change_of_page(page: Open) -> None:
    test = page()
    test.selectbox(key="bar_before").set_value("none").run()
    test.switch_page("views/predictions.py").run()
    clean(test)
    assert test.selectbox(key="bar_before").value == "none"
    assert asked(test, "before") == "none"


@pytest.mark.slow
def test_a_path_adds_a_checkpoint(page: Open, study_folders: Path, tmp_path: Path) -> None:
    path = shutil.copy(study_folders / "checkpoints" / "streets-cirkd.safetensors", tmp_path / "mine.safetensors")
    test = page()
    before = asked(test, "after")
    test.text_input(key="bar_path").set_value(str(path)).run()
    clean(test)
    assert asked(test, "after") == before, "it is asked first"
    test.button(key="bar_as_before").click().run()
    clean(test)
    assert asked(test, "before") == test.selectbox(key="bar_before").value == str(path)
    assert asked(test, "after") == before
    assert not any(button.key == "bar_as_before" for button in test.button)


@pytest.mark.slow
def test_a_checkpoint_takes_the_place_that_is_free(page: Open, study_folders: Path, tmp_path: Path) -> None:
    path = shutil.copy(study_folders / "checkpoints" / "streets-cirkd.safetensors", tmp_path / "mine.safetensors")
    test = page(after="none")
    test.text_input(key="bar_path").set_value(str(path)).run()
    clean(test)
    assert asked(test, "after") == test.selectbox(key="bar_after").value == str(path)


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x04K*."])
def test_a_file_that_is_no_checkpoint_is_one_clear_line(page: Open, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(content)
    test = page(after=str(tmp_path / "bad.safetensors"))
    assert not test.exception
    assert len(test.error) == 1
    assert "bad.safetensors" in test.error[0].value


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"data": "folder", "folder": "/no/such/folder"}, "/no/such/folder"),
        ({"data": "upload"}, "upload some"),
        ({"images": "val000,nowhere"}, "nowhere"),
        ({"device": "cuda"}, "cuda"),
    ],
)
def test_what_cannot_be_shown_is_one_clear_line(page: Open, query: dict[str, str], word: str) -> None:
    import torch

    if query.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    test = page(**query)
    assert not test.exception
    assert len(test.error) == 1
    assert word in test.error[0].value


@pytest.mark.slow
def test_a_study_whose_images_lie_elsewhere_asks_for_their_folder(
    page: Open, study_folders: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(study_folders / "checkpoints", tmp_path / "checkpoints")
    make_checkpoints(tmp_path / "checkpoints", "camvid")
    monkeypatch.setenv("CIRKD_CHECKPOINTS", str(tmp_path / "checkpoints"))
    test = page()
    test.selectbox(key="bar_preset").set_value("camvid").run()
    clean(test)
    assert test.title[0].value == "Where are the images?"
    assert "**CamVid**" in test.markdown[0].value and "valannot/" in test.markdown[0].value
    test.text_input(key="ask_folder").set_value(str(tmp_path / "nowhere")).run()
    assert ["nowhere" in error.value for error in test.error] == [True]
    test.text_input(key="ask_folder").set_value(str(write_camvid(tmp_path / "camvid"))).run()
    clean(test)
    assert asked(test, "folder") == str(tmp_path / "camvid")
    assert len(images_of(test)) == 2
    test = page()
    test.selectbox(key="bar_data").set_value("folder").run()
    clean(test)
    assert test.text_input(key="ask_folder").value == ""


@pytest.mark.slow
def test_uploads_become_a_study_of_their_own(page: Open, study_folders: Path) -> None:
    test = page()
    test.selectbox(key="bar_data").set_value("upload").run()
    assert len(test.error) == 1
    files = sorted((study_folders / "data" / "streets" / "val").glob("*.webp"))[:3]
    test.file_uploader(key="bar_images").set_value([(f.name, f.read_bytes(), "image/webp") for f in files]).run()
    clean(test)
    assert images_of(test) == tuple(f.stem for f in files)
    checkpoint = study_folders / "checkpoints" / "streets-cirkd.safetensors"
    upload = ("theirs.safetensors", checkpoint.read_bytes(), "application/octet-stream")
    test.file_uploader(key="bar_upload").set_value(upload).run()
    test.button(key="bar_as_after").click().run()
    clean(test)
    kept = Path(asked(test, "after"))
    assert kept.name == "theirs.safetensors"
    assert kept.parent.parent.stat().st_mode & 0o077 == 0


def test_an_image_uploaded_again_takes_the_place_of_the_one_before(
    page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def png(color: str) -> tuple[str, bytes, str]:
        Image.new("RGB", (96, 64), color).save(file := BytesIO(), "PNG")
        return "a.png", file.getvalue(), "image/png"

    def kept() -> list[Any]:
        return [Image.open(path).getpixel((0, 0)) for path in tmp_path.glob("images/*")]

    monkeypatch.setattr(cached, "private_folder", lambda: tmp_path)
    test = page("learn", data="upload")
    test.file_uploader(key="bar_images").set_value([png("red")]).run()
    test.switch_page("views/export.py").run()
    assert kept() == [(255, 0, 0)]
    test.file_uploader(key="bar_images").set_value([png("blue")]).run()
    assert not test.exception and kept() == [(0, 0, 255)]
    test.file_uploader(key="bar_images").clear().run()
    assert not test.exception and kept() == []


@pytest.mark.slow
def test_a_second_data_set_is_one_click(page: Open, study_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        shutil.copytree(study_folders / "checkpoints", folder / "checkpoints")
        make_checkpoints(folder / "checkpoints", "towns")
        make_streets(folder / "data" / "streets", val=4)
        monkeypatch.setenv("CIRKD_CHECKPOINTS", str(folder / "checkpoints"))
        test = page()
        test.selectbox(key="bar_preset").set_value("towns").run()
        assert not test.exception
        assert [asked(test, role) for role in ("teacher", "before", "after")] == [
            "towns-teacher",
            "towns-baseline",
            "towns-cirkd",
        ]
        assert asked(test, "data") == "folder"
        test.selectbox(key="bar_preset").set_value("streets").run()
        clean(test)
        assert asked(test, "teacher") == "streets-teacher"
        assert asked(test, "data") == "streets"


@pytest.mark.slow
def test_further_students_are_compared_too(page: Open) -> None:
    test = page(after="none", others="streets-cirkd")
    clean(test)
    assert any("streets-cirkd" in metric.label for metric in test.metric)


def test_further_students_of_one_file_name_are_all_shown(page: Open, study_folders: Path, tmp_path: Path) -> None:
    there = study_folders / "checkpoints"
    copies = {"a/best": "streets-baseline", "b/best": "streets-cirkd", "c/teacher": "streets-cirkd"}
    for copy, name in copies.items():
        (tmp_path / copy).parent.mkdir()
        shutil.copy(there / f"{name}.safetensors", tmp_path / f"{copy}.safetensors")
    others = ",".join(quote(str(tmp_path / f"{copy}.safetensors"), safe="") for copy in copies)
    test = page(teacher="streets-teacher", others=others)
    clean(test)
    shown = [metric.label.split(" · ")[0] for metric in test.metric][:4]
    assert shown == [look.named for look in theme.roles(["teacher", "a best", "b best", "c teacher"]).values()]


def test_an_upload_that_is_no_checkpoint_says_why_and_leaves_the_study(page: Open) -> None:
    test = page()
    before = asked(test, "after")
    upload = ("theirs.pth", b"<html>404</html>", "application/octet-stream")
    test.file_uploader(key="bar_upload").set_value(upload).run()
    assert not test.exception
    assert [("theirs.pth" in error.value, "begins like text" in error.value) for error in test.error] == [(True, True)]
    assert asked(test, "after") == before


def test_an_upload_says_what_it_is(page: Open, study_folders: Path) -> None:
    test = page()
    checkpoint = study_folders / "checkpoints" / "streets-cirkd.safetensors"
    upload = ("theirs.safetensors", checkpoint.read_bytes(), "application/octet-stream")
    test.file_uploader(key="bar_upload").set_value(upload).run()
    clean(test)
    said = [caption.value for caption in test.caption if "theirs.safetensors" in caption.value]
    assert any("classes; takes RGB" in text for text in said)


def test_the_settings_state_how_much_memory_results_take(page: Open) -> None:
    test = page()
    (said,) = [caption.value for caption in test.caption if "kept in memory" in caption.value]
    assert "of 1.5 GB beside the models" in said and "CIRKD_CACHE_GB" in said
