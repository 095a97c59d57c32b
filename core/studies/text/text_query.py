"""What a typed line means: terms, their weights, and what is to be avoided."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import BadInput

MAX_CHARACTERS = 2000


MAX_TERMS = 32


MAX_WEIGHT = 10.0


_PIECE = re.compile(r'(?<!\S)(-?)(?:"([^"]*)"(?::(-?\d+(?:\.\d+)?))?|(\S+))')


_WEIGHTED = re.compile(r"^(.*[^:]):(-?\d+(?:\.\d+)?)$", re.DOTALL)


@dataclass(frozen=True)
class Term:
    """Some words and how much they count; below 0 they are to be avoided."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class TextQuery:
    """A typed line, understood: terms, and sentences about what was left out."""

    terms: tuple[Term, ...]
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The query as it was understood, for people."""
        wanted = [f"“{t.text}”" + (f" × {t.weight:g}" if t.weight != 1 else "") for t in self.terms if t.weight > 0]
        avoided = [f"“{t.text}”" + (f" × {-t.weight:g}" if t.weight != -1 else "") for t in self.terms if t.weight < 0]
        sentence = " + ".join(wanted)
        return sentence + (" without " if sentence else "Without ") + " and ".join(avoided) if avoided else sentence


def parse(line: str) -> TextQuery:
    """What a typed line asks for.

    Plain words belong together and are read as one phrase. `-word` is to be avoided, `word:2` counts twice,
    "several words" in double quotes are one term and take a minus or a weight too: `"red shoe":2 -lace`.

    Raises:
        BadInput: nothing to look for.
    """
    notes = []
    text = "".join(letter if letter.isprintable() else " " for letter in line)
    text = text.replace("“", '"').replace("”", '"').replace("„", '"')
    if len(text) > MAX_CHARACTERS:
        notes.append(f"Only the first {MAX_CHARACTERS:,} of {len(text):,} characters were read.")
        text = text[:MAX_CHARACTERS]
    phrase: list[str] = []
    terms: list[Term] = []
    for minus, quoted, weight, word in _PIECE.findall(text):
        if not quoted and not word:
            continue
        term, factor = (quoted, float(weight or 1)) if quoted else _weighted(word)
        term = term.strip().strip('"').strip()
        if not any(letter.isalnum() or ord(letter) > 0x2000 for letter in term):
            continue
        factor = max(-MAX_WEIGHT, min(MAX_WEIGHT, -factor if minus else factor))
        if factor == 1 and not quoted:
            phrase.append(term)
        elif factor != 0:
            terms.append(Term(term, factor))
    if phrase:
        terms.insert(0, Term(" ".join(phrase)))
    if not terms:
        raise BadInput("Type what to look for, for example: red shoe -lace.")
    if len(terms) > MAX_TERMS:
        notes.append(f"Only the first {MAX_TERMS} of {len(terms)} terms were read.")
        terms = terms[:MAX_TERMS]
    return TextQuery(tuple(terms), tuple(notes))


def _weighted(word: str) -> tuple[str, float]:
    """'red:2' → ('red', 2.0); a time of day ('12:30') or an address stays as it is."""
    match = _WEIGHTED.match(word)
    if not match or abs(float(match.group(2))) > MAX_WEIGHT or match.group(1)[-1].isdigit():
        return word, 1.0
    return match.group(1), float(match.group(2))
