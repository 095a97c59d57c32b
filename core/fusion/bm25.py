"""BM25 on the words of texts: what shops have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    ]
)
"""English words that tell nothing: the default list of Lucene, so that the baseline is what shops run."""
_WORD = re.compile(r"[^\W_]+", re.UNICODE)


_ALONE = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def tokens(text: str) -> list[str]:
    """Words of a text for BM25: letters and digits, lower case, accents off; scripts without spaces by character.

    A plural s is taken off words of more than three letters ("jackets" finds "jacket"); nothing else is stemmed. Stop
    words are left out, unless there is nothing else.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words: list[str] = []
    for word in _WORD.findall(plain):
        if any(unicodedata.name(letter, "").startswith(_ALONE) for letter in word):
            words.extend(word)
        else:
            plural = len(word) > 3 and word.endswith("s") and not word.endswith("ss")
            words.append(word[:-1] if plural else word)
    return [word for word in words if word not in STOP_WORDS] or words


class Bm25:
    """Okapi BM25 (k1 = 1.5, b = 0.75) over the words of the items, by rank-bm25.

    A word that more than half of the items have would count below 0 by the formula; rank-bm25 gives it a quarter of the
    mean idf of all words instead.

    Args:
        documents: the text of each item; "" is an item without words.
    """

    def __init__(self, documents: Sequence[str]) -> None:
        from rank_bm25 import BM25Okapi

        self.n_items = len(documents)
        words = [tokens(text) for text in documents]
        self._index = BM25Okapi(words) if any(words) else None

    def scores(self, terms: Sequence[tuple[str, float]]) -> np.ndarray:
        """(n_items,) float64: the sum over terms (text, weight) of weight times BM25; zeros when no word occurs."""
        total = np.zeros(self.n_items)
        if self._index is not None:
            for text, weight in terms:
                total += weight * np.asarray(self._index.get_scores(tokens(text)), np.float64)
        return total
