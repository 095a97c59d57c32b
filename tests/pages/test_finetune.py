"""The page Fine-tune: it says what trains, trains a head, shows its curve, and the Leaderboard has its difference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core import access, backbones, data
from core.errors import NotAllowed
from core.studies import embedding
from core.studies.finetuning import figures, run
from core.studies.finetuning.plan import Plan
from core.ui.app import jobs
from core.ui.views.finetune import competition, training_job
from tests.browser import ROOT, at_rest, chromium, serve, tab  # noqa: F401  (fixtures)
from tests.conftest import write_tiny
from tests.pages.alone import opened, words
from tests.pages.test_every_page import open_page

pytestmark = pytest.mark.usefixtures("fresh")
LITE = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def tuned_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the tiny images, embedded by a network and by a descriptor."""
    place = tmp_path_factory.mktemp("tuned") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(place))
        embedding.embed(data.add("tiny", write_tiny(place.parent / "tiny")), [LITE, "hog"])
    return place


@pytest.fixture
def home_of_tuned(tuned_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tuned_home))
    return tuned_home


def test_it_says_what_trains_before_anything_is_trained(home_of_tuned: Path) -> None:
    app = opened("finetune", d="tiny", b=f"{LITE},hog")
    assert not app.exception and not app.error
    assert app.selectbox(key="FinetuneSetup.backbone").options == ["EfficientNet-Lite0"], "descriptors are not tuned"
    assert "half of the images of each class" in words(app)
    assert "A competition takes the folders train, query and gallery" in words(app)
    app = opened("finetune", d="tiny", ask="new")
    assert "all images of half of the classes" in words(app)
    app = opened("finetune", d="tiny", mv="last", ep="2")
    assert not app.exception and not app.error and "for 2 epochs on this CPU" in words(app)
    app = opened("finetune", d="tiny", loss="<b>", mv="sideways", net="nobody", dim="-5", lr="nan")
    assert not app.exception and not app.error


def test_where_nothing_can_be_tuned_it_says_so(tiny) -> None:
    app = opened("finetune", d="tiny")
    assert not app.exception and "Only networks are tuned" in words(app)


