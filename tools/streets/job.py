"""What one rendering process does: load the shared models once, then render scene after scene."""

from __future__ import annotations

import argparse
from typing import Any

from .errors import StreetsError

_worker: dict[str, Any] = {}


def check_extra() -> None:
    """Say what to install when a renderer package is missing."""
    try:
        import mitsuba
        import pyoidn  # noqa: F401
    except ImportError as error:
        raise StreetsError(f"{error}; install the renderer with: pip install -e '.[streets]'") from error
    mitsuba.set_variant("scalar_rgb")  # the one variant that needs neither LLVM nor a GPU


def start_worker(options: argparse.Namespace) -> None:
    """Load in each process what all scenes share."""
    check_extra()
    from .catalogue import load_catalogue
    from .models import ModelStore

    _worker.update(
        options=options, models=load_catalogue(options.models, options.cache), store=ModelStore(options.cache)
    )


def render_scene(number: int) -> tuple[int, int]:
    """Render the missing frames of one scene; return its number and how many there were."""
    from .camera import choose_views
    from .manifest import VIEWS, frames_of
    from .render import render_frame, save_frame
    from .scene import build_scene

    options = _worker["options"]
    frames = frames_of(options.seed, number)
    built = build_scene(frames[0].scene_seed, _worker["models"], _worker["store"])
    views = choose_views(built, VIEWS, frames[0].scene_seed)
    rendered = 0
    for frame, view in zip(frames, views, strict=False):
        if frame.done(options.out):
            continue
        image, classes = render_frame(built, view, options.samples, frame.scene_seed * VIEWS + frame.view)
        save_frame(image, classes, options.out / frame.image, options.out / frame.label, options.quality)
        rendered += 1
    return number, rendered
