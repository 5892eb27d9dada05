"""A reader of the pickles in PyTorch's files that imports nothing and calls nothing.

Tensors are rebuilt from storages that the file really holds; dictionaries, lists, numbers and texts are kept; whatever
else a training script saved beside them (settings, paths, dates, loss curves, whole modules) becomes a `Record`, which
says what it was and does nothing. Files that name something which could run are refused, see `pickle_names`.

Source of the format: the modules `pickle` and `pickletools` of Python, `torch.serialization`.
"""

import struct
from collections.abc import Callable
from typing import Any

from torch import Tensor

from cirkd.models.pickle_names import Name, Record, UnsafePickleError, may_be_fetched, may_be_named
from cirkd.models.pickle_tensors import REBUILD, Storage, Unsupported, rebuilt, stated_storage

LONGEST = 128_000_000
"""Bytes of a pickle; that of a large network has under one million, long loss curves have tens."""
_MOST_OBJECTS = 3_000_000
_DEEPEST_STACK = 8_000_000
_FORMS = {form: struct.Struct(form) for form in ("<B", "<H", "<i", "<I", "<Q", ">d")}
_MAPPINGS = {"collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict"}


def read_pickle(data: memoryview, storages: Callable[[Storage], Tensor]) -> tuple[Any, int]:
    """What one pickle holds, and how many bytes long it is.

    Args:
        data: Begins with the pickle.
        storages: Gives the numbers of a storage that the pickle mentions.

    Raises:
        UnsafePickleError: it names what could run, uses instructions that weights don't need, or is damaged.
    """
    reader = _Reader(data, storages)
    try:
        return reader.run(), reader.at
    except (UnsafePickleError, Unsupported):
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError, struct.error) as error:
        raise UnsafePickleError(f"its list of weights is damaged ({type(error).__name__})") from None


class _Reader:
    """The stack machine of a pickle, without the power to make objects."""

    def __init__(self, data: memoryview, storages: Callable[[Storage], Tensor]) -> None:
        self.data, self.storages, self.at = data, storages, 0
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.objects = 0
        self.stated: dict[str, Storage] = {}
        self.numbers: dict[str, Tensor] = {}

    def run(self) -> Any:
        data, actions, end = self.data, _ACTIONS, min(len(self.data), LONGEST)
        while self.at < end:
            code = data[self.at]
            self.at += 1
            if code == _STOP:
                return self.stack.pop()
            action = actions.get(code)
            if action is None:
                raise UnsafePickleError(f"it uses the instruction {chr(code)!r}, which no file of weights needs")
            action(self)
            if len(self.stack) > _DEEPEST_STACK or self.objects > _MOST_OBJECTS:
                raise UnsafePickleError(f"it holds over {_MOST_OBJECTS // 10**6} million objects beside the weights")
        if end == LONGEST:
            raise UnsafePickleError(f"what lies beside the weights is over {LONGEST // 10**6} MB long")
        raise IndexError

    def take(self, count: int) -> memoryview:
        """The next bytes."""
        if count < 0 or self.at + count > len(self.data):
            raise IndexError
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str) -> Any:
        read = _FORMS[form]
        self.at += read.size
        return read.unpack_from(self.data, self.at - read.size)[0]

    def line(self) -> str:
        for end in range(self.at, min(self.at + 1000, len(self.data))):
            if self.data[end] == 10:
                return str(self.take(end + 1 - self.at)[:-1], "utf-8")
        raise IndexError

    def text(self, form: str) -> None:
        self.stack.append(str(self.take(self.number(form)), "utf-8", "surrogatepass"))

    def bytes(self, form: str) -> None:
        # Bytes beside the weights are parts of arrays that nothing here reads: their length is all that is kept.
        self.take(self.number(form))
        self.stack.append(b"")

    def push_object(self, value: Any) -> None:
        self.objects += 1
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        taken, self.stack = self.stack, self.below.pop()
        return taken

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise IndexError
        parts = tuple(self.stack[len(self.stack) - count :]) if count else ()
        del self.stack[len(self.stack) - count :]
        self.push_object(parts)

    def remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def name(self, module: str, name: str) -> None:
        if not may_be_named(module, name):
            raise UnsafePickleError(f"it names {f'{module}.{name}'[:80]!r}, which could run")
        self.stack.append(Name(module, name))

    def stack_name(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError
        self.name(module, name)

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, Record):
            raise UnsafePickleError("it fills something that is no list")

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict | Record):
            raise UnsafePickleError("it fills something that is no dictionary")
        into = target.items if isinstance(target, Record) else target
        for key, value in zip(values[::2], values[1::2], strict=True):
            into[_simple_key(key)] = value

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise UnsafePickleError("it calls something that is not named in it")
        self.push_object(self.made(function, arguments))

    def made(self, function: Name, arguments: tuple[Any, ...]) -> Any:
        path = function.path
        if path == "builtins.getattr":
            owner, attribute = arguments if len(arguments) == 2 else (None, None)
            if not isinstance(owner, Name) or not may_be_fetched(owner.module, owner.name, attribute):
                raise UnsafePickleError("it fetches an attribute by getattr, which could run")
            return Record(f"{owner.path}.{attribute}")
        if path in REBUILD:
            return rebuilt(path, arguments, lambda storage: self.numbers[storage.key])
        if path in _MAPPINGS:
            return {}
        # The numbers of arrays travel as text: none of them is read.
        return Record(path, () if path == "_codecs.encode" else arguments)

    def new_object(self, named: bool) -> None:
        keywords = self.stack.pop() if named else {}
        arguments, cls = self.stack.pop(), self.stack.pop()
        if not isinstance(cls, Name) or not isinstance(arguments, tuple) or not isinstance(keywords, dict):
            raise UnsafePickleError("it makes an object of something that is not named in it")
        self.push_object({} if cls.path in _MAPPINGS else Record(cls.path, arguments, keywords or None))

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Record):
            # With slots, a state is a pair of dictionaries.
            pair = isinstance(state, tuple) and len(state) == 2 and all(isinstance(p, dict | None) for p in state)
            target.state = {**(state[0] or {}), **(state[1] or {})} if pair else state
        elif not isinstance(target, dict | list) and not isinstance(target, Tensor):
            raise UnsafePickleError("it sets the inner state of something that has none")

    def persistent(self) -> None:
        storage = stated_storage(self.stack.pop())
        if self.stated.setdefault(storage.key, storage) != storage:
            raise UnsafePickleError(f"storage {storage.key!r} is stated twice, differently")
        if storage.key not in self.numbers:
            self.numbers[storage.key] = self.storages(storage)
        self.stack.append(storage)


