"""The network's weights out of what people save around them.

Containers (`{"state_dict": ...}`), prefixes of wrappers (`module.`, a Lightning attribute) and a student beside its
teacher are the same thing here: names with something before them. Every such part of a file is a `Part`, the likeliest
first; the first one that a layout knows is the network, and what lies beside it is left out.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from torch import Tensor

from cirkd.models.pickle_names import Record, entries, module_tensors

WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""Parts of names that wrappers put in anywhere: DataParallel and DDP, torch.compile, FSDP, activation checkpointing."""
_LIKELY = (
    "",
    "state_dict",
    "model_state_dict",
    "model",
    "student",
    "student_state_dict",
    "net",
    "network",
    "weights",
    "params",
)
_NO_NETWORK = ("optim", "sched", "loops", "scaler", "rng", "message_hub")
_COUNTERS = {"n_averaged", "steps", "num_updates", "decay"}
_AVERAGED = re.compile(r"(^|[._])(ema|swa|averaged|average|avg|shadow|polyak)([._]|$)|_ema$|^ema")
_TEACHER = re.compile(r"teacher|(^|[._])(t|tea)([._]|$)|([nN]et|[mM]odel)T([._]|$)")
"""Places of a teacher: teacher, model_t, t_net, netT."""
_DEEPEST = 5
_LEAST = 10
"""Tensors that a network has, at least."""
_MOST_PARTS = 2000


@dataclass(frozen=True, eq=False)
class Part:
    """Tensors of a file whose names begin alike.

    Args:
        prefix: What they begin with, such as `state_dict.model.`; "" for all.
        tensors: The tensors by the rest of their names.
        averaged: Whether they are the averages that a trainer keeps beside its weights (EMA, SWA).
        file: All tensors of the file.
        notes: What was taken off, a line each.
    """

    prefix: str
    tensors: dict[str, Tensor]
    averaged: bool
    file: dict[str, Tensor] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What `--weights` calls them."""
        return "ema" if self.averaged else "raw"

    @property
    def beside(self) -> tuple[str, ...]:
        """Names of the file's other tensors."""
        taken = {id(value) for value in self.tensors.values()}
        return tuple(key.replace("\0", ".") for key, value in self.file.items() if id(value) not in taken)


def parts(content: Mapping[str, Any]) -> list[Part]:
    """The parts of a file that may be a network, the likeliest first."""
    named = dict(_named(content))
    beside = _raw_beside_averages(content)
    found: dict[str, dict[str, Tensor]] = {}
    wrappers: defaultdict[str, set[str]] = defaultdict(set)
    counters = {key for key, value in named.items() if _segments(key)[-1] in _COUNTERS and value.numel() == 1}
    beside_others = _beside_others(key for key in named if key not in counters)
    for key, value in named.items():
        if key in counters:
            continue
        whole = _segments(key)
        segments = [s for i, s in enumerate(whole) if s not in WRAPPERS or tuple(whole[: i + 1]) in beside_others]
        for depth in range(min(len(segments), _DEEPEST)):
            prefix = "\0".join(segments[:depth])
            if prefix in found or len(found) < _MOST_PARTS:
                found.setdefault(prefix, {})[".".join(segments[depth:])] = value
                wrappers[prefix] |= WRAPPERS.intersection(whole).difference(segments)
    averagers = {
        "\0".join(s for s in _segments(key)[:-1] if s not in WRAPPERS)
        for key in named
        if _segments(key)[-1] in ("n_averaged", "num_updates")
    }
    listed = []
    for prefix, tensors in found.items():
        text = prefix.replace("\0", ".")
        averaged = bool(_AVERAGED.search(text)) or any(
            f"{prefix}\0".startswith(f"{a}\0" if a else "") for a in averagers
        )
        if beside:
            averaged = not text.startswith(beside)
        dropped = tuple(f"prefix '{wrapper}.' taken off" for wrapper in sorted(wrappers[prefix]))
        notes = (f"weights taken from under {text!r}", *dropped) if text else dropped
        listed.append(Part(f"{text}." if text else "", tensors, averaged, named, notes))
    return sorted(listed, key=_order)


def chosen(listed: list[Part], weights: str | None) -> list[Part]:
    """The parts to look at when the user wants `raw` or `ema` weights, those at a place, or does not say."""
    if weights in (None, "raw", "ema"):
        return [part for part in listed if weights in (None, part.kind)]
    return [part for part in listed if f".{weights}." in f".{part.prefix}"]


