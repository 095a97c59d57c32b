"""From flags to what studies take: the dataset, the backbones, the fusions."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import wording
from core.cli import outputs
from core.errors import BadInput, UnknownName
from core.setups import DEFAULT_BACKBONES
from core.task import Task
from core.wording import plural

strings = wording.page("cli")

if TYPE_CHECKING:
    from core.data.splits import SplitShares
    from core.fusion import FusionSpec
    from core.studies.embedding import EmbeddingReport
    from core.types import Dataset

MOST_K = 10_000_000
"""The largest cut-off; figures at a k beyond the list are those of the whole list."""


def task() -> Task:
    """Work that reports on the terminal."""
    return Task(outputs.print_progress)


def load_plugins() -> None:
    """The user's own strategies join the table; a file that cannot be used is named, and all others work."""
    from core.fusion import plugins

    for reason in plugins.load_plugins():
        outputs.remark(f"warning: {reason}")


def cutoffs(text: str, name: str = "--k") -> tuple[int, ...]:
    """What --k, or another flag, names, rising.

    Raises:
        BadInput: it is no list of whole numbers of at least 1.
    """
    try:
        ks = tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        ks = ()
    if not ks or ks[0] < 1:
        raise BadInput(strings("error.takes_whole_numbers", flag=name, text=repr(text[:40])))
    if ks[-1] > MOST_K:
        raise BadInput(strings("error.takes_numbers_up", flag=name, most_k=f"{MOST_K:,}", n_ks=len(str(ks[-1]))))
    return ks


def named_files(pairs: Sequence[str]) -> dict[str, Path]:
    """What --vectors names: name → file.

    Raises:
        BadInput: a pair is no NAME=FILE, or a name comes twice.
    """
    files: dict[str, Path] = {}
    for pair in pairs:
        name, equals, file = pair.partition("=")
        if not equals or not name or not file:
            raise BadInput(strings("error.vectors_takes_name", pair=repr(pair)))
        if name in files:
            raise BadInput(strings("error.vectors_names_twice", name=repr(name)))
        files[name] = Path(file)
    return files


# ---------------------------------------------------------------- the dataset


def dataset(arguments: argparse.Namespace) -> Dataset:
    """The dataset that --data names, listed and remembered when it is a path that is not known yet.

    Vectors from files join it, and what --split and --one-of-each say is remembered with it.
    """
    from core import data

    vectors = named_files(getattr(arguments, "vectors", []))
    _split_shares(arguments)  # before anything is read
    if not vectors and (getattr(arguments, "labels", None) or getattr(arguments, "pairs", None)):
        raise BadInput(strings("error.labels_pairs_describe"))
    if not arguments.data and vectors and arguments.name:
        return _with_overrides(arguments, _attach(arguments, arguments.name, vectors))
    if not arguments.data:
        raise BadInput(strings("error.which_images_give"))
    is_name = arguments.data in data.names() and not Path(arguments.data).expanduser().exists()
    if arguments.name and arguments.name != arguments.data and is_name:
        raise BadInput(strings("error.name_belongs_path", data=repr(arguments.data)))
    reader, options = _reader(arguments)
    loaded = data.load(arguments.data, name=arguments.name or None, task=task(), reader=reader, **options)
    outputs.end_progress()
    for sentence in data.remarks(loaded.name):
        outputs.remark(f"{loaded.name}: {sentence}")
    if vectors:
        _attach(arguments, loaded.name, vectors)
    return _with_overrides(arguments, loaded.name)


def _attach(arguments: argparse.Namespace, name: str, vectors: dict[str, Path]) -> str:
    """Vectors from files join a dataset, or become one; its name."""
    from core import data

    joined = data.add_vectors(name, vectors, arguments.labels, arguments.pairs, arguments.invalid, outputs.remark)
    return joined.name


def _reader(arguments: argparse.Namespace) -> tuple[str | None, dict[str, Any]]:
    """The reader named, if any, and its options."""
    from core.data import readers, remote_sources

    if not arguments.reader and not arguments.option:
        return None, {}
    path = remote_sources.located(arguments.data)
    if arguments.data.startswith("torchvision:") or (not path.exists() and not arguments.reader):
        raise BadInput(strings("error.reader_option_belong", data=repr(arguments.data)))
    texts: dict[str, str] = {}
    for pair in arguments.option:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadInput(strings("error.option_takes_name", pair=repr(pair)))
        texts[name.strip()] = value
    reader = readers.choose(path, arguments.reader or None)
    return reader.name, readers.options_from(reader, texts)


def _with_overrides(arguments: argparse.Namespace, name: str) -> Dataset:
    """The saved dataset after --one-of-each and --split, which stay with it."""
    from core import data

    if arguments.one_of_each is not None:
        smaller = data.keep_one_of_each(name) if arguments.one_of_each else data.keep_all(name)
        n_copies = len(data.whole(name)) - len(smaller)
        outputs.remark(
            strings(
                "sentence.copies_left_out", name=name, images=plural(len(smaller), "image"), n_copies=f"{n_copies:,}"
            )
        )
    if arguments.split:
        split = data.make_split(name, _split_shares(arguments), arguments.seed or 0).split
        n = [len(part) for part in (split.queries, split.gallery, split.train)]
        outputs.remark(f"{name}: {n[0]:,} queries, {n[1]:,} in the gallery, {n[2]:,} to train on.")
    return data.get(name)


