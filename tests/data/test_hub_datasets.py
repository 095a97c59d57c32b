"""Datasets of the Hugging Face hub: fetched once and read as a folder; offline they are one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import data
from core.data import hub_datasets
from core.errors import BadInput
from core.studies.study import study_check, study_data, study_file, study_run
from tests.conftest import write_tiny

STUDY = 'backbones = ["hog"]\n[[dataset]]\ndata = "hf:people/shapes"\n'


def test_what_is_not_here_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInput, match="people/shapes of the Hugging Face hub is not on this machine and could not be"):
        data.load("hf:people/shapes")
    assert not hub_datasets.is_here("hf:people/shapes") and data.names()
    study = study_file.parse(STUDY)
    assert "downloads it" in study_check.check(study).datasets[0].missing
    with pytest.raises(BadInput, match="could not be fetched"):
        study_run.run(study)
    with pytest.raises(BadInput, match="line 3: 'hf:shapes' is no hf:ORGANISATION/NAME."):
        study_file.parse(STUDY.replace("people/shapes", "shapes"))


def test_it_is_fetched_once_and_read_as_a_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[str] = []

    def download(name: str, *, repo_type: str, local_dir: Path) -> str:
        asked.append(name)
        assert repo_type == "dataset"
        return str(write_tiny(Path(local_dir), 4))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    loaded = data.load("hf:people/shapes")
    assert loaded.name == "shapes" and len(loaded) == 24 and len(loaded.label_names) == 6
    assert len(data.load("hf:people/shapes")) == 24 and asked == ["people/shapes"]
    entry = study_file.parse(STUDY).datasets[0]
    assert (
        study_data.saved_name(entry) == "shapes"
        and not study_data.missing(entry)
        and not study_data.is_path(entry.data)
    )
    assert study_run.run(study_file.parse(STUDY)).parts[0].n_valid == 24