def test_who_may_not_train_is_told_who_may(home_of_tuned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured for a guest, and no job of another one is let go."""
    ready = run.prepare(data.get("tiny"), Plan("mine", LITE, dim=8, epochs=1))
    monkeypatch.setattr(access.visitor, "_ask", lambda: access.Visitor("guest", "", "a guest"))
    monkeypatch.setattr(run, "estimate", lambda *args: pytest.fail("the network was run for a guest"))
    app = opened("finetune", d="tiny", mv="last")
    assert not app.exception and not app.error and "Owners can" in words(app)
    assert "Train" not in [button.label for button in app.button]
    with pytest.raises(NotAllowed):
        training_job.start(ready)
    assert jobs.find(training_job.name_of("tiny")) is None


def test_a_tuned_backbone_tells_no_name_of_a_private_dataset(home_of_tuned: Path) -> None:
    made = run.train(run.prepare(data.get("tiny"), Plan("told", LITE, dim=8, epochs=1))).backbone
    note = backbones.source_of(made).note
    data.set_private("tiny", True)
    try:
        assert "'tiny'" in note(made)
        with access.acting(access.Visitor("guest")):
            assert note(made).startswith("Trained on ") and "tiny" not in note(made)
    finally:
        data.set_private("tiny", False)
        backbones.remove(made.name)


def test_every_page_leaves_out_what_trained(home_of_tuned: Path) -> None:
    dataset = data.get("tiny")
    made = run.train(run.prepare(dataset, Plan("seen", LITE, dim=8, epochs=4)))
    left = made.parts.report
    app = opened("finetune", d="tiny", t="tuned:seen")
    beside = figures.beside("tuned:seen", dataset)
    assert (
        not app.exception
        and not app.error
        and "against the frozen network" in words(app)
        or "no difference" in words(app)
    )
    assert beside.figure("tuned:seen").n_queries == len(left.split.queries) == 30
    for page in ("leaderboard", "curves", "threshold", "retrieval", "fusion_lab", "overview", "report"):
        app = open_page(f"pages/{page}.py", d="tiny", b=f"{LITE},tuned:seen")
        assert not app.exception and not app.error, (page, [e.value for e in app.error])
    app = opened("leaderboard", d="tiny", b=f"{LITE},tuned:seen")
    assert "30 queries trained a tuned backbone and take no part; 30 queries report" in words(app)
    table = app.dataframe[0].value
    row = table[table["system"].str.startswith("seen")].iloc[0]
    assert row["map"] == pytest.approx(beside.figure("tuned:seen").mean)
    assert "classes seen in training" in words(app)
    app = opened("leaderboard", d="tiny", b=LITE, sys=f"{LITE}|tuned:seen")
    assert not app.exception and "trained a tuned backbone" not in words(app), "who is not chosen changes no figure"
    assert not any(app.dataframe[0].value["system"].str.startswith("seen"))
    backbones.remove("tuned:seen")
    assert "tuned:seen" not in backbones.names()


def test_a_name_that_is_taken_is_asked_about(home_of_tuned: Path) -> None:
    run.train(run.prepare(data.get("tiny"), Plan("lite0-known", LITE, dim=8, epochs=1)))
    try:
        app = opened("finetune", d="tiny")
        (name,) = [one for one in app.text_input if one.label == "Saved as tuned:"]
        assert name.value == "lite0-known-2", "a name that is free is offered"
        name.set_value("lite0-known").run()
        train = next(button for button in app.button if button.key == "train tuned")
        assert train.disabled
        next(box for box in app.checkbox if box.label == "Replace tuned:lite0-known").check().run()
        assert not next(button for button in app.button if button.key == "train tuned").disabled
        ready = run.prepare(data.get("tiny"), Plan("lite0-known", LITE, dim=8, epochs=1))
        training_job.start(ready)
        job = jobs.find(training_job.name_of("tiny"))
        assert job.ended.wait(60) and job.state == "failed" and "already" in job.sentence
        jobs.forget(training_job.name_of("tiny"))
    finally:
        backbones.remove("tuned:lite0-known")


def test_more_than_a_head_stands_beside_its_head(home_of_tuned: Path) -> None:
    dataset = data.get("tiny")
    made = run.train(run.prepare(dataset, Plan("stage", LITE, moves="last", dim=16, epochs=1, batch=16)))
    embedding.embed(dataset, [made.backbone.name])
    try:
        app = opened("finetune", d="tiny", t="tuned:stage")
        assert not app.exception and not app.error
        assert "over a head alone" in words(app) and "proposed" in words(app)
    finally:
        backbones.remove("tuned:stage")


def test_a_competition_run_in_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot compete says why; what can is run: the pick, the table with both meanings of top-k, three files."""
    monkeypatch.setenv("FUSIONSCOPE_HOME", str(tmp_path / "home"))
    write_tiny(tmp_path / "all")
    for number, file in enumerate(sorted((tmp_path / "all").glob("*/*.png"))):
        part = ("train", "train", "train", "test/query", "test/gallery")[number % 5]
        target = tmp_path / "nested" / part / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
    dataset = data.add("nested", tmp_path / "nested")
    embedding.embed(dataset, [LITE, "hog"])
    app = opened("finetune", d="nested", ck="2")
    assert not app.exception and not app.error and "No run yet" in words(app)
    assert app.multiselect(key="CompeteSetup.networks").value == [LITE]
    next(button for button in app.button if button.key == "run competition").click().run()
    job = jobs.find(competition.name_of(data.get("nested")))
    assert job.ended.wait(120) and job.state == "done", job.sentence
    app.run()
    assert not app.exception and not app.error and "Picked on validation images: nested-lite0-known" in words(app)
    assert "share of the first k results" in words(app) and "of 12 queries" in words(app)
    (table,) = [frame.value for frame in app.dataframe if "test hit@2" in frame.value.columns]
    assert list(table[" "]) == ["picked"] and "[" in table["test top-2"][0]
    labels = {element.label for element in app.get("download_button")}
    assert labels >= {"results.json", "systems.csv", "report.html"}
    assert "Train again what has these names" in [box.label for box in app.checkbox]
    jobs.forget(job.name)


@pytest.mark.browser
def test_a_journey(tmp_path: Path, tab, home_of_tuned: Path) -> None:  # noqa: F811
    """A head is trained in the page, its curve drawn; the Leaderboard has it beside the frozen one, with its difference."""
    from playwright.sync_api import expect

    with serve(ROOT / "app.py", home_of_tuned) as address:
        tab.goto(f"{address}/finetune?d=tiny&ep=12&dim=16")
        expect(tab.get_by_text("Nothing was tuned on these images yet.")).to_be_visible(timeout=60_000)
        tab.get_by_role("textbox", name="Saved as tuned:").fill("journey")
        tab.get_by_role("textbox", name="Saved as tuned:").press("Enter")
        at_rest(tab)
        tab.get_by_role("button", name="Train", exact=True).click()
        expect(tab.get_by_text(re.compile(r"journey \(tuned\)")).first).to_be_visible(timeout=90_000)
        expect(tab.locator(".js-plotly-plot .yaxislayer-above, .js-plotly-plot .overaxes-above").first).to_be_attached()
        expect(tab.get_by_text("mAP, held back (right)").first).to_be_visible()
        tab.get_by_role("button", name="Compare in the Leaderboard").click()
        tab.wait_for_url(re.compile("/leaderboard"))
        expect(tab.get_by_text(re.compile("30 queries trained a tuned backbone")).first).to_be_visible(timeout=60_000)
        expect(tab.get_by_text(re.compile(r"journey \(tuned\)")).first).to_be_visible()
        expect(tab.get_by_text(re.compile("classes seen in training")).first).to_be_visible()
        assert not tab.complaints
