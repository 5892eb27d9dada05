"""Training: start a run from a recipe or watch one, and see the student's feature space form."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from app import cached, catalogue, components, model_picker, panels, run_form, state, tiles, work
from app.guard import guard
from cirkd.analysis.trajectory import snapshots
from cirkd.charts import theme
from cirkd.charts import training as charts
from cirkd.data.bundled import FIRST, PARTS, study_of
from cirkd.data.safe_palette import SAFE, safe_colors
from cirkd.training import runs
from cirkd.training.journal import History, log, read_history
from cirkd.training.runs import Run

TICK = 2.0  # seconds between looks at a running journal
FITTED = "training_fitted"  # session key: (run, to how many of its snapshots the map is fitted)
FEW = 3  # a map of fewer snapshots knows only untrained features: it is fitted anew when the next one comes
_STATUS: dict[str, tuple[str, Literal["blue", "green", "gray", "red"]]] = {
    "running": (":material/play_circle:", "blue"),
    "finished": (":material/check_circle:", "green"),
    "stopped": (":material/pause_circle:", "gray"),
    "failed": (":material/error:", "red"),
}


def main() -> None:
    """Draw the page."""
    st.title("Training")
    st.caption(
        "A run is a process of its own: it goes on when this page is reloaded or closed, and its journal is followed "
        "while it grows. Runs lie in "
        f"`{theme.plain(str(run_form.folder()))}`."
    )
    own = runs.find_runs(run_form.folder())
    found = own + _bundled({run.name for run in own})
    run_form.draw(own, expanded=not found)
    if not found:
        st.info("No run yet. Start one above, or on the command line with `cirkd train`.", icon=":material/info:")
        return
    with guard():
        run, beside = _choose(found)
        tick = TICK if run.status == "running" else None
        st.fragment(run_every=tick)(_watch)(run, beside)
        st.fragment(run_every=tick)(_trajectory)(run)


def _bundled(taken: set[str]) -> list[Run]:
    """Runs that made shipped checkpoints, not those whose names are taken; first the study's that opens, its CIRKD."""
    there = [run for run in runs.find_runs(catalogue.records_folder()) if run.name not in taken]
    return sorted(there, key=lambda run: (study_of(run.name) != FIRST, not run.name.endswith(PARTS["after"]), run.name))


def _choose(found: list[Run]) -> tuple[Run, Run | None]:
    """The run on screen, and one whose curves are drawn beside its own."""
    known = {run.name: run for run in found}
    bundled = {run.name for run in found if run.folder.parent == catalogue.records_folder()}
    first = next((run.name for run in found if run.status == "running"), found[0].name)
    for key, otherwise in (("training_run", first), ("training_beside", None)):
        # Set anew each time, so that the browser takes over its label, in which the status changes.
        chosen = st.session_state.get(key)
        st.session_state[key] = chosen if chosen in known else otherwise

    def told(name: str) -> str:
        return f"{name} · {'bundled' if name in bundled else known[name].status}"

    with st.container(horizontal=True):
        name = st.selectbox("Run", list(known), key="training_run", width=420, format_func=told)
        others = [other for other in known if other != name]
        if st.session_state["training_beside"] == name:
            st.session_state["training_beside"] = None
        beside = st.selectbox(
            "Curves of another beside it",
            others,
            index=None,
            key="training_beside",
            width=420,
            format_func=told,
            placeholder="none",
            disabled=not others,
        )
    return known[name], known[beside] if beside else None


def _watch(shown: Run, beside: Run | None) -> None:
    """Everything that changes while a run goes on; the page is drawn anew when it begins or ends."""
    run, history = runs.read_run(shown.folder), read_history(shown.folder / "journal.jsonl")
    if run.status != shown.status:
        st.rerun()
    _head(run, history)
    if history.at:
        _curves(history, (beside.name, read_history(beside.folder / "journal.jsonl")) if beside else None)
    elif run.status == "running":
        st.caption("Waiting for the first entry of its journal: importing PyTorch and reading images takes seconds.")
    with st.expander("Log", icon=":material/terminal:", key="training_log"):
        st.code(log(run.folder) or "No log here: this run was started elsewhere, and its output stayed there.", None)


