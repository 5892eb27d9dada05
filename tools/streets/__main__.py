"""Command line: renders every frame that is not there yet, and keeps the manifest up to date."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from pathlib import Path

from .errors import StreetsError
from .job import check_extra, render_scene, start_worker


def _arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.streets", description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder with the five furniture archives")
    parser.add_argument("--out", type=Path, default=Path("data/streets"), help="folder of the frames")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "cirkd-streets",
        help="folder for unpacked archives and parsed models",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the whole set")
    parser.add_argument("--scenes", type=int, default=72, help="number of scenes, five frames each")
    parser.add_argument("--samples", type=int, default=8, help="light paths per pixel")
    parser.add_argument("--quality", type=int, default=92, help="WebP quality, 1 to 100")
    parser.add_argument("--jobs", type=int, default=2, help="scenes rendered at the same time")
    options = parser.parse_args()
    for name in ("scenes", "samples", "quality", "jobs"):
        if getattr(options, name) < 1:
            raise StreetsError(f"--{name} must be at least 1, not {getattr(options, name)}")
    return options


def _run(options: argparse.Namespace) -> None:
    """Render all scenes that lack a frame."""
    from .catalogue import load_catalogue
    from .manifest import VIEWS, frames_of, write_manifest

    load_catalogue(options.models, options.cache)  # unpacks once, and reports a wrong folder early
    options.out.mkdir(parents=True, exist_ok=True)
    todo = [
        n for n in range(options.scenes) if not all(frame.done(options.out) for frame in frames_of(options.seed, n))
    ]
    total, rendered, start = options.scenes * VIEWS, 0, time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.jobs, start_worker, (options,)) as pool:
        for number, fresh in pool.imap_unordered(render_scene, todo):
            rendered += fresh
            done = write_manifest(options.out, options.seed, options.scenes)
            pace = (time.monotonic() - start) / max(rendered, 1)
            print(
                f"scene {number}: {done} of {total} frames, {pace:.1f} s a frame, "
                f"{pace * (total - done) / 60:.0f} min left",
                flush=True,
            )
    done = write_manifest(options.out, options.seed, options.scenes)
    print(f"{done} of {total} frames in {options.out}")


def main() -> int:
    """Run the tool; return the exit status."""
    try:
        options = _arguments()
        check_extra()
        _run(options)
    except StreetsError as error:
        print(f"streets: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("streets: stopped; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
