"""The wheel, installed where nothing of this checkout is seen, does what the README says, in any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

import cirkd
from tests.app.conftest import assert_stands, settle
from tools.serving import serving

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 70_000_000
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """A wheel in an environment of its own.

    folder: where its commands run, a stranger's one that has an `app` of its own.
    """

    wheel: Path
    programs: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        hidden = {"PYTHONPATH", "CIRKD_CHECKPOINTS", "CIRKD_DATA", "CIRKD_RUNS"}
        return {name: value for name, value in os.environ.items() if name not in hidden}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.programs / words[0]), *words[1:]]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place], cwd=ROOT, check=True)
    (wheel,) = place.glob("*.whl")
    venv.create(place / "venv", symlinks=os.name != "nt")
    programs = place / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = programs / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel], check=True
    )
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    # What it depends on is taken from here; the checkout that is installed here, if any, is not: its .pth isn't read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    folder = place / "elsewhere"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "__init__.py").write_text("raise ImportError('somebody else's app')")
    yield Installed(wheel, programs, folder)


def test_it_holds_all_that_is_needed_and_one_package(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"cirkd", f"cirkd-{cirkd.__version__}.dist-info"}
    assert installed.wheel.stat().st_size < MOST_BYTES
    assert {"cirkd/py.typed", "cirkd/_bundled/app/main.py", "cirkd/_bundled/app/.streamlit/config.toml"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
    for folder in ("app", "checkpoints", "data/streets"):
        tracked = subprocess.run(["git", "ls-files", folder], cwd=ROOT, check=True, capture_output=True, text=True)
        assert {f"cirkd/_bundled/{name}" for name in tracked.stdout.splitlines()} <= set(names)


def test_it_is_what_is_imported(installed: Installed) -> None:
    said = installed.run("python", "-P", "-c", "import cirkd; print(cirkd.__file__, cirkd.__version__)").stdout.split()
    assert Path(said[0]).is_relative_to(installed.wheel.parent) and said[1] == cirkd.__version__


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["streets-cirkd", "checkpoints/streets-cirkd.safetensors"])
def test_a_bundled_checkpoint_is_found_by_its_name(installed: Installed, name: str) -> None:
    said = installed.run("cirkd", "doctor", name)
    assert said.returncode == 0, said.stderr
    assert "deeplabv3" in said.stdout


@pytest.mark.nightly
def test_it_trains_and_evaluates(installed: Installed) -> None:
    said = installed.run("cirkd", "train", "streets-kd", "--steps", "2", "--batch-size", "2", "--workers", "0")
    assert said.returncode == 0, said.stderr
    made = installed.folder / "runs" / "streets-kd" / "streets-kd.safetensors"
    assert made.is_file()
    said = installed.run("cirkd", "evaluate", str(made), "--split", "test")
    assert said.returncode == 0, said.stderr
    assert "mIoU" in said.stdout


@pytest.mark.nightly
def test_it_writes_a_report(installed: Installed) -> None:
    said = installed.run("cirkd", "report", "study.html", "--count", "1")
    assert said.returncode == 0, said.stderr
    assert (installed.folder / "study.html").stat().st_size > 1_000_000


@pytest.mark.browser
def test_the_app_opens_in_a_folder_with_an_app_of_its_own(installed: Installed, chromium: Any) -> None:
    command = [str(installed.programs / "cirkd"), "app"]
    with serving(command, cwd=installed.folder, env=installed.environment) as server:
        tab = chromium.new_page()
        tab.goto(server.address)
        settle(tab)
        assert_stands(tab)
        assert tab.locator("h1").first.inner_text()
        expect(tab.locator(".st-key-bar_preset input")).to_have_value("Streets, few labels")
        tab.locator(".js-plotly-plot").first.wait_for()
        shade = tab.evaluate("getComputedStyle(document.querySelector('[data-testid=stSidebar]')).backgroundColor")
        assert shade == "rgb(248, 249, 251)"  # app/.streamlit/config.toml is read
        tab.close()
