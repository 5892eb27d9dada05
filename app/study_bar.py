"""The sidebar, the same on every page; and `current()`, the study it makes."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import cached, catalogue, components, image_picker, model_picker, state, stored_bar
from app.handle import Handle
from app.state import StudyState
from cirkd.charts import theme
from cirkd.data.errors import CheckpointError, DataError, StudyError
from cirkd.data.safe_palette import OWN, SAFE
from cirkd.models.places import student_names

_WIDGETS = tuple(
    f"bar_{name}"
    for name in (*theme.ROLES, "others", "data", "folder", "split", "layer", "device", "precision", "palette")
)
_MODELS = "bar_models"  # session key: the names of the models that the page shows
_SHOWN = "bar_shown"  # session key: the page whose run came to its end, so that the browser has every widget's value


def draw(page: str) -> None:
    """Draw the sidebar beside a page; remember what is chosen, in the session and in the address.

    Raises:
        CirkdError: the images chosen cannot be listed.
    """
    chosen, from_address = state.read()
    chosen = model_picker.with_defaults(chosen)
    if from_address:
        model_picker.show(chosen)
        image_picker.show(chosen)
    if st.session_state.get(_SHOWN) != page:
        _send_again()
    with st.sidebar:
        folder = image_picker.stored(image_picker.asked(chosen))
        if folder is None:
            chosen = model_picker.draw(chosen)
        else:
            stored_bar.draw(folder)
        state.write(chosen)
        chosen = image_picker.draw(chosen)
        state.write(chosen)
        chosen = _settings(chosen, from_address, stored=folder is not None)
        components.copy_link()
    state.write(chosen)


def shown(page: str) -> None:
    """The run for this page has come to its end."""
    st.session_state[_SHOWN] = page


def _send_again() -> None:
    """Let every widget bring its value along, as if it had been set now.

    A value is told to the browser by the run that sets it. Where another page is opened before that run has come to
    the widget, the browser would show, and send back, the first of its options.
    """
    for key in _WIDGETS:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def current() -> Handle:
    """The study on screen; its models are opened when a page first asks for what they make.

    Raises:
        CirkdError: it cannot be opened; the page's guard shows why.
    """
    chosen, _ = state.read()
    try:
        study = Handle(study_key(chosen))
    except DataError as error:
        if chosen.data != "folder" or chosen.images:
            raise
        image_picker.ask_folder(str(error) if chosen.folder else "")
        st.stop()
    st.session_state[_MODELS] = study.names
    return study


def models() -> tuple[str, ...]:
    """The names of the models of the study on screen, in order."""
    return st.session_state.get(_MODELS, ())


def study_key(chosen: StudyState) -> cached.StudyKey:
    """The key of the study that a state describes.

    Raises:
        CheckpointError: a checkpoint is not there.
        StudyError: nothing to look at is chosen, or a folder of embeddings cannot be read.
    """
    if folder := image_picker.stored(chosen):
        names = tuple((name, "", 0.0) for name in cached.stored(folder).models)
        return cached.StudyKey(names, folder, (), "", "", "", palette=chosen.palette)
    models = [_model(role, key) for role in theme.ROLES if (key := getattr(chosen, role)) not in ("", state.NONE)]
    models += map(_model, student_names(chosen.others), chosen.others)
    if not models:
        raise StudyError("no model is chosen; pick a teacher or a student in the sidebar")
    images = image_picker.images(chosen)
    if not chosen.images:
        cached.data(images)  # says what is wrong with the source, if anything
        raise StudyError("no images are chosen; pick some in the sidebar")
    return cached.StudyKey(
        tuple(models),
        images,
        chosen.images,
        chosen.layer,
        chosen.device,
        chosen.precision,
        cached.stamps(images, chosen.images),
        chosen.palette,
    )


def _model(name: str, key: str) -> tuple[str, str, float]:
    checkpoint = catalogue.find(key)
    if checkpoint is None:
        raise CheckpointError(f"{key}: there is no such checkpoint here; choose another in the sidebar")
    return name, str(checkpoint.path), checkpoint.stamp


def _settings(chosen: StudyState, from_address: bool, stored: bool) -> StudyState:
    """How models run, where they do, and the colours of classes."""
    fields = {"layer": chosen.layer, "device": chosen.device, "precision": chosen.precision}
    for name, value in {**fields, "palette": chosen.palette == SAFE}.items():
        if from_address or f"bar_{name}" not in st.session_state:
            st.session_state[f"bar_{name}"] = value
    with st.expander("Settings", icon=":material/tune:", key="bar_settings"):
        if not stored:
            chosen = _extraction(chosen)
        safe = st.toggle(
            "Colours for colour-blind viewers",
            key="bar_palette",
            help="Classes in colours that stay apart with protanopia, deuteranopia and tritanopia, instead of those "
            "of their data set. Results are recoloured; the models don't run again.",
        )
        held = cached.cache()
        idle = f", {held.idle_budget / 1e9:g} GB once idle" if held.idle_budget < held.budget else ""
        st.caption(
            f"Results kept in memory: {held.used() / 1e9:.2f} of {held.budget / 1e9:g} GB beside the models{idle}; the "
            "least recently used are dropped first. `CIRKD_CACHE_GB` sets how much."
        )
    return replace(chosen, palette=SAFE if safe else OWN)


def _extraction(chosen: StudyState) -> StudyState:
    """Layer, device and precision."""
    layer = _layer(chosen)
    device = st.selectbox("Device", state.DEVICES, key="bar_device", help="auto: a GPU where there is one")
    precision = st.selectbox(
        "Precision",
        state.PRECISIONS,
        key="bar_precision",
        help="auto: bf16 on a GPU that has it, else float32. A processor without arithmetic for bf16 takes "
        "hundreds of times as long for it.",
    )
    return replace(chosen, layer=layer, device=device, precision=precision)


def _layer(chosen: StudyState) -> str:
    """The layer, picked or written."""
    shown = st.session_state["bar_layer"] or state.LAYERS[0]
    layer = st.selectbox(
        "Layer",
        list(dict.fromkeys([*state.LAYERS, shown])),
        key="bar_layer",
        accept_new_options=True,
        format_func=lambda name: _LAYER_NAMES.get(str(name), str(name)),
        help="Projected: through the head that distillation trained between student and teacher. Stage: an output of "
        "the encoder, finest first. Or write a submodule's name, such as `decoder.aspp`, or a layer for each model: "
        "`teacher=stage4, after=stage3`. Models without the layer show their decoder embedding.",
    )
    if layer == "projected" and not model_picker.has_projection(chosen):
        st.caption("No checkpoint chosen here has a projection head: the decoder embedding is shown.")
    return layer or state.LAYERS[0]


_LAYER_NAMES = {
    "decoder": "Decoder embedding",
    "projected": "Projected embedding",
    **{f"stage{number}": f"Encoder, stage {number}" for number in range(1, 10)},
}
