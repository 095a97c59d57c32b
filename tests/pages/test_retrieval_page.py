"""The retrieval page without a browser: any link, words, hostile names, many classes, large galleries."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core import data, paths
from core.data import attached_vectors
from core.errors import BadInput, StoreUnusable
from core.studies import ann_index, ann_search, embedding
from core.studies.ann_server import ServedGallery
from core.studies.column_filters import GalleryFilter
from core.studies.text import text_encoding, text_search
from core.ui.views.retrieval import query_evaluation, text_reading, uploads
from tests import postgres_server
from tests.browser import ROOT
from tests.conftest import write_tiny
from tests.pages.alone import words

EVIL = "<img src=x onerror=alert(1)> **bold** [link](http:evil)"
BACKBONES = "hsv_histogram,hog"


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with "tiny" (one class has a hostile name), "many" (200 classes) and "flat" (no labels)."""
    home, pictures = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("pictures")
    before = os.environ.get("FUSIONSCOPE_HOME")
    os.environ["FUSIONSCOPE_HOME"] = str(home)
    try:
        folder = write_tiny(pictures / "tiny")
        (folder / "cross").rename(folder / EVIL)
        embedding.embed(data.add("tiny", folder), BACKBONES.split(","))
        random = np.random.default_rng(0)
        for label in range(200):
            (pictures / "many" / f"class {label:03d}").mkdir(parents=True)
            colour = random.integers(0, 255, 3)
            for number in range(3):
                noisy = np.clip(colour + random.normal(0, 25, (16, 16, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(noisy).save(pictures / "many" / f"class {label:03d}" / f"{number}.png")
        many = data.add("many", pictures / "many")
        rows = np.random.default_rng(1).normal(size=(200, 16))[many.labels] + random.normal(size=(len(many), 16))
        attached_vectors.attach(many, "given", rows)
        attached_vectors.attach(many, "other", rows[:, ::-1] + random.normal(size=rows.shape))
        flat = pictures / "flat"
        flat.mkdir()
        for file in sorted((folder / "circle").iterdir()):
            (flat / file.name).write_bytes(file.read_bytes())
        embedding.embed(data.add("flat", flat), ("hsv_histogram",))
    finally:
        os.environ.pop("FUSIONSCOPE_HOME") if before is None else os.environ.__setitem__("FUSIONSCOPE_HOME", before)
    return home


@pytest.fixture
def at_home(worlds: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(worlds))
    yield


def opened(**link: str) -> AppTest:
    """The page in the whole app, from a link."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    app.switch_page("pages/retrieval.py").run()
    assert not app.exception
    assert not [error for error in app.error if "could not be drawn" in error.value]
    return app


def link_of(app: AppTest, name: str) -> str:
    """One value of the page's link, "" when it is not there."""
    value = app.query_params.get(name, "")
    return value if isinstance(value, str) else value[0]


def warned(app: AppTest) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", one.value) for one in [*app.warning, *app.error, *app.info]]


NONSENSE = {
    "everything": dict(d="no such", q="\x00", a="concat(((", vs="<script>", k="-5", z="1e99", part="1,2", c="nothing"),
    "markdown": dict(d="tiny", a="![x](http://evil/i.png)", q="../../etc/passwd"),
    "gone": dict(d="tiny", a="concat(hog:nan)", vs="saved:gone", q="given:abcdef123456"),
    "unknown backbone": dict(d="tiny", a="concat(resnet999:1)", k="zzz", part="nan,0,1,1"),
    "long": dict(d="tiny", a="x" * 3000),
    "words that nobody reads": dict(d="tiny", q="words:red circle"),
    "an id that is gone": dict(d="tiny", q="circle/gone.png"),
}


@pytest.mark.parametrize("link", NONSENSE.values(), ids=NONSENSE)
def test_any_link_opens_with_a_sentence(link: dict[str, str], at_home) -> None:
    app = opened(b=BACKBONES, **link)
    said = warned(app)
    assert said and all(one.endswith(".") and "Traceback" not in one for one in said)
    assert re.search(r"average precision|most similar of \d+", words(app)), "the page shows another query instead"
    assert link_of(app, "q") in ("", link.get("q", ""))


def test_labels_that_are_markup_are_escaped_everywhere(at_home) -> None:
    app = opened(d="tiny", b=BACKBONES, q=f"{EVIL}/cross_01.png", vs="hog", a="hsv_histogram")
    shown = [one.value for kind in (app.markdown, app.caption, app.info, app.warning) for one in kind]
    assert any("onerror" in one for one in shown), "the name appears in what is said about the queries"
    for one in shown:
        if "onerror" in one:
            assert "\\<img" in one and "\\*\\*bold" in one and "\\[link\\]" in one


def test_without_labels_the_page_says_what_it_cannot_know(at_home) -> None:
    app = opened(d="flat", b="hsv_histogram")
    assert "what is relevant is not known" in words(app) and "has no labels" in words(app)


def test_two_hundred_classes(at_home) -> None:
    app = opened(d="many", b="given,other", a="given", vs="other", k="5", c="class 137")
    picked = next(box for box in app.selectbox if box.label == "Class")
    assert picked.value == "class 137" and len(picked.options) == 201
    assert "3 valid queries" in words(app)
    app.session_state["retrieval tabs"] = "Confusions"
    app.run()
    wrong = app.dataframe[0].value
    assert len(wrong) and ((wrong["query class"] == "class 137") | (wrong["result class"] == "class 137")).all()
    assert re.search(r"The map shows the \d+ most confused classes with class 137\.", words(app))
    next(box for box in app.selectbox if box.label == "Class").set_value("").run()
    assert "The map shows the 60 most confused classes." in words(app)
    assert len(app.dataframe[0].value) > 100
    app.session_state["retrieval tabs"] = "A against B"
    app.run()
    assert "A − B" in words(app)


def test_what_cannot_ask_gets_one_sentence() -> None:
    def png(size: tuple[int, int] = (8, 8)) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", size, "red").save(buffer, "PNG")
        return buffer.getvalue()

    bad = {
        "program.png": b"MZ" + bytes(range(256)) * 40,
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>',
        "huge.png": b"\x89PNG" + bytes(100 * 2**20),
        "empty.jpg": b"",
        "notes.txt": b"not a picture",
        "cut.png": png((64, 64))[:60],
    }
    for name, content in bad.items():
        with pytest.raises(BadInput, match=re.escape(name)) as refused:
            uploads.receive([(name, content)])
        assert str(refused.value).endswith(".") and len(str(refused.value)) < 300
    with pytest.raises(BadInput, match="300 images were given; one query is made of at most 24"):
        uploads.receive([(f"{number}.png", png()) for number in range(300)])
    guest = uploads.receive([("good.png", png()), *bad.items(), ("other.png", png((9, 5)))])
    assert guest.names == ("good.png", "other.png") and len(guest.refused) == len(bad)


# -- words


def fake_words(name: str, texts) -> np.ndarray:
    """HOG reads: a text is a fixed direction of its space."""
    from core import backbones
    from core.types import unit

    seeds = [int.from_bytes(one.encode()[:6], "little") for one in texts]
    return unit(np.stack([np.random.default_rng(seed).normal(size=backbones.get(name).dim) for seed in seeds]))


@pytest.fixture
def hog_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_encoding, "reads_text", lambda name: name == "hog")
    monkeypatch.setattr(text_encoding, "default_templates", lambda name: False)
    monkeypatch.setattr(text_encoding, "encode_words", fake_words)


def test_words_ask_and_only_readers_answer(at_home, hog_reads) -> None:
    app = opened(d="tiny", b=BACKBONES, a="hsv_histogram", vs="concat(hsv_histogram:0.4,hog:0.6)", q="words:red thing")
    said = words(app)
    assert "“red thing”" in said and "HSV histogram has no text tower and no say in it" in said
    assert "HOG answers in place of HSV histogram" in said and "one list stands for both" in said
    assert "what is relevant is not known" in said
    box = next(one for one in app.text_input if one.label == "Text query")
    assert box.value == "red thing"
    box.input("square -circle").run()
    assert link_of(app, "q") == "words:square -circle" and "“square” without “circle”" in words(app)
    next(one for one in app.text_input if one.label == "Text query").input("-").run()
    assert any("Type what to look for" in one for one in warned(app))
    assert link_of(app, "q") == "words:square -circle", "what cannot ask changes nothing"
    app.button(key="random").click().run()
    assert not link_of(app, "q").startswith("words:")
    assert next(one for one in app.text_input if one.label == "Text query").value == ""


def test_what_words_find_is_what_the_study_of_texts_finds(at_home, hog_reads) -> None:
    from core.export import contact_sheet
    from core.export.report import view_report
    from core.studies import retrieval
    from core.studies.system_spec_text import read as read_system
    from core.studies.vector_set import VectorSet
    from core.ui.views.retrieval.query_inputs import QueryInput

    loaded = data.load("tiny")
    space = VectorSet({name: embedding.embeddings(loaded, name).vectors for name in BACKBONES.split(",")}, loaded.split)
    named = text_reading.reading_part(read_system("hog", ("hog",), {}), "hog")
    question = QueryInput("words:thing", "thing", words="thing").question(loaded, named.backbones)
    answer = retrieval.retrieve(question, question.system("hog", None))
    expected = text_search.search({"hog": space.gallery("hog")}, "thing")
    assert answer.order.tolist() == expected.order.tolist() and not answer.has_relevance
    drawn = contact_sheet.draw(
        [contact_sheet.SheetPart("HOG", [contact_sheet.Tile.of(loaded, answer, place) for place in answer.order[:5]])],
        contact_sheet.query_tiles(loaded, None),
        "Query: “thing”",
    )
    with Image.open(io.BytesIO(drawn)) as picture:
        assert picture.format == "PNG" and picture.height < 500, "no empty row stands for the words"
    html = view_report.build(loaded, [answer], 5, {"hog": "HOG"}, query_text="“<b>thing</b>”")
    assert "“&lt;b&gt;thing&lt;/b&gt;”" in html and "<b>thing" not in html and "frames are grey" in html


# -- large galleries


def settled(app: AppTest, done, seconds: float = 30) -> AppTest:
    """Run the page again until its background work is done."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        app.run()
        if done(app):
            return app
        time.sleep(0.1)
    raise AssertionError(words(app))


@pytest.mark.slow
def test_a_large_gallery_is_asked_by_an_index_and_a_panel(at_home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann_search, "FROM", 500)
    monkeypatch.setattr(query_evaluation, "MOST_SCORES", 1000)
    monkeypatch.setattr(query_evaluation, "SAMPLE_SIZE", 40)
    with monkeypatch.context() as full:
        full.setattr(ann_index, "build", lambda *_, **__: (_ for _ in ()).throw(StoreUnusable("The disk is full.")))
        app = opened(d="many", b="given,other", a="concat(given:0.5,other:0.5)")
        settled(app, lambda app: "the index was not built" in words(app) and "The disk is full." in words(app))
    again = [one for one in app.button if one.label == "Build the index"]
    again[0].click().run()
    settled(app, lambda app: "Approximate" in words(app))
    share = float(re.search(r"an index \(FAISS\) finds ([\d.]+) %", words(app))[1])
    assert 50 < share <= 100 and "mean of 48 sampled queries" in words(app)
    assert "average precision" not in words(app), "what reads the whole list is not said of an index's beginning"
    assert "2 exist" in words(app)
    app.button(key="hard").click().run()
    assert any("Press “Evaluate a sample”" in one for one in warned(app))
    app.button(key="evaluate a sample").click().run()
    settled(app, lambda app: "a sample of 40" in words(app))
    app.button(key="hard").click().run()
    assert link_of(app, "q").startswith("class ")
    app.toggle(key="RetrievalSetup.exact").set_value(True).run()
    assert "Every image is scored, as chosen." in words(app) and "average precision" in words(app)
    assert link_of(app, "x") == "1"
    app = opened(d="many", b="given,other", a="rrf(given:0.5,other:0.5)")
    assert "Every image is scored: this kind of fusion" in words(app)
    for system in ("concat(given:0.9,other:0.1)", "other"):  # the same index, without building anything
        app = opened(d="many", b="given,other", a=system)
        assert "Approximate" in words(app) and "Every image is scored" not in words(app)
    assert len(list(paths.indexes().glob("*.faiss"))) == 1
    monkeypatch.setattr(ann_search, "ENOUGH", 1.01)
    app = opened(d="many", b="given,other", a="concat(given:0.3,other:0.7)", k="7")
    assert re.search(
        r"Every image is scored: with these weights an index \(FAISS\) finds [\d.]+ % of the exact", words(app)
    )
    assert "Approximate" not in words(app) and "average precision" in words(app)


@pytest.mark.slow
def test_a_search_server_answers_the_same_page_and_may_go(at_home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ann_search, "FROM", 500)
    with postgres_server.running() as server:
        monkeypatch.setenv("FUSIONSCOPE_SEARCH_SERVER", server.get_uri())
        app = opened(d="many", b="given,other", a="concat(given:0.7,other:0.3)")
        settled(app, lambda app: "Approximate" in words(app))
        share = float(re.search(r"the search server finds ([\d.]+) %", words(app))[1])
        assert share >= 98 and "Scores are exact" in words(app)
        app = opened(d="many", b="given,other", a="concat(given:0.2,other:0.8)")
        assert "the search server finds" in words(app), "other weights need nothing new"
        asked: list[object] = []
        candidates = ServedGallery.candidates
        monkeypatch.setattr(
            ServedGallery, "candidates", lambda *given: (asked.append(given[-1]), candidates(*given))[1]
        )
        chosen = {"label": ["class 003", "class 007"]}
        app = opened(d="many", b="given,other", a="concat(given:0.2,other:0.8)", only="label=class+003&label=class+007")
        share = float(re.search(r"the search server finds ([\d.]+) %", words(app))[1])
        assert share >= 98
        assert asked and all(isinstance(given, GalleryFilter) and given.chosen == chosen for given in asked)
    app = opened(d="many", b="given,other", a="concat(given:0.2,other:0.8)", q="class 003/1.png")
    assert any("did not answer" in one and "Every image is scored meanwhile" in one for one in warned(app))
    assert "average precision" in words(app) and not app.error


def test_two_lists_say_what_they_share(at_home) -> None:
    app = opened(d="tiny", b=BACKBONES, q="circle/circle_03.png", vs="hog", a="hsv_histogram", k="7")
    assert not app.exception
    sentence = next(text.value for text in app.caption if "rank-biased overlap" in text.value)
    assert sentence.startswith("Of the first 7 results, ") and sentence.endswith("(this query).")
    assert any(box.label == "Ranks in the other list" for box in app.expander)
    assert len(app.get("plotly_chart")) >= 1


def test_why_a_result_matched(at_home) -> None:
    """The maps stay while the result is of this dataset; words have no query image; a result that is gone closes them."""
    app = opened(b=BACKBONES, d="tiny", q="circle/circle_03.png")
    app.session_state["held why it matched"] = (0, "square/square_01.png")
    app.run()
    assert not app.exception and app.session_state["held why it matched"] is not None
    app.session_state["held why it matched"] = (0, "square/gone.png")
    app.run()
    assert not app.exception and app.session_state["held why it matched"] is None


def test_the_worst_queries_say_why_they_fail(at_home) -> None:
    """Reasons stand beside the worst queries; those for which images are looked at come when they are asked for."""
    app = opened(b=BACKBONES, d="tiny", a="hog")
    badges = [one.value for one in app.markdown if "orange-badge" in one.value]
    assert badges
    look = next(button for button in app.button if button.label == "Look for background matches")
    look.click().run()
    assert not app.exception and "Look for background matches" not in [button.label for button in app.button]
