"""How sentences for people count things."""

from __future__ import annotations


def plural(count: int, noun: str, nouns: str = "") -> str:
    """A count with its noun: '1 image', '1,200 images', '2 queries'.

    Args:
        nouns: the plural; by default an s behind the noun, or -ies for -y behind a consonant.

    >>> plural(1, "file"), plural(0, "query"), plural(1200, "class", "classes")
    ('1 file', '0 queries', '1,200 classes')
    """
    if count == 1:
        return f"1 {noun}"
    usual = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{count:,} {nouns or usual}"
