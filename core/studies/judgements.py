"""What judges have answered, over a dataset: how far they agree, and files that other programs read and write."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import numpy as np

from core import files, judging, paths
from core.data import table_files
from core.errors import BadInput
from core.judging.answers import Answer, AnswerLog, check_judge, relation
from core.studies.judging_lists import TEXT, JudgedLists
from core.types import Dataset

if TYPE_CHECKING:
    import pandas as pd

IMPORTED = "imported"
"""The session of answers that came from a file."""
FITS, FAILS = "relevant", "not relevant"
MOST_IMPORTED = 2_000_000


def log() -> AnswerLog:
    """The answers of this installation."""
    return AnswerLog(paths.judgements())


def on_dataset(answers: Iterable[Answer], dataset: Dataset) -> list[Answer]:
    """The answers whether an image fits, as far as query and image are in the dataset (or the query is a text)."""
    keys = {key.decode() for key in np.asarray(dataset.keys, "S64").tolist()}
    return [
        answer
        for answer in answers
        if answer.better is None
        and (answer.query in keys or answer.query.startswith(TEXT))
        and all(image in keys for image in answer.images)
    ]


def pool_counts(lists: JudgedLists, known: Mapping[tuple[str, str], float]) -> tuple[int, int]:
    """(judged, pooled): results in the first k of any of the systems, each once, and how many of them are judged."""
    judged = total = 0
    for query, images in lists.pool():
        total += len(images)
        judged += sum((query, image) in known for image in images)
    return judged, total


def pool_of(answers: Iterable[Answer], answer_log: AnswerLog) -> tuple[int, int, tuple[str, ...]]:
    """(pooled, k, systems) of the comparison that most of these answers belong to; (0, 0, ()) where no record says it."""
    for session, _ in Counter(answer.session for answer in answers if answer.better is None).most_common():
        record = answer_log.record(session)
        if record.get("pooled") and record.get("k"):
            return int(record["pooled"]), int(record["k"]), tuple(map(str, record.get("systems", ())))
    return 0, 0, ()


def as_truth(dataset: Dataset, answers: Iterable[Answer]) -> dict[tuple[str, str], bool]:
    """What may stand for the truth of a dataset: (query image, image) → whether it fits, undecided ones left out.

    Answers to texts and comparisons of rows say nothing about an image that a query image finds.
    """
    decided = relation(on_dataset(answers, dataset))
    return {key: bool(fits) for key, fits in decided.items() if not math.isnan(fits) and not key[0].startswith(TEXT)}


def used_as_truth(dataset: Dataset) -> dict[tuple[str, str], bool]:
    """What stands for the truth of a judged dataset now, as `as_truth` gives it."""
    if dataset.pairs is None or not dataset.is_judged:
        return {}
    key_of = dict(zip(dataset.ids.tolist(), (key.decode() for key in np.asarray(dataset.keys, "S64").tolist())))
    rows = zip(dataset.pairs["query_id"], dataset.pairs["item_id"], dataset.pairs["kind"])
    return {(key_of[query], key_of[item]): kind == FITS for query, item, kind in rows}


# ---------------------------------------------------------------- agreement


@dataclass(frozen=True)
class Agreement:
    """How far judges agree on what two or more of them answered.

    Attributes:
        alpha: Krippendorff's, over all judges; NaN where it is not defined.
        shared: (query, image) pairs that two or more judged.
        pairs: (judge, judge, how many both judged, Cohen's kappa), for every two who share any.
        disagreements: (query, image, judge → answer), where not all say the same.
    """

    alpha: float
    shared: int
    pairs: tuple[tuple[str, str, int, float], ...]
    disagreements: tuple[tuple[str, str, dict[str, float]], ...]


def agreement(answers: Sequence[Answer]) -> Agreement:
    """Compare judges; "cannot tell" is no answer here."""
    judges = sorted({answer.judge for answer in answers})
    known = {judge: relation(answer for answer in answers if answer.judge == judge) for judge in judges}
    keys = sorted({key for each in known.values() for key in each})
    table = np.array([[known[judge].get(key, math.nan) for key in keys] for judge in judges]).reshape(len(judges), -1)
    answered = ~np.isnan(table)
    shared = answered.sum(axis=0) > 1
    pairs = []
    for a, b in itertools.combinations(range(len(judges)), 2):
        both = answered[a] & answered[b]
        if both.any():
            kappa = judging.cohen_kappa(table[a, both], table[b, both])
            pairs.append((judges[a], judges[b], int(both.sum()), kappa))
    differing = []
    for at in np.flatnonzero(shared):
        column = table[answered[:, at], at]
        if column.min() < column.max():
            by_judge = {judges[row]: float(table[row, at]) for row in np.flatnonzero(answered[:, at])}
            differing.append((*keys[at], by_judge))
    alpha = judging.krippendorff_alpha(table[:, shared]) if shared.any() else math.nan
    return Agreement(alpha, int(shared.sum()), tuple(pairs), tuple(differing))


def against_labels(dataset: Dataset, answers: Iterable[Answer]) -> pd.DataFrame:
    """Where judges and labels disagree, so that one of them may be wrong: query_id, item_id, judged, query and item label.

    Images without a label, and text queries, are left out.
    """
    import pandas as pd

    position = {key.decode(): at for at, key in enumerate(np.asarray(dataset.keys, "S64").tolist())}
    rows = []
    for (query, image), fits in relation(answers).items():
        a, b = position.get(query), position.get(image)
        if a is None or b is None or math.isnan(fits) or not (dataset.label_of(a) and dataset.label_of(b)):
            continue
        if bool(_labels(dataset, a) & _labels(dataset, b)) != bool(fits):
            kind = FITS if fits else FAILS
            rows.append((str(dataset.ids[a]), str(dataset.ids[b]), kind, dataset.label_of(a), dataset.label_of(b)))
    return pd.DataFrame(rows, columns=["query_id", "item_id", "judged", "query label", "item label"])


def _labels(dataset: Dataset, position: int) -> set[int]:
    """Codes of an image's labels; names may hold commas themselves."""
    if dataset.label_matrix is not None:
        return set(dataset.label_matrix[position].indices.tolist())
    return {int(dataset.labels[position])}


# ---------------------------------------------------------------- files


def table(dataset: Dataset, answers: Iterable[Answer]) -> pd.DataFrame:
    """One row per judged pair: query_id, item_id, kind, judges, when (of the first answer). Undecided ones are left out.

    Ids are those of the dataset, or the text of a text query. Images of one content have one row each.
    """
    import pandas as pd

    answers = list(answers)
    ids = _ids_by_key(dataset)
    when: dict[tuple[str, str], str] = {}
    judges: dict[tuple[str, str], set[str]] = {}
    for answer in answers:
        for image in answer.images:
            when.setdefault((answer.query, image), answer.when)
            judges.setdefault((answer.query, image), set()).add(answer.judge)
    rows = [
        (query_id, item_id, FITS if fits else FAILS, ", ".join(sorted(judges[query, image])), when[query, image])
        for (query, image), fits in relation(answers).items()
        if not math.isnan(fits)
        for query_id in ([query] if query.startswith(TEXT) else ids.get(query, ()))
        for item_id in ids.get(image, ())
        if query_id != item_id
    ]
    return pd.DataFrame(rows, columns=["query_id", "item_id", "kind", "judges", "when"])


def _ids_by_key(dataset: Dataset) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for key, image_id in zip(np.asarray(dataset.keys, "S64").tolist(), dataset.ids.tolist(), strict=True):
        ids.setdefault(key.decode(), []).append(str(image_id))
    return ids


def as_csv(dataset: Dataset, answers: Iterable[Answer]) -> bytes:
    """The table as CSV."""
    return files.csv_bytes(table(dataset, answers))


def as_qrels(dataset: Dataset, answers: Iterable[Answer]) -> bytes:
    """TREC qrels: `query 0 image relevance` a line; blanks and percent signs in ids are percent-encoded.

    Source: trec_eval's README, "qrels".
    """
    frame = table(dataset, answers)
    lines = [
        f"{_encoded(query)} 0 {_encoded(item)} {int(kind == FITS)}\n"
        for query, item, kind in zip(frame["query_id"], frame["item_id"], frame["kind"])
    ]
    return "".join(lines).encode()


def _encoded(text: str) -> str:
    return "".join(quote(c, safe="") if c.isspace() or c == "%" else c for c in text)


def imported(dataset: Dataset, path: Path, judge: str) -> list[Answer]:
    """The answers in a file of qrels or pairs, as those of a judge.

    Args:
        path: CSV with query_id, item_id, kind (relevant, anything with "not" or "irrelevant" is not), or qrels.
    Raises:
        BadInput: a line that cannot be read, or an id that is not in the dataset; the line is named.
    """
    judge = check_judge(judge)
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _qrels_rows(path)
    keys = dict(zip(map(str, dataset.ids.tolist()), (k.decode() for k in np.asarray(dataset.keys, "S64").tolist())))
    keys |= {key: key for key in keys.values()}
    answers = []
    for line, query, item, fits in rows:
        query, item = (name if name in keys else name.removeprefix("'") for name in (query, item))
        for name in (query, item):
            if name not in keys and not (name is query and query.startswith(TEXT)):
                raise BadInput(
                    f"{path}, row {line}: {name[:80]!r} is no image of {dataset.name!r}. Use the ids of the dataset."
                )
        answers.append(Answer(judge, IMPORTED, keys.get(query, query), (keys[item],), (float(fits),)))
    return answers


def _csv_rows(path: Path) -> list[tuple[int, str, str, bool]]:
    frame = table_files.read_table(path)
    missing = [name for name in ("query_id", "item_id", "kind") if name not in frame]
    if missing:
        raise BadInput(f"{path} has no column {missing[0]!r}; its header is `query_id,item_id,kind`.")
    kinds = {FITS: True, FAILS: False, "irrelevant": False, "1": True, "0": False}
    rows = []
    for line, cells in zip(frame.index, zip(*(frame[name] for name in ("query_id", "item_id", "kind")))):
        query, item, kind = map(table_files.words, cells)
        if kind.lower() not in kinds:
            raise BadInput(f"{path}, row {line}, column 'kind': {kind[:40]!r} is neither relevant nor not relevant.")
        rows.append((int(line), query, item, kinds[kind.lower()]))
    return rows


def _qrels_rows(path: Path) -> list[tuple[int, str, str, bool]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as qrels: {error}.") from error
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        cells = line.split()
        try:
            query, _, item, relevance = cells
            rows.append((number, unquote(query), unquote(item), int(relevance) > 0))
        except ValueError:
            raise BadInput(
                f"{path}, line {number}: {line[:60]!r} is no line of qrels (`query 0 image relevance`)."
            ) from None
        if len(rows) > MOST_IMPORTED:
            raise BadInput(f"{path} holds more than {MOST_IMPORTED:,} judgements; import it in parts.")
    return rows


def keep_new(answers: Sequence[Answer], answer_log: AnswerLog) -> int:
    """Keep imported answers, those left out that this judge has given already; how many were kept."""
    if not answers:
        return 0
    known = relation(answer for answer in answer_log.answers() if answer.judge == answers[0].judge)
    new = {(a.query, a.images[0]): a for a in answers if (a.query, a.images[0]) not in known}
    answer_log.keep(list(new.values()))
    return len(new)
