"""How far a repeated run is from the recorded one, and how far it may be."""

from __future__ import annotations

import numpy as np

BOUNDS: dict[str, tuple[float, float]] = {
    "inputs": (1e-12, 1e-12),
    "choices": (0.0, 0.0),
    "learning rate": (1e-12, 1e-12),
    "terms": (1e-9, 1e-4),
    "forward": (1e-9, 5e-3),
    "gradients": (1e-8, 0.2),
    "momentum": (1e-8, 0.15),
    "weights": (1e-9, 3e-4),
    "changes of weights": (1e-6, 0.2),
    "statistics": (1e-9, 3e-4),
    "queues": (1e-9, 5e-6),
    "stored rows": (5e-6, 5e-6),
    "pointers": (0.0, 0.0),
    "logits": (1e-8, 1e-2),
}
"""Kind -> largest relative deviation in float64 and in float32. Rows of queues are stored of the float32 run alone."""


class Deviations:
    """The largest deviation of each kind.

    Args:
        precision: float64 or float32, which decides the bounds.
    """

    def __init__(self, precision: str) -> None:
        self.precision = precision
        self.worst: dict[str, tuple[float, str]] = {}
        self.compared: dict[str, int] = {}

    def note(self, kind: str, name: str, value: float) -> None:
        value = float(value) if np.isfinite(value) else float("inf")
        self.compared[kind] = self.compared.get(kind, 0) + 1
        if kind not in self.worst or value > self.worst[kind][0]:
            self.worst[kind] = value, name

    def close(self, kind: str, name: str, found: np.ndarray | float, wanted: np.ndarray | float) -> None:
        """Note the norm of a difference over that of what is wanted."""
        difference = np.asarray(found, np.float64) - np.asarray(wanted, np.float64)
        self.note(kind, name, _ratio(np.linalg.norm(difference), np.linalg.norm(wanted)))

    def same(self, kind: str, name: str, found: np.ndarray, wanted: np.ndarray) -> None:
        """Note the share of entries that differ; 1 for another shape."""
        alike = found.shape == wanted.shape
        self.note(kind, name, float(np.mean(found != wanted)) if alike and found.size else float(not alike))

    def digests(self, kind: str, name: str, found: np.ndarray, wanted: np.ndarray) -> None:
        """Note the estimated norm of the difference of two digested arrays, over that of what is wanted.

        Norms are compared too: an array that is not there has sums of 0, and so might one.
        """
        apart = max(_rms(found[1:] - wanted[1:]), abs(found[0] - wanted[0]))
        self.note(kind, name, _ratio(apart, wanted[0]))

    def changes(self, kind: str, name: str, found: np.ndarray, wanted: np.ndarray) -> None:
        """The same of differences of digests, which have sums alone."""
        self.note(kind, name, _ratio(_rms(found[1:] - wanted[1:]), _rms(wanted[1:])))

    def bound(self, kind: str) -> float:
        return BOUNDS[kind][0 if self.precision == "float64" else 1]

    def passed(self) -> bool:
        return set(self.worst) == set(BOUNDS) and all(v <= self.bound(k) for k, (v, _) in self.worst.items())

    def lines(self) -> list[str]:
        """One for each kind."""
        found = []
        for kind in BOUNDS:
            if kind not in self.worst:
                found.append(f"  {kind:18}  not compared")
                continue
            value, name = self.worst[kind]
            verdict = "ok" if value <= self.bound(kind) else "FAILS"
            found.append(
                f"  {kind:18}  {value:8.1e}  of at most {self.bound(kind):6.0e}  {verdict:5}  "
                f"{self.compared[kind]:5} compared, largest at {name}"
            )
        return found


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _ratio(apart: float, size: float) -> float:
    """Relative where there is something to relate to."""
    return float(apart / size) if size > 0 else float(apart)
