"""Files that come with the project: the app, trained networks, labelled street images."""

from collections.abc import Collection
from pathlib import Path

_IN_PACKAGE = Path(__file__).resolve().parents[1] / "_bundled"
HOME = _IN_PACKAGE if _IN_PACKAGE.is_dir() else _IN_PACKAGE.parents[1]
"""The folder that holds `app/`, `checkpoints/` and `data/streets/`: a checkout, or `cirkd/_bundled` when installed."""


KINDS = {"few": "few labels", "s2": "pretrained student"}
"""Further students of a data set's teacher: as the names of recipes and checkpoints have them, and in words."""
PARTS = {"teacher": "teacher", "before": "baseline", "after": "cirkd"}
"""The roles of a study, and how the names of their checkpoints end."""
FIRST = "streets-few"
"""The study that opens where none is named: here distillation changes most of what can be seen."""


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


def study_of(name: str) -> str:
    """The study that a checkpoint or recipe belongs to, as far as its name tells: DATA or DATA-KIND; "" for others.

    Example:
        >>> study_of("streets-cirkd-plus"), study_of("streets-few-cirkd"), study_of("mine")
        ('streets', 'streets-few', '')
    """
    data, *rest = name.split("-")
    if not rest:
        return ""
    return f"{data}-{rest[0]}" if rest[0] in KINDS and len(rest) > 1 else data


def data_of(study: str) -> str:
    """The data set of a study: its name without the kind of its students.

    Example:
        >>> data_of("streets-few"), data_of("camvid")
        ('streets', 'camvid')
    """
    data, _, kind = study.rpartition("-")
    return data if kind in KINDS else study


def members(study: str, names: Collection[str]) -> dict[str, str]:
    """Teacher, before and after of a study among the names of checkpoints; "" for one that is not there.

    A study of another kind of student has the teacher of its data set, where it has none of its own.

    Example:
        >>> members("streets-few", ["streets-teacher", "streets-few-cirkd", "streets-cirkd"])
        {'teacher': 'streets-teacher', 'before': '', 'after': 'streets-few-cirkd'}
    """
    found = {role: f"{study}-{part}" for role, part in PARTS.items()}
    if found["teacher"] not in names:
        found["teacher"] = f"{data_of(study)}-{PARTS['teacher']}"
    return {role: name if name in names else "" for role, name in found.items()}


def first_study() -> dict[str, Path]:
    """Role -> bundled checkpoint of the study that opens where none is named."""
    folder = bundled("checkpoints")
    found = members(FIRST, [path.stem for path in folder.glob("*.safetensors")])
    return {role: folder / f"{name}.safetensors" for role, name in found.items() if name}
