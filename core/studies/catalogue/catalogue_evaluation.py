"""Catalogue strategies judged on labelled queries: from a file, or made from the catalogue itself without cheating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from core import metrics, text_table
from core.data import table_files
from core.errors import BadInput
from core.fusion.catalogue import CATALOGUE_STRATEGIES, RRF_K, reciprocal_ranks, scores
from core.fusion.catalogue_components import Components
from core.studies import comparison as comparisons
from core.studies.catalogue.catalogue_items import CATEGORY, Catalogue, is_image
from core.studies.catalogue.catalogue_search import Searcher
from core.studies.comparison import Comparison, ResamplingUnit
from core.studies.text import text_encoding, text_query, zero_shot
from core.studies.text.text_encoding import EncodeWords
from core.types import Relevance
from core.wording import p_cell


@dataclass(frozen=True)
class CatalogueQueries:
    """Labelled queries of a catalogue.

    Attributes:
        names: of the queries, for people.
        truth: relevant items of each; queries are not items.
        texts: what is typed; empty for query images.
        query_items: (n_queries,) int64 the item whose image is the query; empty for text queries.
        caution: what to say beside the figures.
    """

    names: tuple[str, ...]
    truth: Relevance
    texts: tuple[str, ...] = ()
    query_items: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    caution: str = ""


def from_file(catalogue: Catalogue, path: str | Path) -> CatalogueQueries:
    """Queries from a table: `query,item_id[,gain]`, one row per relevant item.

    Raises:
        BadInput: columns or items that are not there, a gain that is no positive number, a repeated pair.
    """
    return _from_frame(catalogue, table_files.read_table(Path(path)).rename(columns=str), str(path))


def from_text(catalogue: Catalogue, content: str, name: str = "The file of queries") -> CatalogueQueries:
    """The same from the text of a CSV file, for one that was uploaded.

    Args:
        name: of the file, for sentences.
    """
    return _from_frame(catalogue, table_files.from_text(content, name), name)


def _from_frame(catalogue: Catalogue, frame: pd.DataFrame, path: str) -> CatalogueQueries:
    if not {"query", "item_id"} <= set(frame.columns):
        raise BadInput(f"{path} needs the columns query and item_id (and may have gain); it has {list(frame.columns)}.")
    if not len(frame):
        raise BadInput(f"{path} has a header but no query below it.")
    row_of = {str(item_id): row for row, item_id in enumerate(catalogue.items["id"])}
    lists: dict[str, dict[int, float]] = {}
    for row, (query_cell, item_cell) in zip(frame.index, zip(frame["query"], frame["item_id"])):
        query, item_id = table_files.words(query_cell), table_files.words(item_cell)
        if not query or item_id not in row_of:
            problem = f"no item is {item_id!r}." if query else "the query is empty."
            raise BadInput(f"{path}, row {row}: {problem}")
        if row_of[item_id] in lists.setdefault(query, {}):
            raise BadInput(f"{path}, row {row}: {item_id!r} stands for {query!r} already.")
        lists[query][row_of[item_id]] = _gain(frame, row, path)
    lists = {query: {item: gain for item, gain in sorted(gains.items()) if gain > 0} for query, gains in lists.items()}
    if not any(lists.values()):
        raise BadInput(f"{path} names no relevant item: every gain is 0.")
    indptr = np.concatenate([[0], np.cumsum([len(relevant) for relevant in lists.values()])])
    items = np.array([item for relevant in lists.values() for item in relevant], np.int64)
    graded = "gain" in frame.columns
    gains = np.array([gain for relevant in lists.values() for gain in relevant.values()]) if graded else None
    return CatalogueQueries(tuple(lists), Relevance(len(lists), len(catalogue), indptr, items, gains), tuple(lists))


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


def category_questions(catalogue: Catalogue, used: Sequence[str]) -> CatalogueQueries:
    """The names of the categories as queries; the items of a category are relevant to it.

    Raises:
        BadInput: no categories, or the category is one of the components: the answer would stand in the query.
    """
    if CATEGORY in used:
        raise BadInput("Category names cannot ask while the category is a component: the answer would be given away.")
    if CATEGORY not in catalogue.items:
        raise BadInput(f"{catalogue.name!r} has no categories to ask with; give a file of queries instead.")
    categories = catalogue.texts(CATEGORY)
    names = tuple(sorted(set(categories) - {""}))
    code = {name: number for number, name in enumerate(names)}
    truth = Relevance(
        len(names),
        len(catalogue),
        query_classes=np.arange(len(names)),
        gallery_classes=np.array([code.get(category, -1) for category in categories]),
    )
    return CatalogueQueries(
        names,
        truth,
        tuple(zero_shot.readable(name) for name in names),
        caution=f"{len(names)} category names ask; so few queries can only show large differences.",
    )


def image_questions(catalogue: Catalogue, group: str = "parent") -> CatalogueQueries:
    """Each item's first image as a query; its own text and its siblings (the same value in `group`) are relevant.

    The item of the query takes part without its images, so that it can only be found by its text.
    """
    query_items = np.flatnonzero(catalogue.image_of >= 0)
    values = catalogue.texts(group) if group in catalogue.items else [""] * len(catalogue)
    groups = [value or f"\0{item}" for item, value in enumerate(values)]
    members: dict[str, list[int]] = {}
    for item, key in enumerate(groups):
        members.setdefault(key, []).append(item)
    lists = [members[groups[item]] for item in query_items]
    indptr = np.concatenate([[0], np.cumsum([len(siblings) for siblings in lists], dtype=np.int64)])
    items = np.array([item for siblings in lists for item in siblings], np.int64)
    return CatalogueQueries(
        tuple(catalogue.title(int(item)) for item in query_items),
        Relevance(len(query_items), len(catalogue), indptr, items),
        query_items=query_items,
        caution="Images of one product are not independent: intervals draw, and tests flip, whole products.",
    )


def query_vectors(space: str, lines: Sequence[str], encode: EncodeWords | None = None) -> np.ndarray:
    """(n_lines, dim) float32 unit vectors of typed lines, as `catalogue_search.make_query` reads them; each term read once."""
    return text_encoding.query_matrix(space, [text_query.parse(line) for line in lines], False, encode)


def query_scores(
    searcher: Searcher,
    questions: CatalogueQueries,
    strategy: str,
    space: str,
    shares: Mapping[str, float] | None = None,
    encode: EncodeWords | None = None,
    vectors: np.ndarray | None = None,
) -> np.ndarray:
    """(n_queries, n_items) float64 scores of labelled queries under one strategy.

    Args:
        vectors: `query_vectors` of the questions, where they are known already.
    Raises:
        BadInput: BM25 with query images.
    """
    parts = searcher.components
    joins = CATALOGUE_STRATEGIES.get(strategy).joins
    fixed = None if shares is None else np.array([float(shares.get(name, 0.0)) for name in parts.names])
    if len(questions.query_items):
        if joins == "words":
            raise BadInput("BM25 reads words only; it cannot be searched with an image.")
        return _image_scores(searcher, questions.query_items, strategy, fixed)
    if joins == "words":
        lines = [text_query.parse(line).terms for line in questions.texts]
        return np.stack([searcher.bm25.scores([(t.text, t.weight) for t in terms]) for terms in lines])
    vectors = query_vectors(space, questions.texts, encode) if vectors is None else vectors
    return scores(strategy, parts, vectors, fixed)


def _image_scores(searcher: Searcher, items: np.ndarray, strategy: str, shares: np.ndarray | None) -> np.ndarray:
    """The first image of each item is a query; the item of the query is scored without its images."""
    parts = searcher.components
    columns = [column for column, name in enumerate(parts.names) if is_image(name)]
    if not columns or searcher.first_images is None:
        raise BadInput("Images can only be queries when images are among the components.")
    queries = searcher.first_images[items]
    rows = np.arange(len(items))
    if CATALOGUE_STRATEGIES.get(strategy).joins == "ranks":
        similarities = parts.similarities(queries)
        for column in columns:
            similarities[rows, items, column] = -np.inf  # last in the list of images, where it adds nothing
        values = reciprocal_ranks(similarities, parts.present)
        for column in columns:
            last = 1.0 / (RRF_K + parts.present[:, column].sum())
            values[rows, items] -= np.where(parts.present[items, column], last, 0.0)
        return values.round(12)
    values = scores(strategy, parts, queries, shares)
    others = [name for name in parts.names if not is_image(name)]
    text_shares = None if shares is None else np.delete(shares, columns)
    if not others or (text_shares is not None and not text_shares.any()):
        values[rows, items] = 0.0
        return values
    rest = Components({name: parts.vectors(name) for name in others})
    values[rows, items] = scores(strategy, rest, queries, text_shares)[rows, items]
    return values


@dataclass(frozen=True)
class CatalogueComparison:
    """Strategies evaluated on the same questions.

    Attributes:
        base: the strategy that the others are compared with.
        comparison: every strategy, each against the base.
        per_query: strategy → (n_queries,) float64.
        skipped: label → why a strategy was not evaluated.
        caution: what to say beside the figures.
    """

    base: str
    comparison: Comparison
    per_query: dict[str, np.ndarray] = field(repr=False)
    skipped: dict[str, str]
    caution: str = ""

    @property
    def metric(self) -> str:
        """What was compared: a key of METRICS."""
        return self.comparison.metric

    @cached_property
    def table(self) -> pd.DataFrame:
        """strategy, label, mean, low, high, n_valid, difference, difference_low, difference_high, p_holm, shown, best
        mean first; the difference columns are NaN for the base."""
        records = []
        for name in self.comparison.order:
            estimate, d = self.comparison.estimates[name], self.comparison.differences.get((name, self.base))
            records.append(
                {
                    "strategy": name,
                    "label": CATALOGUE_STRATEGIES.get(name).label,
                    "mean": estimate.mean,
                    "low": estimate.low,
                    "high": estimate.high,
                    "n_valid": int((~np.isnan(self.per_query[name])).sum()),
                    "difference": np.nan if d is None else d.mean,
                    "difference_low": np.nan if d is None else d.low,
                    "difference_high": np.nan if d is None else d.high,
                    "p_holm": np.nan if d is None else d.p_holm,
                    "shown": d is not None and d.differs,
                }
            )
        return pd.DataFrame(records)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Which differences to the base are shown by these questions, and which are not."""
        label = CATALOGUE_STRATEGIES.get(self.base).label
        rest = self.table[self.table.strategy != self.base]
        parts = [
            (f"Better than {label}, shown", rest[rest.shown & (rest.difference > 0)]),
            (f"Worse than {label}, shown", rest[rest.shown & (rest.difference < 0)]),
            (f"No difference to {label} is shown for", rest[~rest.shown]),
        ]
        sentences = [f"{lead}: {', '.join(rows.label)}." for lead, rows in parts if len(rows)]
        notes = [
            self.caution,
            self.comparison.contradictions({row.strategy: row.label for row in self.table.itertuples()}),
        ]
        return (*sentences, *filter(None, notes))


