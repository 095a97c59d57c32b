"""Somebody else's words stay words: nothing in them becomes a picture, a link, a colour, an icon or code."""

from __future__ import annotations

import re

import pytest

from core.ui.app import theme

UNSEEN = "\u200b"
HOSTILE = (
    "![p](http://evil/p.png)",
    "[x](http://evil)",
    "<img src=x onerror=y>",
    "**b**",
    "_i_",
    "~~s~~",
    "$x^2$",
    "# h",
    "> q",
    "a | b",
    "&copy;",
    "`code`",
    "``a`b``",
    ":smile:",
    ":100:",
    ":material/home:",
    ":red[x]",
    ":blue-background[y]",
    ":streamlit:",
    "www.evil.com",
    "WWW.evil.com",
    "https://evil.com",
    "ftp://evil",
    "a@b.com",
    "mailto:a@b.com",
    "- item",
    "-- dash",
    "a -> b",
    "a <- b",
    "1. one",
    "    indented",
    "\tindented",
    "a\n===",
    "a\n---",
    "\\`x`",
    "`python -m core",
    "`python3 -c x`",
    "a:b",
    "a\n- item",
)


def shown(text: str) -> str:
    """What a reader sees of escaped Markdown: backslashes before marks gone, nothing else read."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text).replace(UNSEEN, "").replace("\xa0", " ")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_left_that_markdown_reads(text: str) -> None:
    made = theme.plain(text)
    assert " ".join(shown(made).split()) == " ".join(text.split()), "every character is still to be read"
    bare = re.sub(r"\\.", "·", made)
    assert not re.search(r"[`*_{}\[\]()#+!|<>~$&]", bare), "no mark is left unescaped"
    assert not re.search(r":[A-Za-z+/-]|:\d+:|www\.|@\w|--|->", bare, re.IGNORECASE), "nothing reads itself"
    assert not re.search(r"^\s*([-=]|\d+\.)|^( {4}|\t)", bare, re.MULTILINE), "no line begins a list, rule or code"


def test_a_command_in_a_sentence_stays_code() -> None:
    command = "`python -m core embed --dataset my_set --backbone a:b`"
    made = theme.plain(f"No embeddings of 'my_set' yet. Run {command}.")
    assert command in made and r"'my\_set'" in made


def test_a_command_hides_nothing_behind_it() -> None:
    made = theme.plain("`python -m core x` ![p](http://evil) `code`")
    assert made.startswith("`python -m core x` ") and r"\!\[p\]" in made and r"\`code\`" in made
    assert "\\`" in theme.plain("``python -m core x``"), "only single backticks make a command"


def test_plain_words_are_left_alone() -> None:
    assert theme.plain("Fashion products, 12:30, 3.5 – e-mail") == "Fashion products, 12:30, 3.5 – e-mail"
