"""Tables for a terminal: cells that stand under one another."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> list[str]:
    """Lines of text whose cells stand under one another, two spaces apart.

    Args:
        rows: all of one length; a row that is shorter ends its line there.
        numbers: columns that stand right.

    >>> aligned([["system", "mAP"], ["a", "0.5"], ["b"]], numbers=[1])
    ['system  mAP', 'a       0.5', 'b']
    """
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(max(map(len, rows), default=0))]
    return [
        "  ".join(
            cell.rjust(width) if at in numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
