"""Where files lie: an address is no folder of this machine, and is refused before anything is made of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import cli, paths
from core.data import readers
from core.errors import BadInput

ROOT = Path(__file__).resolve().parent.parent
ADDRESSES = (
    "gs://bucket/prefix",
    "foo://x",
    "file:///tmp/home",
    "https://example.org/home",
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in which an address that is taken for a path would leave something."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("variable", ["FUSIONSCOPE_HOME", "FUSIONSCOPE_PLUGINS"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_refused_in_one_sentence(
    variable: str, address: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, address)
    with pytest.raises(BadInput, match="only a folder of this machine.*can stand there") as refused:
        paths.home() if variable.endswith("HOME") else paths.plugins()
    assert str(refused.value).startswith(f"{variable} is {address!r}")
    assert not list(here.iterdir())


def test_the_command_line_and_the_app_say_so_at_once(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_HOME", "gs://bucket/prefix")
    for verb in (["list", "datasets"], ["check"], ["embed", "--data", "photo_views"]):
        assert cli.main(verb) == 2
        out, err = capsys.readouterr()
        assert not out and err.startswith("error: FUSIONSCOPE_HOME is 'gs://bucket/prefix'") and err.count("\n") == 1
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception and len(app.error) == 1
    assert "only a folder of this machine" in app.error[0].value and "gs:" in app.error[0].value
    assert not list(here.iterdir())


def test_images_at_an_address_of_another_kind_are_refused_with_the_way_out(here: Path, home: Path) -> None:
    for address in ("gs://bucket/photos", "ftp://example.org/photos.csv"):
        with pytest.raises(BadInput, match=f"^{address} is an address.*Mount"):
            readers.choose(Path(address))
    with pytest.raises(BadInput, match="does not exist"):
        readers.choose(Path("photos/2024"))


def test_a_home_on_a_store_is_an_address_and_a_cache_of_its_own(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONSCOPE_HOME", "s3://bucket//some/prefix/")
    monkeypatch.setenv("FUSIONSCOPE_CACHE", str(here / "cache"))
    assert paths.home_address() == "s3://bucket/some/prefix"
    assert paths.home() == paths.cache() == paths.layouts().parent and paths.home().parent == here / "cache"
    assert paths.cache_is_bounded() and paths.cache_bytes() == 20e9
    monkeypatch.setenv("FUSIONSCOPE_HOME", "S3:/other")
    assert paths.home().parent == here / "cache" and paths.home_address() == "s3://other"
    for variable, text in (("FUSIONSCOPE_CACHE", "s3://bucket/cache"), ("FUSIONSCOPE_HOME", "s3://")):
        monkeypatch.setenv(variable, text)
        with pytest.raises(BadInput):
            paths.home()
    assert not list(here.iterdir())


def test_a_home_on_a_store_without_its_library_is_one_sentence_and_no_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_HOME", "s3://bucket/prefix")
    monkeypatch.setenv("FUSIONSCOPE_CACHE", str(here / "cache"))
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert cli.main(["list", "datasets"]) == 2
    error = capsys.readouterr().err
    assert "pip install -r requirements-distributed.txt" in error and error.count("\n") == 1
    assert not list(here.iterdir())


def test_a_cache_beside_a_home_on_this_machine(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(here / "home"))
    monkeypatch.delenv("FUSIONSCOPE_CACHE", raising=False)
    assert paths.layouts() == here / "home" / "layouts" and not paths.cache_is_bounded()
    monkeypatch.setenv("FUSIONSCOPE_CACHE", str(here / "cache"))
    assert paths.layouts().is_relative_to(here / "cache") and paths.datasets() == here / "home" / "datasets"
    for text in ("no", "0", "-3", "nan"):
        monkeypatch.setenv("FUSIONSCOPE_CACHE_GB", text)
        with pytest.raises(BadInput, match="FUSIONSCOPE_CACHE_GB"):
            paths.cache_bytes()


@pytest.mark.parametrize("path", ["relative/home", "with:colon", "C:/drive", "/absolute", "~/mine"])
def test_a_path_stays_a_path(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSIONSCOPE_HOME", path)
    assert paths.home().is_absolute()


def test_a_search_server_is_named_by_a_flag_or_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["app.py"])
    monkeypatch.delenv("FUSIONSCOPE_SEARCH_SERVER", raising=False)
    assert paths.search_server() == ""
    monkeypatch.setenv("FUSIONSCOPE_SEARCH_SERVER", "postgresql://one/db")
    assert paths.search_server() == "postgresql://one/db"
    for flag in (["--search-server", "postgresql://two/db"], ["--search-server=postgresql://two/db"]):
        monkeypatch.setattr("sys.argv", ["app.py", *flag])
        assert paths.search_server() == "postgresql://two/db"