def _head(run: Run, history: History) -> None:
    """Status, how far, how long, and what can be done."""
    icon, color = _STATUS[run.status]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"### {theme.plain(run.name)}", width="content")
        st.badge(run.status, icon=icon, color=color)
        _actions(run)
    if run.error:
        st.error(theme.plain(run.error), icon=":material/error:")
    if history.steps:
        with st.container(key="training_progress"):
            st.progress(min(history.step / history.steps, 1.0), _how_far(run, history))
    cards = panels.cards("training", 4, 10)
    best = max((value for _, split, value in history.evaluations if split == "val"), default=None)
    latest = next((value for _, split, value in reversed(history.evaluations) if split == "val"), None)
    fill = history.memory_fill[-1] if history.memory_fill else None
    gpu = history.gpu_memory[-1] if history.gpu_memory else None
    shown = (
        ("mIoU on val", _share(latest), f"best {_share(best)}"),
        ("Loss, weighted sum", theme.number(history.total[-1] if history.total else None), "latest entry"),
        ("Learning rate", theme.number(history.learning_rate[-1] if history.learning_rate else None), "this step"),
        ("GPU memory", f"{gpu / 2**30:.1f} GiB", "largest so far")
        if gpu is not None
        else ("Memory bank", theme.percent(fill, 0), "filled" if fill is not None else "this run has none"),
    )
    for card, (label, value, note) in zip(cards, shown, strict=True):
        with card:
            st.metric(label, value)
            st.caption(note)


def _actions(run: Run) -> None:
    if run.status == "running":
        st.button(
            "Stop",
            key="training_stop",
            icon=":material/stop_circle:",
            on_click=runs.stop,
            args=(run.folder,),
            help="Saves after the step that it is at and ends; it can be resumed from there. On Windows it ends at "
            "once, and goes on from where it was last saved.",
        )
    elif run.resumable and st.button("Resume", key="training_resume", icon=":material/resume:", type="primary"):
        with guard():
            runs.resume(run.folder)
            st.rerun()
    elif run.status == "stopped" and not run.resumable:
        st.caption(
            "The options this run was started with are not known here. Resume it where it was started, with `--resume`."
        )
    written = run.folder / f"{run.name}.safetensors"
    if run.status == "finished" and written.is_file():
        with st.popover("Open in the study", icon=":material/hub:"):
            if model_picker.ask(str(written), "training_as"):
                st.switch_page("views/overview.py")
    if run.status != "running" and run.folder.parent != catalogue.records_folder():
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown(f"`{theme.plain(str(run.folder))}` goes with all that is in it, its checkpoint as well.")
            if st.button("Delete it", key="training_delete", type="primary"):
                with guard():
                    runs.delete(run.folder)
                    st.rerun()


def _how_far(run: Run, history: History) -> str:
    text = f"step {history.step:,} of {history.steps:,}"
    left, pace = history.seconds_left, history.seconds_per_step
    if run.status == "running" and left is not None:
        text += f" · {pace[-1]:.2f} s a step · {_duration(left)} left"
    return text