def _simple_key(key: Any) -> Any:
    """A dictionary's key whose hash is quickly made: nested tuples can be built that take years."""
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) > 16 or not all(isinstance(p, str | int | float | bytes | None | Record | Name) for p in parts):
        raise UnsafePickleError("a dictionary in it has a key that is no text and no number")
    return key


def _long(reader: _Reader, form: str) -> None:
    count = reader.number(form)
    if count > 64:
        raise UnsafePickleError(f"a number in it has {count} bytes")
    reader.stack.append(int.from_bytes(reader.take(count), "little", signed=True))


def _pop(reader: _Reader) -> None:
    # After a mark, it is the mark that is taken.
    if reader.stack:
        reader.stack.pop()
    else:
        reader.since_mark()


_STOP = ord(".")
_ACTIONS: dict[int, Callable[[_Reader], Any]] = {
    ord(code) if isinstance(code, str) else code: action
    for code, action in {
        0x80: lambda r: r.take(1),
        0x95: lambda r: r.take(8),
        "N": lambda r: r.stack.append(None),
        0x88: lambda r: r.stack.append(True),
        0x89: lambda r: r.stack.append(False),
        "J": lambda r: r.stack.append(r.number("<i")),
        "K": lambda r: r.stack.append(r.number("<B")),
        "M": lambda r: r.stack.append(r.number("<H")),
        0x8A: lambda r: _long(r, "<B"),
        0x8B: lambda r: _long(r, "<i"),
        "G": lambda r: r.stack.append(r.number(">d")),
        "X": lambda r: r.text("<I"),
        0x8C: lambda r: r.text("<B"),
        0x8D: lambda r: r.text("<Q"),
        "U": lambda r: r.stack.append(str(r.take(r.number("<B")), "latin1")),
        "T": lambda r: r.stack.append(str(r.take(r.number("<i")), "latin1")),
        "B": lambda r: r.bytes("<I"),
        "C": lambda r: r.bytes("<B"),
        0x8E: lambda r: r.bytes("<Q"),
        0x96: lambda r: r.bytes("<Q"),
        "}": lambda r: r.push_object({}),
        "]": lambda r: r.push_object([]),
        0x8F: lambda r: r.push_object([]),
        ")": lambda r: r.tuple_of(0),
        0x85: lambda r: r.tuple_of(1),
        0x86: lambda r: r.tuple_of(2),
        0x87: lambda r: r.tuple_of(3),
        "t": lambda r: r.push_object(tuple(r.since_mark())),
        "(": lambda r: r.mark(),
        "0": _pop,
        "1": lambda r: r.since_mark(),
        "2": lambda r: r.stack.append(r.stack[-1]),
        "a": lambda r: r.append([r.stack.pop()]),
        "e": lambda r: r.append(r.since_mark()),
        0x90: lambda r: r.append(r.since_mark()),
        0x91: lambda r: r.push_object(r.since_mark()),
        "s": lambda r: r.set_items([r.stack.pop(), r.stack.pop()][::-1]),
        "u": lambda r: r.set_items(r.since_mark()),
        "q": lambda r: r.remember(r.number("<B")),
        "r": lambda r: r.remember(r.number("<I")),
        0x94: lambda r: r.remember(len(r.memo)),
        "h": lambda r: r.stack.append(r.memo[r.number("<B")]),
        "j": lambda r: r.stack.append(r.memo[r.number("<I")]),
        "c": lambda r: r.name(r.line(), r.line()),
        0x93: lambda r: r.stack_name(),
        "R": lambda r: r.call(),
        0x81: lambda r: r.new_object(False),
        0x92: lambda r: r.new_object(True),
        "b": lambda r: r.build(),
        "Q": lambda r: r.persistent(),
    }.items()
}
