"""How a result is declared: what is shown while it is worked out, and what the study must have for it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cirkd.cache import Cache
from cirkd.features.feature_set import NEEDS_IMAGES, FeatureSet, Progress
from cirkd.features.sources import ImageSource

NEEDS: Mapping[str, tuple[Callable[[FeatureSet], bool], str]] = {
    "images": (lambda features: not features.sampled, NEEDS_IMAGES),
    "labels": (
        lambda features: features.has_labels,
        "needs labels, and no image has any: choose labelled images",
    ),
    "teacher": (lambda features: len(features.models) > 1, "compares models, and there is only one: add a second one"),
}
"""What a result may need: whether a study has it, and what is said where it does not."""


@dataclass(frozen=True)
class Declaration:
    """What follows from the declaration of a result.

    Attributes:
        name: of the method; label: on screen while it is worked out, may name arguments in braces.
        function: the method as written, called with a `Study`.
        needs: among the keys of `NEEDS`.
        reports: whether it takes `progress`.
        colors: whether it holds classes' colours, so that each palette has its own.
    """

    name: str
    label: str
    function: Callable[..., Any]
    needs: tuple[str, ...]
    reports: bool
    colors: bool

    def arguments(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """All arguments by name, so that equal calls have equal keys however they are written."""
        bound = inspect.signature(self.function).bind(None, *given, **named)
        bound.apply_defaults()
        return dict(list(bound.arguments.items())[1:])

    def lacking(self, features: FeatureSet) -> str:
        """Why this study has no such result, or "" where it has."""
        for need in self.needs:
            has, text = NEEDS[need]
            if not has(features):
                return f"{self.name.replace('_', ' ')} {text}"
        return ""


class Server:
    """What gives results: a study, or the app's handle on one; it says in `serve` how they are worked out."""

    models: dict[str, Any]
    source: ImageSource
    cache: Cache

    def serve(self, declared: Declaration, arguments: dict[str, Any], progress: Progress | None = None) -> Any:
        """The result of a declaration for these arguments."""
        raise NotImplementedError

    def extract(self, fine: bool = False, progress: Progress | None = None) -> FeatureSet:
        """What `features` gives, or `fine_features`, made anew."""
        raise NotImplementedError


Method = TypeVar("Method", bound=Callable[..., Any])


def result(label: str, *needs: str, colors: bool = False) -> Callable[[Method], Method]:
    """Declare a method as a result. Its arguments must be hashable; `progress` is no part of its key.

    colors: it holds classes' colours.
    """

    def declare(method: Method) -> Method:
        reports = "progress" in inspect.signature(method).parameters
        declared = Declaration(method.__name__, label, method, needs, reports, colors)

        @functools.wraps(method)
        def served(self: Server, *given: Any, **named: Any) -> Any:
            arguments = declared.arguments(given, named)
            return self.serve(declared, arguments, arguments.pop("progress", None))

        served.declared = declared  # type: ignore[attr-defined]
        return served  # type: ignore[return-value]

    return declare
