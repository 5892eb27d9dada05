"""Do these weights fit this network? Asked of one that takes no memory, so that no file can make it large."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cirkd.models.unwrap import Part

Module = TypeVar("Module", bound=nn.Module)

MERGE = "merge it (merge_and_unload() of peft) and save the network's state_dict()"
"""What to do about an adapter."""
_BEFORE_QUANTISED = "save the network before it is quantised"
_COMPUTED = (
    (
        re.compile(r"(^|\.)parametrizations\.|weight_(orig|g)$"),
        "stands for a weight that is computed",
        "make it plain (torch.nn.utils.parametrize.remove_parametrizations or prune.remove) and save the network again",
    ),
    (
        re.compile(r"(^|\.)(lora_\w+|base_layer)(\.|$)"),
        "is of an adapter (LoRA) that is not merged into its network",
        MERGE,
    ),
    (
        re.compile(
            r"(^|\.)(activation_post_process|weight_fake_quant|_packed_params|zero_point|SCB)(\.|$)"
            r"|(^|[._])weight(_scale|_scale_inv|\.absmax|\.quant_\w+)(\.|$)"
        ),
        "is of a network that is quantised or prepared for it",
        _BEFORE_QUANTISED,
    ),
)
"""Names of what stands for a weight in a file, what such a thing is, and what to do about it."""
JOIN_PARTS = "join the checkpoint's parts with zero_to_fp32.py, which DeepSpeed writes beside them, and give that file"
"""What to do about tensors that are empty: ZeRO-3 keeps the weights in other files."""

UNUSUAL = (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError)
"""What comes of weights that are cut off, and of sizes that no network has."""
_OPTIONAL = (".bias", ".running_mean", ".running_var")
"""What layers of some kinds do without: a file that is cut off lacks weights, too."""

# What layers make their weights with. Other makers, such as linspace, give schedules whose values are read.
_MAKERS = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint, torch.normal}

# What they fill them with: on tensors without values it changes nothing, and takes PyTorch milliseconds each.
_FILLERS = {
    Tensor.normal_,
    Tensor.uniform_,
    Tensor.fill_,
    Tensor.zero_,
    nn.init.normal_,
    nn.init.uniform_,
    nn.init.constant_,
    nn.init.kaiming_uniform_,
    nn.init.kaiming_normal_,
}


class _OnMetaDevice(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in _MAKERS:
            kwargs["device"] = "meta"
        if func in _FILLERS and (filled := args[0] if args else kwargs["tensor"]).is_meta:
            return filled
        return func(*args, **kwargs)


@contextmanager
def on_meta_device() -> Iterator[None]:
    """Networks built inside lie on PyTorch's meta device: they have shapes and no values, and take no memory."""
    with _OnMetaDevice():
        yield


