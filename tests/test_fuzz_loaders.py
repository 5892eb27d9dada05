"""A small, seeded share of the fuzz run; `python -m tools.fuzz_loaders` is the whole of it."""

import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tools.fuzz_loaders import LOADERS, fuzz, mutated, report, seeds_of
from tools.fuzz_seeds import image_seeds


def test_mutations_are_drawn_from_the_seed_alone() -> None:
    seeds = image_seeds()
    made = [mutated(seeds, random.Random("0 image 5")) for _ in range(2)]
    assert made[0] == made[1]
    assert len({mutated(seeds, random.Random(f"0 image {i}")) for i in range(50)} - set(seeds)) > 40


@pytest.mark.slow
@pytest.mark.parametrize("loader", LOADERS)
def test_mutated_files_are_refused_or_in_order(loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests of the app leave its script behind as the main module, which a new process would run again.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    result = fuzz(loader, seeds_of([loader])[loader], files=60, seed=1)
    assert result.files == 60, report({loader: result})
    assert not result.failures, report({loader: result})
    assert result.outcomes["refused"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("loader", LOADERS)
def test_what_is_mutated_is_in_order_before(loader: str, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(seeds_of([loader])[loader][0])
    assert LOADERS[loader](path) == "taken"
