"""Words as queries: what a typed line means, who can read it, and what it finds.

Only backbones with a text tower take part in a text score. A second step may follow: the best pictures of the text
become the query of every selected backbone (pseudo-relevance feedback), so that those without a text tower help too.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core import backbones
from core.errors import BadInput, CoreError, ShapeMismatch
from core.task import NO_TASK, Task
from core.types import Dataset, Relevance, unit

if TYPE_CHECKING:
    from core.backbones.query_encoding import QueryEncoder

TEMPLATES = ("a photo of {}", "a picture of {}", "a close-up photo of {}", "a photo of the {}", "a good photo of {}")
"""Sentences around a bare word, of which the mean is taken (Radford et al. 2021, arXiv:2103.00020, section 3.1.4)."""
MAX_CHARACTERS = 2000
MAX_TERMS = 32
MAX_WEIGHT = 10.0
EncodeWords = Callable[[str, Sequence[str]], np.ndarray]
"""(backbone name, texts) → (n, dim) float32 unit vectors."""

_LOADING = threading.Lock()
_PIECE = re.compile(r'(?<!\S)(-?)(?:"([^"]*)"(?::(-?\d+(?:\.\d+)?))?|(\S+))')
_WEIGHTED = re.compile(r"^(.*[^:]):(-?\d+(?:\.\d+)?)$", re.DOTALL)


@dataclass(frozen=True)
class Term:
    """Some words and how much they count; below 0 they are to be avoided."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class TextQuery:
    """A typed line, understood: terms, and sentences about what was left out."""

    terms: tuple[Term, ...]
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The query as it was understood, for people."""
        wanted = [f"“{t.text}”" + (f" × {t.weight:g}" if t.weight != 1 else "") for t in self.terms if t.weight > 0]
        avoided = [f"“{t.text}”" + (f" × {-t.weight:g}" if t.weight != -1 else "") for t in self.terms if t.weight < 0]
        said = " + ".join(wanted)
        return said + (" without " if said else "Without ") + " and ".join(avoided) if avoided else said


def parse(line: str) -> TextQuery:
    """What a typed line asks for.

    Plain words belong together and are read as one phrase. `-word` is to be avoided, `word:2` counts twice,
    "several words" in double quotes are one term and take a minus or a weight too: `"red shoe":2 -lace`.

    Raises:
        BadInput: nothing to look for.
    """
    notes = []
    text = "".join(letter if letter.isprintable() else " " for letter in line)
    text = text.replace("“", '"').replace("”", '"').replace("„", '"')
    if len(text) > MAX_CHARACTERS:
        notes.append(f"Only the first {MAX_CHARACTERS:,} of {len(text):,} characters were read.")
        text = text[:MAX_CHARACTERS]
    phrase: list[str] = []
    terms: list[Term] = []
    for minus, quoted, weight, word in _PIECE.findall(text):
        if not quoted and not word:
            continue
        said, factor = (quoted, float(weight or 1)) if quoted else _weighted(word)
        said = said.strip().strip('"').strip()
        if not any(letter.isalnum() or ord(letter) > 0x2000 for letter in said):
            continue
        factor = max(-MAX_WEIGHT, min(MAX_WEIGHT, -factor if minus else factor))
        if factor == 1 and not quoted:
            phrase.append(said)
        elif factor != 0:
            terms.append(Term(said, factor))
    if phrase:
        terms.insert(0, Term(" ".join(phrase)))
    if not terms:
        raise BadInput("Type what to look for, for example: red shoe -lace.")
    if len(terms) > MAX_TERMS:
        notes.append(f"Only the first {MAX_TERMS} of {len(terms)} terms were read.")
        terms = terms[:MAX_TERMS]
    return TextQuery(tuple(terms), tuple(notes))


def _weighted(word: str) -> tuple[str, float]:
    """'red:2' → ('red', 2.0); a time of day ('12:30') or an address stays as it is."""
    found = _WEIGHTED.match(word)
    if not found or abs(float(found.group(2))) > MAX_WEIGHT or found.group(1)[-1].isdigit():
        return word, 1.0
    return found.group(1), float(found.group(2))


def reads_text(name: str) -> bool:
    """Whether a backbone has a text tower; vectors that were imported have none."""
    try:
        return "text" in backbones.get(name).modalities
    except CoreError:
        return False


@dataclass(frozen=True)
class Readers:
    """Who of the selected backbones can read a text query."""

    reading: tuple[str, ...]
    deaf: tuple[str, ...]

    def sentence(self) -> str:
        """One sentence for the page: who takes part and who does not."""
        if not self.reading:
            return (
                "None of the selected backbones reads text. Add concepts_lite0, which needs no download, "
                "or a vision-language backbone such as clip_vitb32."
            )
        said = f"The text is read by {', '.join(self.reading)}"
        if self.deaf:
            said += (
                f"; {', '.join(self.deaf)} {'has' if len(self.deaf) == 1 else 'have'} no text tower and no say in it"
            )
        return said + "."


def readers(names: Sequence[str]) -> Readers:
    """Split the selected backbones into those that read text and those that do not."""
    reading = tuple(name for name in names if reads_text(name))
    return Readers(reading, tuple(name for name in names if name not in reading))


def require_reader(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the named backbones that read text.

    Raises:
        UnknownName: no backbone has one of the names.
        BadInput: none of them reads text; the sentence says which would.
    """
    who = readers(tuple(backbones.get(name).name for name in names))
    if not who.reading:
        raise BadInput(who.sentence())
    return who.reading


