"""Which names a pickle of weights may mention, and what its objects become. None is imported, made or called.

Data of the standard library and of NumPy, and classes of anybody's (written with a capital letter), become inert
records. Whatever else is named could run if the file were opened by its own library: such a file is refused whole.
"""

import _compat_pickle
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

_MOST_MODULES = 100_000
STANDARD = set(sys.stdlib_module_names) | {name.partition(".")[0] for name in _compat_pickle.IMPORT_MAPPING}
"""Modules that come with Python, and those that did with Python 2, whose names old protocols write."""
MODULES_OF_CLASSES = ("torch.nn.", "torch.optim.", "torchvision.", "timm.", "segmentation_models_pytorch.")
"""Libraries that pickle functions beside their classes, such as a network's activation."""

_PLAIN = "set frozenset dict list tuple int float bool str bytes bytearray complex slice range object getattr"
_PATHS = {"Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"}
_DATA = {
    "builtins": set(_PLAIN.split()),
    "__builtin__": {*_PLAIN.split(), "unicode", "long"},
    "pathlib": _PATHS,
    "pathlib._local": _PATHS,
    "collections": {"OrderedDict", "defaultdict", "Counter", "deque"},
    "argparse": {"Namespace"},
    "types": {"SimpleNamespace"},
    "datetime": {"datetime", "date", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "uuid": {"UUID"},
    "time": {"struct_time"},
    "array": {"array", "_array_reconstructor"},
    "typing": {"Any", "Union", "Optional", "List", "Dict", "Tuple", "Sequence", "Mapping"},
    "_codecs": {"encode"},
    "copyreg": {"_reconstructor", "__newobj__"},
    "copy_reg": {"_reconstructor", "__newobj__"},
    "functools": {"partial"},
}
_NUMPY = re.compile(
    r"numpy\.(_?core\.(multiarray\.(_reconstruct|scalar)|numeric\._frombuffer)"
    r"|ndarray|dtype|dtypes\.\w+DType|(bool|int|uint|float|complex|str|bytes|datetime|timedelta|void|object)\d*_?"
    r"|random\._pickle\.__\w+_ctor|random\._(mt19937\.MT19937|pcg64\.PCG64|philox\.Philox|sfc64\.SFC64)"
    r"|random\.bit_generator\.__pyx_unpickle_\w+|random\.(mtrand\.RandomState|_generator\.Generator))"
)
_TORCH = re.compile(
    r"torch\.(_utils\._rebuild_\w+|_tensor\._rebuild_\w+|Size|device|dtype|Tensor|Generator|torch_version\.TorchVersion"
    r"|storage\.\w*Storage|\w*Storage|serialization\._get_layout|_C\._nn\.\w+|_C\.Generator"
    r"|(complex|b?float|q?u?int|bool)\d*\w*|nn\.\w[\w.]*|optim\.\w[\w.]*|distributed\.fsdp\.\w[\w.]*"
    r"|distributed\.tensor\.\w[\w.]*|distributed\._tensor\.\w[\w.]*)"
)
_CLASS = re.compile(r"_{0,2}[A-Z]\w*(\.[A-Za-z]\w*)*")
_FUNCTION = re.compile(r"[A-Za-z]\w*")


def may_be_named(module: str, name: str) -> bool:
    """Whether a pickle of weights may name this; nothing of it is imported.

    >>> may_be_named("argparse", "Namespace"), may_be_named("my.settings", "Config"), may_be_named("os", "system")
    (True, True, False)
    """
    first = module.partition(".")[0]
    if first in ("torch", "numpy"):
        return bool((_TORCH if first == "torch" else _NUMPY).fullmatch(f"{module}.{name}"))
    if first in STANDARD or module in _DATA:
        return name in _DATA.get(module, ())
    if f"{module}.".startswith(MODULES_OF_CLASSES) and _FUNCTION.fullmatch(name):
        return True
    return bool(_CLASS.fullmatch(name))


def may_be_fetched(module: str, name: str, attribute: object) -> bool:
    """Whether `getattr` of this class may stand in a pickle: the way an old protocol writes the method of a class."""
    ordinary = isinstance(attribute, str) and bool(_FUNCTION.fullmatch(attribute))
    return ordinary and module.partition(".")[0] not in STANDARD and bool(_CLASS.fullmatch(name))


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


TENSORS_OF_ARRAYS = "make each array a tensor (torch.from_numpy) and save the dictionary with torch.save"
"""What to do with a file that `holds_arrays`."""


def holds_arrays(content: Mapping[Any, Any]) -> bool:
    """Whether a dictionary, or one in it, holds arrays of NumPy, whose numbers are not read."""
    values = [*content.values(), *(inner for value in content.values() for inner in entries(value).values())]
    return any(isinstance(value, Record) and value.path.endswith("._reconstruct") for value in values)


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
