"""What the library advises for a terminal is said on screen with the sidebar's fields."""

from __future__ import annotations

import dataclasses

from app.guard import FIELDS, on_screen
from cirkd.models.answers import Answers


def test_there_is_a_field_for_every_option() -> None:
    assert set(FIELDS) == {field.name.replace("_", "-") for field in dataclasses.fields(Answers)}


def test_options_become_fields_but_not_in_a_command_and_not_others() -> None:
    told = on_screen("give --encoder, or name the classes with --classes FILE; or type `cirkd doctor X --encoder Y`")
    assert told.startswith("give “Encoder”, or name the classes with “Classes file”; or type `cirkd doctor X --encoder")
    assert told.endswith("(in the sidebar, “Settings the file does not state”)")
    assert (
        on_screen("say which count as which with --class-map FILE") == "say which count as which with --class-map FILE"
    )
