"""Scores of text queries as probabilities: what nobody has labelled is neither right nor wrong."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core.studies.text import text_calibration, text_search
from tests.studies.test_evaluation import dataset_of


def test_images_without_a_label_are_no_wrong_results(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.repeat(np.arange(8), 4)
    whole, part = dataset_of(labels), dataset_of(np.concatenate([labels, np.full(64, -1)]))

    def asked(vectors: dict, query: object, **more: object) -> SimpleNamespace:
        """Those of the class that was named first, every second one a little lower; unlabelled ones above all."""
        n = len(vectors["a"])
        at = int(query.terms[0].text[1:])  # type: ignore[attr-defined]
        scores = np.full(n, 1.0)
        scores[:32] = 0.01 * np.arange(32) / 32 + np.where(
            labels == at, 0.5 - 0.3 * (np.arange(32) % 2), 0.1 * (at % 3)
        )
        return SimpleNamespace(order=np.argsort(-scores, kind="stable"), scores=scores)

    monkeypatch.setattr(text_search, "search", asked)
    made = [text_calibration.calibrate_text(data, {"a": np.zeros((len(data), 2))}) for data in (whole, part)]
    assert made[0].fits == made[1].fits and made[0].share_right == made[1].share_right > 0
