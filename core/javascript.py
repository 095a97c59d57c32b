"""JavaScript in several ES modules, bundled into one text without any build step.

Streamlit loads the script of a component from a blob, where `import ... from "./geometry.js"` leads nowhere, and a
report is one HTML file. So the modules that an entry module imports are put before it, each once and in a scope of
its own, in the order in which they need each other. Only these statements are known, each at the start of a line:

    import { name, other as alias } from "./module.js";
    export const NAME = ...   export function name ...   export async function name ...   export class Name ...
    export default ...        (in the entry module only)

Whatever else imports or exports is refused, so that a bundle means what its modules mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_IMPORT = re.compile(r"^import\s*\{([^{}]*)\}\s*from\s*\"(\.{1,2}/[^\"]+)\";[ \t]*$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|class|function\*?|async function\*?) *([A-Za-z_$][\w$]*))", re.MULTILINE)
_DEFAULT = re.compile(r"^export default\b", re.MULTILINE)
_STATEMENT = re.compile(r"^[ \t]*(?:import|export)\b.*|\bimport\s*\(.*|\bimport\.meta\b.*", re.MULTILINE)
_IMPORTED = re.compile(r"([A-Za-z_$][\w$]*)(?:\s+as\s+([A-Za-z_$][\w$]*))?")
_UNSAFE = re.compile(r"</script|<!--", re.IGNORECASE)


class UnsupportedModule(ValueError):
    """A JavaScript module that cannot be bundled; the sentence names the file and what to change."""


@dataclass(frozen=True)
class _Module:
    """One file of a bundle.

    Attributes:
        text: the file, imports and exports included.
        exports: the names it exports.
        imports: the file that each import statement names, in order.
        stamp: of the file before it was read.
    """

    text: str
    exports: frozenset[str]
    imports: tuple[Path, ...]
    stamp: tuple[int, int]


@dataclass(frozen=True)
class _Bundle:
    """A text, and the stamps of the files that it was made of."""

    text: str
    stamps: dict[Path, tuple[int, int]]


_BUNDLES: dict[Path, _Bundle] = {}


def bundle(entry: Path) -> str:
    """The entry module and all that it imports, as the text of one ES module.

    A module without imports stays as it is. The text may also stand inside an HTML `<script type="module">`. A bundle
    is remembered until one of its files changes.

    Args:
        entry: the module that is run; its `export default` stays an export of the bundle.
    Raises:
        UnsupportedModule: a statement that is not known, a file that is not there, a name that is not exported, or
            modules that import each other.
    """
    entry = entry.resolve()
    made = _BUNDLES.get(entry)
    if made is None or any(_stamp(path) != stamp for path, stamp in made.stamps.items()):
        made = _BUNDLES[entry] = _bundled(entry)
    return made.text


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written; (0, 0) where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _bundled(entry: Path) -> _Bundle:
    """The bundle of an entry module, from its files."""
    modules = _in_order(entry)
    scopes = {path: f"$module{number}" for number, path in enumerate(modules)}
    texts = []
    for path, module in modules.items():
        text = _with_local_imports(path, module, modules, scopes)
        if path != entry:
            names = ", ".join(sorted(module.exports))
            body = _EXPORT.sub("", text)
            text = f"const {scopes[path]} = (() => {{ // {path.name}\n{body}\nreturn {{ {names} }};\n}})();\n"
        texts.append(text)
    return _Bundle("\n".join(texts), {path: module.stamp for path, module in modules.items()})


def _in_order(entry: Path) -> dict[Path, _Module]:
    """Every module after those that it imports, the entry last."""
    ordered: dict[Path, _Module] = {}
    trail: list[Path] = []

    def visit(path: Path) -> None:
        if path in trail:
            circle = " → ".join(step.name for step in [*trail[trail.index(path) :], path])
            raise UnsupportedModule(f"Modules import each other: {circle}. Move what they share into a third one.")
        if path in ordered:
            return
        trail.append(path)
        module = _read(path, is_entry=path == entry)
        for imported in module.imports:
            visit(imported)
        ordered[path] = module
        trail.pop()

    visit(entry)
    return ordered


def _read(path: Path, is_entry: bool) -> _Module:
    """A file, and what it imports and exports."""
    stamp = _stamp(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UnsupportedModule(f"There is no module {path}: mend the import that names it.") from None
    unknown = _STATEMENT.search(_known_left_out(text, is_entry))
    if unknown:
        raise UnsupportedModule(
            f"{path.name} says {unknown.group().strip()!r}, which cannot be bundled. Use import {{ name }} from"
            " \"./module.js\"; and export const, function or class; 'export default' is for the entry module."
        )
    if _UNSAFE.search(text):
        raise UnsupportedModule(f"{path.name} holds '</script' or '<!--', which ends a script in HTML: write it apart.")
    exports = frozenset(match.group(1) for match in _EXPORT.finditer(text))
    imports = tuple((path.parent / match.group(2)).resolve() for match in _IMPORT.finditer(text))
    return _Module(text, exports, imports, stamp)


def _known_left_out(text: str, is_entry: bool) -> str:
    """The text without the statements that a bundle knows."""
    rest = _EXPORT.sub("", _IMPORT.sub("", text))
    return _DEFAULT.sub("", rest) if is_entry else rest


def _with_local_imports(path: Path, module: _Module, modules: dict[Path, _Module], scopes: dict[Path, str]) -> str:
    """The text with each import reading from the scope of the module that it names."""

    def local(match: re.Match[str]) -> str:
        source = (path.parent / match.group(2)).resolve()
        bindings = []
        for item in filter(None, (part.strip() for part in match.group(1).split(","))):
            names = _IMPORTED.fullmatch(item)
            if names is None or names.group(1) not in modules[source].exports:
                offered = ", ".join(sorted(modules[source].exports)) or "nothing"
                raise UnsupportedModule(f"{path.name} imports {item!r}, but {source.name} exports {offered}.")
            bindings.append(": ".join(filter(None, names.groups())))
        return f"const {{ {', '.join(bindings)} }} = {scopes[source]};"

    return _IMPORT.sub(local, module.text)
