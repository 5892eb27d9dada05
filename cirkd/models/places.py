"""Where weights lie and what lies beside them: rules about paths, which need no PyTorch."""

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from cirkd.data.bundled import PARTS
from cirkd.data.errors import CheckpointError

COMMANDED = "CIRKD_APP_MODELS"
"""The environment variable by which `cirkd app --model` tells the app its models: role -> path, as JSON."""
STUDENTS = "students"
WEIGHTS = "weights"
"""Where a run keeps its student's weights over time, in its folder."""
_LONGEST = 1_000_000
MOST_STEPS = 8
"""Checkpoints of one student that are shown over time, at most."""
SUFFIXES = (".safetensors", ".pth.tar", ".tar", ".pth", ".pt", ".ckpt", ".bin")
_READ = (*SUFFIXES, ".json", ".py", ".yaml", ".yml", ".txt")
"""What is read of a folder of weights; notes and pictures that lie there are not."""


@dataclass(frozen=True)
class OwnNetwork:
    """`FILE.py:make,WEIGHTS`, taken apart."""

    file: Path
    function: str
    weights: Path | None


def own_network(path: str) -> OwnNetwork | None:
    """What a path of the form `FILE.py:make` or `FILE.py:make,WEIGHTS` names; None for any other.

    >>> own_network("nets/mine.py:make,best.pth").weights
    PosixPath('best.pth')
    """
    first, _, weights = path.partition(",")
    file, colon, function = first.rpartition(":")
    if not colon or not file.endswith(".py") or not function.isidentifier():
        return None
    return OwnNetwork(Path(file), function, Path(weights) if weights else None)


def sidecar(path: Path) -> Path:
    """Where the answers to a file, to a folder of weights, or to a network of one's own are kept.

    >>> sidecar(Path("mine.py:make,runs/last.ckpt")).as_posix()
    'runs/last.cirkd.json'
    >>> sidecar(Path("runs/best.pth.tar")).as_posix()
    'runs/best.cirkd.json'
    """
    if own := own_network(str(path)):
        path = own.weights or own.file
    if path.is_dir():
        return path / "model.cirkd.json"
    return path.with_name(_stem(path) + ".cirkd.json")


def read_with(path: Path) -> list[Path]:
    """The files that are read with a file or folder of weights: a folder's own, the answers, the classes they name."""
    file = sidecar(path)
    try:
        with file.open(encoding="utf-8-sig") as opened:
            named = json.loads(opened.read(_LONGEST)).get("classes")
    except (OSError, ValueError, AttributeError, RecursionError):
        named = None
    inside = sorted(part for part in path.iterdir() if part.name.endswith(_READ)) if path.is_dir() else []
    return [path, *inside, file, *([file.parent / str(named)] if named else [])]


def over_time(folder: Path) -> dict[str, Path]:
    """One student's checkpoints in a folder, by their files' names, in the order of the numbers in these.

    Of a run of this project they are those of its `keep_weights`.
    Of more than eight the first, the last and six evenly between are taken. A file whose name holds no number, such as
    `last.ckpt`, comes last.

    Raises:
        CheckpointError: no such folder, or fewer than two checkpoints in it.
    """
    kept = folder / WEIGHTS if (folder / WEIGHTS).is_dir() else folder
    inside = kept.iterdir() if kept.is_dir() else ()
    own = (path for path in inside if path.name.endswith(SUFFIXES) and not path.name.startswith(("state.", ".")))
    numbers = {path: [int(part) for part in re.findall(r"\d+", path.name)] for path in own}
    found = sorted(numbers, key=lambda path: (not numbers[path], numbers[path], path.name))
    if len(found) < 2:
        there = "1 checkpoint" if found else "no checkpoints"
        raise CheckpointError(f"{folder}: {there} there; give a folder that holds a student at two steps or more")
    last, most = len(found) - 1, min(len(found), MOST_STEPS)
    return {_stem(found[i]): found[i] for i in (round(place * last / (most - 1)) for place in range(most))}


def _stem(path: Path) -> str:
    return path.name.removesuffix(next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), ""))


def student_names(paths: Sequence[str]) -> list[str]:
    """Names of further students, by their files': no two alike, and none that of a role.

    A name that several have gets its folder's before it, and a number where that is not enough.

    >>> student_names(["a/best.pth.tar", "b/best.pth", "b/teacher.pth", "teacher", "b/last.ckpt"])
    ['a best', 'b best', 'b teacher', 'teacher 2', 'last']
    """
    stems = [_stem(Path(path)) for path in paths]
    times = Counter([*PARTS, *stems])
    names: list[str] = []
    for path, stem in zip(paths, stems, strict=True):
        name = stem if times[stem] == 1 else f"{Path(path).parent.name} {stem}".strip()
        tried = (name if number == 1 else f"{name} {number}" for number in count(1))
        names.append(next(name for name in tried if name not in (*PARTS, *names)))
    return names


def told_models(given: Sequence[str]) -> dict[str, str]:
    """role -> path, out of what `cirkd app --model ROLE=PATH` was given; paths are made absolute.

    `students=FOLDER` stands for a student's checkpoints over time, each under a name that is no role.

    Raises:
        CheckpointError: another form, a role given twice, or a file that is not there.

    >>> told_models(["a.pth"])
    Traceback (most recent call last):
    cirkd.data.errors.CheckpointError: --model a.pth: ROLE=PATH was wanted, ROLE one of teacher, before, after, students
    """
    told: dict[str, str] = {}
    for text in given:
        role, equals, path = text.partition("=")
        if not equals or not path or role not in (*PARTS, STUDENTS):
            offered = ", ".join((*PARTS, STUDENTS))
            raise CheckpointError(f"--model {text}: ROLE=PATH was wanted, ROLE one of {offered}")
        if role == STUDENTS:
            steps = over_time(Path(path).expanduser().absolute())
            told |= {f"{STUDENTS} {name}": str(file) for name, file in steps.items()}
            continue
        if role in told:
            raise CheckpointError(f"--model {text}: {role} is given twice; give each role once")
        own = own_network(path)
        files = [file for file in (own.file, own.weights) if file] if own else [Path(path)]
        files = [file.expanduser().absolute() for file in files]
        if missing := next((file for file in files if not file.exists()), None):
            raise CheckpointError(f"--model {text}: there is no file {missing}; give a file or folder of this machine")
        told[role] = f"{files[0]}:{own.function}" + "".join(f",{f}" for f in files[1:]) if own else str(files[0])
    return told


def commanded(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """role, or `students NAME`, -> path of the models that the app was started with; {} where none were named."""
    return json.loads(environment.get(COMMANDED) or "{}")
