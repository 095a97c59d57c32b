"""What a person changes about a saved dataset: its name, notes, split, copies, unreadable images; or its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core import files
from core.access import gated
from core.data import dataset_table, image_bytes, index_files, judged_truth, overrides, saved, splits
from core.data.built_in import DATASETS
from core.errors import BadInput, StoreUnusable
from core.types import Dataset, JudgedPool
from core.wording import plural


@gated("dataset.remove")
def remove(name: str) -> None:
    """Forget a dataset: its table goes; images, embeddings and thumbnails stay where they are."""
    folder = saved.folder_of(name)
    with saved.LOCK:
        saved.forget_opened(folder)
        files.remove(folder / "record.json")
        files.remove_folder(folder)


@gated("dataset.change")
def rename(name: str, new: str) -> Dataset:
    """Give an added dataset another name; nothing is computed again."""
    folder, new = saved.folder_of(name), dataset_table.check_name(new)
    if name in DATASETS or new in saved.names():
        taken = name if name in DATASETS else new
        raise BadInput(f"{taken!r} is taken or built in; choose another name.")
    with saved.LOCK:
        target = folder.with_name(new)
        files.move_folder(folder, target)
        saved.forget_opened(folder)
        record = dataset_table.read_record(target)
        files.write_json(target / "record.json", {**record, "name": new}, sort_keys=True)
    return saved.opened(target)


@gated("dataset.change")
def describe(name: str, **words: str) -> Dataset:
    """Write the licence, the reference or the notes of a dataset; a new scan keeps what was written."""
    unknown = set(words) - set(overrides.WORDS)
    if unknown:
        raise BadInput(f"A dataset has a licence, a reference and notes, but no {sorted(unknown)[0]}.")
    before = decided(name)
    return _decide(name, replace(before, words=tuple({**dict(before.words), **words}.items())))


@gated("dataset.private")
def set_private(name: str, private: bool) -> None:
    """Let only owners of a server see a dataset, or everybody again.

    Raises:
        BadInput: it is built in, and the same everywhere.
    """
    if name in DATASETS:
        raise BadInput(f"{name!r} is built in: everybody sees it.")
    marker = saved.folder_of(name) / saved.PRIVATE
    try:
        if private:
            files.write_text(marker, "")
        else:
            files.remove(marker)
    except OSError as error:
        raise StoreUnusable(f"{marker} cannot be written: {error.strerror or error}.") from error


def decided(name: str) -> overrides.Overrides:
    """What was decided about a saved dataset: its split, the copies left out, its licence and notes."""
    return overrides.read(saved.record_of(name))


def _decide(name: str, decisions: overrides.Overrides) -> Dataset:
    folder = saved.folder_of(name)
    try:
        with saved.LOCK, dataset_table.alone(folder):
            record = {**dataset_table.read_record(folder), "decisions": decisions.as_record()}
            files.write_json(folder / "record.json", record, sort_keys=True)
    except OSError as error:
        raise StoreUnusable(f"{folder} cannot be written: {error.strerror or error}.") from error
    return saved.opened(folder)


@gated("dataset.change")
def make_split(name: str, shares: splits.SplitShares | None, seed: int = 0) -> Dataset:
    """Split a saved dataset by a seed, class by class and by instance; each scan from now on splits it so.

    Args:
        shares: of query and train images; None goes back to the split that the source gave, or to self-retrieval.
    Raises:
        BadInput: no image can be a query; nothing is changed then.
    """
    before = decided(name)
    decisions = replace(before, shares=shares, seed=seed if shares else 0, domains=None)
    if shares is not None:
        splits.stratified(overrides.apply(saved.whole(name), replace(before, shares=None, domains=None)), shares, seed)
    return _decide(name, decisions)


@gated("dataset.change")
def split_by_domain(name: str, domains: splits.DomainSplit) -> Dataset:
    """Split a saved dataset by a column: queries of one value, the gallery of another; each scan from now on splits it so.

    `make_split(name, None)` goes back.

    Raises:
        BadInput: no such column or value; nothing is changed then.
    """
    before = decided(name)
    plain = overrides.apply(saved.whole(name), replace(before, shares=None, domains=None))
    splits.by_domain(plain, domains)
    return _decide(name, replace(before, shares=None, seed=0, domains=domains))


@gated("dataset.change")
def keep_one_of_each(name: str, groups: pd.DataFrame | None = None) -> Dataset:
    """Leave copies out of a saved dataset: of each group only the first image stays. Nothing is deleted.

    Args:
        groups: near duplicates of the dataset (columns group, position), as they stand now. Images of equal bytes
            are left out in any case, those that a later scan finds too.
    """
    before = decided(name)
    copies = () if groups is None else overrides.copies_of(saved.opened(saved.folder_of(name)), groups)
    return _decide(name, replace(before, one_of_each=True, copies=(*before.copies, *copies)))


@gated("dataset.change")
def keep_all(name: str) -> Dataset:
    """Bring the copies back that were left out."""
    return _decide(name, replace(decided(name), one_of_each=False, copies=()))


@gated("dataset.change")
def use_judgements(name: str, relation: Mapping[tuple[str, str], bool] | None, pooled: int = 0, k: int = 0) -> Dataset:
    """Take what people judged for the truth of a saved dataset, on every page and command; its labels stay known.

    Args:
        relation: (content key of the query, of the image) → whether it fits; None goes back to labels or pairs.
        pooled, k: results in the first k of the systems that were compared; 0 where nobody knows.
    """
    folder, before = saved.folder_of(name), decided(name)
    judged = None
    if relation is not None:
        if not any(relation.values()):
            raise BadInput(f"No result that was judged in {name!r} fits its query, so there is nothing to evaluate by.")
        judged = judged_truth.write(folder, relation, JudgedPool(len(relation), pooled, k))
    changed = _decide(name, replace(before, judged=judged))
    for path in folder.glob("judged-*.csv"):
        if judged is None or path.name != judged.file:
            files.remove(path)
    return changed


@gated("dataset.change")
def quarantine(name: str, reasons: dict[str, str]) -> Dataset:
    """Move images that turned out unreadable from a saved dataset to its quarantine.

    Args:
        reasons: id, or path, of an image → why. A path means an image only where the file holds no others. Unknown
            ones are passed over, so that it may be said twice.
    Returns:
        The dataset without them: ids, labels, split and pairs moved together.
    """
    folder = saved.folder_of(name)
    with saved.LOCK:
        dataset = saved.whole(name)
        locations = image_bytes.locations(dataset.items, len(dataset))
        ids = dataset.ids.tolist()
        why = [
            reasons.get(text) or (reasons.get(location.path) if location.at < 0 else None)
            for text, location in zip(ids, locations)
        ]
        bad = np.array([reason is not None for reason in why], bool)
        if not bad.any():
            return saved.opened(folder)
        if bad.all():
            raise BadInput(f"None of the {plural(len(dataset), 'image')} of {name!r} can be read; the first: {why[0]}")
        members = dataset.items["member"].tolist() if "member" in dataset.items else ids
        sizes, times = dataset.items["size"].tolist(), dataset.items["mtime_ns"].tolist()
        rows = []
        for i in np.flatnonzero(bad):
            file = index_files.IndexedFile("", sizes[i], times[i], 0, 0, str(why[i]))
            rows.append(index_files.quarantine_row(locations[i], members[i], file))
        frames = [dataset.quarantine, pd.DataFrame(rows, columns=list(index_files.QUARANTINE))]
        known = [frame for frame in frames if len(frame)]
        smaller = replace(dataset_table.subset(dataset, ~bad), quarantine=pd.concat(known, ignore_index=True))
        record = dataset_table.read_record(folder)
        read_with: dict[str, Any] = {key: record[key] for key in ("reader", "options", "guesses") if key in record}
        return saved.save(smaller, read_with)
