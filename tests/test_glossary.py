"""One word, one meaning: `core/GLOSSARY.md` lists the refused words, and none of them is in names or in sentences."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import house

GLOSSARY = house.ROOT / "core" / "GLOSSARY.md"
NAMES_FOR_NOW: set[str] = set()
"""Parts of the tree whose names still hold refused words; it may only shrink."""
TEXT_FOR_NOW: set[str] = set()


@dataclass(frozen=True)
class Refusal:
    """A word (or words), where it is refused, what stands instead, and why."""

    word: str
    where: str
    instead: str
    why: str


def refusals() -> list[Refusal]:
    rows = re.findall(
        r"^\| (.+?) \| (name|part|text) \| (.+?) \| (.+?) \|$", GLOSSARY.read_text(encoding="utf-8"), re.M
    )
    return [Refusal(word, where, use, why) for words, where, use, why in rows for word in words.split(", ")]


def bindings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of everything that a file gives a name to: modules' own names, arguments, variables, fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.alias) and node.asname:
            yield 0, node.asname


def words_of(name: str) -> set[str]:
    """`HitParts` and `hit_parts` → {"hit", "parts"}."""
    return set(re.findall(r"[a-z]+", re.sub(r"([A-Z][a-z])", r"_\1", name).lower()))


CONTRACT = {"own"}
"""What a strategy of fusion may ask for by keyword (the query's own position): plug-ins that people have name it so."""
DATA = {"a picture of {}"}
"""Texts that networks read, not people."""


def wrong_names(tree: ast.AST, also: set[str] | frozenset[str] = frozenset()) -> list[str]:
    exact = {refusal.word for refusal in refusals() if refusal.where == "name"} - also
    parts = {refusal.word for refusal in refusals() if refusal.where == "part"}
    return [f"line {line}: {name}" for line, name in bindings(tree) if name in exact or words_of(name) & parts]


SENTENCE = re.compile(r"[A-Za-z]+ [A-Za-z]+")


def wrong_texts(path: Path) -> list[str]:
    pattern = re.compile(rf"\b({'|'.join(r.word for r in refusals() if r.where == 'text')})\b", re.IGNORECASE)
    return [
        f"line {line}: {text[:80]!r}"
        for line, text in house.strings_of(path)
        if SENTENCE.search(text) and pattern.search(text) and text not in DATA
    ]


def is_for_now(path: Path, parts: set[str]) -> bool:
    name = path.relative_to(house.ROOT).as_posix()
    return any(name == part or name.startswith(f"{part}/") for part in parts)


@pytest.mark.parametrize("path", [p for p in house.FILES if not is_for_now(p, NAMES_FOR_NOW)], ids=house.name_of)
def test_names_are_words_of_the_glossary(path: Path) -> None:
    in_contract = path.parent.name == "fusion"
    wrong = wrong_names(house.tree_of(path), CONTRACT if in_contract else frozenset())
    if set(path.stem.split("_")) & {refusal.word for refusal in refusals() if refusal.where == "part"}:
        wrong.append(f"the module's own name, {path.stem}")
    assert not wrong, f"{path}: {wrong}"


@pytest.mark.parametrize("path", [p for p in house.FILES if not is_for_now(p, TEXT_FOR_NOW)], ids=house.name_of)
def test_sentences_are_words_of_the_glossary(path: Path) -> None:
    assert not wrong_texts(path), f"{path}: {wrong_texts(path)}"


def test_a_refused_word_is_found_and_an_innocent_one_is_not() -> None:
    tree = ast.parse(
        "def picture_cards(found, shown):\n    for one in found:\n        self.kept = one.place\n    pictured = 1"
    )
    names = [line.split(": ")[1] for line in wrong_names(tree)]
    assert sorted(names) == ["found", "kept", "one", "picture_cards"]
    assert words_of("HitParts") == words_of("hit_parts") == {"hit", "parts"}


def test_every_refusal_says_what_to_use_and_why() -> None:
    listed = refusals()
    assert len(listed) > 25 and {"found", "picture", "panel"} <= {refusal.word for refusal in listed}
    assert all(refusal.instead and refusal.why for refusal in listed)
    assert len({(refusal.word, refusal.where) for refusal in listed}) == len(listed)
