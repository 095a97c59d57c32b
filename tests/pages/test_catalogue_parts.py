"""The Catalogue page without a browser: filters, pictures that ask, missing parts, why an item, labelled queries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core import data
from core.fusion.catalogue import CATALOGUE_STRATEGIES
from core.studies import embedding
from core.studies.catalogue import catalogue_evaluation, catalogue_items
from core.studies.catalogue import catalogue_search as study
from tests.pages.alone import button, link, opened, settled, table, words

SPACE = "concepts_lite0"
ROWS = """id,title,description,image,image_2,category,price
r1,Red square,A plain red square,red.png,cat.png,Red,10
b1,Blue square,A plain blue square,blue.png,,Blue,20
t1,Only words,A sentence about a green field,,,Green,30
p1,,,green.png,,Green,40
n1,,,,,Green,50
"""


def asked(line: str = "", dataset: str = "demo_catalogue", **link: str) -> AppTest:
    app = opened("catalogue", **{"d": dataset, "q": line, **link})
    assert not app.exception and not app.error, words(app)
    return app


def lists(app: AppTest) -> list[list[dict]]:
    """What each strategy shows: its rows."""
    found = [json.loads(one.proto.json) for one in app.get("bidi_component")]
    return [one["items"] for one in found if "items" in one]


def ids(rows: list[dict]) -> list[str]:
    return [row["id"] for row in rows]


@pytest.fixture(scope="module")
def shop_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with an item of two pictures, one without a picture, one without words, one with neither."""
    from skimage import data as photographs

    place, folder = tmp_path_factory.mktemp("shop home"), tmp_path_factory.mktemp("shop")
    for name in ("red", "blue", "green"):
        Image.new("RGB", (40, 40), name).save(folder / f"{name}.png")
    Image.fromarray(photographs.chelsea()).save(folder / "cat.png")
    (folder / "items.csv").write_text(ROWS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(place))
        shop = data.add("shop", folder / "items.csv", reader="manifest", options={"missing": "quarantine"})
        embedding.embed(shop, [SPACE])
    return place


