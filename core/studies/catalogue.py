"""Catalogues: items with title, description and picture, searched by words and pictures, and judged honestly.

An item's components are embedded in ONE space: a vision-language backbone's two towers, or, without any download, the
sentence encoder for text and concepts for the picture. Strategies (core/fusion/catalogue.py) weigh the components.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from core import backbones
from core.data import manifests, tables
from core.errors import BadInput
from core.fusion.catalogue import (
    CATALOGUE_STRATEGIES,
    RRF_K,
    Bm25,
    Components,
    reciprocal_ranks,
    scores,
    tokens,
    weights,
)
from core.studies import embedding, text
from core.studies.text import EncodeWords, TextQuery
from core.types import Dataset, Relevance, unit

PICTURE = "picture"
CATEGORY = "category"
_FILE_COLUMNS = {"path", "size", "mtime_ns", "width", "height", "offset", "member_size", "id", "image"}
_NEVER_NUMBERS = {"title", "description", "parent", CATEGORY, "instance"}
_MOST_CHOICES = 60


@dataclass(frozen=True)
class Catalogue:
    """Items with text, each with at most one picture.

    Attributes:
        dataset: the pictures.
        items: one row per item: id, text columns, category; items without a picture come last.
        image_of: (n_items,) int64 position of the item's picture in the dataset, −1 for none.
    """

    dataset: Dataset
    items: pd.DataFrame
    image_of: np.ndarray

    def __len__(self) -> int:
        return len(self.items)

    @property
    def name(self) -> str:
        return self.dataset.name

    @cached_property
    def text_columns(self) -> tuple[str, ...]:
        """Columns that can be a text component; title and description first."""
        found = [
            column
            for column in self.items
            if column not in _FILE_COLUMNS and not pd.api.types.is_numeric_dtype(self.items[column])
        ]
        first = [column for column in ("title", "description") if column in found]
        return tuple(dict.fromkeys([*first, *found]))

    @property
    def default_components(self) -> tuple[str, ...]:
        """Title, description and picture, as far as there are any; else the first text column and the picture."""
        usual = [column for column in ("title", "description") if column in self.text_columns]
        return (*(usual or self.text_columns[:1]), PICTURE)

    def texts(self, column: str) -> list[str]:
        """One column as texts, "" where an item has none."""
        if column not in self.items:
            raise BadInput(
                f"{self.name!r} has no column {column!r}; it has {', '.join(self.text_columns) or 'no text'}."
            )
        return [tables.words(value) for value in self.items[column]]

    def title(self, item: int) -> str:
        """What a page writes over an item: its title, else its id."""
        row = self.items.iloc[item]
        return tables.words(row.get("title", "")) or str(row["id"])

    @cached_property
    def facets(self) -> dict[str, tuple]:
        """Columns that items can be filtered by: text with few values → its values, numbers → (low, high)."""
        found: dict[str, tuple] = {}
        for column in self.items:
            values = self.items[column]
            if column in _FILE_COLUMNS | {"title", "description"} or not values.notna().any():
                continue
            if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
                if values.min() < values.max():
                    found[column] = (float(values.min()), float(values.max()))
            else:
                names = sorted(set(self.texts(column)) - {""})
                if 2 <= len(names) <= min(_MOST_CHOICES, max(8, len(self) // 2)):
                    found[column] = tuple(names)
        return found


def of_dataset(dataset: Dataset) -> Catalogue:
    """The catalogue of a dataset whose table has text columns; rows of its file without a picture are items too.

    Raises:
        BadInput: no text column.
    """
    items = dataset.items.copy()
    items.insert(0, "id", dataset.ids)
    if dataset.label_names and CATEGORY not in items:
        items[CATEGORY] = [dataset.label_of(position) for position in range(len(dataset))]
    bare = _without_picture(dataset)
    whole = pd.concat([items, bare], ignore_index=True) if len(bare) else items.reset_index(drop=True)
    for column in whole.columns.difference([*_FILE_COLUMNS, *_NEVER_NUMBERS]):
        whole[column] = _numbers(whole[column])
    found = Catalogue(dataset, whole, np.concatenate([np.arange(len(items)), np.full(len(bare), -1)]))
    if not set(found.text_columns) - {CATEGORY}:
        raise BadInput(
            f"{dataset.name!r} has no text: a catalogue is a table (.csv) with a path column and title, description "
            "or other words. Add one on the Overview page, or open demo_catalogue."
        )
    return found


def _numbers(values: pd.Series) -> pd.Series:
    """A column whose every word is a number, as numbers (prices, years); any other column as it is."""
    said = [tables.words(value) for value in values]
    try:
        numbers = [float(one) if one else np.nan for one in said]
    except ValueError:
        return values
    if not any(said) or np.isinf(numbers).any():
        return values
    return pd.Series(numbers, index=values.index)


def _without_picture(dataset: Dataset) -> pd.DataFrame:
    """Rows of the dataset's own file that are no image of it: no path, or a file that could not be read."""
    source = Path(dataset.source) if dataset.source else None
    if source is None or not source.is_file() or source.suffix.lower() not in tables.TABLE_ENDINGS:
        return pd.DataFrame()
    frame = tables.read_table(source).rename(columns=str)
    named = manifests.guess_columns(list(frame.columns), None, str(source))
    if "id" not in named:
        return pd.DataFrame()
    ids = [tables.words(value) for value in frame[named["id"]]]
    known = set(dataset.ids.tolist())
    rest = frame[[bool(one) and one not in known for one in ids]]
    category = named.get("labels", named.get("label"))
    ours = {named["id"]: "id", **({category: CATEGORY} if category else {})}
    ours |= {named[column]: column for column in ("title", "description") if column in named}
    dropped = [named["path"]] if "path" in named else []
    return rest.drop(columns=dropped).rename(columns=ours).drop_duplicates("id")


