"""What all tests share."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before anything imports PyTorch: workers that run side by side share the cores instead of fighting for them.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import jaxtyping
import pytest
import torch

from tests import typecheck
from tools.serving import CHROMIUM

# Before test modules are: examples are the same in every run, and may take any time on a machine that is busy.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")
# Before anything imports Triton: without a GPU its kernels run, slowly, in its interpreter.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
# Before anything imports them: signatures hold at run time in every test. Not in the modules of kernels for Triton,
# which can't call each other through a check.
ROOT = Path(__file__).parents[1]
KERNELS = re.compile(r"^@triton\.jit", re.MULTILINE)
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "cirkd").rglob("[!_]*.py")
    if not KERNELS.search(path.read_text(encoding="utf-8"))
}
STRICT = {name for name in MODULES if name.startswith(("cirkd.losses.", "cirkd.relations."))}
for modules, checker in ((STRICT, "checked"), (MODULES - STRICT, "shapes")):
    jaxtyping.install_import_hook(sorted(modules), f"{typecheck.__name__}.{checker}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """A test draws the same numbers whatever ran before it in its process."""
    torch.manual_seed(0)


@pytest.fixture
def as_shipped() -> Iterator[None]:
    """Without run-time shape checks, as users run it: to see the project's own errors."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium. Where CI=true a missing browser is a failure, elsewhere it skips."""
    if not Path(CHROMIUM).is_file():
        reason = f"{CHROMIUM}: no browser there; install chromium, or name one with CHROMIUM"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--headless"])
        expect.set_options(timeout=60_000)
        yield browser
        browser.close()
