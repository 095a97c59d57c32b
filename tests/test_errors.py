"""The tree of errors is drawn as it is."""

from __future__ import annotations

import inspect
import re

from core import errors


def test_the_drawing_shows_every_error_once_and_no_other() -> None:
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == "core.errors"]
    drawn = re.findall(r"^[ ├└─]*([A-Z]\w+)  ", errors.__doc__, re.M)
    assert drawn[0] == "CoreError" and sorted(drawn) == sorted(kind.__name__ for kind in classes)
    assert all(kind.__base__ is errors.CoreError for kind in classes if kind is not errors.CoreError)
