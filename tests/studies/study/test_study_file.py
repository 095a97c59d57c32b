"""The study file: what is wrong in it is one sentence with its line and what was meant; what is written is read again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput, UnknownName
from core.fusion import FusionSpec, LearnedArray, store
from core.studies.study import study_file, study_library, toml_lines
from core.studies.study.study_record import Study, StudyDataset, StudyFusion
from tests.browser import ROOT

GOOD = """title = "Three sets"   # a comment with [brackets]
metrics = ["map", "hit@5", "silhouette_cosine"]
backbones = ["hog", "hsv_histogram"]

[[dataset]]
data = "tiny"

[[dataset]]
data = "torchvision:caltech101"
split = [0.2, 0.2]

[[fusion]]
name = "mix"
kind = "concat"
backbones = ["hog", "hsv_histogram"]
tuned = "here"

[[published]]
title = "A table"
source = "A paper"
columns = [
  { label = "mAP, {as they say}", ours = "map", same = true },
  { label = "s", ours = "seconds" },
]
rows = [
  { system = "A", ours = "hog", values = [0.5, "< 1"] },
  { system = "B", ours = "gain", values = [0.25, 1] },
]
"""


@pytest.fixture(autouse=True)
def world(tiny_world: object) -> None:
    """The dataset "tiny"."""


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("metrics =", "metrcs =", 2, "there is no field 'metrcs' here. Did you mean 'metrics'?"),
        ("split =", "spilt =", 10, "Did you mean 'split'?"),
        ("same = true", "sam = true", 22, "there is no field 'sam' here. Did you mean 'same'?"),
        ("0.25, 1] }", "0.25, 1], x = 1 }", 27, "there is no field 'x' here."),
        ('["hog", "hsv_histogram"]\n\n[', '["hgo"]\n\n[', 3, "there is no backbone 'hgo'. Did you mean 'hog'?"),
        ('data = "tiny"', 'data = "tinny"', 6, "Did you mean 'tiny'?"),
        ("caltech101", "caltech11", 9, "Did you mean 'Caltech-101'?"),
        ('kind = "concat"', 'kind = "concta"', 14, "Did you mean 'concat'"),
        ('tuned = "here"', 'tuned = "her"', 16, "Did you mean 'here'?"),
        ('"map", "hit', '"mpa", "hit', 2, "Did you mean 'map"),
        ('ours = "seconds"', 'ours = "second"', 23, "Did you mean 'seconds'?"),
        ('ours = "hog"', 'ours = "hgo"', 26, "Did you mean 'hog'?"),
        ("[0.2, 0.2]", "[0.9, 0.2]", 10, "must be positive and leave something"),
        ("[0.2, 0.2]", '"half"', 10, "split is a list of numbers, such as `split = [0.5, 0.25]`, not text."),
        ('data = "tiny"', "data = 3", 6, 'data is text, such as `data = "words"`, not a number.'),
        ('data = "tiny"', "", 5, "data is missing"),
        ("metrics = [", "seed = -1\nmetrics = [", 2, "seed is a whole number from 0 to 4,294,967,295"),
        ('"hit@5"', '"hit@k"', 2, "needs a number, such as 'hit@5'"),
        ('"map", "hit@5"', '"silhouette_cosine", "map"', 2, "compared query by query"),
        ("[0.25, 1]", "[0.25]", 27, "1 values stand in 2 columns"),
        ('name = "mix"', 'name = "hog"', 12, "give the fusion another name"),
        ("[[published]]", '[[dataset]]\ndata = "tiny"\n[[published]]', 18, "a second dataset is named 'tiny'"),
        ("by_query", "by_query", 0, ""),
    ],
)
def test_what_is_wrong_is_a_sentence_with_its_line(old: str, new: str, line: int, sentence: str) -> None:
    text = GOOD.replace(old, new, 1)
    if not sentence:
        assert study_file.parse(text).title == "Three sets"
        return
    with pytest.raises(BadInput) as raised:
        study_file.parse(text, "mine.toml")
    said = str(raised.value)
    assert said.startswith(f"mine.toml, line {line}: ") and sentence in said and "\n" not in said, said


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ('title = "a"\nseed = = 2\n', 2, "texts stand between quotes"),
        ("seed = 1\nseed = 2\n", 2, "stands twice"),
        ("seed = 1\n[dataset]\na = 1\n[dataset]\n", 4, "write [[dataset]]"),
        ("seed = 1\ntitle = words\n", 2, 'as in `title = "words"`'),
        ('\ntitle "a"\n', 2, "write a field as `name = …`"),
        ('seed = 1\ntitle = "a\n', 2, "a text ends on its line"),
        ("seed = 1\ntitle = 'a", 2, "the quote that it began with"),
        ('backbones = ["hog",\n', 1, "lists between brackets"),
        ('backbones = ["hog" "hog"]\n', 1, "ends with ]"),
        ('title = "C:\\data"\n', 1, "write a backslash twice"),
        ("title = “a”\n", 1, "texts stand between quotes"),
        ("seed = 07\n", 1, "no leading zero"),
        ("seed = " + "9" * 5000, 1, "too many digits"),
        ("[[dataset]\n", 1, "a header is [name] or [[name]]"),
        ("\x00", 1, "a line is a field"),
    ],
)
def test_what_is_no_toml_is_a_sentence_with_its_line_and_what_to_do(text: str, line: int, hint: str) -> None:
    with pytest.raises(BadInput) as raised:
        study_file.parse(text, "mine.toml")
    said = str(raised.value)
    assert said.startswith(f"mine.toml, line {line}, is not valid TOML: ") and hint in said and "\n" not in said, said


def test_a_file_in_another_encoding_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    for content, line in (('seed = 1\ntitle = "é"\n'.encode("latin-1"), 2), (GOOD.encode("utf-16"), 1)):
        file.write_bytes(content)
        with pytest.raises(BadInput, match=f"mine.toml, line {line}: this is not UTF-8 text; save the file as UTF-8"):
            study_file.read(file)
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert study_file.read(file).title == "Three sets"


VALUES = ["1", "-1", "inf", "nan", "99999999999", "1e999", "true", '"x"', "2020-01-01", "[]", "{}", '[["hog"]]']
VALUES += [
    "[1, true]",
    "{ a = { b = 1 } }",
    '["hog", 1]',
    "[[x]]",
    "[x]",
    "a.b",
    "é",
    "'''",
    "",
    "=",
    '"',
    "[",
    "]]",
    "{",
]
VALUES += ["\n", "#", "\\"]


@given(st.data())
def test_whatever_a_file_holds_is_a_study_or_a_sentence(data: st.DataObject) -> None:
    """A good file with pieces of it replaced, taken out or doubled."""
    pieces = re.split(r"(\s+|[=\[\]{},])", GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(pieces) - 1))
        pieces[at] = data.draw(st.sampled_from([*VALUES, *pieces]))
    try:
        study_file.parse("".join(pieces), "mine.toml")
    except BadInput as error:
        assert re.fullmatch(r"mine\.toml, line \d+[:,] .*[.?]", str(error)), str(error)


def test_an_empty_study_says_what_is_missing() -> None:
    for text, sentence in (("", "no \\[\\[dataset\\]\\]"), ('[[dataset]]\ndata = "tiny"\n', "no system to compare")):
        with pytest.raises(BadInput, match=sentence):
            study_file.parse(text)


def test_a_study_is_written_as_it_is_read(tmp_path: Path) -> None:
    study = study_file.parse(GOOD)
    assert study.ks == (5,) and study.systems == ("hog", "hsv_histogram", "mix") and study.is_tuned
    assert study_file.parse(study_file.dump(study)) == study
    assert study.datasets[1] == StudyDataset("torchvision:caltech101", "Caltech-101", (0.2, 0.2))
    assert study.published[0].rows[0].values == (0.5, "< 1")
    for name in study_library.shipped():
        shipped = study_library.open_study(name)
        assert study_file.parse(study_file.dump(shipped)) == shipped, name


@given(st.text(max_size=60), st.text(min_size=1, max_size=40), st.integers(0, 99), st.floats(0, 1))
def test_any_title_and_text_is_written_and_read(text: str, title: str, seed: int, rope: float) -> None:
    fusion = StudyFusion(FusionSpec("mix", "score_sum", ("hog", "hsv_histogram"), (0.25, 0.75), (("norm", "minmax"),)))
    study = Study(
        title.strip() or "x",
        (StudyDataset("tiny", "tiny"),),
        ("hog",),
        (fusion,),
        text=text.strip(),
        seed=seed,
        rope=rope,
    )
    assert study_file.parse(study_file.dump(study)) == study


@given(
    st.recursive(
        st.text(max_size=20) | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_value_is_toml(content: object) -> None:
    import tomllib

    assert tomllib.loads(f"x = {toml_lines.value(content)}")["x"] == content


def test_a_trained_fusion_goes_by_its_name(tiny_world: object) -> None:
    arrays = (
        LearnedArray.of("matrix", __import__("numpy").ones((3, 2))),
        LearnedArray.of("shift", __import__("numpy").zeros(2)),
    )
    spec = FusionSpec("head", "linear_head", ("hog", "hsv_histogram"), learned=arrays)
    study = Study("x", (StudyDataset("tiny", "tiny"),), ("hog",), (StudyFusion(spec),))
    with pytest.raises(BadInput, match="save it in the Fusion lab first"):
        study_file.dump(study)
    store.save(spec)
    assert study_file.parse(study_file.dump(study)) == study


def test_studies_are_saved_under_their_title(tmp_path: Path) -> None:
    study = study_file.parse(GOOD)
    name = study_library.save(study)
    assert name == "three-sets" and study_library.save(study) == name, "the same study is saved once"
    assert study_library.open_study(name) == study
    import dataclasses

    assert study_library.save(dataclasses.replace(study, seed=3)) == "three-sets-2"
    study_library.remove(name)
    assert name not in study_library.names()
    with pytest.raises(UnknownName, match="Did you mean 'encoder-study'"):
        study_library.open_study("encodr-study")
    with pytest.raises(BadInput, match="does not exist"):
        study_library.open_study(str(tmp_path / "none.toml"))


def test_the_examples_of_the_format_are_studies(tiny_world: object) -> None:
    import re

    text = (ROOT / "core/studies/study/FORMAT.md").read_text(encoding="utf-8")
    whole, catalogue = re.findall(r"```toml\n(.*?)```", text, re.S)
    store.save(FusionSpec("My mix", "rrf", ("hog", "hsv_histogram")))
    study = study_file.parse(whole.replace("photo_views", "tiny"))
    assert len(study.datasets) == 2 and study.systems[-1] == "My mix" and study.published[0].columns[1].same
    dataset = '[[dataset]]\ndata = "demo_catalogue"\n'
    assert study_file.parse(dataset + catalogue).catalogue is not None