def components(
    catalogue: Catalogue,
    space: str,
    names: Sequence[str] = (),
    *,
    pictures: np.ndarray | None = None,
    encode: EncodeWords | None = None,
) -> Components:
    """Every component of every item in one space.

    Args:
        space: a backbone that reads text and pictures.
        names: text columns and "picture"; by default title, description and picture.
        pictures: (n_images, dim) unit vectors of the dataset by `space`; by default from the store.
        encode: stands in for the text tower.
    Raises:
        NotComputed: the pictures are not embedded; the sentence is the command.
        BadInput: a column that is not there, or a backbone that reads no text.
    """
    names = tuple(names) or catalogue.default_components
    made: dict[str, np.ndarray] = {}
    for name in names:
        if name == PICTURE:
            if pictures is None:
                pictures = embedding.embeddings(catalogue.dataset, space).vectors
            rows = np.zeros((len(catalogue), pictures.shape[1]), np.float32)
            has = catalogue.image_of >= 0
            rows[has] = pictures[catalogue.image_of[has]]
            made[name] = rows
        else:
            made[name] = embed_texts(space, catalogue.texts(name), encode)
    return Components(made)


def embed_texts(space: str, texts: Sequence[str], encode: EncodeWords | None = None) -> np.ndarray:
    """(n, dim) float32 unit vectors; an empty text is zero. Texts that repeat are embedded once."""
    distinct = list(dict.fromkeys(said for said in (one.strip() for one in texts) if said))
    if encode is not None:
        vectors = encode(space, distinct) if distinct else np.zeros((0, 1), np.float32)
    elif text.reads_text(space) and backbones.get(space).family == "concepts":
        from core.backbones.sentences import kept_vectors

        vectors = kept_vectors(distinct)
    else:
        vectors = text.encode_words(space, distinct or ["nothing"])[: len(distinct)]
    place = {said: at for at, said in enumerate(distinct)}
    found = np.zeros((len(texts), vectors.shape[1] if len(distinct) else backbones.get(space).dim), np.float32)
    for row, said in enumerate(texts):
        if said.strip():
            found[row] = vectors[place[said.strip()]]
    return found


@dataclass(frozen=True)
class Asked:
    """One query of a catalogue.

    Attributes:
        vector: (dim,) unit vector; zero when nothing could be read.
        terms: (text, weight) for BM25; empty when only a picture asks.
        sentence: the query for people.
        notes: sentences to show.
    """

    vector: np.ndarray
    terms: tuple[tuple[str, float], ...] = ()
    sentence: str = ""
    notes: tuple[str, ...] = ()