@pytest.fixture
def shop(shop_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[catalogue_items.Catalogue]:
    from core.ui.app import jobs

    monkeypatch.setenv("FUSIONSCOPE_HOME", str(shop_home))
    jobs._JOBS.clear()
    yield catalogue_items.of_dataset(data.load("shop"))


# ---------------------------------------------------------------------------------------------------- what is found


@pytest.mark.slow
def test_every_strategy_stands_beside_the_others_with_what_the_study_says(demo) -> None:
    app = asked("cup of coffee", st=",".join(CATALOGUE_STRATEGIES.names), k="5")
    catalogue = catalogue_items.of_dataset(data.load("demo_catalogue"))
    searcher = study.searcher(catalogue, SPACE)
    assert len(lists(app)) == len(CATALOGUE_STRATEGIES)
    for rows, strategy in zip(lists(app), CATALOGUE_STRATEGIES.names):
        answer = searcher.rank(strategy, study.make_query(SPACE, "cup of coffee"))
        listed = [i for i in answer.order if strategy != "bm25" or "words in common" in answer.why(i)][:5]
        assert ids(rows) == [str(catalogue.items["id"][i]) for i in listed]
        for row, item in zip(rows, listed):
            assert row["score"] == f"{answer.scores[item]:.3f}" and row["why"] == answer.why(int(item))
            shown = [part["weight"] for part in row["parts"]]
            assert shown == ([] if strategy == "bm25" else pytest.approx(list(answer.weights[item]), abs=1e-4))
    assert lists(app)[0][0]["id"] == "coffee" and "of the score" in lists(app)[0][0]["why"]
    assert "words in common" in lists(app)[CATALOGUE_STRATEGIES.names.index("bm25")][0]["why"]


def test_fixed_weights_move_at_once(demo) -> None:
    app = asked("cat", st="fixed")
    before = lists(app)[0]
    app.slider("weight title").set_value(0.0)
    app.slider("weight description").set_value(0.0).run()
    assert link(app, "w") == "description:0,picture:1,title:0"
    after = lists(app)[0]
    assert [part["weight"] for part in after[0]["parts"]] == [0, 0, 1] and ids(after) != ids(before)


@pytest.mark.slow
def test_items_that_lack_something_are_found_by_what_they_have(shop) -> None:
    app = asked("green field", "shop", st="average,hybrid,rrf", k="40")
    for rows in lists(app):
        own = {row["id"]: row for row in rows}
        assert set(own) >= {"r1", "b1", "t1", "p1", "n1"} or set(own) >= {"r1#2", "b1", "t1", "p1", "n1"}
        assert own["t1"]["src"] == "" and own["p1"]["title"] == "p1"
        assert [part["fit"] for part in own["n1"]["parts"]] == [None] * 3 and own["n1"]["score"] == "0.000"
        assert own["n1"]["why"] == "nothing of it fits the query"


def test_filters_by_category_and_by_price(demo, shop) -> None:
    app = asked("square", "shop", st="average", only="category=Green&price=25..45")
    assert "2 of 5 items pass the filters" in words(app) and sorted(ids(lists(app)[0])) == ["p1", "t1"]
    app.slider("facet shop price").set_value((35.0, 50.0)).run()
    assert sorted(ids(lists(app)[0])) == ["n1", "p1"]
    app.multiselect("facet shop category").set_value([]).run()
    assert link(app, "only") == "price=35..50"
    app.slider("facet shop price").set_value((11.0, 12.0)).run()
    assert "No item passes the filters." in words(app) and not lists(app)


def test_a_picture_asks_and_a_picture_with_words(demo) -> None:
    app = asked(like="chelsea", st="average,bm25", k="3")
    assert lists(app)[0][0]["id"] == "chelsea" and "BM25 reads words only" in words(app)
    assert "What concepts sees in it:" in words(app) and "Like **Tabby cat looking aside**" in words(app)
    app = asked("motorbike", like="chelsea", mix="0.9", st="average", k="3")
    assert ids(lists(app)[0])[0].startswith("motorcycle")
    app.slider("CatalogueSetup.balance").set_value(0.0).run()
    assert lists(app)[0][0]["id"] == "chelsea"
    button(app, "Remove image").click().run()
    assert "like" not in app.query_params and lists(app)[0][0]["id"].startswith("motorcycle")


def test_a_picture_that_is_not_there_is_one_sentence(demo) -> None:
    assert "No item with an image is named “nobody” here." in words(asked("cat", like="nobody"))
    assert "upload it again" in words(asked("cat", like="given:x"))


def test_several_pictures_of_an_item(shop) -> None:
    assert shop.most_images == 2
    app = asked("a tabby cat", "shop", st="average", pj="best")
    best = {row["id"].partition("#")[0]: row for row in lists(app)[0]}
    assert best["r1"]["id"] == "r1#2" and best["r1"]["note"] == "Red · image 2 of 2"
    assert [part["name"] for part in best["r1"]["parts"]] == ["title", "description", "picture"]
    app.radio("CatalogueSetup.join").set_value("each").run()
    each = lists(app)[0][0]
    assert each["id"] == "r1#2" and [part["name"] for part in each["parts"]][2:] == ["picture", "picture 2"]
    app.slider("weight picture 2").set_value(0.5).run()
    assert "picture 2:0.5" in link(app, "w")
    app.radio("CatalogueSetup.join").set_value("mean").run()
    mean = {row["id"]: row for row in lists(app)[0]}["r1"]
    fits = [next(p["fit"] for p in row["parts"] if p["name"] == "picture") for row in (mean, best["r1"])]
    assert float(fits[0]) < float(fits[1]), "the one that fits is nearer than the mean of a cat and a red square"
    again = asked("", "shop", like="r1#2", st="average")
    assert lists(again)[0][0]["id"] in ("r1", "r1#2") and not again.warning


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-", "Type what to look for"),
        ("赤い靴 🐈", "reads English"),
        ("zzzz qqqq", "None of these words occurs in any item."),
    ],
)
def test_odd_queries_get_a_sentence(demo, line, said) -> None:
    assert said in words(asked(line))


def test_a_long_text_is_cut(demo) -> None:
    app = asked()
    app.text_input("CatalogueSetup.question").set_value("cat " * 2500).run()
    assert not app.exception and not app.error and lists(app)


@pytest.mark.slow
def test_without_embeddings_there_is_the_button_that_helps(tmp_path, home) -> None:
    from core.ui.app import jobs

    jobs._JOBS.clear()
    Image.new("RGB", (30, 30), "red").save(tmp_path / "a.png")
    (tmp_path / "one.csv").write_text("id,title,image\n1,Red square,a.png\n2,Blue square,\n")
    data.add("one", tmp_path / "one.csv", reader="manifest", options={"missing": "quarantine"})
    app = opened("catalogue", d="one", q="square")
    assert "are not embedded by Concepts" in app.info[0].value
    button(app, "Embed 1 image").click().run()
    settled(app)
    assert not app.info and not app.error and len(lists(app)) == 3, words(app)
    assert list((home / "texts").glob("*.npz")), "its texts are kept"


