"""How each number was computed, in words; and what a page has to say about the study as a whole."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import cached
from app.handle import Handle
from cirkd.charts import theme
from cirkd.results import Divergence, FeatureSet, PixelChange, Scores


def study(handle: Handle) -> str:
    """One line: which models, which images."""
    models = [f"{theme.role(name).markdown} {_network(handle.header(name))}" for name in handle.names]
    images = handle.key.images
    if handle.key.sampled:
        found = cached.stored(images)
        where = f"{found.shown:,} pixels of {len(found.settings.images):,} images of {found.text()}"
        return f"{' · '.join(models)} · {where}"
    where = images.name if images.split == "all" else f"{images.name} {images.split}"
    return f"{' · '.join(models)} · {len(handle.key.names)} images of {where}"


def extraction(handle: Handle) -> str:
    """Layer, device, precision and time of the features in view, as Markdown."""
    found = handle.features().provenance
    parts = [f"{found.get('layer', '')} embedding", *(found.get(name) for name in ("averaged", "device", "precision"))]
    seconds = f"{found['seconds']:.1f} s" if "seconds" in found else ""
    return theme.plain(", ".join(str(part) for part in (*parts, seconds) if part))


def miou(handle: Handle) -> str:
    """How the IoU on this page was computed."""
    scores = handle.scores()
    if not scores.pixels:
        return "These images have no labels: there is nothing to score against."
    count = len(handle.key.names)
    return (
        f"IoU from one confusion matrix over the {scores.pixels:,} labelled pixels of the {count} images in view, "
        f"at full resolution; mIoU is its mean over the classes labelled there ({extraction(handle)})."
    )


def scored(handle: Handle) -> bool:
    """Whether at least one model could be scored on the images in view."""
    return any(score.miou == score.miou for score in handle.scores().models.values())


def divergence(handle: Handle, result: Divergence) -> str:
    """How the relation divergence on this page was computed."""
    pixels = len(handle.features().pixels)
    jointly = ", ".join(f"{theme.plain(name)} {value:.3g}" for name, value in result.jointly.items())
    return (
        f"KL divergence of a pixel's relation distribution from the {result.reference}'s, in nats: cosines with the "
        f"pixels of one image, softmax at temperature {result.temperature:g}, mean over the images in view and their "
        f"{pixels:,} pixels, as in the loss; 0 means the same relations ({extraction(handle)}). With one distribution "
        f"over all images at once (not part of the loss): {jointly}.{_trained_cells(handle.features())}"
    )


def _trained_cells(features: FeatureSet) -> str:
    """Over what cells the students in view were distilled, where not between single positions."""
    objectives = {
        name: recipe.get("objective", {})
        for name, model in features.models.items()
        if (recipe := model.info.get("provenance", {}).get("recipe", {})).get("teacher")
    }
    return "".join(
        f" {theme.plain(theme.label(name))} was distilled between means over cells of {stride} x {stride} pixels."
        for name, objective in objectives.items()
        if (stride := objective.get("relation_stride", 0)) and objective.get("minibatch_pixel")
    )


MEANINGS = {
    "relation divergence": "How differently the student and the teacher spread a pixel's similarity over an image; 0 "
    "means that both find the same pixels alike, and to the same degree.",
    "nats": "The unit of KL divergence with natural logarithms. At 0.1 nats the student's share for what the teacher "
    "finds similar is about 90 % of the teacher's, at 0.7 nats about half.",
    "CKA": "Whether two networks put the same pixels near and far from each other, whatever their axes and scales: 1 "
    "is the same arrangement, 0 an unrelated one.",
    "Fisher ratio": "How far apart the classes' centres lie, measured against how widely the pixels of a class "
    "scatter: higher means classes that are easier to tell apart, also when the teacher's are less so.",
    "nearest centroid": "How often a pixel's most similar class centre is that of its own class: what a classifier "
    "without any learning of its own would get right.",
    "neighbours kept": "How many of the pixels that the student finds most alike are also most alike for the teacher.",
}
"""What the measures mean, in a plain sentence each."""


def meanings(*names: str) -> None:
    """The measures of a page in plain words."""
    with st.expander("What these numbers mean, in plain words", icon=":material/menu_book:"):
        st.markdown("\n".join(f"- **{name[0].upper()}{name[1:]}.** {MEANINGS[name]}" for name in names))


def notes(features: FeatureSet) -> None:
    """What is special about the models in view, if anything."""
    lines = [model.note for model in features.models.values()] + list(features.provenance.get("notes", []))
    for line in dict.fromkeys(part for told in lines if told for part in told.split("; ")):
        st.caption(f":material/info: {theme.plain(line)}")


def fixed_and_broken(change: PixelChange) -> str:
    """How many pixels were fixed and broken, in a sentence."""
    counts = change.counts
    total = sum(counts[name] for name in ("right in both", "wrong in both", "fixed", "broken"))
    fixed, broken = counts["fixed"] / total, counts["broken"] / total
    return (
        f"Of {total:,} labelled pixels distillation **fixed {theme.percent(fixed)}** and "
        f"**broke {theme.percent(broken)}**; "
        f"{theme.percent(counts['wrong in both'] / total)} are wrong in both, "
        f"{theme.percent(counts['right in both'] / total)} right in both."
    )


def image_scores(scores: Scores, index: int, digits: int = 1) -> list[str]:
    """The mIoU on one image of every model that could be scored."""
    return [
        f"{theme.role(name).markdown} {theme.percent(float(score.image_miou[index]), digits)}"
        for name, score in scores.models.items()
        if not score.note
    ]


def stored_scores(handle: Handle) -> dict[str, str]:
    """name -> the scores of whole splits that the checkpoint has stored, as a line that says so."""
    lines: dict[str, list[str]] = {}
    for split in ("val", "test"):
        for name, score in handle.evaluate(split).items():
            if score is not None:
                lines.setdefault(name, [f"all of {score.data}:"]).append(f"{split} {theme.percent(score.miou)}")
    return {name: f"{parts[0]} {' · '.join(parts[1:])}" for name, parts in lines.items()}


def stored_help(handle: Handle, name: str) -> str:
    """How the stored scores came about."""
    found = [score for split in ("val", "test") if (score := handle.evaluate(split).get(name))]
    sizes = " and ".join(f"{score.images} images of {score.data} {score.split}" for score in found)
    return f"Below it: stored in the checkpoint when it was trained, over {sizes}." if sizes else ""


def _network(info: Any) -> str:
    encoder = str(info.get("encoder", "")).removeprefix("tu-").removeprefix("tf_")  # how timm's models are named
    return f"{info.get('architecture', 'model')} {encoder}".strip()


MAPPED = {
    "teacher": "maps are laid on the first model's",
    "student": "no pixel can be fixed or broken",
    "unlabelled": "a pixel's class is the first model's prediction",
}
"""What a page that maps embeddings lacks where these are missing."""


def head(title: str, handle: Handle, *, teacher: str = "", student: str = "", unlabelled: str = "") -> None:
    """Title and captions of a page: the study, its notes, and what the study lacks.

    The other texts say what the lack of a teacher, of a second student and of labels leaves out of the page.
    """
    features = handle.features()
    st.title(title)
    st.caption(study(handle))
    notes(features)
    students = [name for name in handle.names if name != "teacher"]
    absent = [name for name in ("before", "after") if name not in students]
    lines = [f"No teacher: {teacher}."] if teacher and "teacher" not in handle.names else []
    if student and len(students) < 2:
        lines.append(f"No {' and no '.join(absent[: 2 - len(students)])}: {student}.")
    if unlabelled and not features.has_labels:
        lines.append(f"No labels: {unlabelled}.")
    if lines:
        st.caption(f":material/info: {' '.join(lines)}")
