"""Files that come with the project: the app, trained networks, labelled street images."""

from pathlib import Path

_IN_PACKAGE = Path(__file__).resolve().parents[1] / "_bundled"
HOME = _IN_PACKAGE if _IN_PACKAGE.is_dir() else _IN_PACKAGE.parents[1]
"""The folder that holds `app/`, `checkpoints/` and `data/streets/`: a checkout, or `cirkd/_bundled` when installed."""


def bundled(*parts: str) -> Path:
    """The path of something that comes with the project, such as `bundled("data", "streets")`."""
    return HOME.joinpath(*parts)


def checkpoint_path(path: Path) -> Path:
    """The path as given, or where nothing lies there, the bundled checkpoint that it names.

    So recipes and examples can say `checkpoints/streets-teacher.safetensors`, or `streets-teacher`, in any folder.

    Example:
        >>> checkpoint_path(Path("streets-teacher")).name
        'streets-teacher.safetensors'
        >>> checkpoint_path(Path("mine.pth")).name
        'mine.pth'
    """
    ours = bundled("checkpoints", path.name if path.suffix == ".safetensors" else f"{path.name}.safetensors")
    named = str(path) == path.name or path.parent == Path("checkpoints")
    try:
        return ours if named and not path.exists() and ours.is_file() else path
    except (OSError, ValueError):
        # A name that no file can have: whoever opens it says so.
        return path