def ask(
    space: str,
    line: str = "",
    picture: np.ndarray | None = None,
    balance: float = 0.5,
    *,
    templates: bool | None = False,
    encode: EncodeWords | None = None,
) -> Asked:
    """A query of words, of a picture, or of both ("like this, but green").

    Args:
        line: what was typed; "" when only a picture asks.
        picture: (dim,) unit vector of the picture in `space`.
        balance: how much the words count beside the picture, 0 to 1.
    Raises:
        BadInput: neither words nor picture.
    """
    if not line.strip() and picture is None:
        raise BadInput("Type what to look for, or give a picture.")
    query = text.parse(line) if line.strip() else TextQuery(())
    said, notes = query.sentence(), (*query.notes, *text.cautions((space,), query))
    terms = tuple((term.text, term.weight) for term in query.terms)
    if picture is None:
        return Asked(text.query_vector(space, query, templates, encode), terms, said, notes)
    if not terms:
        return Asked(unit(np.asarray(picture, np.float64)[None])[0], (), "like the picture")
    words = text.query_vector(space, query, templates, encode).astype(np.float64)
    both = balance * words + (1.0 - balance) * np.asarray(picture, np.float64)
    return Asked(unit(both[None])[0], terms, f"like the picture, and {said}", notes)


@dataclass(frozen=True)
class Answer:
    """What one strategy finds for one query.

    Attributes:
        strategy: its name.
        order: (n_shown,) int64 items, best first; equal scores by position; items that a filter leaves out are not in.
        scores: (n_items,) float64.
        similarities: (n_items, n_components) float64 cosine of the query with each component, 0 where lacking.
        weights: (n_items, n_components) float64, each row summing to 1 (or 0 for an item without components).
            For reciprocal ranks the share of each component in the sum; for BM25 zeros.
        components: the names of the columns.
    """

    strategy: str
    order: np.ndarray
    scores: np.ndarray
    similarities: np.ndarray
    weights: np.ndarray
    components: tuple[str, ...]
    words: tuple[frozenset[str], ...] = field(default=(), repr=False)

    def why(self, item: int) -> str:
        """One sentence: which component brought the item up."""
        if self.words:
            hit = sorted(self.words[item])
            return f"words in common: {', '.join(hit)}" if hit else "no word in common"
        parts = self.weights[item] * self.similarities[item]
        if self.strategy == "rrf":
            parts = self.weights[item]
        if not (parts > 0).any():
            return "nothing of it fits the query"
        best = int(parts.argmax())
        share = parts[best] / parts[parts > 0].sum()
        return f"most from its {self.components[best]} ({share:.0%} of the score)"


class Searcher:
    """A catalogue in one space, ready to answer: components once, then any query under any strategy."""

    def __init__(self, catalogue: Catalogue, parts: Components) -> None:
        self.catalogue = catalogue
        self.components = parts

    @cached_property
    def documents(self) -> list[str]:
        """The words of each item: its text components, joined."""
        columns = [name for name in self.components.names if name != PICTURE]
        return [" ".join(row) for row in zip(*(self.catalogue.texts(c) for c in columns))] or [""] * len(self.catalogue)

    @cached_property
    def bm25(self) -> Bm25:
        return Bm25(self.documents)

    @cached_property
    def _words(self) -> list[frozenset[str]]:
        return [frozenset(tokens(one)) for one in self.documents]

    def answer(
        self, strategy: str, asked: Asked, shares: Mapping[str, float] | None = None, keep: np.ndarray | None = None
    ) -> Answer:
        """Score every item under one strategy.

        Args:
            shares: component → weight, for the strategies that use them.
            keep: (n_items,) bool of a filter. G and ranks are of the whole catalogue all the same.
        """
        joins = CATALOGUE_STRATEGIES.get(strategy).joins
        names = self.components.names
        given = None if shares is None else np.array([float(shares.get(name, 0.0)) for name in names])
        similarities = self.components.similarities(asked.vector[None])
        common: tuple[frozenset[str], ...] = ()
        if joins == "words":
            found = self.bm25.scores(asked.terms)
            weighed = np.zeros_like(similarities[0])
            wanted = {word for said, weight in asked.terms if weight > 0 for word in tokens(said)}
            common = tuple(words & wanted for words in self._words)
        elif joins == "ranks":
            found = reciprocal_ranks(similarities, self.components.present)[0]
            weighed = _rank_shares(similarities[0], self.components.present)
        else:
            weighed = weights(strategy, similarities, self.components, given)[0]
            found = scores(strategy, self.components, asked.vector[None], given)[0]
        order = text.ordered(found)
        if keep is not None:
            order = order[keep[order]]
        return Answer(strategy, order, found, similarities[0], weighed, names, common)


