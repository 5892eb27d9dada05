"""Learn: the method step by step on two of the images in view, each formula beside its numbers."""

from __future__ import annotations

import streamlit as st

from app import captions, lessons, lessons_training, panels, stored_bar, study_bar
from app.guard import guard
from app.handle import Handle
from cirkd.charts import theme

TEMPERATURES = (0.02, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)


def main() -> None:
    """Draw the page."""
    study = study_bar.current()
    if stored_bar.needs_images(study, "Learn", "The lessons are computed on"):
        return
    features = study.features()
    st.title("Learn")
    st.caption(captions.study(study))
    captions.notes(features)
    panels.missing(
        study.names,
        features.has_labels,
        teacher="the first model stands in for it",
        student="the steps show the models there are",
        unlabelled="colours are those of the first model's predictions",
    )
    st.markdown(
        "A teacher's feature space says more than its predictions: which pixels, **of any image**, it takes to be "
        "alike. CIRKD makes the student's pixels relate to each other as the teacher's do. Here is every step of it, "
        "computed on two images of yours. Click a pixel of image *i*."
    )
    _lesson(study)


@st.fragment
def _lesson(study: Handle) -> None:
    """All that the controls change."""
    with guard():
        chosen = _choose(study)
        lesson = study.pixel_lesson(chosen.pixel, chosen.second, chosen.temperature)
        view = lessons.View(study, chosen, lesson)
        lessons.embeddings(view)
        lessons.similarity(view)
        lessons.distribution(view)
        if chosen.student is None:
            st.info("One model has nothing to be compared with: choose a second one in the sidebar for the rest.")
            return
        lessons.divergence(view)
        with guard():
            lessons.images_shared(view)
        with guard():
            lessons_training.gradient(view)
        with guard():
            lessons_training.memory(view)


def _choose(study: Handle) -> lessons.Choice:
    """Two images, a pixel, a student and the temperature."""
    features = study.features()
    names, numbers = features.image_names, list(range(len(features.image_names)))
    students = [name for name in study.names if name != features.reference]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        first = st.selectbox(
            "Image i", numbers, 0, format_func=names.__getitem__, key="learn_i", width=180, bind="query-params",
            on_change=_forget_pixel,
        )  # fmt: skip
        second = st.selectbox(
            "Image j", numbers, min(1, len(numbers) - 1), format_func=names.__getitem__, key="learn_j", width=180,
            bind="query-params",
        )  # fmt: skip
        temperature = st.select_slider(
            "Temperature τ", TEMPERATURES, 0.1, key="learn_temperature", width=260, bind="query-params",
            help="Small: only the most similar pixels count. Training uses 0.1.",
        )  # fmt: skip
        student = None
        if students:
            student = students[-1]
            if len(students) > 1:
                student = st.segmented_control(
                    "Student", students, default=students[-1], required=True, key="learn_student",
                    format_func=lambda n: theme.role(n).label, bind="query-params",
                )  # fmt: skip
    return lessons.Choice(first, second, _pixel(study, first, student), student, temperature)


def _pixel(study: Handle, image: int, student: str | None) -> int:
    """The pixel of the image that is looked at: clicked, typed, in the address, or where relations diverge most."""
    features = study.features()
    h, w = features.pixels.grid[image]
    place = features.pixels.of_image(image)
    if not {"learn_row", "learn_column"} <= set(st.session_state) and "learn_row" not in st.query_params:
        start = study.telling_pixel(image, student)
        st.session_state["learn_row"], st.session_state["learn_column"] = divmod(start - place.start, w)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        row = st.number_input("Row of the pixel", 0, h - 1, key="learn_row", width=160, bind="query-params")
        column = st.number_input("Column", 0, w - 1, key="learn_column", width=160, bind="query-params")
    return place.start + int(row) * w + int(column)


def _forget_pixel() -> None:
    """Another image: begin where its relations diverge most."""
    for key in ("learn_row", "learn_column"):
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)


main()