def counterpart(listed: list[Part], taken: Part) -> Part | None:
    """The raw weights beside averages that are taken, or the averages beside raw ones."""
    names = set(taken.tensors)
    return next((part for part in listed if part.averaged != taken.averaged and names <= set(part.tensors)), None)


def other_weights(listed: list[Part], taken: Part) -> tuple[str, ...]:
    """A line where a file holds averaged weights: which are taken, and how to take the others."""
    if (other := counterpart(listed, taken)) is not None:
        kind = "averaged" if taken.averaged else "raw"
        return (f"of raw and averaged weights the {kind} ones are taken; --weights {other.kind} takes the others",)
    if taken.averaged:
        return ("these weights are averages over training (EMA or SWA)",)
    if any(_AVERAGED.search(name) for name in taken.beside):
        return ("of raw and averaged weights the raw ones are taken; the others are in a form that is not read",)
    return ()


def other_networks(listed: list[Part], taken: Part, known: Callable[[Part], bool]) -> tuple[str, ...]:
    """A line where a file holds other networks beside the one that is taken, or only a teacher.

    Args:
        known: Whether a part is a network.
    """
    found: list[Part] = []
    for part in listed:
        copies = part.averaged != taken.averaged and part.tensors.keys() == taken.tensors.keys()
        apart = all(not a.startswith(b) for p in (taken, *found) for a, b in permutations((part.prefix, p.prefix)))
        if apart and not copies and len(part.tensors) >= _LEAST and known(part):
            found.append(part)
    place = taken.prefix.rstrip(".")
    if found:
        others = " or ".join(f"--weights {part.prefix.rstrip('.')}" for part in found[:3])
        return (f"of {1 + len(found)} networks in the file that at {place!r} is taken; {others} takes another",)
    return (f"by their place, {place!r}, these are a teacher's weights",) if _TEACHER.search(place) else ()


def _named(content: Mapping[Any, Any]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in nested dictionaries, its keys joined by a character that names don't have."""
    waiting: list[tuple[tuple[str, ...], Mapping[Any, Any]]] = [((), content)]
    seen: set[int] = set()
    while waiting:
        keys, held = waiting.pop(0)
        if id(held) in seen or len(keys) > 4:
            continue
        seen.add(id(held))
        for key, value in held.items():
            name = str(key)[:300]
            if isinstance(value, Tensor):
                yield "\0".join((*keys, name)), value
            elif name.lower().startswith(_NO_NETWORK) and not keys:
                continue
            elif isinstance(value, Record) and (inner := module_tensors(value)):
                waiting.append(((*keys, name), inner))
            elif isinstance(value, Mapping | Record):
                waiting.append(((*keys, name), entries(value)))
            elif isinstance(value, list) and any(isinstance(inner, Tensor | Mapping) for inner in value):
                waiting.append(((*keys, name), dict(enumerate(value))))


def _beside_others(keys: Iterable[str]) -> set[tuple[str, ...]]:
    """Places that are called like a wrapper and have others beside them, which a wrapper has not."""
    inside: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for key in keys:
        whole = _segments(key)
        for depth, segment in enumerate(whole):
            inside[tuple(whole[:depth])].add(segment)
    return {(*place, name) for place, names in inside.items() if not names <= WRAPPERS for name in names & WRAPPERS}


def _segments(key: str) -> list[str]:
    return re.split(r"[.\0]", key)


def _order(part: Part) -> tuple[Any, ...]:
    """Students before their teachers, weights before their averages, likely names before others."""
    place = part.prefix.rstrip(".")
    likely = max((_LIKELY.index(name) if name in _LIKELY else len(_LIKELY)) for name in place.split("."))
    averaged = bool(_AVERAGED.search(place))
    return bool(_TEACHER.search(place)), part.prefix.count("."), averaged, likely, -len(part.tensors)


def _raw_beside_averages(content: Mapping[str, Any]) -> str:
    """Where a trainer keeps raw weights that has put their averages in `state_dict`, in their place; "" elsewhere."""
    mmengine = "message_hub" in content or "mmengine_version" in entries(content.get("meta"))
    for key, trainer in (("ema_state_dict", mmengine), ("current_model_state", "state_dict" in content)):
        if trainer and entries(content.get(key)):
            return key
    return ""
