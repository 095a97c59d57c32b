"""What a dataset is made of: counts, sizes, quarantine, duplicates, leakage. Each function returns a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from core import arrays, wording
from core.data import dataset_table, remote_files, splits
from core.errors import BadInput, ShapeMismatch
from core.studies import image_neighbours, pooled_figures
from core.task import NO_TASK, ProgressMeter, Task
from core.types import Dataset, Embeddings
from core.wording import plural

_BLOCK = 1024
_NEAREST = 32
"""Near copies of one image that are looked for in a large dataset; groups may be larger."""
MOST_PAIRS = 1_000_000
"""More pairs than this are no list of duplicates any more."""


def overview(dataset: Dataset) -> dict[str, int]:
    """The numbers at a glance: images, classes, unlabelled, instances, queries, gallery, train, quarantined, bytes."""
    instances = dataset.instances
    sizes = dataset.items["size"] if "size" in dataset.items else pd.Series([0])
    return {
        "images": len(dataset),
        "classes": len(np.unique(dataset.labels[dataset.labels >= 0]))
        if dataset.label_matrix is None
        else int((np.asarray(dataset.label_matrix.sum(axis=0)).ravel() > 0).sum()),
        "unlabelled": int((dataset.labels < 0).sum()),
        "instances": 0 if instances is None else len(np.unique(np.asarray(instances)[np.asarray(instances) >= 0])),
        "queries": len(dataset.split.queries),
        "gallery": len(dataset.split.gallery),
        "train": len(dataset.split.train),
        "quarantined": len(dataset.quarantine),
        "bytes": int(sizes.sum()),
    }


def counts(dataset: Dataset) -> pd.DataFrame:
    """Images per class and split: columns label, split, n_images; classes in sorted order, unlabelled last.

    An image with several labels counts once for each. `split` is train, query, gallery, "query|gallery" or "".
    """
    words = dataset_table.split_words(dataset)
    if dataset.label_matrix is not None:
        matrix = dataset.label_matrix
        rows = np.repeat(np.arange(len(dataset)), np.diff(matrix.indptr))
        codes = matrix.indices
        bare = np.flatnonzero(np.diff(matrix.indptr) == 0)
        rows, codes = np.r_[rows, bare], np.r_[codes, np.full(len(bare), -1)]
    else:
        rows, codes = np.arange(len(dataset)), dataset.labels
    names = np.array([*dataset.label_names, ""], object)
    labelled = pd.DataFrame({"code": codes, "label": names[codes], "split": words[rows]})
    grouped = labelled.groupby(["code", "label", "split"], sort=True).size().rename("n_images").reset_index()
    order = np.lexsort((grouped["split"], grouped["code"], grouped["code"] < 0))
    return grouped.iloc[order][["label", "split", "n_images"]].reset_index(drop=True)


def sizes(dataset: Dataset) -> pd.DataFrame:
    """Per image: id, width, height, megapixels, aspect (width / height), bytes. Empty when there are no pictures."""
    items = dataset.items
    if "width" not in items:
        return pd.DataFrame(columns=["id", "width", "height", "megapixels", "aspect", "bytes"])
    width, height = items["width"].to_numpy(float), items["height"].to_numpy(float)
    frame = pd.DataFrame(
        {
            "id": dataset.ids,
            "width": items["width"].to_numpy(),
            "height": items["height"].to_numpy(),
            "megapixels": width * height / 1e6,
            "aspect": np.divide(width, height, out=np.full(len(items), np.nan), where=height > 0),
            "bytes": items["size"].to_numpy(),
        }
    )
    return frame[frame["width"] > 0].reset_index(drop=True)


def quarantine(dataset: Dataset) -> pd.DataFrame:
    """Files that could not be used: columns path, reason."""
    return dataset.quarantine[["path", "reason"]].reset_index(drop=True)


def missing_originals(dataset: Dataset) -> pd.DataFrame:
    """Images whose file has gone since it was scanned: columns position, id, path; those at an address are not asked for."""
    import os

    listed = dataset.items["path"].tolist()
    there: dict[str, bool] = {}
    for path in listed:
        if path and path not in there:
            there[path] = remote_files.is_address(path) or os.path.exists(path)
    gone = [i for i, path in enumerate(listed) if path and not there[path]]
    return pd.DataFrame({"position": gone, "id": dataset.ids[gone], "path": [listed[i] for i in gone]})


# ------------------------------------------------------------------------------------------- duplicates


def exact_duplicates(dataset: Dataset) -> pd.DataFrame:
    """Images with equal bytes: columns group, position, id, label, split; groups in order of their first image."""
    _, codes, sizes_ = np.unique(dataset.keys, return_inverse=True, return_counts=True)
    repeated = np.flatnonzero(sizes_[codes] > 1)
    return _groups(dataset, repeated, codes[repeated])


def near_duplicates(
    dataset: Dataset,
    embeddings: Sequence[Embeddings],
    threshold: float = 0.97,
    agree: int | None = None,
    task: Task = NO_TASK,
) -> pd.DataFrame:
    """Pairs of images, not of equal bytes, that several backbones find nearly the same.

    Args:
        embeddings: one or more backbones over the dataset.
        threshold: cosine from which a backbone calls two images the same.
        agree: how many backbones must; by default more than half of them, and at least two where there are two.
            Above 50,000 images an index looks for the nearest of each (`image_neighbours`).
    Returns:
        Columns first, second (positions, first < second), first_id, second_id, similarity (mean cosine over all
        backbones), n_agree, same_label; most similar first.
    Raises:
        BadInput: more than `MOST_PAIRS` pairs are that similar.
    """
    for embedding in embeddings:
        if len(embedding.vectors) != len(dataset):
            raise ShapeMismatch(
                f"{embedding.backbone!r} has {len(embedding.vectors)} vectors for {len(dataset)} images."
            )
    if not embeddings:
        raise BadInput("Near duplicates need at least one embedded backbone.")
    total = len(embeddings)
    agree = min(total, max(2, total // 2 + 1)) if agree is None else min(max(1, agree), total)
    # A pair that `agree` backbones see is seen by one of the first total - agree + 1: only those are searched whole.
    searched = embeddings[: total - agree + 1]
    meter = task.meter("Comparing images", len(dataset) * len(searched))
    all_pairs = [_pairs_above(embedding.vectors, threshold, meter) for embedding in searched]
    pairs = np.unique(np.concatenate(all_pairs), axis=0)
    pairs = pairs[dataset.keys[pairs[:, 0]] != dataset.keys[pairs[:, 1]]]
    cosines = (
        np.stack([_cosines(embedding.vectors, pairs) for embedding in embeddings])
        if len(pairs)
        else np.empty((total, 0))
    )
    votes = (cosines >= threshold).sum(axis=0)
    keep = votes >= agree
    pairs, similarity, votes = pairs[keep], cosines[:, keep].mean(axis=0), votes[keep]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -similarity))
    first, second = pairs[order].T
    return pd.DataFrame(
        {
            "first": first,
            "second": second,
            "first_id": dataset.ids[first],
            "second_id": dataset.ids[second],
            "similarity": similarity[order],
            "n_agree": votes[order],
            "same_label": dataset.labels[first] == dataset.labels[second],
        }
    )


def _pairs_above(vectors: np.ndarray, threshold: float, meter: ProgressMeter) -> np.ndarray:
    """(n_pairs, 2) int64, first < second, of rows whose product is at least the threshold."""
    blocks, count = [np.empty((0, 2), np.int64)], 0
    large = len(vectors) > image_neighbours.EXACT_UP_TO
    for pairs in (_pairs_by_index if large else _pairs_by_block)(vectors, threshold, meter):
        blocks.append(pairs)
        count += len(pairs)
        if count > MOST_PAIRS:
            raise BadInput(f"More than {MOST_PAIRS:,} pairs are that similar; raise the threshold of {threshold:g}.")
    pairs = np.concatenate(blocks)
    return np.unique(np.sort(pairs, axis=1), axis=0) if large else pairs


def _pairs_by_block(vectors: np.ndarray, threshold: float, meter: ProgressMeter) -> Iterator[np.ndarray]:
    """Pairs of similar rows, all compared with all."""
    for rows in arrays.chunks(len(vectors), _BLOCK):
        meter.task.check()
        block = vectors[rows]
        for other in range(rows.start, len(vectors), 8 * _BLOCK):
            first, second = np.nonzero(block @ vectors[other : other + 8 * _BLOCK].T >= threshold)
            pairs = np.stack([first + rows.start, second + other], axis=1)
            yield pairs[pairs[:, 0] < pairs[:, 1]]
        meter.add(len(block))


def _pairs_by_index(vectors: np.ndarray, threshold: float, meter: ProgressMeter) -> Iterator[np.ndarray]:
    """Pairs of similar rows among the nearest of each, in any order and perhaps twice."""
    for rows, items, scores in image_neighbours.nearest(vectors, _NEAREST, meter):
        first, column = np.nonzero(scores >= threshold)
        yield np.stack([first + rows.start, items[first, column]], axis=1)


def _cosines(vectors: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [
            np.einsum("ij,ij->i", vectors[part[:, 0]], vectors[part[:, 1]])
            for part in np.array_split(pairs, len(pairs) // 4096 + 1)
        ]
    )


def duplicate_groups(dataset: Dataset, near: pd.DataFrame | None = None) -> pd.DataFrame:
    """Exact and near duplicates joined to groups: columns group, position, id, label, split."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    left, right = [np.arange(len(dataset))], [arrays.first_of_equal(dataset.keys)]
    if near is not None and len(near):
        left.append(near["first"].to_numpy())
        right.append(near["second"].to_numpy())
    rows, columns = np.concatenate(left), np.concatenate(right)
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(len(dataset), len(dataset)))
    _, groups = connected_components(graph, directed=False)
    sizes_ = np.bincount(groups)
    members = np.flatnonzero(sizes_[groups] > 1)
    return _groups(dataset, members, groups[members])


