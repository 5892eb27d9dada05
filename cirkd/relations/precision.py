"""In what arithmetic relations are computed: sums and exponentials in float32 or wider, products in bf16 if wanted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Literal, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")
Precision = Literal["float32", "bf16"]
HALF_TYPES = (torch.float16, torch.bfloat16)


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` with float16 and bfloat16 tensors raised to float32, outside any autocast.

    A softmax at temperature 0.1 spans nine orders of magnitude, more than half precision tells apart. float32 and
    float64 arguments pass unchanged. Gradients come back in the type of the argument.

    Example:
        >>> import torch
        >>> @full_precision
        ... def double(x):
        ...     return 2 * x
        >>> double(torch.ones(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        raised = [_raise(argument) for argument in args]
        named = {name: _raise(argument) for name, argument in kwargs.items()}
        device = next(_tensors([*raised, *named.values()]), torch.empty(0)).device
        with torch.autocast(device_type=device.type, enabled=False):
            return function(*raised, **named)  # type: ignore[call-arg]

    return wrapped


def has_bf16(device: torch.device) -> bool:
    """Whether a device has arithmetic for bf16; a processor without it takes hundreds of times float32's time."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return False


def product_precision(wanted: Precision | None, x: Tensor) -> Precision:
    """In what the products of relations with `x` are taken.

    As wanted; None is bf16 under autocast where the device has it, else float32.

    Raises:
        ValueError: an unknown precision.

    Example:
        >>> import torch
        >>> product_precision(None, torch.ones(1))
        'float32'
    """
    if wanted is None:
        return "bf16" if torch.is_autocast_enabled(x.device.type) and has_bf16(x.device) else "float32"
    if wanted not in ("float32", "bf16"):
        raise ValueError(f"precision {wanted!r} is unknown: choose float32 or bf16, or None for what autocast says")
    return wanted


def _raise(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.float() if argument.dtype in HALF_TYPES else argument
    if isinstance(argument, list | tuple):
        return type(argument)([_raise(item) for item in argument])
    return argument


def _tensors(arguments: Any) -> Iterator[Tensor]:
    for argument in arguments:
        if isinstance(argument, Tensor):
            yield argument
        elif isinstance(argument, list | tuple):
            yield from _tensors(argument)
