"""The strings of the interface stand in `core/wording/en`: each is used, short, in our words, and none is left in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import wording
from core.errors import CoreError
from core.wording.strings import FOLDER, fields_of
from tests import house
from tests.test_glossary import refusals

LONGEST = {
    "title": 32,
    "lead": 100,
    "heading": 40,
    "button": 32,
    "label": 40,
    "option": 40,
    "column": 28,
    "state": 48,
    "placeholder": 60,
    "axis": 48,
    "phrase": 100,
    "sentence": 160,
    "error": 200,
    "help": 240,
    "hover": 400,
    "flag": 300,
    "about": 400,
}
"""Characters per kind of string: the part of its key before the first dot. `about` stands behind the figure it is about."""
INTERFACE = [path for path in house.FILES if house.name_of(path).startswith(("core.ui", "core.cli", "pages"))]
"""The table of pages in `app.py` is the one place of their titles in the navigation."""


@pytest.mark.parametrize("name", wording.pages())
def test_strings_are_short_and_in_our_words(name: str) -> None:
    refused = re.compile(rf"\b({'|'.join(r.word for r in refusals() if r.where == 'text')})\b", re.IGNORECASE)
    wrong = []
    for key, text in wording.page(name).by_key.items():
        kind = key.split(".")[0]
        assert kind in LONGEST, f"{key}: a kind of string is one of {', '.join(LONGEST)}"
        if len(text) > LONGEST[kind]:
            wrong.append(f"{key}: {len(text)} characters, at most {LONGEST[kind]}")
        if refused.search(text):
            wrong.append(f"{key}: {text!r} holds a refused word")
        if kind in {"sentence", "error", "help", "about"} and text[-1] not in ".?!…:}":
            wrong.append(f"{key}: {text!r} ends without a full stop")
        if kind in {"title", "heading", "button", "label", "option", "column"} and text.endswith("."):
            wrong.append(f"{key}: {text!r} ends with a full stop")
    assert not wrong, wrong


def catalogues_of(path: Path) -> dict[str, str]:
    """Variable of a module → the file of strings that it holds: `text = wording.page("overview")`."""
    return {
        node.targets[0].id: str(node.value.args[0].value)
        for node in house.tree_of(path).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "wording.page"
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value.args[0], ast.Constant)
    }


def uses_of(path: Path) -> Iterator[tuple[int, str, str, set[str] | None]]:
    """(line, file of strings, key or the start of keys with a "*", named fields) of every use in a module."""
    catalogues = catalogues_of(path)
    if not catalogues:
        return
    for node in ast.walk(house.tree_of(path)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        whole = isinstance(node.func, ast.Attribute) and node.func.attr == "group"
        holder = node.func.value if isinstance(node.func, ast.Attribute) and whole else node.func
        if not (isinstance(holder, ast.Name) and holder.id in catalogues):
            continue
        fields = {keyword.arg for keyword in node.keywords if keyword.arg}
        open_fields = any(keyword.arg is None for keyword in node.keywords)
        for key in keys_of(node.args[0]):
            key = f"{key}.*" if whole else key
            yield node.lineno, catalogues[holder.id], key, None if open_fields or "*" in key else fields


def keys_of(node: ast.expr) -> list[str]:
    """The keys that an argument can be: a constant, either branch of a condition, or an f-string's start."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.IfExp):
        return [*keys_of(node.body), *keys_of(node.orelse)]
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        return [f"{node.values[0].value}*"]
    raise AssertionError(f"line {node.lineno}: a key is written where it is used, {ast.unparse(node)} is not")


def test_every_use_has_its_string_and_its_fields() -> None:
    wrong = []
    for path in house.FILES:
        for line, name, key, fields in uses_of(path):
            strings, here = wording.page(name).by_key, f"{path.name}:{line}"
            if key.endswith("*"):
                if not any(other.startswith(key[:-1]) for other in strings):
                    wrong.append(f"{here}: {name}.toml has nothing under {key}")
            elif key not in strings:
                wrong.append(f"{here}: {name}.toml has no {key}")
            elif fields is not None and fields != fields_of(strings[key]):
                wrong.append(f"{here}: {key} has the fields {sorted(fields_of(strings[key]))}, got {sorted(fields)}")
    assert not wrong, wrong


def test_every_string_is_used() -> None:
    used: dict[str, set[str]] = {name: set() for name in wording.pages()}
    for path in house.FILES:
        for _, name, key, _ in uses_of(path):
            used[name].add(key)
    unused = [
        f"{name}.toml: {key}"
        for name, keys in used.items()
        for key in wording.page(name).by_key
        if key not in keys and not any(key.startswith(start[:-1]) for start in keys if start.endswith("*"))
    ]
    assert not unused, unused


SHOWN = {
    *("button", "caption", "markdown", "write", "text_input", "text_area", "number_input", "info", "warning", "error"),
    *(
        "success",
        "metric",
        "header",
        "subheader",
        "title",
        "expander",
        "popover",
        "tabs",
        "toggle",
        "checkbox",
        "radio",
    ),
    *("selectbox", "multiselect", "slider", "select_slider", "file_uploader", "form_submit_button", "download_button"),
    *("page_link", "link_button", "segmented_control", "pills", "spinner", "status", "toast", "NumberColumn"),
    *("ProgressColumn", "TextColumn", "CheckboxColumn", "ImageColumn", "Column", "camera_input", "color_picker"),
}
"""Streamlit's calls that draw their first argument for people."""
SHOWN_BY_NAME = {"label", "help", "placeholder", "caption"}
DRAWN = re.compile(
    r":(?:material/\w+:|\w+(?=\[))|\\[A-Za-z]|</?\w+/?>|[A-Z][a-z]+-[A-Z][a-z]+|^Fusionscope$|\{\}|%[-+.\w{}:]+"
)
WORD = re.compile(r"[A-Za-z]{3,}")
SENTENCE = re.compile(r"^\W*[A-Z][a-z]+(?:\W.*)?$|[a-z,;] [a-z]+ [a-z]+ [a-z]+", re.S)


