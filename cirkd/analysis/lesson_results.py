"""The lessons of a study; a part of `cirkd.study.Study`."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from cirkd.analysis.gradient_lesson import GradientLesson, gradient_lesson
from cirkd.analysis.lesson import PixelLesson, pixel_lesson, telling_pixel
from cirkd.analysis.memory_lesson import KEYS, MemoryLesson, cosine_deviation, memory_lesson
from cirkd.data.errors import StudyError
from cirkd.features.feature_set import NEEDS_IMAGES

if TYPE_CHECKING:
    from cirkd.features.feature_set import FeatureSet

__all__ = ["KEYS", "GradientLesson", "LessonResults", "MemoryLesson", "PixelLesson", "cosine_deviation"]


class LessonResults:
    """The method step by step on a study's images."""

    models: dict[str, Any]
    features: Callable[[], FeatureSet]
    _keep: Callable[[Hashable, Callable[[], Any]], Any]

    def telling_pixel(self, image: int = 0, student: str | None = None) -> int:
        """A pixel of an image at which a student's relations diverge most, to begin with."""
        return telling_pixel(self.features(), image, student)

    def pixel_lesson(self, pixel: int, image: int = 1, temperature: float = 0.1) -> PixelLesson:
        """The formulas for one pixel and the pixels of another image; not kept."""
        return pixel_lesson(self.features(), pixel, image, temperature)

    def gradient_lesson(
        self, first: int = 0, second: int = 1, student: str = "after", temperature: float = 0.1
    ) -> GradientLesson:
        """Value and gradient of the mini-batch relation loss on two images."""
        return self._keep(
            ("gradient", first, second, student, temperature),
            lambda: gradient_lesson(
                self.features(), first, second, student, temperature, device=self.features().provenance["device"]
            ),
        )

    def memory_lesson(self, name: str = "after", temperature: float = 0.1) -> MemoryLesson:
        """Memory losses of a distilled student against its own bank and other keys."""
        if not self.models:
            raise StudyError(f"a lesson {NEEDS_IMAGES}")
        if name not in self.models:
            raise StudyError(f"there is no model {name!r}; this study has: {', '.join(self.models)}")
        return self._keep(
            ("memory lesson", name, temperature),
            lambda: memory_lesson(self.features(), name, self.models[name], temperature),
        )
