"""Parameters of tests of which the fast run takes only some."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def mostly_slow(values: Iterable[Any], fast: Iterable[Any]) -> list[Any]:
    """All values, in order, as parameters of one test; those not among `fast` are marked slow."""
    some, all_values = set(fast), list(values)
    assert some <= set(all_values), f"{sorted(some - set(all_values))} are no parameters of this test"
    return [value if value in some else pytest.param(value, marks=pytest.mark.slow) for value in all_values]
