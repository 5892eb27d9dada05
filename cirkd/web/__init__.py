"""What runs in a browser: plain JavaScript modules, and how one entry module with all it imports becomes one script.

The app's components, the static lesson and the notebook widget draw with the same modules. Tests import them one by
one; a page gets a single script, as nothing may be fetched and nothing is built.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

FOLDER = Path(__file__).parent
LESSON_TITLE = "What relations teach"
_IMPORT = re.compile(r"^import (\{[^}]*\}) from \"(\.[./\w]*\.js)\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)


@functools.cache
def script(name: str) -> str:
    """The script of a component: `script("explorer")` is explorer/explorer.js with all that it imports."""
    return bundle(FOLDER / name / f"{name}.js")


@functools.cache
def style(*names: str) -> str:
    """The style sheets of components, as one."""
    return "\n".join((FOLDER / name / f"{name}.css").read_text(encoding="utf-8") for name in names)


def bundle(entry: Path) -> str:
    """A module and those it imports as one module that imports nothing and exports what `entry` exports by default.

    Every other module becomes a function's scope that returns its exports, each before the first that needs it. A
    module is written so: `import { a, b } from "./x.js";` alone at the top, and `export` before a named function,
    class or const.

    Raises:
        FileNotFoundError: an import of a file that is not there.
        ValueError: modules that import each other in a circle.
    """
    order: list[Path] = []
    _visit(entry.resolve(), order, ())
    names = {path: f"${path.parent.name}_{path.stem}" for path in order}
    parts = [_scope(path, names) for path in order[:-1]]
    return "\n".join([*parts, _EXPORT.sub("", _body(order[-1], names))])


def _visit(path: Path, order: list[Path], above: tuple[Path, ...]) -> None:
    if path in above:
        raise ValueError(f"modules in a circle: {' > '.join(item.name for item in (*above, path))}")
    for found in _IMPORT.finditer(path.read_text(encoding="utf-8")):
        needed = (path.parent / found[2]).resolve()
        if needed not in order:
            _visit(needed, order, (*above, path))
    order.append(path)


def _body(path: Path, names: dict[Path, str]) -> str:
    """The module with its imports taken from the scopes above it."""

    def taken(found: re.Match[str]) -> str:
        return f"const {found[1].replace(' as ', ': ')} = {names[(path.parent / found[2]).resolve()]};\n"

    return _IMPORT.sub(taken, path.read_text(encoding="utf-8"))


def _scope(path: Path, names: dict[Path, str]) -> str:
    body = _body(path, names).replace("\nexport default ", "\n")
    exports = ", ".join(_EXPORT.findall(body))
    return f"const {names[path]} = (() => {{\n{_EXPORT.sub('', body)}\nreturn {{ {exports} }};\n}})();"
