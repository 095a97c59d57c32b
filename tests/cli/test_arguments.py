"""What the command line makes of its arguments: texts with a minus, files that cannot be written, one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import cli
from core.cli import VERBS, admin

VALUED = [(verb.name, flag.names[0]) for verb in VERBS for flag in verb.flags if flag.takes_value]


def parsed(*arguments: str):
    return cli._parser().parse_args(cli._marked(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "-people", "--data", "x"),
        ("search", "--data", "x", "-people"),
        ("search", "--", "-people", "--data", "x"),
        ("search", "--data", "x", "--", "-people"),
        ("search", "--k", "3", "-people", "--data=x"),
        ("search", "--sent", "on", "-people", "--data", "x"),
    ],
)
def test_a_text_may_begin_with_a_minus(arguments: tuple[str, ...]) -> None:
    seen = parsed(*arguments)
    assert seen.words.strip() == "-people" and seen.data == "x"


def test_a_value_may_begin_with_a_minus() -> None:
    seen = parsed("catalogue", "--find", "-people shoe", "--data", "x", "--weigh", "-a=1")
    assert (seen.find, seen.weigh, seen.data) == ("-people shoe", "-a=1", "x")
    assert parsed("embed", "--split", "0.5", "--seed", "-1").seed == -1
    assert parsed("search", "--people on a beach", "--data", "x").words.strip() == "--people on a beach"


def test_flags_stay_flags() -> None:
    seen = parsed("search", "a red shoe -lace", "--no-one-of-each", "--k", "3")
    assert (seen.words, seen.one_of_each, seen.k) == ("a red shoe -lace", False, 3)
    assert parsed("bench", "machine", "--", "-x").rest == ["--", "-x"] or parsed("bench", "machine", "-x").rest == [
        "-x"
    ]
    with pytest.raises(SystemExit):
        parsed("search", "-h")


@pytest.mark.parametrize(
    "arguments", [(), ("nothing",), ("search", "--k"), ("embed", "--nosuch", "1"), ("list", "things")]
)
def test_what_argparse_refuses_is_one_sentence(arguments: tuple[str, ...], capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    lines = capsys.readouterr().err.strip().splitlines()
    assert stop.value.code == 2 and len(lines) == 1
    assert lines[0].startswith("error: ") and "--help` lists what it takes." in lines[0]


OUTPUTS = [(verb.name, name) for verb in VERBS for name in verb.outputs or {}]
NOWHERE = {"story": ("export", "nowhere")}
"""What a verb is told that takes no dataset; the others get one that is not there."""


@pytest.mark.parametrize(("verb", "flag"), OUTPUTS)
def test_a_file_that_cannot_be_written_is_refused_before_any_work(
    verb: str, flag: str, home: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    """With data that is not there: whoever looks at the data first speaks of them."""
    outputs = next(one.outputs for one in VERBS if one.name == verb) or {}
    name = f"r{(outputs[flag] or ('.csv',))[0]}"
    (tmp_path / "folder" / name).mkdir(parents=True)
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != closed)
    for path, sentence in (
        (tmp_path / "no" / "such" / name, "there is no folder"),
        (tmp_path / "folder" / name, "is a folder"),
        (closed / name, "nothing may be written there"),
    ):
        given = NOWHERE.get(verb, ("--data", "nowhere"))
        assert cli.main([verb, *given, f"--{flag}", str(path)]) == 2
        error = capsys.readouterr().err
        assert f"--{flag}" in error and sentence in error and error.count("\n") == 1


def test_every_flag_that_names_a_file_to_write_is_looked_at() -> None:
    assert {("report", "out"), ("catalogue", "json"), ("evaluate", "json"), ("evaluate", "per-query")} <= set(OUTPUTS)
    for verb in VERBS:
        for flag in verb.flags:
            if flag.settings.get("type") is Path and "write" in flag.settings.get("help", ""):
                assert flag.names[0].removeprefix("--") in (verb.outputs or {}), (verb.name, flag.names)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb is not admin.BENCH], ids=lambda verb: verb.name)
def test_every_flag_says_what_it_is(verb: cli.Verb) -> None:
    assert verb.help and (verb.run.__doc__ or "").strip()
    assert all(flag.settings.get("help") or not flag.names[0].startswith("-") for flag in verb.flags)