@lru_cache(maxsize=3)
def _one_encoder(name: str) -> QueryEncoder:
    return backbones.query_encoder(name)


def _encoder(name: str) -> QueryEncoder:
    """The one encoder of this process for a backbone; loading it takes seconds, in one thread while others wait."""
    with _LOADING:
        return _one_encoder(name)


def encode_words(name: str, texts: Sequence[str]) -> np.ndarray:
    """(n, dim) float32 unit vectors of texts in a backbone's space.

    Raises:
        BadInput: the backbone reads no text.
        WeightsMissing: its weights are not here.
    """
    if not reads_text(name):
        raise BadInput(readers((name,)).sentence())
    if backbones.get(name).family == "concepts":  # its words need no picture network
        from core.backbones.sentence_encoder import sentence_encoder

        return sentence_encoder().encode_text(list(texts))
    return _encoder(name).encode_text(list(texts))


def kept_vectors(name: str, texts: Sequence[str], task: Task = NO_TASK) -> np.ndarray:
    """`encode_words` of many texts, each read once on this installation and kept; a text without content is zero.

    Raises:
        BadInput, WeightsMissing: as `encode_words`.
        Cancelled: what was read until then is kept.
    """
    from core.backbones import text_cache

    return text_cache.vectors(backbones.get(name), texts, lambda lacking: encode_words(name, lacking), task)


def unread(name: str, texts: Sequence[str]) -> int:
    """How many different texts a backbone has not read on this installation yet."""
    from core.backbones import text_cache

    return text_cache.missing(backbones.get(name), texts)


def default_templates(name: str) -> bool:
    """Prompt templates help networks trained on captions; for concepts the plain word finds more (measured)."""
    return reads_text(name) and backbones.get(name).family != "concepts"


def sentences_of(name: str, texts: Sequence[str], templates: bool | None = None) -> list[str]:
    """What is really read for some bare words: the words, or each of them in every prompt template.

    Args:
        templates: None takes what suits the backbone.
    """
    if not (default_templates(name) if templates is None else templates):
        return list(texts)
    return [template.format(text) for text in texts for template in TEMPLATES]


def phrases(
    name: str, texts: Sequence[str], templates: bool | None = None, encode: EncodeWords | None = None
) -> np.ndarray:
    """(n, dim) float32 unit vectors of bare words, each the mean over the prompt templates where they are on.

    Args:
        templates: None takes what suits the backbone.
        encode: stands in for `encode_words`.
    """
    said = sentences_of(name, texts, templates)
    vectors = (encode or encode_words)(name, said)
    if len(said) == len(texts):
        return vectors
    return unit(vectors.reshape(len(texts), len(TEMPLATES), -1).sum(axis=1))


