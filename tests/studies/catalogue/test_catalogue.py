"""Catalogues from tables, queries of words and pictures, filters, labelled queries, and evaluation without cheating."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core import data
from core.errors import BadInput, NotComputed
from core.fusion.catalogue import CATALOGUE_STRATEGIES, scores
from core.fusion.catalogue_components import Components
from core.studies.catalogue import catalogue_evaluation, catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.studies.catalogue.catalogue_items import IMAGE
from core.studies.catalogue.catalogue_search import Searcher
from core.studies.text.zero_shot import query_metrics
from core.types import unit

SPACE = "concepts_lite0"
ROWS = """id,title,description,image,category,parent,price,stock
s1,Red shoe,A running shoe in red,a.png,Shoes,shoe,49.9,yes
s2,Blue shoe,A running shoe in blue,b.png,Shoes,shoe,49.9,yes
h1,Green hat,,c.png,Hats,hat,12,no
h2,Hat without picture,A hat of straw,,Hats,hat,,no
x1,,,d.png,,,5,yes
n1,,,,Hats,,7,yes
"""


def encode(name: str, texts) -> np.ndarray:
    """Each word on an axis of its own."""
    rows = np.zeros((len(texts), 384), np.float32)
    for row, said in zip(rows, texts):
        for word in said.casefold().split():
            row[sum(map(ord, word)) % 384] += 1
    return unit(rows)


@pytest.fixture
def shop(tmp_path, home):
    for at, name in enumerate("abcd"):
        Image.new("RGB", (20, 20), (40 * at, 100, 200 - 40 * at)).save(tmp_path / f"{name}.png")
    (tmp_path / "items.csv").write_text(ROWS)
    return data.add("shop", tmp_path / "items.csv", reader="manifest", options={"missing": "quarantine"})


@pytest.fixture
def searcher(shop):
    catalogue = catalogue_items.of_dataset(shop)
    pictures = encode(SPACE, ["red shoe", "blue shoe", "green hat", "stone"])
    return Searcher(catalogue, study.components(catalogue, SPACE, images=pictures, encode=encode))


def test_items_with_and_without_picture_and_text_are_all_there(searcher):
    catalogue = searcher.catalogue
    assert list(catalogue.items["id"]) == ["s1", "s2", "h1", "x1", "h2", "n1"]
    assert list(catalogue.image_of) == [0, 1, 2, 3, -1, -1]
    assert catalogue.default_components == ("title", "description", IMAGE)
    expected = [[1, 1, 1], [1, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(searcher.components.present, np.array(expected, bool))
    assert catalogue.title(3) == "x1" and catalogue.title(4) == "Hat without picture"


@pytest.mark.parametrize("strategy", CATALOGUE_STRATEGIES.names)
def test_every_strategy_finds_the_right_item_first_and_says_why(searcher, strategy):
    found = searcher.rank(strategy, study.make_query(SPACE, "red shoe", encode=encode))
    assert searcher.catalogue.items["id"][found.order[0]] == "s1"
    assert len(found.order) == 6 and np.isfinite(found.scores).all()
    assert found.scores[5] == 0, "an item with nothing scores nothing"
    why = found.why(int(found.order[0]))
    assert "red, shoe" in why if strategy == "bm25" else any(part in why for part in found.components)
    if strategy != "bm25":
        np.testing.assert_allclose(found.weights.sum(axis=1), [1, 1, 1, 1, 1, 0])


def test_a_picture_asks_and_a_picture_with_words_asks(searcher):
    stone = encode(SPACE, ["stone"])[0]
    alone = searcher.rank("average", study.make_query(SPACE, image=stone))
    assert searcher.catalogue.items["id"][alone.order[0]] == "x1"
    blue = encode(SPACE, ["red shoe"])[0]
    asked = study.make_query(SPACE, "blue -red", image=blue, balance=0.6, encode=encode)
    assert searcher.catalogue.items["id"][searcher.rank("average", asked).order[0]] == "s2"
    words = study.make_query(SPACE, "blue", encode=encode).vector
    expected = unit((0.3 * words.astype(float) + 0.7 * blue)[None])[0]
    np.testing.assert_allclose(study.make_query(SPACE, "blue", blue, 0.3, encode=encode).vector, expected, atol=1e-6)
    with pytest.raises(BadInput, match="Type what to look for, or give an image"):
        study.make_query(SPACE, "  ")


def test_fixed_weights_follow_the_sliders_without_embedding_anything(searcher):
    asked = study.make_query(SPACE, "stone", encode=encode)
    by_picture = searcher.rank("fixed", asked, {IMAGE: 1.0})
    assert by_picture.scores[3] == pytest.approx(1, abs=1e-6)
    by_title = searcher.rank("fixed", asked, {"title": 1.0})
    assert by_title.scores[3] == 0
    with pytest.raises(BadInput, match="not all of them 0"):
        searcher.rank("fixed", asked, {"title": 0.0})


def test_filters_leave_scores_alone_and_take_items_out(searcher):
    catalogue = searcher.catalogue
    assert catalogue.facets["category"] == ("Hats", "Shoes") and catalogue.facets["price"] == (5.0, 49.9)
    keep = catalogue_items.keep_items(catalogue, {"category": ["Hats"], "price": (0, 20)})
    assert list(catalogue.items["id"][keep]) == ["h1", "n1"]
    asked = study.make_query(SPACE, "hat", encode=encode)
    whole, cut = searcher.rank("hybrid", asked), searcher.rank("hybrid", asked, keep=keep)
    np.testing.assert_array_equal(whole.scores, cut.scores)
    assert [i for i in whole.order if keep[i]] == list(cut.order)
    assert catalogue_items.keep_items(catalogue, {"category": []}).all()
    with pytest.raises(BadInput, match="cannot be filtered"):
        catalogue_items.keep_items(catalogue, {"colour": ["red"]})


def test_category_names_ask_and_may_not_be_a_component(searcher):
    questions = catalogue_evaluation.category_questions(searcher.catalogue, searcher.components.names)
    assert questions.names == ("Hats", "Shoes")
    assert list(questions.truth.relevant(0)) == [2, 4, 5] and list(questions.truth.relevant(1)) == [0, 1]
    with pytest.raises(BadInput, match="given away"):
        catalogue_evaluation.category_questions(searcher.catalogue, ("title", "category"))


@pytest.mark.parametrize("strategy", [s for s in CATALOGUE_STRATEGIES.names if s != "bm25"])
def test_the_item_whose_picture_asks_takes_part_without_its_picture(searcher, strategy):
    questions = catalogue_evaluation.image_questions(searcher.catalogue)
    assert list(questions.query_items) == [0, 1, 2, 3]
    assert list(questions.truth.relevant(2)) == [2, 4] and list(questions.truth.relevant(3)) == [3]
    found = catalogue_evaluation.query_scores(searcher, questions, strategy, SPACE)
    assert found[3, 3] == 0, "an item with nothing but its picture cannot find itself"
    # slowly: the same catalogue once per question, the asking item's picture blanked
    parts = searcher.components
    for row, own in enumerate(questions.query_items):
        blanked = {name: parts.vectors(name).copy() for name in parts.names}
        asked = blanked[IMAGE][own].copy()
        if strategy == "rrf":
            blanked[IMAGE][own] = 0
            slow = Components(blanked)
            expected = scores(strategy, slow, asked[None])[0]
            np.testing.assert_allclose(found[row], expected, atol=2e-12)
        else:
            whole = scores(strategy, parts, asked[None])[0]
            others = np.arange(6) != own
            np.testing.assert_allclose(found[row][others], whole[others], atol=1e-12)
            text_only = {name: rows for name, rows in blanked.items() if name != IMAGE}
            alone = scores(strategy, Components(text_only), asked[None])[0]
            assert found[row, own] == pytest.approx(alone[own], abs=1e-12)


ALBUM = """id,title,image,image_2,image_3,category
m1,mug white,a.png,b.png,c.png,Mugs
m2,mug black,d.png,,,Mugs
p1,plate,gone.png,e.png,f.png,Plates
w1,only words,,,,Plates
"""
SAID = ["front", "back", "handle", "front black", "plate side", "front plate"]


@pytest.fixture
def album(tmp_path, home):
    """Items of three, one, two (the first is not there) and no pictures."""
    for at, name in enumerate("abcdef"):
        Image.new("RGB", (20, 20), (40 * at, 90, 200 - 40 * at)).save(tmp_path / f"{name}.png")
    (tmp_path / "album.csv").write_text(ALBUM)
    dataset = data.add("album", tmp_path / "album.csv", reader="manifest", options={"missing": "quarantine"})
    return catalogue_items.of_dataset(dataset)


def searching(catalogue: catalogue_items.Catalogue, join: str) -> Searcher:
    pictures = encode(SPACE, SAID)
    parts = study.components(catalogue, SPACE, join=join, images=pictures, encode=encode)
    return Searcher(catalogue, parts, study.first_images(catalogue, pictures))


def test_items_of_several_pictures_are_one_item_each(album):
    assert list(album.items["id"]) == ["m1", "m2", "p1", "w1"]
    assert list(album.image_of) == [0, 3, 4, -1] and list(album.owner) == [0, 0, 0, 1, 2, 2]
    assert list(album.image_counts) == [3, 1, 2, 0] and album.most_images == 3
    assert album.text_columns == ("title", "category") and "picture_number" not in album.facets
    assert album.part_names((), "each") == ("title", IMAGE, "picture 2", "picture 3")
    assert album.part_names((IMAGE,), "best") == (IMAGE,)
    with pytest.raises(BadInput, match="enter as mean, best, each"):
        study.components(album, SPACE, join="worst", images=encode(SPACE, SAID), encode=encode)


@pytest.mark.parametrize("strategy", ["average", "hybrid", "local", "distinct", "rrf"])
@pytest.mark.parametrize("join", list(study.IMAGE_JOINS))
def test_several_pictures_are_scored_as_the_slow_loop_scores_them(album, join, strategy):
    """One item at a time: the vectors that each way of joining stands for, put into plain components."""
    rows = encode(SPACE, SAID).astype(np.float64)
    own = [rows[:3], rows[3:4], rows[4:6], rows[:0]]
    titles = encode(SPACE, album.texts("title")).astype(np.float64)
    found = searching(album, join)
    for line in ("front", "back handle", "plate side", "black mug"):
        query = encode(SPACE, [line])[0].astype(np.float64)
        if join == "each":
            parts = {f"p{n}": np.array([p[n] if len(p) > n else p[:0].sum(axis=0) for p in own]) for n in range(3)}
        else:
            one = [p.mean(axis=0) if join == "mean" else p[(p @ query).argmax()] for p in own if len(p)]
            parts = {"p": np.array([*one, rows[0] * 0])}
        plain = Components({"title": titles, **parts})
        if join == "best":
            pairs = [np.mean(own[a] @ own[b].T) for a in range(3) for b in range(a)]
            plain.global_similarity = np.array([plain.global_similarity[0], np.mean(pairs)])
        expected = scores(strategy, plain, query[None])[0]
        np.testing.assert_allclose(
            found.rank(strategy, study.make_query(SPACE, line, encode=encode)).scores, expected, atol=1e-6
        )


@pytest.mark.parametrize(("join", "shown"), [("mean", [0, 3, 4, -1]), ("best", [1, 3, 4, -1]), ("each", [1, 3, 4, -1])])
def test_the_picture_that_fits_stands_for_its_item(album, join, shown):
    answer = searching(album, join).rank("average", study.make_query(SPACE, "back", encode=encode))
    assert list(answer.images) == shown
    assert album.items["id"][answer.order[0]] == "m1"


@pytest.mark.parametrize("join", list(study.IMAGE_JOINS))
@pytest.mark.parametrize("strategy", ["average", "hybrid", "rrf"])
def test_the_first_picture_asks_and_its_item_takes_part_without_any(album, join, strategy):
    searcher = searching(album, join)
    questions = catalogue_evaluation.image_questions(album, group="category")
    assert list(questions.query_items) == [0, 1, 2] and list(questions.truth.relevant(0)) == [0, 1]
    found = catalogue_evaluation.query_scores(searcher, questions, strategy, SPACE)
    for row, own in enumerate(questions.query_items):
        bare = {name: searcher.components.vectors(name).copy() for name in searcher.components.names}
        for name in bare:
            if catalogue_items.is_image(name):
                bare[name][own] = 0
        asked = encode(SPACE, [SAID[album.image_of[own]]])
        alone = Components(bare)
        alone.global_similarity = searcher.components.global_similarity
        assert found[row, own] == pytest.approx(scores(strategy, alone, asked)[0, own], abs=1e-7)


def test_words_cannot_be_asked_with_pictures(searcher):
    with pytest.raises(BadInput, match="BM25 reads words only"):
        catalogue_evaluation.query_scores(
            searcher, catalogue_evaluation.image_questions(searcher.catalogue), "bm25", SPACE
        )


def test_queries_from_a_file(searcher, tmp_path):
    file = tmp_path / "queries.csv"
    file.write_text("query,item_id,gain\nred shoe,s1,2\nred shoe,s2,1\nhat,h2,1\nhat,h1,0\n")
    questions = catalogue_evaluation.from_file(searcher.catalogue, file)
    assert questions.names == ("red shoe", "hat")
    assert list(questions.truth.relevant(0)) == [0, 1] and list(questions.truth.relevant(1)) == [4]
    assert list(questions.truth.gains) == [2, 1, 1]
    found = query_metrics(
        catalogue_evaluation.query_scores(searcher, questions, "bm25", SPACE), questions.truth, ("map", "ndcg@10")
    )
    assert found["map"][0] == 1 and found["ndcg@10"][0] == 1
    for content, what in (
        ("query,item\na,s1\n", "needs the columns"),
        ("query,item_id\na,nobody\n", "no item is 'nobody'"),
        ("query,item_id\n,s1\n", "the query is empty"),
        ("query,item_id\na,s1\na,s1\n", "already"),
        ("query,item_id,gain\na,s1,-1\n", "gain must be"),
        ("query,item_id,gain\na,s1,much\n", "gain must be"),
    ):
        file.write_text(content)
        with pytest.raises(BadInput, match=what):
            catalogue_evaluation.from_file(searcher.catalogue, file)


def test_many_lines_are_read_at_once_as_each_is_read_alone():
    lines = ("red shoe", "blue:2 -hat", '"red shoe" red', "-hat", '"hat" -hat')
    expected = [study.make_query(SPACE, line, encode=encode).vector for line in lines]
    np.testing.assert_allclose(catalogue_evaluation.query_vectors(SPACE, lines, encode), expected, atol=1e-6)


def test_strategies_are_compared_on_the_same_questions_with_intervals_and_corrected_tests(searcher):
    from core.metrics import significance

    questions = catalogue_evaluation.image_questions(searcher.catalogue)
    groups = questions.truth.query_groups
    assert groups[0] == groups[1] != groups[2]
    found = catalogue_evaluation.compare(searcher, questions, SPACE, draws=500)
    table = found.table.set_index("strategy")
    assert "fixed" not in table.index and "bm25" not in table.index and list(found.skipped) == ["BM25 on words"]
    assert (
        table["mean"].is_monotonic_decreasing and ((table.low <= table["mean"]) & (table["mean"] <= table.high)).all()
    )
    others = [name for name in table.index if name != "average"]
    p = [significance.compare(found.per_query[n], found.per_query["average"], draws=500).p for n in others]
    np.testing.assert_allclose(table.p_holm[others], significance.holm(p))
    for name in others:
        expected = np.mean(found.per_query[name] - found.per_query["average"])
        assert table.difference[name] == pytest.approx(expected)
    said = " ".join(found.sentences)
    assert "No difference to Simple average is shown for" in said and "not independent" in said
    with_shares = catalogue_evaluation.compare(searcher, questions, SPACE, shares={"title": 1.0}, draws=200)
    assert "fixed" in set(with_shares.table.strategy)


def test_rows_without_picture_keep_the_columns_that_were_mapped_by_hand(tmp_path, home):
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("nummer,bild,was,art\n1,a.png,Roter Schuh,Schuhe\n2,,Blauer Schuh,Schuhe\n")
    columns = {"id": "nummer", "path": "bild", "title": "was", "label": "art"}
    options = {"missing": "quarantine", "columns": columns}
    catalogue = catalogue_items.of_dataset(data.add("laden", tmp_path / "list.csv", reader="manifest", options=options))
    assert list(catalogue.items["id"]) == ["1", "2"] and catalogue.texts("category") == ["Schuhe", "Schuhe"]
    assert catalogue.texts("title") == ["Roter Schuh", "Blauer Schuh"]


def test_pictures_that_are_not_embedded_are_one_sentence_with_the_command(shop):
    with pytest.raises(NotComputed, match="python -m core embed --dataset shop --backbone concepts_lite0"):
        study.components(catalogue_items.of_dataset(shop), SPACE, encode=encode)


def test_a_dataset_without_text_is_no_catalogue(tiny_world):
    with pytest.raises(BadInput, match="has no text"):
        catalogue_items.of_dataset(tiny_world.dataset)


@pytest.mark.slow
def test_the_demo_catalogue_works_from_end_to_end(home):
    from core.studies import embedding

    dataset = data.load("demo_catalogue")
    catalogue = catalogue_items.of_dataset(dataset)
    assert len(catalogue) == 22 and (catalogue.image_of >= 0).all()
    assert all(catalogue.texts("title")) and all(catalogue.texts("description"))
    embedding.embed(dataset, [SPACE])
    searcher = Searcher(catalogue, study.components(catalogue, SPACE))
    for line, wanted in (("a cat", "chelsea"), ("motorbike", "motorcycle"), ("hot drink", "coffee")):
        for strategy in ("average", "hybrid", "local"):
            found = searcher.rank(strategy, study.make_query(SPACE, line))
            assert str(catalogue.items["id"][found.order[0]]).startswith(wanted), (line, strategy)
    questions = catalogue_evaluation.image_questions(catalogue)
    found = query_metrics(
        catalogue_evaluation.query_scores(searcher, questions, "hybrid", SPACE), questions.truth, ("map",)
    )["map"]
    assert np.nanmean(found) > 0.25, "pictures find their texts better than by chance (about 0.17)"