@dataclass(frozen=True)
class Comparison:
    """What of a file's weights fits a network.

    Args:
        fits: How many tensors fit.
        missing: Names that the network needs and the file lacks.
        extra: Names that the network has no place for.
        misshapen: (name, shape in the file, shape in the network).
        not_finite: Names of tensors with NaN or infinity.
        rounded: (name, type) of weights stored as integers: without their scales they are no weights.
    """

    fits: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    misshapen: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    not_finite: tuple[str, ...] = ()
    rounded: tuple[tuple[str, str], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the network can be filled."""
        return not (self.missing or self.extra or self.misshapen or self.not_finite or self.rounded)

    def complaint(self) -> str:
        """What does not fit, in a few words; empty where everything does."""
        parts = []
        for names, what in ((self.missing, "missing"), (self.extra, "not of this network")):
            if names:
                parts.append(f"{_first(names)} {what}")
        if self.misshapen:
            name, theirs, ours = self.misshapen[0]
            more = f" and {len(self.misshapen) - 1} more" if len(self.misshapen) > 1 else ""
            parts.append(f"{name} is {list(theirs)} and not {list(ours)}{more}")
        if self.rounded:
            name, kind = self.rounded[0]
            parts.append(f"{name} is stored as {kind}, quantised and without its scale")
        if self.not_finite:
            parts.append(f"{_first(self.not_finite)} holds NaN or infinity")
        return "; ".join(parts)

    def remedy(self, other: Part | None = None) -> str:
        """What to do where it does not fit; `other` are raw weights beside averages, or averages beside raw ones."""
        if self.rounded:
            return _BEFORE_QUANTISED
        if computed := computed_weight(self.extra):
            return ": ".join(computed)
        if any(theirs == (0,) for _, theirs, _ in self.misshapen):
            return JOIN_PARTS
        if self.not_finite and not (self.missing or self.misshapen):
            if other is not None and all(map(_is_finite, other.tensors.values())):
                return f"take those beside them in the file, which are finite, with --weights {other.kind}"
            return "training has diverged: use an earlier file of the run"
        if any(len(ours) == 4 and ours[1] == 3 != theirs[1] for _, theirs, ours in self.misshapen):
            return "a network for RGB was wanted"
        if self.missing and not self.misshapen and not self.extra:
            if all(name.endswith(_OPTIONAL) for name in self.missing):
                return (
                    "save the whole state_dict() again, or where its layers have none of these open that variant of "
                    "the network as FILE.py:make,WEIGHTS"
                )
            return "save the whole state_dict() again; a part of it is not enough"
        if self.extra and not self.missing and not self.misshapen:
            return "save the model again without them, or open a variant of that network as FILE.py:make,WEIGHTS"
        return "where you named its encoder give the one that it has, else open it as FILE.py:make,WEIGHTS"


def computed_weight(names: Iterable[str]) -> tuple[str, str] | None:
    """The first name, with what it is, of what stands for a weight that a network computes; and what to do about it."""
    found = ((name, kind) for name in names for kind in _COMPUTED if kind[0].search(name))
    return next(((f"{name} {what}", remedy) for name, (_, what, remedy) in found), None)


def _first(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def compare(network: nn.Module, tensors: Mapping[str, Tensor]) -> Comparison:
    """What of the tensors fits a network, by name and shape; and whether their values are finite.

    Counts of batches seen, which old versions of PyTorch did not save, may be missing.
    """
    wanted = network.state_dict()
    common = [name for name in wanted if name in tensors]
    misshapen = [
        (name, tuple(tensors[name].shape), tuple(wanted[name].shape))
        for name in common
        if tensors[name].shape != wanted[name].shape
    ]
    strange = [name for name in common if not _is_plain(tensors[name])]
    rounded = [
        (name, str(tensors[name].dtype).removeprefix("torch."))
        for name in common
        if wanted[name].is_floating_point() and not tensors[name].is_floating_point() and name not in strange
    ]
    return Comparison(
        rounded=tuple(rounded),
        fits=len(common) - len(misshapen),
        missing=tuple(k for k in wanted if k not in tensors and not k.endswith("num_batches_tracked")),
        extra=tuple(name for name in tensors if name not in wanted),
        misshapen=tuple(misshapen),
        not_finite=tuple(strange) if misshapen else tuple(n for n in common if not _is_finite(tensors[n])),
    )


def filled(network: Module, build: Callable[[], Module], tensors: Mapping[str, Tensor]) -> Module:
    """The network with these weights, which must fit it; floating-point weights become float32.

    Args:
        network: Made inside `on_meta_device`; it is given the weights.
        build: Makes another, with any weights, where this one needs values that no file holds.
        tensors: By name; see `compare`.
    """
    wanted = network.state_dict()
    state = {name: _converted(tensors.get(name), like) for name, like in wanted.items()}
    network.load_state_dict(state, strict=True, assign=True)
    # What a network computes for itself and does not save has no values yet: built in full, it does.
    if any(value.is_meta for value in (*network.parameters(), *network.buffers())):
        network = build()
        network.load_state_dict(state, strict=True)
    return network


def _converted(value: Tensor | None, like: Tensor) -> Tensor:
    if value is None:
        return torch.zeros(like.shape, dtype=like.dtype)
    # A copy, so that the file may change or go while the network lives.
    return value.to(dtype=like.dtype, copy=True).contiguous()


def _is_plain(value: Tensor) -> bool:
    return value.layout == torch.strided and not value.is_quantized and not value.is_complex() and not value.is_meta


def _is_finite(value: Tensor) -> bool:
    return _is_plain(value) and (not value.is_floating_point() or bool(torch.isfinite(value.float()).all()))
