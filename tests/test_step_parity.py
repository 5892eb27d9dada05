"""A training step here is one of the published code: the recorded run repeated, and errors that it would show."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.step_parity import repeat
from tests.step_parity.compare import compare
from tests.step_parity.deviations import Deviations
from tests.step_parity.trace import Trace, digest

FOLDER = Path(__file__).parent / "reference" / "step_parity"
FIRST_STEP = {"inputs", "choices", "learning rate", "terms", "forward", "queues", "stored rows", "pointers"}


@pytest.mark.slow
def test_the_first_step_as_published() -> None:
    """Terms, outputs and queues; `nightly` has the rest of all three steps."""
    with torch.random.fork_rng():
        found, missing = compare(Trace(FOLDER, "as_published"), "float64", steps=1)
    assert found.worst.keys() == FIRST_STEP and not missing
    assert all(value <= found.bound(kind) for kind, (value, _) in found.worst.items()), "\n".join(found.lines())
    assert not found.passed(), "gradients are not compared here"


@pytest.mark.nightly
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("options", [(), ("--precision", "float64", "--processes", "2")])
def test_all_steps(options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "tests.step_parity", str(FOLDER), *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.nightly
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    "choice, kind",
    [({"indexing": "own"}, "terms"), ({"enqueue": "after"}, "terms"), ({"overflow": "wrap"}, "queues")],
    ids=str,
)
def test_a_step_that_is_not_the_published_one_shows(
    choice: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = repeat.recipe_of

    def other(trace: Trace, precision: str) -> repeat.Recipe:
        recipe = published(trace, precision)
        return replace(recipe, memory=replace(recipe.memory, **choice))

    monkeypatch.setattr(repeat, "recipe_of", other)
    with torch.random.fork_rng():
        found, _ = compare(Trace(FOLDER, "as_published"), "float32", steps=2)
    assert found.worst[kind][0] > found.bound(kind), "\n".join(found.lines())


def test_what_is_not_within_bounds_or_not_compared_does_not_pass() -> None:
    found = Deviations("float64")
    assert not found.passed() and "not compared" in found.lines()[0]
    values = np.random.default_rng(0).normal(size=(5, 7))
    recorded = digest("name", values)[0]
    found.digests("terms", "the same", digest("name", values)[0], recorded)
    assert found.worst["terms"] == (0.0, "the same")
    for other in (values + 1e-6, -values, values * 0, values.T):
        apart = Deviations("float64")
        apart.digests("terms", "another", digest("name", other)[0], recorded)
        assert apart.worst["terms"][0] > 1e-9 and "FAILS" in "".join(apart.lines())
    found.note("terms", "nothing", float("nan"))
    assert found.worst["terms"] == (float("inf"), "nothing")
    found.same("choices", "shapes", np.zeros(3), np.zeros(4))
    assert found.worst["choices"][0] == 1


def test_a_digest_is_norm_and_sums_by_sign() -> None:
    values = np.arange(6.0).reshape(2, 3)
    norm, *sums = digest("a", values)[0]
    signs = np.random.default_rng(zlib.crc32(b"probe/a")).integers(0, 2, (16, 6), np.int8) * 2 - 1
    assert norm == pytest.approx(np.sqrt(55))
    np.testing.assert_allclose(sums, (signs * values.ravel()).sum(axis=1))


def test_an_array_that_nobody_asked_for_is_left() -> None:
    trace = Trace(FOLDER, "as_published")
    assert trace.left == set(np.load(FOLDER / "as_published.npz").files)
    assert trace["labels"].shape[0] == trace.steps
    assert "labels" not in trace.left and "labels_small" in trace.left


@pytest.mark.slow
def test_what_cannot_be_repeated_is_refused(tmp_path: Path) -> None:
    for name in ("as_published.npz", "step_parity.json"):
        shutil.copy(FOLDER / name, tmp_path)
    path = tmp_path / "step_parity.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "optimiser": {**settings["optimiser"], "nesterov": True}}))
    with pytest.raises(ValueError, match="recorded with nesterov True"):
        repeat.recipe_of(Trace(tmp_path, "as_published"), "float64")
    command = [sys.executable, "-m", "tests.step_parity", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode != 0 and "holds no class_pixels.npz" in done.stderr