def flat(node: ast.expr) -> str:
    """A literal's text with what is filled in left out; '' for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return DRAWN.sub("", node.value)
    if isinstance(node, ast.JoinedStr):
        return DRAWN.sub("", "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)))
    if isinstance(node, ast.BinOp):
        return flat(node.left) + flat(node.right)
    if isinstance(node, ast.List):
        return " ".join(map(flat, node.elts))
    if isinstance(node, ast.IfExp):
        return f"{flat(node.body)} {flat(node.orelse)}"
    return ""


BUILT_IN = {"TypeError", "KeyError", "RuntimeError", "ValueError", "AssertionError"}
"""What tells a programmer, not a person."""


def lines_for_programmers(tree: ast.AST) -> set[int]:
    """Lines of log messages, of assertions, built-in errors and type variables."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            lines.add(node.lineno)
        elif isinstance(node, ast.Call) and (
            ast.unparse(node.func).startswith("_log.")
            or ast.unparse(node.func) == "TypeVar"
            or ast.unparse(node.func) in BUILT_IN
        ):
            lines |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def literals_of(path: Path) -> list[str]:
    """Every text for people that stands in a module itself: labels of widgets, and whatever reads as a sentence."""
    wrong, keys, skipped = [], set(), lines_for_programmers(house.tree_of(path))
    for node in ast.walk(house.tree_of(path)):
        if not isinstance(node, ast.Call) or node.lineno in skipped:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        keys |= {part.value for k in node.keywords if k.arg == "key" for part in ast.walk(k.value) if is_text(part)}
        texts = [*node.args[:1]] if name in SHOWN else []
        texts += [keyword.value for keyword in node.keywords if keyword.arg in SHOWN_BY_NAME]
        texts = [text for text in texts if not (name == "page_link" and text in node.args)]
        wrong += [f"line {t.lineno}: {flat(t)[:60]!r}" for t in texts if WORD.search(flat(t))]
    for line, text in house.strings_of(path):
        if line not in skipped and text not in keys and SENTENCE.search(DRAWN.sub("", text)):
            wrong.append(f"line {line}: {text[:60]!r}")
    return sorted(set(wrong))


@pytest.mark.parametrize("path", INTERFACE, ids=house.name_of)
def test_no_text_for_people_stands_in_the_code(path: Path) -> None:
    wrong = literals_of(path)
    assert not wrong, f"{path}: {wrong}"


def test_text_is_told_from_keys(tmp_path: Path) -> None:
    for source, is_wrong in (
        ('st.button("Open dataset", key="open dataset")', True),
        ('st.button(text("button.open"), key="open dataset of " + name)', False),
        ('st.markdown(f"**{name}** :green[:material/check_circle:] {count}")', False),
        ('st.markdown(f"**{name}** :green[:material/check_circle:] ready")', True),
        ('column.slider("" if narrow else "Images", 1, 9)', True),
        ('LOOKS = {"search": "Search"}', True),
        ('raise BadInput("the queries of this set have no labels")', True),
        ('raise ValueError("the queries of this set have no labels")', False),
    ):
        path = tmp_path / f"case{abs(hash(source))}.py"
        path.write_text(source, encoding="utf-8")
        assert bool(literals_of(path)) == is_wrong, (source, literals_of(path))


def test_files_of_strings_are_for_translators() -> None:
    """Double-quoted or multi-line TOML, English folder, no file without strings."""
    assert FOLDER.name == "en" and all(wording.page(name).by_key for name in wording.pages())


@pytest.mark.parametrize("path", INTERFACE, ids=house.name_of)
def test_no_function_hides_the_strings_of_its_module(path: Path) -> None:
    names = set(catalogues_of(path))
    for function in ast.walk(house.tree_of(path)) if names else ():
        if isinstance(function, ast.FunctionDef):
            bound = {argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]}
            bound |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            called = {n.func.id for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
            assert not bound & called & names, f"{path}: {function.name} has its own {bound & called & names}"


def raised_texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of each sentence that a module raises for a person; what is filled in counts as one letter."""
    for node in ast.walk(house.tree_of(path)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            name = ast.unparse(node.exc.func).rpartition(".")[2]
            parts = [part for part in ast.walk(node.exc.args[0]) if is_text(part)]
            if name in FOR_PEOPLE and parts:
                yield node.lineno, " ".join("".join(str(part.value) for part in parts).split())


FOR_PEOPLE = {kind.__name__ for kind in CoreError.__subclasses__()}


@pytest.mark.parametrize("path", house.FILES, ids=house.name_of)
def test_errors_of_the_core_are_short_sentences_too(path: Path) -> None:
    """They stand where they arise, and pages show them as they are; refused words are `test_glossary`'s."""
    long = [line for line, text in raised_texts(path) if len(text) > LONGEST["error"]]
    assert not long, f"{path}: lines {long} raise more than {LONGEST['error']} characters"


def test_a_long_error_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text(
        f'raise BadInput(f"{"word " * 50}{{name!r}}.")\nraise ValueError("{"word " * 50}")', encoding="utf-8"
    )
    assert [(line, len(text) > LONGEST["error"]) for line, text in raised_texts(path)] == [(1, True)]