def _split_shares(arguments: argparse.Namespace) -> SplitShares | None:
    """The shares that --split names; None for the dataset's own split, and where there is no such flag."""
    from core.data.splits import SplitShares

    text = arguments.split
    if not text and arguments.seed is not None:
        raise BadInput(strings("error.seed_belongs_split"))
    if arguments.seed is not None and arguments.seed < 0:
        raise BadInput(strings("error.seed_takes_whole", seed=arguments.seed))
    if not text or text.strip().lower() == "given":
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 2:
        raise BadInput(strings("error.split_takes_one", text=repr(text)))
    return SplitShares(*numbers)


def embedded(arguments: argparse.Namespace, names: Sequence[str], device: str | None = None) -> EmbeddingReport:
    """The dataset with the embeddings of some backbones; images that turn out unreadable are named like the others."""
    from core import data
    from core.studies import embedding

    loaded = dataset(arguments)
    known = set(data.remarks(loaded.name))
    report = embedding.embed(loaded, names, device=device, task=task())
    outputs.end_progress()
    for sentence in data.remarks(loaded.name):
        if sentence not in known:
            outputs.remark(f"{loaded.name}: {sentence}")
    return report


# ---------------------------------------------------------------- backbones and fusions


def backbones(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The backbones named, each resolved and checked; the four defaults when none is."""
    from core import backbones as catalog

    if arguments.weights:
        if len(arguments.backbone) != 1:
            raise BadInput(strings("error.weights_needs_exactly"))
        record = catalog.add_local(arguments.backbone[0], arguments.weights, arguments.projection)
        note = catalog.source_of(record).note(record)
        if note:
            outputs.remark(note)
        return (record.name,)
    attached = _attached(arguments)
    named = [name if name in attached else catalog.add(name).name for name in arguments.backbone]
    return tuple(dict.fromkeys([*named_files(getattr(arguments, "vectors", [])), *named])) or DEFAULT_BACKBONES


def _attached(arguments: argparse.Namespace) -> set[str]:
    """Names of vectors that are attached to the dataset that --data names, or are being attached now."""
    from core import data

    names = set(named_files(getattr(arguments, "vectors", [])))
    known = data.name_of(arguments.data) if arguments.data else None
    return names | set(data.attached_vectors.names(known)) if known else names


def equal_mixes(texts: Sequence[str], known: Collection[str], from_files: bool = False) -> list[FusionSpec]:
    """What --fuse names: equal shares of two or more.

    Args:
        known: systems that are compared here.
        from_files: nothing else can be joined; else any backbone can whose vectors are in the store.
    """
    from core import backbones as catalog
    from core.fusion import spec

    mixes = []
    for text in texts:
        names = tuple(part.strip() for part in text.split("+"))
        if len(names) < 2 or not all(names):
            raise BadInput(strings("error.fuse_joins_two", text=repr(text)))
        strangers = [name for name in names if name not in known]
        if not from_files:
            names = tuple(catalog.get(name).name if name in strangers else name for name in names)
        elif strangers:
            raise UnknownName(f"--fuse {text} names {strangers[0]!r}; there are {', '.join(dict.fromkeys(known))}.")
        mixes.append(spec.equal(names))
    return mixes


def without_tuned(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The dataset without the images that tuned backbones among these were trained on; a sentence says so."""
    from core.studies import training_split

    left = training_split.without_tuned(dataset, names)
    if left is not dataset:
        n = len(dataset.split.queries) - len(left.split.queries)
        outputs.remark(
            strings(
                "sentence.tuned_left_out",
                name=dataset.name,
                images=plural(n, "query"),
                rest=plural(len(left.split.queries), "query"),
            )
        )
    return left


def systems(arguments: argparse.Namespace) -> tuple[Dataset, tuple[str, ...], list[FusionSpec]]:
    """The dataset, embedded with the backbones named, and the fusions named (equal mixes when none is).

    Images that a tuned backbone among them was trained on are left out.
    """
    from core.fusion import spec, store

    names = backbones(arguments)
    fusions = list(store.read(arguments.fusions)) if arguments.fusions else []
    fusions += equal_mixes(arguments.fuse, {*names, *_attached(arguments)})
    loaded = embedded(arguments, names).dataset
    if not fusions and not arguments.fuse:
        fusions = spec.equal_mixes(names)
    used = dict.fromkeys([*names, *(name for mix in fusions for name in mix.backbones)])
    return without_tuned(loaded, list(used)), names, [*fusions, *stepped(arguments, names, fusions)]


def stepped(arguments: argparse.Namespace, names: Sequence[str], fusions: Sequence[FusionSpec]) -> list[FusionSpec]:
    """Every backbone and fusion with what --prepare and --rerank name; nothing where they name nothing.

    A re-ranking needs vectors: fusions of scores and ranks are left out, in a sentence.
    """
    from core.fusion import FusionSpec, Step
    from core.fusion.spec import with_steps

    prepare = Step.read("preparation", getattr(arguments, "prepare", ""))
    rerank = Step.read("re-ranking", getattr(arguments, "rerank", ""))
    if prepare is None and rerank is None:
        return []
    made = []
    for mix in [*(FusionSpec(name, "concat", (name,)) for name in names), *fusions]:
        if mix.steps:
            continue
        if rerank is not None and mix.strategy.joins != "vectors" and not mix.is_linear:
            outputs.remark(strings("sentence.has_vectors_not", name=mix.name, label=mix.strategy.label))
            continue
        made.append(with_steps(mix, prepare, rerank))
    return made