def query_vector(
    name: str, query: TextQuery, templates: bool | None = None, encode: EncodeWords | None = None
) -> np.ndarray:
    """(dim,) float32 unit vector: the sum over terms of weight times vector; zero where the terms cancel out."""
    vectors = phrases(name, [term.text for term in query.terms], templates, encode).astype(np.float64)
    weights = np.array([term.weight for term in query.terms])
    return unit((weights @ vectors)[None])[0]


def query_vectors(
    names: Sequence[str], query: TextQuery, templates: bool | None = None, encode: EncodeWords | None = None
) -> dict[str, np.ndarray]:
    """The query in the space of each backbone that reads text.

    Raises:
        BadInput: none of them does; the sentence says which would.
    """
    who = readers(names)
    if not who.reading:
        raise BadInput(who.sentence())
    return {name: query_vector(name, query, templates, encode) for name in who.reading}


def cautions(names: Sequence[str], query: TextQuery) -> tuple[str, ...]:
    """What the readers cannot know of this query; sentences for the page."""
    concepts = [name for name in names if reads_text(name) and backbones.get(name).family == "concepts"]
    if not concepts:
        return ()
    letters = [letter for term in query.terms for letter in term.text if not letter.isspace()]
    foreign = sum(not unicodedata.name(letter, "").startswith("LATIN") for letter in letters if not letter.isascii())
    if foreign * 2 > len(letters):
        return (f"{', '.join(concepts)} reads English; most of this query says nothing to it.",)
    return ()


@dataclass(frozen=True)
class TextAnswer:
    """What a text query found.

    Attributes:
        order: (n,) int64 positions in the gallery, best first; equal scores by position.
        scores: (n,) float64 in gallery order.
        cosines: backbone → (n,) float64 cosine with the text, for those that read it.
        seeds: positions whose pictures became the query of the second step; empty without one.
        notes: sentences to show.
    """

    order: np.ndarray
    scores: np.ndarray
    cosines: dict[str, np.ndarray]
    seeds: np.ndarray
    notes: tuple[str, ...]


def search(
    gallery: Mapping[str, np.ndarray],
    query: TextQuery | str,
    *,
    templates: bool | None = None,
    expand: int = 0,
    shares: Mapping[str, float] | None = None,
    encode: EncodeWords | None = None,
) -> TextAnswer:
    """Rank pictures by a text.

    With one reading backbone the score is its cosine. Several are standardised over the gallery before they are
    summed, because cosines of text and picture lie in another range in every backbone.

    Args:
        gallery: backbone → (n, dim) unit vectors of the gallery, all selected backbones.
        query: what `parse` gave, or the typed line.
        expand: 0, or how many of the best pictures become the query of a second step in which every backbone of
            `gallery` takes part: half of the score is the text's, half is the likeness to these pictures.
        shares: backbone → how much it counts (equal by default); 0 leaves it out.
    Raises:
        BadInput: an empty query, or no backbone that reads text.
    """
    query = parse(query) if isinstance(query, str) else query
    counts = {name: float((shares or {}).get(name, 1.0 if not shares else 0.0)) for name in gallery}
    counts = {name: share for name, share in counts.items() if share > 0}
    vectors = query_vectors(tuple(counts), query, templates, encode)
    cosines = {name: cosine(gallery[name], vector) for name, vector in vectors.items()}
    scores = _joined(cosines, counts)
    who = readers(tuple(counts))
    notes = [*query.notes, who.sentence(), *cautions(who.reading, query)]
    unread = [name for name, vector in vectors.items() if not vector.any()]
    if unread:
        notes.append(f"The terms cancel out for {', '.join(unread)}: every picture scores 0 there.")
    seeds = np.empty(0, np.int64)
    if expand > 0:
        seeds = ordered(scores)[:expand]
        visual = {name: cosine(gallery[name], middle(gallery[name][seeds])) for name in counts}
        scores = 0.5 * standardised(scores) + 0.5 * standardised(_joined(visual, counts))
        notes.append(f"Two steps: the text chose {len(seeds)} pictures, all backbones looked for more like them.")
    return TextAnswer(ordered(scores), scores, cosines, seeds, tuple(notes))


