"""A state dict out of what people save around it: containers, prefixes of wrappers, a student beside its teacher."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

CONTAINERS = ("state_dict", "model_state_dict", "model", "student", "student_state_dict", "net", "network", "module",
              "model_state", "weights", "params", "ema")  # fmt: skip
"""Keys under which state dicts are saved, in the order in which they are tried."""
PREFIXES = ("module.", "_orig_mod.", "model.", "student.", "net.", "network.")
"""What wrappers put before every name."""


def unwrap(content: Mapping[str, Any]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of the network by their own names, and a line for each layer that was taken off.

    Of a file that holds `student.` beside other names, the student is taken.
    """
    notes: list[str] = []
    for _ in range(4):
        if any(isinstance(value, Tensor) for value in content.values()):
            break
        key = next((key for key in CONTAINERS if isinstance(content.get(key), Mapping)), None)
        if key is None:
            break
        content = content[key]
        notes.append(f"weights taken from under {key!r}")
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    for _ in range(4):
        prefix = next((p for p in PREFIXES if tensors and all(key.startswith(p) for key in tensors)), None)
        if prefix is None and any(key.startswith("student.") for key in tensors):
            prefix = "student."
            notes.append("of student and teacher in one file, the student is taken")
        if prefix is None:
            break
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        notes.append(f"prefix {prefix!r} taken off")
    return tensors, tuple(notes)
