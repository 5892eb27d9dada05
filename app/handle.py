"""The study as a page sees it: its results, with progress and a cancel around what takes long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app import cached, work
from app.cached import StudyKey
from cirkd.analysis.stored_scores import StoredScore, stored_score
from cirkd.data.sample import Sample
from cirkd.declaration import Declaration, Progress
from cirkd.results import Results
from cirkd.study import Study


class Handle(Results):
    """The current study. Every result is asked for as of a `Study`, and waits on screen with progress and Cancel.

    key: hashable, for a page's own caches. Names, headers, pictures and stored scores are there at once: they need
    neither models nor PyTorch.
    """

    def __init__(self, key: StudyKey) -> None:
        self.key = key

    @property
    def study(self) -> Study:
        """The `Study` itself, opened when first asked for; for work beside the page, which can't wait on screen.

        Raises:
            CirkdError: a model or an image cannot be opened.
        """
        what = "Opening the folder" if self.key.sampled else "Opening the models"
        return work.run(("open", self.key), what, lambda _: cached.study(self.key))

    def serve(self, declared: Declaration, arguments: dict[str, Any], progress: Progress | None = None) -> Any:
        """What the study gives; what it does not have yet is worked out beside the page, which shows how far it is.

        Raises:
            StoppedError: the user pressed Cancel.
            CirkdError: the study cannot give it.
        """
        study = self.study
        if declared.name != "features":
            self.features()
        found = study.cache.find(study.key(declared, arguments))
        if found is not None:
            return found
        label = declared.label.format(**arguments)
        key = declared.name, self.key, *arguments.items()
        return work.run(key, label, lambda report: study.serve(declared, arguments, report))

    @property
    def names(self) -> tuple[str, ...]:
        """The models in view: teacher, before, after, others; any may be missing."""
        return tuple(name for name, _, _ in self.key.models)

    @property
    def files(self) -> dict[str, Path]:
        """The models' checkpoints, by name."""
        return {name: Path(path) for name, path, _ in self.key.models}

    @property
    def data_name(self) -> str:
        """Of the data set that the images are from."""
        return self.key.images.name

    def header(self, name: str) -> dict[str, Any]:
        """What a model's checkpoint, or a folder of its embeddings, says about it.

        A checkpoint of a foreign format says it only when opened.
        """
        if self.key.sampled:
            found = cached.stored(self.key.images)
            return found.settings.models[found.models[name]]
        path, stamp = next((path, stamp) for known, path, stamp in self.key.models if known == name)
        return cached.header(path, stamp) or vars(self.study.models[name].info)

    def image(self, image: int) -> Sample:
        """An image in view, with its labels."""
        return cached.sample(self.key.images, self.key.names[image])

    def evaluate(self, split: str = "val") -> dict[str, StoredScore | None]:
        """Data-set-wide scores stored in the checkpoints."""
        return {name: stored_score(self.header(name).get("provenance", {}), split) for name in self.names}
