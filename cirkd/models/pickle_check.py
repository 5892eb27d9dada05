"""Is the pickle inside a PyTorch file one of plain weights? Read as text, never executed.

`torch.load(weights_only=True)` refuses code, but trusts the sizes that a file states. Here every instruction is looked
at first: only the few that `torch.save` writes for weights pass, and every tensor has to lie within a storage that
the file really holds. What passes costs no more memory than the file is long.
"""

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

ITEM_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
    "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "UntypedStorage": 1,
}  # fmt: skip
_DTYPE_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2,
                "int8": 1, "uint8": 1, "bool": 1}  # fmt: skip
_REBUILD = {"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"}
_CALLED = {
    "collections.OrderedDict",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.Size",
    "torch.device",
    "collections.Counter",
    "_codecs.encode",
    *_REBUILD,
}
_CONSTANTS = {
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING",
}  # fmt: skip
_LONGEST = 4_000_000  # bytes; the pickle of a large network with its optimiser's state has less than one


class UnsafePickleError(Exception):
    """The pickle holds something else than plain weights; the text says what."""


@dataclass(frozen=True)
class Name:
    """A name that the pickle imports."""

    path: str


@dataclass(frozen=True)
class Storage:
    """A stretch of numbers that the file says it holds.

    Args:
        key: Its name in the file.
        items: How many items.
        item_bytes: Size of one.
    """

    key: str
    items: int
    item_bytes: int


@dataclass(slots=True)
class Made:
    """Anything else that the pickle makes; `what` is its maker."""

    what: str


@dataclass
class _Machine:
    """The stack, the stacks below its marks, and the memo of an unpickler that makes nothing."""

    stack: list[Any] = field(default_factory=list)
    below: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        taken, self.stack = self.stack, self.below.pop()
        return taken


def check_pickle(data: BinaryIO) -> dict[str, Storage]:
    """Follow one pickle to its end and return the storages it refers to, by key.

    Raises:
        UnsafePickleError: it would run code, or its tensors don't lie in their storages, or it is damaged.
    """
    machine = _Machine()
    start = data.tell()
    try:
        for opcode, argument, position in pickletools.genops(data):
            if (position or 0) - start > _LONGEST:
                raise UnsafePickleError(f"its list of weights is over {_LONGEST // 10**6} MB long")
            _follow(machine, opcode.name, argument)
    except UnsafePickleError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError, UnicodeDecodeError) as error:
        raise UnsafePickleError(f"its list of weights is damaged ({type(error).__name__})") from None
    return machine.storages


def _follow(machine: _Machine, name: str, argument: Any) -> None:
    stack = machine.stack
    if name in _CONSTANTS:
        constants = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
        stack.append(constants.get(name, argument))
    elif name == "GLOBAL":
        stack.append(Name(_known(".".join(argument.split(" ", 1)))))
    elif name == "BINPERSID":
        storage = _storage(stack.pop())
        if machine.storages.setdefault(storage.key, storage) != storage:
            raise UnsafePickleError(f"storage {storage.key!r} is stated twice, differently")
        stack.append(storage)
    elif name in _SIMPLE:
        _SIMPLE[name](machine, argument)
    else:
        raise UnsafePickleError(f"it uses the instruction {name}, which torch.save does not write for weights")


def _known(path: str) -> str:
    """A name that plain weights may import."""
    module, _, last = path.rpartition(".")
    storage = module in ("torch", "torch.storage") and last in ITEM_BYTES
    if path in _CALLED or storage or (module == "torch" and last in _DTYPE_BYTES):
        return path
    raise UnsafePickleError(f"it needs {path[:80]!r}, which is code or an object and not a weight")


def _storage(stated: Any) -> Storage:
    kind, type_name, key, _, items, *view = stated
    last = type_name.path.rpartition(".")[2]
    if kind != "storage" or not isinstance(key, str) or type(items) is not int or items < 0 or any(view):
        raise UnsafePickleError("a storage is stated in a form that torch.save does not write")
    return Storage(key, items, ITEM_BYTES[last])


