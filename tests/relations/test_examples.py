"""The examples in docstrings of relations and losses run, and say what they say."""

import doctest
import importlib
import pkgutil

import pytest

import cirkd.losses
import cirkd.relations

MODULES = [
    module.name
    for package in (cirkd.relations, cirkd.losses)
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    if not module.ispkg
]
WITH_EXAMPLES = 12


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    written = [name for name in MODULES if any(t.examples for t in finder.find(importlib.import_module(name)))]
    assert len(written) >= WITH_EXAMPLES, written