def cosine(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(n,) float64 cosines of unit rows with one unit vector; equal rows get equal scores to the last bit."""
    if vectors.shape[1] != len(query):
        raise ShapeMismatch(f"A query of {len(query)} numbers does not fit vectors of {vectors.shape[1]}.")
    return (vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1)


def middle(rows: np.ndarray) -> np.ndarray:
    """(dim,) float32 unit vector in the direction of the mean of unit rows."""
    return unit(rows.astype(np.float64).mean(axis=0)[None])[0]


def standardised(scores: np.ndarray) -> np.ndarray:
    """(score − mean) / standard deviation over the gallery; all 0 where they are equal (DEFINITIONS.md, section 9)."""
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 1e-9 else np.zeros_like(scores)


def ordered(scores: np.ndarray) -> np.ndarray:
    """Positions, best first; equal scores by position."""
    return np.argsort(-scores, kind="stable")


def _joined(cosines: Mapping[str, np.ndarray], shares: Mapping[str, float]) -> np.ndarray:
    if len(cosines) == 1:
        return next(iter(cosines.values())).copy()
    total = sum(shares[name] for name in cosines)
    return sum(shares[name] / total * standardised(values) for name, values in cosines.items())


@dataclass(frozen=True)
class ZeroShot:
    """Labels given by name alone.

    Attributes:
        names: the classes that were typed.
        scores: (n, n_classes) float64 cosines.
        predicted: (n,) int64, the best class; equal scores take the first.
        margin: (n,) float64, best minus second best cosine: small means unsure.
    """

    names: tuple[str, ...]
    scores: np.ndarray
    predicted: np.ndarray
    margin: np.ndarray


def class_list(line: str) -> tuple[str, ...]:
    """Class names as typed: one per line, or separated by commas or semicolons; repeats are dropped.

    Raises:
        BadInput: fewer than two, or more than 1,000.
    """
    names = tuple(dict.fromkeys(part.strip() for part in re.split(r"[\n,;]", line) if part.strip()))
    if not 2 <= len(names) <= 1000:
        raise BadInput(f"Type 2 to 1,000 class names, one per line or separated by commas; got {len(names)}.")
    return names


def readable(name: str) -> str:
    """A class name as people say it: underscores and the path of a category become spaces."""
    return " ".join(re.sub(r"[_/|]+", " ", name).split())


def zero_shot(
    backbone: str,
    vectors: np.ndarray,
    names: Sequence[str],
    templates: bool | None = None,
    encode: EncodeWords | None = None,
) -> ZeroShot:
    """Give every picture the class whose name lies nearest.

    Args:
        vectors: (n, dim) unit vectors by `backbone`.
        names: class names.
    """
    words = phrases(backbone, [readable(name) for name in names], templates, encode)
    scores = vectors.astype(np.float64) @ words.astype(np.float64).T
    best = np.sort(scores, axis=1)
    margin = best[:, -1] - best[:, -2] if len(names) > 1 else np.zeros(len(vectors))
    return ZeroShot(tuple(names), scores, scores.argmax(axis=1), margin)


def confusion(labels: Sequence[str], result: ZeroShot) -> tuple[pd.DataFrame, float]:
    """What was said for each true label: counts (true labels down, given classes across), and the accuracy.

    Accuracy is over pictures whose label (made readable) is among the classes; NaN where there are none. Pictures
    without label do not count.
    """
    said = np.array([result.names[code] for code in result.predicted], object)
    true = np.array(labels, object)
    labelled = np.array([bool(label) for label in labels], bool)
    table = pd.crosstab(pd.Series(true[labelled], name="label"), pd.Series(said[labelled], name="given"))
    known = {readable(name).casefold() for name in result.names}
    plain = [readable(label).casefold() for label in true[labelled]]
    right = [label == readable(name).casefold() for label, name in zip(plain, said[labelled]) if label in known]
    return table, float(np.mean(right)) if right else float("nan")


def vocabulary(own: Sequence[str] = ()) -> tuple[str, ...]:
    """Words to describe pictures with: the user's own first, then the 1,000 ImageNet class names."""
    from core.backbones.concepts import class_names

    return tuple(dict.fromkeys([*(word.strip() for word in own if word.strip()), *class_names()]))


def nearest_words(
    backbone: str,
    selection: np.ndarray,
    everyone: np.ndarray,
    words: Sequence[str],
    k: int = 8,
    templates: bool | None = None,
    encode: EncodeWords | None = None,
) -> pd.DataFrame:
    """Describe a selection: the words nearest to its middle, and how much nearer they are than to all pictures.

    Args:
        selection, everyone: (n, dim) unit vectors by `backbone`.
    Returns:
        word, cosine (with the selection's middle), more (that, minus the cosine with everyone's middle), best `more`
        first: a word that fits every picture describes none.
    """
    if not len(selection):
        raise BadInput("Select at least one picture to describe.")
    places = phrases(backbone, list(words), templates, encode).astype(np.float64)
    near = places @ middle(selection).astype(np.float64)
    more = near - places @ middle(everyone).astype(np.float64) if len(everyone) > len(selection) else near
    best = ordered(more)[:k]
    return pd.DataFrame({"word": np.array(words, object)[best], "cosine": near[best], "more": more[best]})


def label_queries(dataset: Dataset) -> tuple[tuple[str, ...], Relevance]:
    """The dataset's own class names as text queries, and which gallery pictures are relevant to each.

    Raises:
        BadInput: a dataset without labels.
    """
    if not dataset.label_names:
        raise BadInput(f"{dataset.name!r} has no labels, so there are no class names to ask with.")
    gallery = dataset.split.gallery
    n_classes = len(dataset.label_names)
    if dataset.label_matrix is not None:
        owned = dataset.label_matrix[gallery]
        return dataset.label_names, Relevance.from_matrices(np.eye(n_classes), owned, graded=False)
    return dataset.label_names, Relevance(
        n_classes, len(gallery), query_classes=np.arange(n_classes), gallery_classes=dataset.labels[gallery]
    )


def judged(scores: np.ndarray, truth: Relevance, keys: Sequence[str] = ("map", "p@10")) -> dict[str, np.ndarray]:
    """List metrics of text queries, which are no items: key → (n_queries,) float64, NaN where nothing is relevant.

    Args:
        scores: (n_queries, n_gallery), higher is closer.
    """
    from core.metrics import compute
    from core.search import rank_scores

    return compute(rank_scores(np.ascontiguousarray(scores, np.float64), truth).ranks, keys)


@dataclass(frozen=True)
class Measured:
    """How well class names find their pictures.

    Attributes:
        names: the classes that asked.
        per_query: metric key → (n_classes,) float64.
        accuracy: share of labelled gallery pictures whose nearest class name is one of theirs.
    """

    names: tuple[str, ...]
    per_query: dict[str, np.ndarray]
    accuracy: float

    def mean(self, key: str) -> float:
        """The mean over class names that have pictures."""
        return float(np.nanmean(self.per_query[key]))


def measure(
    dataset: Dataset,
    backbone: str,
    vectors: np.ndarray,
    templates: bool | None = None,
    encode: EncodeWords | None = None,
    keys: Sequence[str] = ("map", "p@10"),
) -> Measured:
    """Class names as text queries on a labelled dataset's gallery, and as labels for its pictures.

    Args:
        vectors: (n_images, dim) unit vectors of the whole dataset by `backbone`.
    """
    names, truth = label_queries(dataset)
    gallery = dataset.split.gallery
    result = zero_shot(backbone, vectors[gallery], names, templates, encode)
    if dataset.label_matrix is not None:
        own = np.asarray(dataset.label_matrix[gallery].todense(), bool)
    else:
        own = dataset.labels[gallery][:, None] == np.arange(len(names))
    labelled = own.any(axis=1)
    right = own[np.arange(len(own)), result.predicted]
    accuracy = float(right[labelled].mean()) if labelled.any() else float("nan")
    return Measured(names, judged(result.scores.T, truth, keys), accuracy)
