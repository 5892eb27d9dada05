"""The state of the sidebar and the address say the same."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from app.state import DEVICES, LAYERS, NONE, PRECISIONS, UPLOAD, StudyState, from_query, sources
from cirkd.data.catalog import DATA_SETS
from cirkd.data.safe_palette import COLORS_OF_CLASSES
from cirkd.models import inference

text = st.text(min_size=0, max_size=20).map(str.strip)
name = st.text(min_size=1, max_size=20)
states = st.builds(
    StudyState,
    teacher=text | st.just(NONE),
    before=text | st.just(NONE),
    after=text | st.just(NONE),
    others=st.lists(name, max_size=3).map(tuple),
    data=st.sampled_from(sources()),
    folder=text,
    split=text,
    images=st.lists(name, max_size=12).map(tuple),
    layer=st.sampled_from([*LAYERS, "encoder.model.blocks.0", "teacher=stage4, after=stage3"]),
    device=st.sampled_from(DEVICES),
    precision=st.sampled_from(PRECISIONS),
    palette=st.sampled_from(COLORS_OF_CLASSES),
)


@given(states)
def test_the_address_brings_the_state_back(state: StudyState) -> None:
    back = from_query(state.query())
    for field in set(StudyState.__dataclass_fields__) - {"split"}:
        assert getattr(back, field) == getattr(state, field)
    assert back.split == (state.split or StudyState().split)


@given(st.dictionaries(st.sampled_from([*StudyState.__dataclass_fields__, "nonsense"]), st.text(max_size=30)))
def test_any_address_gives_a_state(query: dict[str, str]) -> None:
    state = from_query(query)
    assert state.data in sources()
    assert re.fullmatch(r"[\w.,= -]+", state.layer)
    assert state.device in DEVICES
    assert state.precision in PRECISIONS == inference.PRECISIONS
    assert state.palette in COLORS_OF_CLASSES


def test_names_with_commas_and_percents_survive() -> None:
    state = StudyState(images=("a,b", "100%", "ä b"))
    assert from_query(state.query()).images == state.images


def test_every_data_set_is_a_source_and_survives_a_link() -> None:
    """A link to a data set that the address does not know would open the streets."""
    assert set(sources()) == {*DATA_SETS, UPLOAD}
    for source in sources():
        assert from_query(StudyState(data=source).query()).data == source
    assert from_query({"data": "nonsense"}).data == "streets"