def compare(
    searcher: Searcher,
    questions: CatalogueQueries,
    space: str,
    strategies: Sequence[str] = (),
    *,
    metric: str = "map",
    base: str = "average",
    shares: Mapping[str, float] | None = None,
    encode: EncodeWords | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> CatalogueComparison:
    """Every strategy on the same questions: means with intervals, paired differences to the base, Holm over all.

    Siblings share their relevant items, so image questions are drawn by group ("classes" of DEFINITIONS.md, section 7).
    """
    values: dict[str, np.ndarray] = {}
    skipped: dict[str, str] = {}
    # without shares of one's own, fixed weights are the simple average, and would only cost the others power
    usual = [entry.name for entry in CATALOGUE_STRATEGIES if shares is not None or not entry.uses_shares]
    vectors = None if len(questions.query_items) else query_vectors(space, questions.texts, encode)
    for name in dict.fromkeys([base, *(strategies or usual)]):
        try:
            item_scores = query_scores(searcher, questions, name, space, shares, encode, vectors)
        except BadInput as error:
            skipped[CATALOGUE_STRATEGIES.get(name).label] = str(error)
            continue
        values[name] = zero_shot.query_metrics(item_scores, questions.truth, (metric,))[metric]
    if base not in values:
        raise BadInput(next(iter(skipped.values())))
    unit = ResamplingUnit.of(questions.truth)
    comparison = comparisons.compare(values, unit, metric=metric, base=base, draws=draws, seed=seed, choose=False)
    few = unit.caution if unit.few else ""
    return CatalogueComparison(base, comparison, values, skipped, " ".join(filter(None, [questions.caution, few])))


def questions_of(searcher: Searcher, queries: Path | None = None) -> dict[str, CatalogueQueries]:
    """Everything that can ask a catalogue: what asks, in words → its questions.

    Args:
        queries: a file of labelled queries; it alone asks then.
    Raises:
        BadInput: a file that cannot be used, or a catalogue that nothing can ask.
    """
    catalogue, names = searcher.catalogue, searcher.components.names
    if queries is not None:
        return {f"The queries of {queries.name} ask": from_file(catalogue, queries)}
    questions: dict[str, CatalogueQueries] = {}
    if CATEGORY in catalogue.items and CATEGORY not in names:
        questions["Category names ask, the items of the category are relevant"] = category_questions(catalogue, names)
    if any(map(is_image, names)) and catalogue.most_images:
        questions["Images ask, their own text and their siblings are relevant"] = image_questions(catalogue)
    if not questions:
        raise BadInput(
            f"Nothing can ask {catalogue.name!r}: it has no categories and no images among the components. "
            "Give a file of queries with the columns query,item_id[,gain]."
        )
    return questions


def as_text(comparison: CatalogueComparison) -> str:
    """The comparison as a table for a terminal, best first, and what it shows."""
    rows = [["strategy", metrics.label(comparison.metric), "95 % interval", "difference", "95 % interval", "Holm p"]]
    for row in comparison.table.itertuples():
        cells = [row.label, f"{row.mean:.3f}", f"[{row.low:.3f}, {row.high:.3f}]"]
        if row.strategy != comparison.base:
            span = f"[{row.difference_low:+.3f}, {row.difference_high:+.3f}]"
            cells += [f"{row.difference:+.3f}", span, p_cell(row.p_holm)]
        rows.append(cells)
    left_out = [f"{label} was left out: {reason}" for label, reason in comparison.skipped.items()]
    return "\n".join([*text_table.aligned(rows, numbers=(1, 3, 5)), *left_out, *comparison.sentences])


def as_json(result: CatalogueComparison) -> dict[str, object]:
    """The comparison for a file: one record per strategy, NaN as null."""
    records = result.table.to_dict("records")
    return {
        "metric": result.metric,
        "compared_with": result.base,
        "strategies": [{key: None if value != value else value for key, value in row.items()} for row in records],
        "left_out": result.skipped,
        "sentences": list(result.sentences),
    }
