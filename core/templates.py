"""The templates in `assets/`: HTML and SVG are written there, and every value that enters them is escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from core import paths

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(paths.ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, **values: Any) -> str:
    """A template of `assets/` with these values; the text is markup and is not escaped again inside another template.

    Raises:
        jinja2.UndefinedError: the template names a value that was not given.
    """
    from markupsafe import Markup

    return Markup(_environment().get_template(name).render(**values))


def stylesheet(name: str) -> str:
    """A CSS file of `assets/` as markup: it is the product's own, and nothing of a user enters it."""
    from markupsafe import Markup

    return Markup((paths.ASSETS / name).read_text(encoding="utf-8"))
