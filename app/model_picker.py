"""The part of the sidebar that chooses checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from app import answers_form, cached, catalogue, state
from app.guard import on_screen
from app.state import NONE, StudyState
from cirkd.charts import theme
from cirkd.data.bundled import data_of
from cirkd.data.catalog import expanded
from cirkd.data.errors import CheckpointError
from cirkd.models.places import MOST_STEPS, SUFFIXES, commanded, over_time, sidecar

_HELP = {
    "teacher": "The large network that the student learns from.",
    "before": "The student trained alone.",
    "after": "The same student, distilled.",
}
UPLOAD_LIMIT = 500  # MB; a DeepLabV3 on a ResNet-101 has 240; from 512 on Streamlit writes "1 GB"


def with_defaults(chosen: StudyState) -> StudyState:
    """Fill in the models that the app was started with, or the first group, where no model was ever chosen."""
    if any(getattr(chosen, role) for role in theme.ROLES):
        return chosen
    if given := commanded():
        roles = {role: path for role, path in given.items() if role in theme.ROLES}
        return replace(chosen, **roles, others=tuple(path for role, path in given.items() if role not in theme.ROLES))
    groups = catalogue.groups()
    if not groups:
        return chosen
    group = next((group for group in groups if data_of(group) == chosen.data), groups[0])
    return replace(chosen, **catalogue.defaults(group))


def show(chosen: StudyState) -> None:
    """Make the widgets show a state that came from the address."""
    for role in theme.ROLES:
        st.session_state[f"bar_{role}"] = getattr(chosen, role) or NONE
    st.session_state["bar_others"] = list(chosen.others)


def draw(chosen: StudyState) -> StudyState:
    """Draw the pickers and return the state with what they say."""
    _presets(chosen)
    uploaded = _uploaded()
    known = [*(c.key for c in catalogue.checkpoints()), *commanded().values(), *uploaded]
    picked: dict[str, str] = {}
    for role in theme.ROLES:
        shown = st.session_state.setdefault(f"bar_{role}", getattr(chosen, role) or NONE)
        options = list(dict.fromkeys([NONE, *known, shown]))
        picked[role] = st.selectbox(
            theme.label(role),
            options,
            key=f"bar_{role}",
            format_func=_title,
            help=_HELP[role],
            filter_mode="fuzzy",
        )
    with st.expander("More checkpoints", icon=":material/add:", key="bar_more"):
        others = _others(chosen, known)
        added = _add()
    answers_form.draw([*added, *(key for key in (*picked.values(), *others) if key != NONE)])
    return replace(chosen, **picked, others=others)


def has_projection(chosen: StudyState) -> bool:
    """Whether one of the checkpoints chosen has a projection head."""
    keys = [getattr(chosen, role) for role in theme.ROLES] + list(chosen.others)
    found = [c for key in keys if key not in ("", NONE) and (c := catalogue.find(key))]
    return any(cached.header(str(c.path), c.stamp).get("memory") for c in found)


def _presets(chosen: StudyState) -> None:
    """One click for a study's three checkpoints and its images."""
    groups = catalogue.groups()
    if len(groups) < 2:
        return
    shown = next((g for g in groups if _is_preset(chosen, g)), None)
    st.session_state["bar_preset"] = shown
    st.selectbox(
        "Study",
        groups,
        index=0 if shown else None,  # with None it could be emptied, which would mean nothing
        key="bar_preset",
        on_change=_take_preset,
        format_func=catalogue.title,
        placeholder="checkpoints of your own choice",
        help="Three checkpoints, and images that go with them.",
    )


def _is_preset(chosen: StudyState, group: str) -> bool:
    models = catalogue.defaults(group)
    return not chosen.others and all(getattr(chosen, role) == (key or NONE) for role, key in models.items())


def _take_preset() -> None:
    group = st.session_state["bar_preset"]
    if group is None:
        return
    chosen, _ = state.read()
    data = data_of(group)
    source = data if data in catalogue.data_sets() else "folder"
    models = {role: key or NONE for role, key in catalogue.defaults(group).items()}
    chosen = replace(chosen, **models, others=(), data=source, split="", images=())
    state.remember(chosen)
    show(chosen)
    st.session_state["bar_data"] = source


def _others(chosen: StudyState, known: list[str]) -> tuple[str, ...]:
    options = list(dict.fromkeys([*known, *st.session_state.setdefault("bar_others", list(chosen.others))]))
    picked = st.multiselect(
        "Further students",
        options,
        key="bar_others",
        format_func=_title,
        max_selections=MOST_STEPS,
        placeholder="none",
        help="Shown beside before and after.",
    )
    return tuple(picked)


