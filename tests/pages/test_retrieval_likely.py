"""Results say how likely each is relevant: saved probabilities, else such as are fitted when they are asked for."""

from __future__ import annotations

import pytest

from core import data
from core.studies import calibration_store, fusion, retrieval
from core.types import Dataset
from core.ui.widgets import likely
from core.ui.widgets.result_cards import result_cards
from tests.pages.alone import OWN

pytestmark = pytest.mark.usefixtures("fresh")


def test_each_result_says_how_likely_it_is(tiny: Dataset) -> None:
    space = fusion.space_of(tiny, OWN)
    query = retrieval.gallery_image_query(tiny, space, 3, data.relevance(tiny))
    answer = retrieval.retrieve(query, query.system("hog"))
    assert not any(card.note for card in result_cards(tiny, answer, answer.order[:4], {})), "only where it is asked for"
    made, sentence = likely.of_answer(tiny, "hog", None)
    assert made is not None and sentence == made.sentence() and "30 training queries" in sentence
    stored = calibration_store.load(calibration_store.name_of(tiny, ("hog",)), space, ("hog",))
    assert stored == made == likely.of_system(tiny, "hog", None), "saved with the system"
    notes = [card.note for card in result_cards(tiny, answer, answer.order[:4], {}, likely=made.fit)]
    shares = [round(100 * float(made.fit.probability(answer.scores[item : item + 1])[0])) for item in answer.order[:4]]
    assert notes == [f"{share} % likely relevant" for share in shares]


def test_where_nothing_can_be_fitted_it_says_why(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.errors import BadInput

    def refuse(*_: object) -> None:
        raise BadInput("Scores cannot become probabilities here.")

    monkeypatch.setattr(likely.cache, "calibration_of", refuse)
    assert likely.of_answer(tiny, "hsv_histogram", None) == (None, "Scores cannot become probabilities here.")
