"""The checkers that tests put on signatures in cirkd: every type in relations and losses, shapes everywhere else."""

import re
from collections.abc import Callable
from typing import Any

import jaxtyping
import numpy as np
import torch
from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))

_SHAPED = re.compile(r"\b(Bool|Float|Float32|Float64|Int|Int64|Integer|Num|Real|Shaped|UInt8)\[")
# Some modules name these for type checkers alone, so that they load without PyTorch or numpy.
_NAMES = {"np": np, "torch": torch, "Tensor": torch.Tensor, **vars(jaxtyping)}


def shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Checks those parameters and results whose types are shapes.

    The other types may be names that a module imports for type checkers alone; pyright holds those.
    """
    stated = dict(function.__annotations__)
    names = {**_NAMES, **function.__globals__}
    function.__annotations__ = {
        name: eval(hint, names) if isinstance(hint, str) else hint
        for name, hint in stated.items()
        if _SHAPED.search(hint if isinstance(hint, str) else repr(hint))
    }
    try:
        return checked(function) if function.__annotations__ else function
    finally:
        function.__annotations__ = stated