def _add() -> list[str]:
    """Fields for further files; returns those that were given."""
    given: list[str] = []
    file = st.file_uploader(
        "Upload a checkpoint",
        type=sorted({suffix.rpartition(".")[2] for suffix in SUFFIXES}),
        key="bar_upload",
        max_upload_size=UPLOAD_LIMIT,
        help="Kept in a private folder of this window and removed when it is closed. Only weights are read: "
        "nothing in a file is executed.",
    )
    if file is not None:
        target = cached.private_folder() / "checkpoints" / Path(file.name).name
        if st.session_state.get("_upload_seen") != file.file_id or not target.is_file():
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.getbuffer())
            sidecar(target).unlink(missing_ok=True)  # answers to a file of the same name before
            st.session_state["_upload_seen"] = file.file_id
        given.append(str(target))
    path = st.text_input(
        "or give its path",
        key="bar_path",
        placeholder="/path/to/student.safetensors",
        help="A file; a folder that `save_pretrained` wrote; or a folder of one student's checkpoints, to be shown "
        "over time.",
    )
    if path:
        given.append(path)
    for key in given:
        _examined(key)
    return given


def _examined(key: str) -> None:
    """Say what a file is; put it on screen, once, if it can be used."""
    path = expanded(key)
    found = catalogue.find(key)
    if found is None and path.is_dir():
        return _offer_over_time(path.absolute())
    stamp = found.stamp if found else (path.stat().st_mtime if path.exists() else 0.0)
    verdict = cached.verdict(str(path), stamp)
    if not verdict.usable:
        st.error(theme.plain(on_screen(f"{path.name}: {verdict.problem}; {verdict.remedy}")), icon=":material/error:")
        return
    text = f"{path.name}: {verdict.summary}; {len(verdict.classes)} classes; takes {verdict.expected_input}."
    notes = () if found and answers_form.covers(found) else verdict.notes  # else the form says them
    st.caption(theme.plain(" ".join([text, *(f"{note}." for note in notes)])))
    if st.session_state.get("_examined") == (key, stamp):
        return
    chosen, _ = state.read()
    if key in (*(getattr(chosen, role) for role in theme.ROLES), *chosen.others):
        st.session_state["_examined"] = (key, stamp)
    elif free := next((role for role in ("after", "before", "teacher") if getattr(chosen, role) in ("", NONE)), ""):
        st.session_state["_examined"] = (key, stamp)
        _place(key, free)
        st.rerun()
    elif ask(key, "bar_as"):
        st.session_state["_examined"] = (key, stamp)
        st.rerun()


def _offer_over_time(folder: Path) -> None:
    """A folder of one student's checkpoints: a button makes it the study of that student over time."""
    try:
        steps = over_time(folder)
    except CheckpointError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    names, keys = list(steps), tuple(map(str, steps.values()))
    st.caption(theme.plain(f"{folder.name}: {len(names)} checkpoints of one student, {names[0]} to {names[-1]}."))
    chosen, _ = state.read()
    if chosen.others == keys:
        return
    st.caption("Shown over time, they take the place of before, after and further students; the teacher stays.")
    if st.button("Show this student over time", key="bar_over_time", icon=":material/timeline:", width="stretch"):
        _show_next(replace(chosen, before=NONE, after=NONE, others=keys), keys)
        st.rerun()


def ask(key: str, prefix: str) -> bool:
    """Ask whose place a checkpoint takes, with a button each; True when it has taken it.

    prefix: of the buttons' keys.
    """
    st.markdown("Show it in the place of")
    with st.container(horizontal=True, gap="xsmall"):
        pressed = [role for role in theme.ROLES if st.button(theme.label(role), key=f"{prefix}_{role}")]
    for role in pressed:
        _place(key, role)
    return bool(pressed)


def _place(key: str, role: str) -> None:
    """Put a checkpoint on screen in a role, and among those that can be chosen in this window."""
    _show_next(replace(state.read()[0], **{role: key}), (key,))


def _show_next(chosen: StudyState, added: tuple[str, ...]) -> None:
    """Let the next run show a state, and offer these checkpoints in this window from now on."""
    st.session_state["_added"] = list(dict.fromkeys([*st.session_state.get("_added", []), *added]))
    state.remember(chosen)
    st.session_state["_show_next"] = True


def _uploaded() -> list[str]:
    """Checkpoints that were added by hand in this window."""
    if st.session_state.pop("_show_next", False):
        show(state.read()[0])
    return list(st.session_state.get("_added", []))


def _title(key: str) -> str:
    if key == NONE:
        return "none"
    checkpoint = catalogue.find(key)
    return checkpoint.title if checkpoint else f"{Path(key).name} (missing)"