def _rank_shares(similarities: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(n_items, n_components): the share of each component's reciprocal rank in an item's sum."""
    found = np.zeros_like(similarities)
    for i in range(similarities.shape[1]):
        having = np.flatnonzero(present[:, i])
        order = having[np.argsort(-similarities[having, i], kind="stable")]
        found[order, i] = 1.0 / (RRF_K + np.arange(1, len(order) + 1))
    total = found.sum(axis=1, keepdims=True)
    return np.divide(found, total, out=np.zeros_like(found), where=total > 0)


def keep_items(catalogue: Catalogue, chosen: Mapping[str, Sequence[str] | tuple[float, float]]) -> np.ndarray:
    """(n_items,) bool: the items that pass every filter; an item that lacks a filtered number does not pass.

    Args:
        chosen: facet → names that may stand there (none chosen: all pass), or (low, high) for numbers.
    """
    keep = np.ones(len(catalogue), bool)
    for column, wanted in chosen.items():
        facet = catalogue.facets.get(column)
        if facet is None:
            raise BadInput(f"{catalogue.name!r} cannot be filtered by {column!r}.")
        if isinstance(facet[0], float):
            values = catalogue.items[column].to_numpy(np.float64, na_value=np.nan)
            keep &= (values >= wanted[0]) & (values <= wanted[1])
        elif wanted:
            keep &= np.isin(np.array(catalogue.texts(column), object), list(wanted))
    return keep


# -- evaluation


@dataclass(frozen=True)
class Questions:
    """Labelled queries of a catalogue.

    Attributes:
        names: what each asks, for people.
        truth: relevant items of each; queries are not items.
        texts: what is typed; empty when pictures ask.
        own: (n_queries,) int64 the item whose picture asks, for picture questions, else empty.
        groups: (n_queries,) int64 questions that share their relevant items; empty when none do.
        caution: what to say beside the figures.
    """

    names: tuple[str, ...]
    truth: Relevance
    texts: tuple[str, ...] = ()
    own: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    groups: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    caution: str = ""


def from_file(catalogue: Catalogue, path: str | Path) -> Questions:
    """Queries from a table: `query,item_id[,gain]`, one row per relevant item.

    Raises:
        BadInput: columns or items that are not there, a gain that is no positive number, a repeated pair.
    """
    return _from_frame(catalogue, tables.read_table(Path(path)).rename(columns=str), str(path))


def from_text(catalogue: Catalogue, content: str) -> Questions:
    """The same from the text of a CSV file, for one that was uploaded."""
    try:
        frame = pd.read_csv(io.StringIO(content), dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise BadInput(f"The queries cannot be read as CSV: {str(error).splitlines()[0][:120]}") from error
    frame.index += 2
    return _from_frame(catalogue, frame, "The file of queries")


def _from_frame(catalogue: Catalogue, frame: pd.DataFrame, path: str) -> Questions:
    if not {"query", "item_id"} <= set(frame.columns):
        raise BadInput(f"{path} needs the columns query and item_id (and may have gain); it has {list(frame.columns)}.")
    place = {str(one): at for at, one in enumerate(catalogue.items["id"])}
    lists: dict[str, dict[int, float]] = {}
    for row, (asked, item) in zip(frame.index, zip(frame["query"], frame["item_id"])):
        said, known = tables.words(asked), tables.words(item)
        if not said or known not in place:
            raise BadInput(f"{path}, row {row}: " + ("the query is empty." if not said else f"no item is {known!r}."))
        if place[known] in lists.setdefault(said, {}):
            raise BadInput(f"{path}, row {row}: {known!r} stands for {said!r} already.")
        lists[said][place[known]] = _gain(frame, row, path)
    graded = "gain" in frame.columns
    lists = {said: {item: gain for item, gain in sorted(own.items()) if gain > 0} for said, own in lists.items()}
    indptr = np.concatenate([[0], np.cumsum([len(own) for own in lists.values()])])
    items = np.array([item for own in lists.values() for item in own], np.int64)
    gains = np.array([gain for own in lists.values() for gain in own.values()]) if graded else None
    return Questions(tuple(lists), Relevance(len(lists), len(catalogue), indptr, items, gains), tuple(lists))


def _gain(frame: pd.DataFrame, row: object, path: str) -> float:
    if "gain" not in frame.columns:
        return 1.0
    try:
        gain = float(frame.at[row, "gain"])
    except (TypeError, ValueError):
        gain = float("nan")
    if not 0 <= gain < float("inf"):
        raise BadInput(f"{path}, row {row}: the gain must be a number of at least 0, not {frame.at[row, 'gain']!r}.")
    return gain


def category_questions(catalogue: Catalogue, used: Sequence[str]) -> Questions:
    """The names of the categories ask; the items of a category are relevant to it.

    Raises:
        BadInput: no categories, or the category is one of the components: the answer would stand in the question.
    """
    if CATEGORY in used:
        raise BadInput("Category names cannot ask while the category is a component: the answer would be given away.")
    if CATEGORY not in catalogue.items:
        raise BadInput(f"{catalogue.name!r} has no categories to ask with; give a file of queries instead.")
    said = catalogue.texts(CATEGORY)
    names = tuple(sorted(set(said) - {""}))
    code = {name: at for at, name in enumerate(names)}
    truth = Relevance(
        len(names),
        len(catalogue),
        query_classes=np.arange(len(names)),
        gallery_classes=np.array([code.get(one, -1) for one in said]),
    )
    return Questions(
        names, truth, tuple(text.readable(name) for name in names),
        caution=f"{len(names)} category names ask; so few queries can only show large differences.",
    )  # fmt: skip


def picture_questions(catalogue: Catalogue, group: str = "parent") -> Questions:
    """Each item's picture asks; its own text and its siblings (the same value in `group`) are relevant.

    The item that asks takes part without its picture, so that it can only be found by its text.
    """
    own = np.flatnonzero(catalogue.image_of >= 0)
    said = catalogue.texts(group) if group in catalogue.items else [""] * len(catalogue)
    members: dict[str, list[int]] = {}
    for item, value in enumerate(said):
        members.setdefault(value or f"\0{item}", []).append(item)
    lists = [members[said[item] or f"\0{item}"] for item in own]
    indptr = np.concatenate([[0], np.cumsum([len(one) for one in lists], dtype=np.int64)])
    truth = Relevance(len(own), len(catalogue), indptr, np.array([i for one in lists for i in one], np.int64))
    code = {value: at for at, value in enumerate(members)}
    groups = np.array([code[said[item] or f"\0{item}"] for item in own], np.int64)
    return Questions(
        tuple(catalogue.title(item) for item in own), truth, own=own, groups=groups,
        caution="Pictures of one product are not independent: intervals draw whole products, and p is too small.",
    )  # fmt: skip


def question_scores(
    searcher: Searcher,
    questions: Questions,
    strategy: str,
    space: str,
    shares: Mapping[str, float] | None = None,
    encode: EncodeWords | None = None,
) -> np.ndarray:
    """(n_queries, n_items) float64 scores of labelled queries under one strategy.

    Raises:
        BadInput: BM25 was asked with pictures.
    """
    parts = searcher.components
    joins = CATALOGUE_STRATEGIES.get(strategy).joins
    given = None if shares is None else np.array([float(shares.get(name, 0.0)) for name in parts.names])
    if len(questions.own):
        if joins == "words":
            raise BadInput("BM25 reads words only; a picture cannot ask it.")
        return _picture_scores(parts, questions.own, strategy, given)
    if joins == "words":
        lines = [text.parse(line).terms for line in questions.texts]
        return np.stack([searcher.bm25.scores([(t.text, t.weight) for t in terms]) for terms in lines])
    asked = np.stack([ask(space, line, encode=encode).vector for line in questions.texts])
    return scores(strategy, parts, asked, given)


def _picture_scores(parts: Components, own: np.ndarray, strategy: str, shares: np.ndarray | None) -> np.ndarray:
    """Pictures ask; the item that asks is scored without its picture."""
    if PICTURE not in parts.names:
        raise BadInput("Pictures can only ask when the picture is one of the components.")
    asked = parts.vectors(PICTURE)[own]
    at = parts.names.index(PICTURE)
    rows = np.arange(len(own))
    if CATALOGUE_STRATEGIES.get(strategy).joins == "ranks":
        similarities = parts.similarities(asked)
        similarities[rows, own, at] = -np.inf  # last in the list of pictures, where it adds nothing
        found = reciprocal_ranks(similarities, parts.present)
        found[rows, own] -= 1.0 / (RRF_K + parts.present[:, at].sum())
        return found.round(12)
    found = scores(strategy, parts, asked, shares)
    others = [name for name in parts.names if name != PICTURE]
    if not others:
        found[rows, own] = 0.0
        return found
    rest = Components({name: parts.vectors(name) for name in others})
    kept = None if shares is None else np.delete(shares, at)
    if kept is not None and not kept.any():
        found[rows, own] = 0.0
        return found
    found[rows, own] = scores(strategy, rest, asked, kept)[rows, own]
    return found


@dataclass(frozen=True)
class Comparison:
    """Strategies judged on the same questions.

    Attributes:
        metric: key of METRICS.
        base: the strategy that the others are compared with.
        table: strategy, label, mean, low, high, n_valid, difference, difference_low, difference_high, p_holm, shown,
            best mean first; the difference columns are NaN for the base.
        skipped: label → why a strategy was not judged.
        sentences: what is shown and what is not, in words.
    """

    metric: str
    base: str
    table: pd.DataFrame
    per_query: dict[str, np.ndarray] = field(repr=False)
    skipped: dict[str, str]
    sentences: tuple[str, ...]


def compare(
    searcher: Searcher,
    questions: Questions,
    space: str,
    strategies: Sequence[str] = (),
    *,
    metric: str = "map",
    base: str = "average",
    shares: Mapping[str, float] | None = None,
    encode: EncodeWords | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Every strategy on the same questions: means with intervals, paired differences to the base, Holm over all.

    Siblings share their relevant items, so picture questions are resampled by group ("classes" of metrics.md, 7).
    """
    from core.metrics import significance

    found: dict[str, np.ndarray] = {}
    skipped: dict[str, str] = {}
    # without shares of one's own, fixed weights are the simple average, and would only cost the others power
    usual = [entry.name for entry in CATALOGUE_STRATEGIES if shares is not None or not entry.uses_shares]
    for name in dict.fromkeys([base, *(strategies or usual)]):
        try:
            scored = question_scores(searcher, questions, name, space, shares, encode)
        except BadInput as error:
            skipped[CATALOGUE_STRATEGIES.get(name).label] = str(error)
            continue
        found[name] = text.judged(scored, questions.truth, (metric,))[metric]
    if base not in found:
        raise BadInput(next(iter(skipped.values())))
    groups = questions.groups if len(questions.groups) else None
    others = {name: values for name, values in found.items() if name != base}
    differences = significance.compare_all(others, found[base], draws=draws, seed=seed, classes=groups)
    rows = [
        _row(name, values, differences.get(name), significance.interval(values, draws, seed, groups))
        for name, values in found.items()
    ]
    table = pd.DataFrame(rows).sort_values("mean", ascending=False, kind="stable", ignore_index=True)
    return Comparison(metric, base, table, found, skipped, _sentences(table, base, questions))


def _row(name: str, values: np.ndarray, versus: object, ends: tuple[float, float]) -> dict[str, object]:
    valid = values[~np.isnan(values)]
    nan = float("nan")
    return {
        "strategy": name,
        "label": CATALOGUE_STRATEGIES.get(name).label,
        "mean": float(valid.mean()) if len(valid) else nan,
        "low": ends[0],
        "high": ends[1],
        "n_valid": len(valid),
        "difference": nan if versus is None else versus.mean,
        "difference_low": nan if versus is None else versus.low,
        "difference_high": nan if versus is None else versus.high,
        "p_holm": nan if versus is None else versus.p_holm,
        "shown": versus is not None and _is_shown(versus),
    }


def _is_shown(versus: object) -> bool:
    """A difference is shown when the interval leaves zero out, the corrected p is below 0.05 and no test contradicts."""
    return versus.p_holm < 0.05 and not versus.low <= 0 <= versus.high and not versus.contradicts


def _sentences(table: pd.DataFrame, base: str, questions: Questions) -> tuple[str, ...]:
    """Which differences to the base are shown by these questions, and which are not."""
    label = CATALOGUE_STRATEGIES.get(base).label
    rest = table[table.strategy != base]
    better = rest[rest.shown & (rest.difference > 0)].label.tolist()
    worse = rest[rest.shown & (rest.difference < 0)].label.tolist()
    open_ = rest[~rest.shown].label.tolist()
    said = []
    if better:
        said.append(f"Better than {label}, shown: {', '.join(better)}.")
    if worse:
        said.append(f"Worse than {label}, shown: {', '.join(worse)}.")
    if open_:
        said.append(f"No difference to {label} is shown for: {', '.join(open_)}.")
    return (*said, *((questions.caution,) if questions.caution else ()))
