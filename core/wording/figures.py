"""How a number stands in a sentence or a table: '0.937 [0.923, 0.950]', '+0.035', '34 %', and one sign of minus."""

from __future__ import annotations

import math

NOTHING = "–"
"""Where a figure is not defined."""


def _undefined(*values: float | None) -> bool:
    return any(value is None or math.isnan(value) for value in values)


def _with_minus(text: str) -> str:
    """The hyphen of Python as a minus; a zero has no sign."""
    if not any(digit in "123456789" for digit in text):
        return text.replace("-", "")
    return text.replace("-", "−")


def number(value: float | None, digits: int = 3) -> str:
    """A figure; '–' where it is undefined.

    >>> number(0.93712), number(-0.5, 2), number(float("nan"))
    ('0.937', '−0.50', '–')
    """
    return NOTHING if value is None or math.isnan(value) else _with_minus(f"{value:,.{digits}f}")


def signed(value: float | None, digits: int = 3) -> str:
    """A difference with its sign; a difference that rounds to nothing has none.

    >>> signed(0.0349), signed(-0.0349), signed(0.0001)
    ('+0.035', '−0.035', '0.000')
    """
    if value is None or math.isnan(value):
        return NOTHING
    text = _with_minus(f"{value:+,.{digits}f}")
    return text if any(digit in "123456789" for digit in text) else text.lstrip("+")


def interval(low: float | None, high: float | None, digits: int = 3, sign: bool = False) -> str:
    """The ends of an interval; '' where it is undefined.

    Args:
        sign: the ends of a difference carry their sign.

    >>> interval(0.871, 0.903), interval(-0.01, 0.02, sign=True), interval(None, 1.0)
    ('[0.871, 0.903]', '[−0.010, +0.020]', '')
    """
    if _undefined(low, high):
        return ""
    write = signed if sign else number
    return f"[{write(low, digits)}, {write(high, digits)}]"


def figure(mean: float | None, low: float | None = None, high: float | None = None, digits: int = 3) -> str:
    """A mean with its interval behind it.

    >>> figure(0.937, 0.923, 0.95), figure(0.937), figure(float("nan"), 0, 1)
    ('0.937 [0.923, 0.950]', '0.937', '–')
    """
    if _undefined(mean):
        return NOTHING
    return f"{number(mean, digits)} {interval(low, high, digits)}".rstrip()


def percent(share: float | None, digits: int = 0) -> str:
    """A share of one in percent.

    >>> percent(0.34), percent(-0.005, 1)
    ('34 %', '−0.5 %')
    """
    return NOTHING if share is None or math.isnan(share) else f"{number(share * 100, digits)} %"


def p_value(value: float | None) -> str:
    """A p-value in a sentence, as papers write it.

    >>> p_value(0.0312), p_value(0.00002), p_value(float("nan"))
    ('p = 0.031', 'p < 0.001', 'p –')
    """
    text = p_cell(value, 3)
    return f"p {text}" if text == NOTHING or text.startswith("<") else f"p = {text}"


def p_cell(value: float | None, digits: int = 4) -> str:
    """A p-value under a heading that says what it is; one that rounds to nothing is below the last digit, never 0.

    >>> p_cell(0.0312), p_cell(0.00002), p_cell(0.0004, 3), p_cell(1.0), p_cell(None)
    ('0.0312', '< 0.0001', '< 0.001', '1.0000', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    least = 10.0**-digits
    return f"< {least:.{digits}f}" if value < least else f"{value:.{digits}f}"