# ---------------------------------------------------------------------------------------------------- evaluation


@pytest.mark.parametrize("who", ["categories", "pictures"])
def test_strategies_are_judged_on_questions_made_from_the_catalogue(demo, who) -> None:
    app = asked(see="evaluation", ask=who)
    searcher = study.searcher(catalogue_items.of_dataset(data.load("demo_catalogue")), SPACE)
    make = {
        "categories": lambda: catalogue_evaluation.category_questions(searcher.catalogue, searcher.components.names),
        "pictures": lambda: catalogue_evaluation.image_questions(searcher.catalogue),
    }[who]
    expected = catalogue_evaluation.compare(searcher, make(), SPACE)
    assert list(table(app)["strategy"]) == list(expected.table.label)
    assert list(table(app)["mAP"]) == [f"{value:.3f}" for value in expected.table["mean"]]
    for sentence in expected.sentences:
        assert sentence in words(app).replace("\\", "")
    assert ("BM25 on words was left out" in words(app)) == (who == "pictures")


QUERIES = "query,item_id,gain\na hot drink,coffee,2\nred vehicle,motorcycle-left,1\nred vehicle,motorcycle-right,1\n"


def given(app: AppTest, content: str) -> AppTest:
    app.file_uploader("catalogue queries").set_value(("queries.csv", content.encode(), "text/csv")).run()
    assert not app.exception and not app.error, words(app)
    return app


def test_labelled_queries_from_a_file(demo) -> None:
    app = given(asked(see="evaluation", ask="file", m="ndcg@10"), QUERIES)
    searcher = study.searcher(catalogue_items.of_dataset(data.load("demo_catalogue")), SPACE)
    expected = catalogue_evaluation.compare(
        searcher, catalogue_evaluation.from_text(searcher.catalogue, QUERIES), SPACE, metric="ndcg@10"
    )
    assert list(table(app)["nDCG@10"]) == [f"{value:.3f}" for value in expected.table["mean"]]
    assert set(table(app)["queries"]) == {2} and "mean of 2 queries" in words(app)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("query,item\na,coffee\n", "needs the columns query and item_id"),
        ("query,item_id\na,nobody\n", "row 2: no item is 'nobody'"),
        ("query,item_id\n,coffee\n", "row 2: the query is empty"),
        ("query,item_id\na,coffee\na,coffee\n", "row 3: 'coffee' stands for 'a' already"),
        ("query,item_id,gain\na,coffee,lots\n", "the gain must be a number"),
        ("query,item_id\n", "no query"),
        ("query,item_id,gain\na,coffee,0\n", "every gain is 0"),
        ("", "is empty"),
        ('query,item_id\n"a,coffee\n', "line 2: unexpected end of data"),
        ("query;item_id\na,b;coffee\nc;d;e\n", "row 3: 3 columns where the header has 2"),
        ("\x00\x01\xff", "NUL byte"),
    ],
)
def test_a_bad_file_of_queries_is_one_sentence(demo, content, said) -> None:
    app = given(asked(see="evaluation", ask="file"), content)
    assert said in words(app), words(app)
    assert not app.dataframe


def test_category_as_a_component_cannot_ask(demo) -> None:
    app = asked(see="evaluation", ask="categories", cc="title,category")
    assert "the answer would be given away" in words(app)


@pytest.mark.slow
def test_the_demo_opens_by_itself_in_place_of_a_built_in_set_only(demo, tmp_path: Path) -> None:
    data.load("digits")
    app = opened("catalogue", d="digits")
    assert not app.exception and not app.info, words(app)
    assert next(one for one in app.selectbox if one.label == "Dataset").value == "demo_catalogue"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    data.add("own", tmp_path)
    try:
        app = opened("catalogue", d="own")
        assert button(app, "Open the demo catalogue") and not app.exception and not app.error
        assert next(one for one in app.selectbox if one.label == "Dataset").value == "own"
        assert "What a catalogue finds" in words(app) and "“a hot drink”" in words(app)
    finally:
        data.remove("own")