def _curves(history: History, beside: tuple[str, History] | None) -> None:
    left, right = panels.row("losses", 2, 22)
    with left:
        st.markdown("**Loss terms, weighted** as they enter the sum")
        panels.chart(
            charts.losses(history, weighted=True, beside=beside),
            "training_weighted",
            "every loss term times its weight, by step",
        )
    with right:
        st.markdown("**Loss terms, raw**")
        panels.chart(charts.losses(history, weighted=False, beside=beside), "training_raw", "every loss term by step")
    if empty := [charts.term(name)[0] for name, values in history.raw.items() if 0 in values]:
        st.caption(
            f"Left out of the curves where it is 0: {', '.join(empty)}. A batch without labels has no task loss, an "
            "empty memory none of its own."
        )
    left, right = panels.row("scores", 2, 22)
    with left:
        st.markdown("**mIoU** at each evaluation")
        if history.evaluations:
            panels.chart(
                charts.scores(history, beside), "training_scores", "mIoU of the data set at each evaluation, by step"
            )
        else:
            st.caption("None yet.")
    with right:
        st.markdown("**Learning rate**")
        panels.chart(
            charts.single(history, history.learning_rate, "rate", "%{y:.4g}"), "training_rate", "learning rate"
        )
        if any(v is not None for v in history.memory_fill):
            fill = [None if v is None else 100 * v for v in history.memory_fill]
            st.markdown("**Memory bank**, share of its rows that are filled")
            panels.chart(charts.single(history, fill, "%", "%{y:.0f} %"), "training_fill", "memory bank fill by step")
    if any(v is not None for v in history.gpu_memory):
        memory = [None if v is None else v / 2**30 for v in history.gpu_memory]
        st.markdown("**GPU memory**, largest so far")
        panels.chart(charts.single(history, memory, "GiB", "%{y:.2f} GiB"), "training_gpu", "GPU memory by step")


def _trajectory(run: Run) -> None:
    """The probe's embeddings, from the first snapshot to the last; new ones come while they are looked at."""
    st.subheader("How its feature space formed")
    files = snapshots(run.folder)
    if not files:
        st.caption("The first snapshot of the probe is written when training begins.")
        return
    with guard():
        fitted = _fitted(run, len(files))
        what = str(run.folder), len(files), files[-1].stat().st_mtime, fitted
        with st.container():  # for the progress alone: a player that is moved in its container is made anew
            found = work.run(
                ("trajectory", *what), "Laying snapshots out", lambda report: cached.trajectory(*what, report)
            )
        groups = charts.groups(found, _classes(run))
        tiles.chips([(name, color) for name, color, _ in groups])
        components.player(
            charts.playable(found, groups),
            run.name,
            "the probe's pixel embeddings in one map, played from step to step",
        )
        of, taken = found.provenance["of_snapshots"], found.provenance["snapshots"]
        which = f"all {of} snapshots" if of == taken else f"{taken} of {of} snapshots"
        to = "all snapshots" if fitted == of else f"the first {fitted} snapshots"
        st.caption(
            f"{found.provenance['pixels']} of {found.provenance['of']:,} positions of {len(found.names)} probe images, "
            f"class-balanced, at {which}. One map for all of them: the two principal axes of the l2-normalised "
            f"embeddings of {to} together ({theme.percent(sum(found.explained), 0)} of their variance). "
            "Nothing is turned or scaled between frames: what moves has moved in the network."
        )
        if fitted < of:
            st.button(
                "Fit the map to all snapshots",
                key="training_fit",
                icon=":material/fit_screen:",
                on_click=st.session_state.pop,
                args=(FITTED,),
                help="New snapshots are laid out on the map as it was fitted, so that it stays still.",
            )


def _fitted(run: Run, count: int) -> int:
    """To how many of its snapshots a run's map is fitted: those that were there when it was first looked at."""
    kept = st.session_state.get(FITTED)
    if not kept or kept[0] != run.name or kept[1] > count or kept[1] < FEW:
        kept = st.session_state[FITTED] = (run.name, count)
    return kept[1]


def _classes(run: Run) -> dict[str, Any]:
    """Names and colours of what a run learns, in the palette that is chosen."""
    found = _own_classes(run)
    safe = bool(found) and state.read()[0].palette == SAFE
    return {**found, "colors": safe_colors(len(found["names"]))} if safe else found


def _own_classes(run: Run) -> dict[str, Any]:
    """As its journal says, or the checkpoint it wrote, or as bundled."""
    history, written = read_history(run.folder / "journal.jsonl"), run.folder / f"{run.name}.safetensors"
    if history.classes:
        return history.classes
    if written.is_file():
        return cached.header(str(written), written.stat().st_mtime).get("classes", {})
    if history.recipe.get("data") == "streets" and "streets" in catalogue.data_sets():
        known = cached.data(catalogue.images("streets", "val", catalogue.data_root("streets"))).classes
        return {} if known is None else {"names": known.names, "colors": known.colors}
    return {}


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


main()
