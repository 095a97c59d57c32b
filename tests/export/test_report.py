"""Reports and contact sheets: self-contained, small, escaped, and saying what the numbers say."""

from __future__ import annotations

import dataclasses
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import charts, cli, data
from core.data import images
from core.errors import NotComputed
from core.export import contact_sheet
from core.export.report import cases, comparison, document, view_report
from core.fusion import FusionSpec
from core.store import open_store
from core.studies import embedding, evaluation, fusion, retrieval, system_spec_text
from core.studies.systems import build

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)> & \"q\" 'a'"


class Tags(HTMLParser):
    """What a browser would see: tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text: str) -> None:
        self.words += text


def nothing_is_loaded_or_run(text: str) -> Tags:
    seen = Tags(text)
    assert not {tag for tag, _ in seen.tags} & {"script", "iframe", "object", "embed", "link", "base", "form"}
    for tag, attributes in seen.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("src", "href", "data", "action"):
            value = attributes.get(name, "#")
            assert value.startswith("#" if tag == "a" else ("#", "data:image/webp;base64,")), (tag, value)
    assert "url(" not in text and "@import" not in text
    policy = next(a["content"] for tag, a in seen.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "script" not in policy and "unsafe" not in policy
    assert not [attributes for _, attributes in seen.tags if "style" in attributes], "the policy refuses them"
    return seen


@pytest.fixture
def small(tiny_world):
    """The tiny world with two descriptors embedded."""
    dataset = embedding.embed(tiny_world.dataset, ("hsv_histogram", "hog")).dataset
    space = fusion.space_of(dataset, ("hsv_histogram", "hog"))
    return dataset, space


MIX = FusionSpec(NASTY, "concat", ("hsv_histogram", "hog"), (2.0, 1.0))


def nasty(dataset):
    """The same images under labels and titles that want to be HTML."""
    items = dataset.items.assign(title=[NASTY] * len(dataset))
    names = tuple(sorted(f"{NASTY} {name}" for name in dataset.label_names))
    return dataclasses.replace(dataset, label_names=names, items=items, name=f"set {NASTY}")


def test_a_view_report_shows_the_results_and_escapes_everything(small) -> None:
    dataset, space = small
    dataset = nasty(dataset)
    question = retrieval.gallery_image_query(dataset, space, 3)
    answers = [retrieval.retrieve(question, s) for s in build(space, ("hog",), [MIX])]
    text = view_report.build(dataset, answers, 12, {"hog": NASTY}, query_text=NASTY)
    seen = nothing_is_loaded_or_run(text)
    assert "alert(1)" in seen.words and "<img src=x" not in text and "onerror=alert(2)>" not in text
    assert len(text) < 10e6
    shown = [a for tag, a in seen.tags if tag == "img"]
    assert len(shown) >= 2 * 12 + 1
    for answer in answers:
        told = retrieval.query_metrics(answer, 12)
        assert f"{told['map']:.3f}" in seen.words and f"{told['p@12']:.3f}" in seen.words
    assert dataset.fingerprint in seen.words and MIX.fingerprint in seen.words
    for name in ("hog", "hsv_histogram"):
        assert embedding.stored(dataset, embedding.find(dataset, name)).fingerprint in seen.words


def test_a_result_without_a_label_is_unknown_in_every_file(small) -> None:
    whole, space = small
    bare = np.arange(len(whole)) % 3 == 0
    bare[4] = False
    dataset = dataclasses.replace(whole, labels=np.where(bare, -1, whole.labels))
    answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 4), build(space, ("hog",))[0])
    positions = dataset.split.gallery[answer.order[:12]]
    expected = [
        "relevant" if hit else "unknown" if bare[position] else "not" for hit, position in zip(answer.hits, positions)
    ]
    assert set(expected) == {"relevant", "unknown", "not"}
    shown = [view_report.result_image(dataset, answer, int(item)).frame for item in answer.order[:12]]
    assert shown == expected
    assert [contact_sheet.Tile.of(dataset, answer, int(item)).frame for item in answer.order[:12]] == expected
    kinds = {"relevant": True, "not": False, "unknown": None}
    assert retrieval.results_table(dataset, answer, 12)["relevant"].tolist() == [kinds[kind] for kind in expected]
    result = evaluation.evaluate(
        build(space, ("hog", "hsv_histogram")), data.relevance(dataset), (1, 10), dataset=dataset
    )
    text = comparison.build(
        comparison.Compared(dataset, result, data.relevance(dataset), space.names, []), columns=("map",)
    )
    frames = {a.get("class", "") for _, a in Tags(text).tags}
    assert any("unknown" in frame for frame in frames)
    for case in retrieval.best_and_worst(dataset, result.evaluations[0], data.relevance(dataset))[1]:
        for image, item, hit in zip(cases.case_images(dataset, case)[1:], case.items, case.hits):
            unknown = bare[dataset.split.gallery[item]] and not hit
            assert image.frame == ("unknown" if unknown else "relevant" if hit else "not")


def test_instances_and_pairs_say_what_is_known(small) -> None:
    dataset, _ = small
    instances = np.where(np.arange(len(dataset)) % 2 == 0, -1, 3)
    by_instance = dataclasses.replace(dataset, instances=instances, relevant_by="instance")
    assert [by_instance.is_relevance_known(at) for at in (0, 1)] == [False, True]
    bare = dataclasses.replace(dataset, labels=np.full(len(dataset), -1))
    assert not bare.is_relevance_known(0) and bare.relevance_kind(0, True) == "relevant"
    assert dataclasses.replace(bare, relevant_by="pairs").is_relevance_known(0)


def test_a_query_of_given_pictures_has_a_report_too(small, tiny_images: Path) -> None:
    dataset, space = small
    content = next(tiny_images.rglob("*.png")).read_bytes()
    vectors = {name: space.get(name)[[1, 2]] for name in space.names}
    answers = [
        retrieval.retrieve(retrieval.uploaded_image_query(dataset, space, vectors), s) for s in build(space, ("hog",))
    ]
    text = view_report.build(
        dataset, answers, 5, {}, query_text="two", uploads=(content, content), crop=(0, 0, 0.5, 0.5)
    )
    seen = nothing_is_loaded_or_run(text)
    assert (
        "2 images, searched by the mean of their embeddings" in seen.words
        and "Nothing is known to be relevant" in seen.words
    )


def test_a_comparison_has_every_system_its_interval_and_its_cases(small) -> None:
    dataset, space = small
    dataset, truth = nasty(dataset), data.relevance(dataset)
    result = evaluation.evaluate(build(space, ("hog", "hsv_histogram"), [MIX]), truth, (1, 10), dataset=dataset)
    compared = comparison.Compared(dataset, result, truth, space.names, [MIX])
    text = comparison.build(compared, columns=("map", "p@1", "p@10", "recall@10"))
    seen = nothing_is_loaded_or_run(text)
    for one in result.evaluations:
        figure = one.figures["map"]
        assert f"{figure.mean:.3f}" in seen.words and f"[{figure.low:.3f}, {figure.high:.3f}]" in seen.words
    titles = [f"Worst and best queries of {name}" for name in ("hog", "hsv_histogram", NASTY)]
    assert all(seen.words.count(title) == 2 for title in titles), "in the contents, and where they stand"
    assert seen.words.count("Worst queries") == 3 == seen.words.count("Best queries")
    best = max(result.evaluations, key=lambda one: one.mean("map"))
    cases = retrieval.best_and_worst(dataset, best, truth)[1]
    assert all(f"AP {case.ap:.3f}" in seen.words for case in cases)
    found = next(iter(result.comparison.differences.values()))
    assert f"{found.p_holm:.4f}" in seen.words
    assert re.search(r"<polyline", text) and len(text) < 10e6


def test_pictures_stop_at_the_budget_and_the_report_says_so(small) -> None:
    dataset, _ = small
    keys = [retrieval.text_key(key) for key in dataset.keys]
    sizes = [-(-len(open_store().thumbnail(key)) // 3) * 4 for key in keys[:3]]
    album = document.ImageStrip(budget=sum(sizes))
    row = album.row([document.DocumentImage(key) for key in keys])
    embedded = [content for _, content, _ in row.images if content]
    assert len(embedded) >= 3 and album.left_out == len(keys) - len(embedded) > 0
    assert f"{album.left_out} images were left out" in album.notes()[0].text
    assert document.ImageStrip().row([document.DocumentImage("0" * 64)]).images[0][2] == "no image"


def test_undefined_numbers_are_dashes() -> None:
    nan = float("nan")
    assert document.number_cell(nan).text == "–" and document.number_cell(0.5).small == ""
    assert document.number_cell(0.5, 0.4, 0.6).small == "[0.400, 0.600]"
    assert document.number_cell(-0.5, -0.6, 0.1) == document.Cell("−0.500", "[−0.600, 0.100]"), "one sign of minus"


def test_the_sheet_is_one_picture_of_all_results(small) -> None:
    dataset, space = small
    answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, 3), build(space, ("hog",))[0])
    tiles = [contact_sheet.Tile.of(dataset, answer, place) for place in answer.order[:20]]
    drawn = contact_sheet.draw([contact_sheet.SheetPart("hog ▲ 画像", tiles)], contact_sheet.query_tiles(dataset, 3))
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    assert picture.width > 1000 and picture.height > 300
    colours = {colour for _, colour in picture.getcolors(1 << 24)}
    frames = {"relevant": (0x12, 0x80, 0x3F), "not": (0xE0, 0x52, 0x5E), "query": (0x2B, 0x7D, 0xE9)}
    assert {frame for frame in (tile.frame for tile in tiles)} <= set(frames)
    assert all(frames[frame] in colours for frame in {tile.frame for tile in tiles} | {"query"})
    middle = images.open_rgb(drawn).getpixel((28 + 74, 28 + 40 + 74))
    assert middle != (255, 255, 255)


def test_the_command_writes_a_report(small, tmp_path: Path, capsys) -> None:
    dataset, _ = small
    out = tmp_path / "r.html"
    flags = ["report", "--data", "tiny", "--backbone", "hog", "--backbone", "hsv_histogram", "--out", str(out)]
    assert cli.main(flags) == 0
    assert "Wrote" in capsys.readouterr().out
    seen = nothing_is_loaded_or_run(out.read_text(encoding="utf-8"))
    assert "HOG + HSV histogram" in seen.words and "P@10" in seen.words
    assert "the bootstrap draws whole classes of queries" in seen.words
    assert cli.main([*flags, "--by-query"]) == 0
    by_query = nothing_is_loaded_or_run(out.read_text(encoding="utf-8"))
    assert "the bootstrap draws queries one by one" in by_query.words
    pattern = r"finds best: mAP [0-9.]+ \[([0-9.]+), ([0-9.]+)\]"
    assert re.search(pattern, seen.words)[0] != re.search(pattern, by_query.words)[0]
    assert cli.main([*flags[:-1], str(tmp_path / "no" / "r.html")]) == 2
    assert "folder that exists" in capsys.readouterr().err


def test_a_report_begins_with_its_answer_and_names_fusions_as_people_do(small) -> None:
    dataset, _ = small
    mix = system_spec_text.named_by_shares(FusionSpec("x", "concat", ("hsv_histogram", "hog"), (3.0, 1.0)))
    even = system_spec_text.named_by_shares(mix.with_weights((1.0, 1.0)))
    rrf = system_spec_text.named_by_shares(FusionSpec("x", "rrf", ("hsv_histogram", "hog")))
    text = comparison.of_stored(dataset, ("hsv_histogram", "hog"), [mix, even, rrf], ks=(1,))
    seen = nothing_is_loaded_or_run(text)
    result = fusion.evaluate(dataset, ("hsv_histogram", "hog"), [mix, even, rrf], ks=(1,))
    best = max(result.evaluations, key=lambda one: one.mean("map")).figures["map"]
    assert f"mAP {best.mean:.3f} [{best.low:.3f}, {best.high:.3f}]" in seen.words
    assert "the bootstrap draws whole classes of queries" in seen.words
    assert "ahead of" in seen.words or "cannot be told apart" in seen.words
    assert (
        "Reciprocal rank fusion of 2" in seen.words
        and "Concatenation of 2 (2)" in seen.words
        and "HSV histogram 90 %, HOG 10 %" in seen.words
    )
    assert "were not measured on the machine" in seen.words and "ms per image" not in seen.words


def test_without_labels_there_is_one_sentence(small) -> None:
    dataset, space = small
    bare = dataclasses.replace(dataset, labels=np.full(len(dataset), -1))
    with pytest.raises(NotComputed, match="no labels"):
        comparison.of_stored(bare, space.names, [])
    answers = [retrieval.retrieve(retrieval.gallery_image_query(bare, space, 3), s) for s in build(space, ("hog",))]
    nothing_is_loaded_or_run(view_report.build(bare, answers, 5, {}, query_text="x"))


def test_every_table_fits_its_page(small) -> None:
    dataset, _ = small
    text = comparison.of_stored(dataset, ("hsv_histogram", "hog"), [], ks=(1, 2, 3, 5, 7, 10))
    seen = nothing_is_loaded_or_run(text)
    names = [re.sub("<[^>]+>", "|", row).count("||") + 1 for row in re.findall("<thead><tr>(.*?)</tr>", text)]
    assert len(names) > 5 and max(names) <= comparison.MOST_COLUMNS + 3
    assert all(f"Recall@{k}" in seen.words for k in (1, 2, 3, 5, 7, 10)), "no metric is lost"


def test_the_answer_stands_before_everything_else(small) -> None:
    dataset, _ = small
    text = comparison.of_stored(dataset, ("hsv_histogram", "hog"), [])
    body = text[text.index("<body>") :]
    assert [body.index(part) for part in ("<h1>", 'class="answer"', 'class="lead"', "<svg", "<table")] == sorted(
        body.index(part) for part in ("<h1>", 'class="answer"', 'class="lead"', "<svg", "<table")
    )


def test_a_chart_of_ones_own_stands_in_a_report_and_on_a_page() -> None:
    """CONTRIBUTING: a chart that page and report share is one record with `figure` and `svg`."""
    chart = charts.BarChart([charts.Bar("a", 0.5, 0.4, 0.6, "#4269d0")], "mAP")

    class Half:
        def figure(self):
            return chart.figure()

        def svg(self) -> str:
            return chart.svg()

    text = document.Report("t", "a", "l", [Half()]).html()
    assert chart.svg() in text and len(Half().figure().data) == 3


def test_any_text_of_a_report_is_inert() -> None:
    parts = [
        document.Heading(NASTY),
        document.Paragraph(NASTY),
        document.Facts([(NASTY, NASTY)]),
        document.Table([NASTY, NASTY], [[NASTY, document.Cell(NASTY, NASTY)]]),
        document.Case(NASTY, NASTY, document.ImageRow([(document.DocumentImage("", NASTY, NASTY), "", NASTY)])),
        charts.BarChart([charts.Bar(NASTY, 0.5, 0.4, 0.6, "#4269d0")], NASTY),
        charts.precision_recall([charts.Line(NASTY, np.arange(11) / 10, np.ones(11), "#4269d0")]),
    ]
    seen = nothing_is_loaded_or_run(document.Report(NASTY, NASTY, NASTY, parts).html())
    assert seen.words.count(NASTY) >= 15