def _call(machine: _Machine, _: Any) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(function, Name) or function.path not in _CALLED or not isinstance(arguments, tuple):
        raise UnsafePickleError("it calls something that plain weights don't need")
    if function.path in _REBUILD:
        _check_tensor(arguments, typed=function.path.endswith("v3"))
    elif function.path == "_codecs.encode" and (len(arguments) != 2 or arguments[1] != "latin1"):
        raise UnsafePickleError("it decodes text in an unusual way")
    elif function.path == "torch.Size" and not all(isinstance(part, tuple) for part in arguments):
        raise UnsafePickleError("a size is stated in an unusual way")
    machine.stack.append(Made(function.path))


def _check_tensor(arguments: tuple[Any, ...], *, typed: bool) -> None:
    """The tensor's last item lies within its storage, and no item is counted twice."""
    storage, offset, size, stride = arguments[:4]
    if not isinstance(storage, Storage) or len(size) != len(stride) or len(size) > 16:
        raise UnsafePickleError("a tensor is stated in a form that torch.save does not write")
    if any(type(value) is not int or value < 0 for value in (offset, *size, *stride)):
        raise UnsafePickleError(f"a tensor of size {size}, stride {stride}: not numbers, or below 0")
    item_bytes = _DTYPE_BYTES[arguments[6].path.rpartition(".")[2]] if typed else storage.item_bytes
    held = storage.items * storage.item_bytes // item_bytes
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if count else 0
    if count > held or (count and last >= held):
        raise UnsafePickleError(f"a tensor of size {size} does not fit the {held} numbers stored for it")


def _build(machine: _Machine, _: Any) -> None:
    machine.stack.pop()
    made = machine.stack[-1]
    if not isinstance(made, Made) or made.what != "collections.OrderedDict":
        raise UnsafePickleError("it sets the inner state of an object")


def _append(machine: _Machine, count: int | None) -> None:
    if count is None:
        machine.since_mark()
    else:
        del machine.stack[len(machine.stack) - count :]
    if not isinstance(machine.stack[-1], Made):
        raise UnsafePickleError("it fills something that is no list and no dictionary")


def _tuple(machine: _Machine, count: int | None) -> None:
    if count is None:
        parts = tuple(machine.since_mark())
        machine.stack.append(parts)
    else:
        parts = tuple(machine.stack[len(machine.stack) - count :]) if count else ()
        if len(parts) != count:
            raise IndexError
        del machine.stack[len(machine.stack) - count :]
        machine.stack.append(parts)


def _put(machine: _Machine, index: Any) -> None:
    machine.memo[index] = machine.stack[-1]


def _nothing(machine: _Machine, _: Any) -> None:
    pass


_SIMPLE: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _nothing,
    "STOP": _nothing,
    "MARK": lambda machine, _: machine.mark(),
    "EMPTY_DICT": lambda machine, _: machine.stack.append(Made("dict")),
    "EMPTY_LIST": lambda machine, _: machine.stack.append(Made("list")),
    "EMPTY_SET": lambda machine, _: machine.stack.append(Made("set")),
    "EMPTY_TUPLE": lambda machine, _: _tuple(machine, 0),
    "TUPLE1": lambda machine, _: _tuple(machine, 1),
    "TUPLE2": lambda machine, _: _tuple(machine, 2),
    "TUPLE3": lambda machine, _: _tuple(machine, 3),
    "TUPLE": lambda machine, _: _tuple(machine, None),
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "BINGET": lambda machine, index: machine.stack.append(machine.memo[index]),
    "LONG_BINGET": lambda machine, index: machine.stack.append(machine.memo[index]),
    "APPEND": lambda machine, _: _append(machine, 1),
    "APPENDS": lambda machine, _: _append(machine, None),
    "SETITEM": lambda machine, _: _append(machine, 2),
    "SETITEMS": lambda machine, _: _append(machine, None),
    "REDUCE": _call,
    "BUILD": _build,
}
