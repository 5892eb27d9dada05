"""Fields for what a file of another project does not tell, or tells wrongly; the answers are kept beside the file.

An upload lies in the private folder of its window, and its answers beside it go with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import cached, catalogue
from app.catalogue import Checkpoint
from app.guard import FIELDS, FOLDED, on_screen
from cirkd.charts import theme
from cirkd.data.errors import CheckpointError
from cirkd.models.places import own_network, sidecar

if TYPE_CHECKING:
    from cirkd.doctor import Verdict
    from cirkd.models.answers import Answers

_FOUND = "found"  # shown in a field that is left to the file


def covers(checkpoint: Checkpoint) -> bool:
    """Whether `draw` speaks of a checkpoint: not of this project's own, as its header says everything."""
    return not cached.header(str(checkpoint.path), checkpoint.stamp)


def draw(keys: Iterable[str]) -> None:
    """Say what was guessed about these checkpoints, and offer fields for those that answers may help."""
    found = {c: (str(c.path), c.stamp) for key in dict.fromkeys(keys) if (c := catalogue.find(key))}
    verdicts = {c: cached.verdict(*file) for c, file in found.items() if covers(c)}
    for checkpoint, verdict in verdicts.items():
        if verdict.usable and verdict.notes:
            st.caption(theme.plain(on_screen(f"{checkpoint.title}: {'; '.join(verdict.notes)}.")))
    asked = [c for c, verdict in verdicts.items() if _helps(c, verdict)]
    asked.sort(key=lambda c: verdicts[c].usable)
    if not asked:
        return
    stuck = not verdicts[asked[0]].usable
    key = "bar_answers_missing" if stuck else "bar_answers"  # an expander of one key stays as it was, open or not
    with st.expander(FOLDED, icon=":material/help:", expanded=stuck, key=key):
        checkpoint = asked[0]
        if len(asked) > 1:
            checkpoint = st.selectbox("File", asked, format_func=lambda c: c.title)
        elif stuck:
            st.caption(theme.plain(checkpoint.path.name))
        _form(checkpoint, verdicts[checkpoint])


def _helps(checkpoint: Checkpoint, verdict: Verdict) -> bool:
    """Whether answers can help: not for a file that is no weights, nor for a network that the user's code describes."""
    if own_network(checkpoint.key):
        return False
    asks = "--" in f"{verdict.problem} {verdict.remedy}"
    return verdict.usable or asks or sidecar(checkpoint.path).is_file()


def _form(checkpoint: Checkpoint, verdict: Verdict) -> None:
    path = checkpoint.path
    kept = _kept(path)
    # Other answers beside the file make other fields, which begin with them.
    with st.form(f"answers-{checkpoint.key}-{checkpoint.stamp:.0f}", border=False):
        given = _fields(path, verdict, kept)
        where = "in this window" if _uploaded(path) else f"in `{sidecar(path).name}` beside it"
        st.caption(f"Kept {where}. A field left empty is taken as found.")
        if st.form_submit_button("Open with these", icon=":material/check:", width="stretch"):
            _keep(path, given)


def _kept(path: Path) -> Answers:
    from cirkd.models.answers import Answers, read_sidecar

    try:
        return read_sidecar(path)
    except CheckpointError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return Answers()


