"""What trainers do to the names of a network's weights."""

from torch import Tensor


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}
