"""What a pickle's objects become where none of them is made: names, inert records, and what can be read from these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

_MOST_MODULES = 100_000


class UnsafePickleError(Exception):
    """The pickle names something that could run, or is damaged; the text says what."""


@dataclass(frozen=True)
class Name:
    """A name that a pickle mentions; nothing was imported."""

    module: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.module.replace('__builtin__', 'builtins')}.{self.name}"


@dataclass(eq=False, slots=True)
class Record:
    """What a pickle would have made an object of, were it opened by its own library.

    Args:
        path: Module and name of its class.
        arguments: What it was to be made with.
        state: What was to be put into it: usually its attributes by name.
        items: Entries of a dictionary's descendant.
    """

    path: str
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


def entries(value: Any) -> Mapping[Any, Any]:
    """What a dictionary or a record holds by name; nothing of anything else."""
    if isinstance(value, Record):
        state = value.state if isinstance(value.state, Mapping) else {}
        return {**state, **value.items}
    return value if isinstance(value, Mapping) else {}


def module_tensors(record: Record) -> dict[str, Any]:
    """Tensors of a `torch.nn.Module` that was pickled whole, by their names in its state dict."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Record]] = [("", record)]
    for _ in range(_MOST_MODULES):
        if not waiting:
            return found
        prefix, module = waiting.pop()
        state = entries(module)
        for part in ("_parameters", "_buffers"):
            held = entries(state.get(part)).items()
            found.update({f"{prefix}{name}": value for name, value in held if isinstance(value, Tensor)})
        inner = entries(state.get("_modules")).items()
        waiting += [(f"{prefix}{name}.", value) for name, value in inner if isinstance(value, Record)][::-1]
    raise UnsafePickleError(f"a module in it has over {_MOST_MODULES} parts")