def _fields(path: Path, verdict: Verdict, kept: Answers) -> dict[str, Any]:
    """The fields, with the answers kept so far; returns what stands in them."""
    from cirkd.models.answers import Answers
    from cirkd.models.smp import ARCHITECTURES

    told: dict[str, str] = dict(re.findall(r"^ +(\w+): (.+)$", Answers.__doc__ or "", re.MULTILINE))

    def pick(label: str, options: dict[Any, str], value: Any, found: str = _FOUND, **more: Any) -> Any:
        # "Found" is an option: a select box that begins with another one cannot be emptied.
        names = {None: found, **options}
        names.setdefault(value, str(value))
        return st.selectbox(label, list(names), list(names).index(value), format_func=names.__getitem__, **more)

    given: dict[str, Any] = {}
    found = f"{_FOUND}: {verdict.architecture}" if verdict.architecture else "not told"
    given["architecture"] = pick(
        FIELDS["architecture"], {name: name for name in ARCHITECTURES}, kept.architecture, found
    )
    given["encoder"] = st.text_input(
        FIELDS["encoder"], kept.encoder or "", placeholder=verdict.encoder or "not told; such as resnet34"
    ).strip()
    given["classes"] = _classes(path, kept)
    given["mean"] = _numbers(st.text_input(FIELDS["mean"], _text(kept.mean), placeholder=_FOUND, help=_STATISTICS))
    given["std"] = _numbers(st.text_input(FIELDS["std"], _text(kept.std), placeholder=_FOUND, help=_STATISTICS))
    left, right = st.columns(2)
    with left:
        given["range"] = pick(FIELDS["range"], {1.0: "1", 255.0: "255"}, kept.range, help=told.get("range"))
        scale = (kept.input_scale,) if kept.input_scale else None
        given["input_scale"] = st.text_input(
            FIELDS["input-scale"], _text(scale), placeholder=_FOUND, help=told.get("input_scale")
        ).strip()
    with right:
        given["channel_order"] = pick(
            FIELDS["channel-order"], {"rgb": "RGB", "bgr": "BGR"}, kept.channel_order, help=told.get("channel_order")
        )
        corners = {True: "yes", False: "no"}
        given["align_corners"] = pick(
            FIELDS["align-corners"], corners, kept.align_corners, help=told.get("align_corners")
        )
    given["weights"] = pick(
        FIELDS["weights"],
        {"raw": "raw", "ema": "averaged"},
        kept.weights,
        help="Of a file that holds both: the raw ones, or their average over training (EMA). Of one that holds several "
        "networks, type the name under which one lies in it, such as teacher.",
        accept_new_options=True,
    )
    return {name: value for name, value in given.items() if value not in (None, "")}


def _classes(path: Path, kept: Answers) -> Path | None:
    """A file that names the classes: an upload's is uploaded as well, and stays until another is."""
    told = "Names of the classes in the order of the outputs: classes.json, or a name a line."
    if not _uploaded(path):
        named = st.text_input(FIELDS["classes"], str(kept.classes or ""), placeholder=_FOUND, help=told).strip()
        return path.parent / Path(named).expanduser() if named else None
    file = st.file_uploader(FIELDS["classes"], type=["json", "txt", "csv", "yaml", "yml"], max_upload_size=1, help=told)
    if file is None:
        return kept.classes
    target = cached.private_folder() / "classes" / file.file_id / Path(file.name).name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.getbuffer())
    return target


def _keep(path: Path, given: dict[str, Any]) -> None:
    """Write the answers beside the file, once the file opens with them; the study is opened anew."""
    from cirkd.doctor import examine
    from cirkd.models.answers import checked, write_sidecar

    with st.spinner("Looking at the checkpoint"):
        verdict = examine(path, beside=False, **given)
    if not verdict.usable:
        st.error(theme.plain(on_screen(f"{path.name}: {verdict.problem}; {verdict.remedy}")), icon=":material/error:")
        return
    try:
        if given:
            write_sidecar(path, checked(**given))
        else:
            sidecar(path).unlink(missing_ok=True)
    except CheckpointError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    st.rerun()


def _uploaded(path: Path) -> bool:
    return path.is_relative_to(cached.private_folder())


def _numbers(text: str) -> list[str] | None:
    """What was typed, apart; `checked` says what is no number."""
    return re.split(r"[\s,;]+", text.strip()) if text.strip() else None


def _text(values: tuple[float, ...] | None) -> str:
    return " ".join(str(value) for value in values or ())


_STATISTICS = "Red, green, blue, in units of the range, such as 0.485 0.456 0.406."
