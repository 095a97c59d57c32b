"""A catalogue of strings raises at once where a key or a field is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import wording
from core.wording import strings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop.toml").write_text(
        '[button]\nopen = "Open {name}"\n[option.look]\nlist = "List"\ngrid = "Grid"\n', encoding="utf-8"
    )
    monkeypatch.setattr(strings, "FOLDER", tmp_path)
    monkeypatch.setattr(strings, "page", strings.page.__wrapped__)
    return tmp_path


def test_a_string_is_filled_in(folder: Path) -> None:
    text = strings.page("shop")
    assert text("button.open", name="{braces}") == "Open {braces}"
    assert text.group("option.look") == {"list": "List", "grid": "Grid"}


def test_what_is_missing_raises(folder: Path) -> None:
    text = strings.page("shop")
    with pytest.raises(KeyError, match="no string 'button.close'"):
        text("button.close")
    with pytest.raises(KeyError, match="needs name"):
        text("button.open")
    with pytest.raises(KeyError, match="no table"):
        text.group("option.size")
    with pytest.raises(KeyError, match="shop"):
        strings.page("shops")


def test_only_text_is_a_string(folder: Path) -> None:
    (folder / "bad.toml").write_text("[help]\nk = 3\n", encoding="utf-8")
    with pytest.raises(TypeError, match="help.k is int"):
        strings.page("bad")


def test_a_page_is_read_once() -> None:
    assert wording.page("overview") is wording.page("overview")