def _groups(dataset: Dataset, members: np.ndarray, codes: np.ndarray) -> pd.DataFrame:
    """Members ordered by the first image of their group, then by position; groups numbered from 1."""
    number: dict[int, int] = {}
    for code in codes.tolist():
        number.setdefault(code, len(number) + 1)
    group = np.array([number[code] for code in codes.tolist()], np.int64)
    order = np.lexsort((members, group))
    rows = members[order]
    return pd.DataFrame(
        {
            "group": group[order],
            "position": rows,
            "id": dataset.ids[rows],
            "label": [dataset.label_of(row) for row in rows],
            "split": dataset_table.split_words(dataset)[rows],
        }
    )


def one_of_each(dataset: Dataset, groups: pd.DataFrame) -> Dataset:
    """The dataset with only the first image of every group; images in no group all stay."""
    keep = np.ones(len(dataset), bool)
    keep[groups.loc[groups.duplicated("group"), "position"].to_numpy(np.int64)] = False
    return dataset_table.subset(dataset, keep)


# ------------------------------------------------------------------------------------------- leakage


def leakage(dataset: Dataset, near: pd.DataFrame | None = None) -> pd.DataFrame:
    """Training images that are seen again where results are measured: columns kind, train_id, other_id.

    `kind` is "same bytes", "same instance" or, with the pairs of `near_duplicates`, "nearly the same".
    """
    words = dataset_table.split_words(dataset)
    trains, others = np.flatnonzero(words == "train"), np.flatnonzero((words != "train") & (words != ""))
    rows: list[tuple[str, str, str]] = []
    keys = dataset.keys.tolist()
    leaks = splits.leakage(dataset)
    first_other = {keys[i]: i for i in others[::-1]}
    rows += [("same bytes", str(dataset.ids[i]), str(dataset.ids[first_other[keys[i]]])) for i in leaks["content"]]
    if dataset.instances is not None:
        instances = np.asarray(dataset.instances)
        first_of = {int(instances[i]): i for i in others[::-1]}
        rows += [
            ("same instance", str(dataset.ids[i]), str(dataset.ids[first_of[int(instances[i])]]))
            for i in leaks["instance"]
        ]
    if near is not None and len(near):
        is_train, is_other = np.isin(np.arange(len(dataset)), trains), np.isin(np.arange(len(dataset)), others)
        for a, b in near[["first", "second"]].to_numpy():
            if is_train[b] and is_other[a]:
                a, b = b, a
            if is_train[a] and is_other[b]:
                rows.append(("nearly the same", str(dataset.ids[a]), str(dataset.ids[b])))
    return pd.DataFrame(rows, columns=["kind", "train_id", "other_id"])


