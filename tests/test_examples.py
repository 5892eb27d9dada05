"""The examples in docstrings run and say what they say; whatever the library makes public has one."""

import dataclasses
import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import cirkd
import cirkd.losses
import cirkd.relations
from tests.cases import mostly_slow

ROOT = Path(__file__).resolve().parents[1]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("cirkd", "app")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if any(">>>" in line and "+SKIP" not in line for line in path.read_text(encoding="utf-8").splitlines())
]
OF_A_STUDY = ("cirkd.study", "cirkd.report")


@pytest.mark.parametrize("name", mostly_slow(MODULES, fast=[name for name in MODULES if name not in OF_A_STUDY]))
def test_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0 and found.attempted > 0


def is_record(thing: object) -> bool:
    """Whether it only holds values: its attributes say all."""
    return dataclasses.is_dataclass(thing) or hasattr(thing, "_fields") or getattr(thing, "_is_protocol", False)


@pytest.mark.parametrize("package", [cirkd.losses, cirkd.relations], ids=lambda package: package.__name__)
def test_all_that_is_public_has_an_example(package: object) -> None:
    public = {name: getattr(package, name) for name in package.__all__}
    told = {name: thing for name, thing in public.items() if inspect.isfunction(thing) or inspect.isclass(thing)}
    lacking = [name for name, thing in told.items() if not is_record(thing) and ">>>" not in (thing.__doc__ or "")]
    assert len(told) > 10 and not lacking


def test_the_front_door_has_examples() -> None:
    doors = (cirkd.Study.open, cirkd.load_model, cirkd.open_data, cirkd.save_checkpoint, cirkd.build_segmenter)
    for thing in (*doors, cirkd.examine, cirkd.write_report):
        assert ">>>" in (thing.__doc__ or ""), thing