def warnings(dataset: Dataset, near: pd.DataFrame | None = None) -> list[str]:
    """One sentence for each thing that people should know before they trust a number."""
    sentences = []
    for kind, rows in leakage(dataset, near).groupby("kind", sort=False):
        sentences.append(
            f"{plural(len(rows), 'training image is', 'training images are')} in query or gallery too ({kind}), the first "
            f"is {rows.iloc[0].train_id!r}."
        )
    repeated = exact_duplicates(dataset)
    if len(repeated):
        groups = repeated["group"].nunique()
        sentences.append(
            f"{plural(len(repeated), 'image')} in {plural(groups, 'group')} have equal bytes; they find each other first."
        )
        differ = int((repeated.groupby("group")["label"].nunique() > 1).sum())
        if differ:
            sentences.append(f"In {plural(differ, 'such group')} the labels differ, so one must be wrong.")
    if dataset.label_matrix is None and (dataset.labels >= 0).any():
        lone = int((np.bincount(dataset.labels[dataset.labels >= 0]) == 1).sum())
        if lone:
            sentences.append(
                f"{plural(lone, 'class has', 'classes have')} one image only: nothing can be found for it, so it is no "
                "valid query."
            )
    if dataset.is_judged:
        sentences.append(f"{pooled_figures.marking(dataset)} {wording.page('judge')('sentence.in_use')}")
    if not dataset.has_labels:
        sentences.append("There are no labels: retrieval and maps work, metrics cannot be computed.")
    return sentences
