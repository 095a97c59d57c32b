"""One function per verb: flags → setup → study → print. Errors of the user end with one sentence and exit code 2."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import bench as benchmarks
from core.errors import BadInput, CoreError, UnknownName
from core.progress import Progress
from core.registry import LISTED
from core.setups import DEFAULT_BACKBONES
from core.task import Task

if TYPE_CHECKING:
    from core.data.splits import SplitShares
    from core.fusion import FusionSpec
    from core.types import Dataset


MOST_K = 10_000_000
"""The largest cut-off; figures at a k beyond the list are those of the whole list."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code: 0, 2 for an error that the user can mend, 130 after Ctrl-C."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    given = _parser().parse_args(arguments)
    try:
        given.verb(given)
    except CoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) has closed: nothing is wrong, and Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        place = str(error.filename or "a file")
        place = place if len(place) <= 80 else f"{place[:77]}…"
        print(
            f"error: The system refused {place}: {error.strerror or error}. Check the path and try again.",
            file=sys.stderr,
        )
        return 2
    return 0


_EXAMPLE = '[{"kind": "rrf", "backbones": ["a", "b"]}]'


def _fusion_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fusions", type=Path, metavar="FILE", help=f"JSON list of fusions, e.g. {_EXAMPLE}")
    parser.add_argument("--fuse", action="append", default=[], metavar="A+B", help="equal shares of these; repeatable")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fusionscope" if Path(sys.argv[0]).stem == "fusionscope" else "python -m core",
        description="Fusionscope: which backbone, or which mix, finds the right images?",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    one = verbs.add_parser("list", help="what is there: backbones, datasets, metrics, fusions")
    one.add_argument("kind", choices=[f"{kind}s" for kind in LISTED])
    one.add_argument("--markdown", action="store_true", help="as a Markdown table, as the README shows it")
    one.set_defaults(verb=list_)

    one = verbs.add_parser("embed", help="compute and keep the embeddings of a dataset")
    _dataset_flags(one)
    _vector_flags(one)
    _backbone_flags(one)
    one.add_argument("--device", default="", help="cuda, mps or cpu; picked by itself if left out")
    one.set_defaults(verb=embed)

    one = verbs.add_parser("evaluate", help="score backbones and fusions on a dataset, or vectors from files")
    _dataset_flags(one)
    _backbone_flags(one)
    _vector_flags(one)
    _fusion_flags(one)
    one.add_argument("--k", default="1,5,10", help="cut-offs, e.g. 1,5,10,100")
    _judging_flags(one)
    one.set_defaults(verb=evaluate)

    _search_verb(verbs)
    _catalogue_verb(verbs)

    one = verbs.add_parser("report", help="a comparison as one HTML file that opens offline")
    _dataset_flags(one)
    _backbone_flags(one)
    _fusion_flags(one)
    one.add_argument("--k", default="1,10", help="cut-offs, e.g. 1,10")
    _unit_flags(one)
    one.add_argument("--out", type=Path, default=Path("report.html"), help="where to write (default: report.html)")
    one.set_defaults(verb=report)

    one = verbs.add_parser("fetch", help="download the weights of a backbone into the hub's cache")
    one.add_argument("names", nargs="+", metavar="BACKBONE")
    one.set_defaults(verb=fetch)

    one = verbs.add_parser("check", help="look over the store and imported vectors: what is there, whether it is whole")
    one.add_argument("--mend", action="store_true", help="set what is damaged aside, so that embedding makes it anew")
    one.set_defaults(verb=check)

    one = verbs.add_parser("bench", help="measure on this machine: " + ", ".join(benchmarks.names()))
    one.add_argument("name", choices=benchmarks.names())
    one.add_argument("rest", nargs=argparse.REMAINDER)
    one.set_defaults(verb=bench)
    return parser


def _search_verb(verbs: Any) -> None:
    one = verbs.add_parser("search", help="find pictures by words")
    one.add_argument("words", help='what to look for, e.g. "red:2 shoe -lace"')
    _dataset_flags(one)
    one.add_argument(
        "--backbone",
        action="append",
        default=[],
        metavar="NAME",
        help="who looks; those that read text read it (default: concepts_lite0); repeatable",
    )
    one.add_argument(
        "--second-step",
        type=int,
        default=0,
        metavar="N",
        help="so many of the best pictures become the query of all (pseudo-relevance feedback)",
    )
    one.add_argument(
        "--sentences", choices=["usual", "on", "off"], default="usual", help='"a photo of ..." around words'
    )
    one.add_argument("--k", type=int, default=10, help="how many pictures to list (default: 10)")
    one.set_defaults(verb=search)


def _catalogue_verb(verbs: Any) -> None:
    one = verbs.add_parser("catalogue", help="search a catalogue, or compare the ways of weighing its components")
    _dataset_flags(one)
    one.add_argument(
        "--find", default="", metavar="WORDS", help="list what each strategy finds; nothing is judged then"
    )
    one.add_argument(
        "--queries", type=Path, help="labelled queries, query,item_id[,gain]; else the catalogue asks itself"
    )
    one.add_argument("--components", default="", help="text columns and 'picture', joined by commas")
    one.add_argument("--pictures", choices=["mean", "best", "each"], default="mean", help="of an item that has several")
    one.add_argument("--space", default="concepts_lite0", metavar="BACKBONE", help="reads both texts and pictures")
    one.add_argument("--weigh", default="", metavar="NAME=SHARE,…", help="fixed weights, a strategy of their own")
    one.add_argument("--metric", default="map", help="e.g. map, p@10, ndcg@10, mrr (default: map)")
    one.add_argument("--base", default="average", help="the strategy that others are compared with (default: average)")
    one.add_argument("--k", type=int, default=5, help="of --find: how many items (default: 5)")
    one.add_argument("--json", type=Path, help="write the comparison")
    one.set_defaults(verb=catalogue)


def _dataset_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", "--dataset", metavar="PATH|NAME", help="a folder, a manifest, or a dataset's name")
    parser.add_argument("--name", default="", help="the name under which a path is kept (default: the folder's name)")
    parser.add_argument(
        "--reader",
        default="",
        help="how the path is read; found by itself if left out; `python -m core list readers` shows all, with options",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the reader, repeatable: depth=2, columns=path:photo,label:kind, protocol=hard, ...",
    )
    parser.add_argument(
        "--split",
        default="",
        metavar="QUERY[,TRAIN]",
        help="make a seeded, stratified split of these shares and keep it, e.g. 0.2 or 0.15,0.5; 'given' goes back",
    )
    parser.add_argument("--seed", type=int, default=None, help="of --split (default 0)")
    parser.add_argument(
        "--one-of-each",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="leave copies of equal bytes out and remember it, or bring them back",
    )


def _vector_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--vectors",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="vectors computed elsewhere; with --data they are attached to it, by id or by row",
    )
    parser.add_argument("--labels", type=Path, help="CSV id,label[,split], a row per vector row")
    parser.add_argument("--pairs", type=Path, help="CSV query_id,item_id,kind (relevant or junk)")
    parser.add_argument("--invalid", choices=["refuse", "drop"], default="refuse", help="rows with NaN or infinity")


def _backbone_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backbone", action="append", default=[], metavar="NAME", help="repeatable")
    parser.add_argument("--weights", type=Path, help="a local checkpoint for the one backbone named (timm)")


def _unit_flags(parser: argparse.ArgumentParser) -> None:
    unit = parser.add_mutually_exclusive_group()
    unit.add_argument(
        "--by-query",
        action="store_true",
        help="optimistic: assumes independent queries, though those of a class are not",
    )
    unit.add_argument(
        "--by-class", action="store_true", help="draw and flip whole classes where queries share them (the default)"
    )


EXPORTS = {
    "json": "every metric with its interval, and every pair (JSON)",
    "table": "a row per system with every metric and its interval (CSV or Parquet, as the name ends)",
    "latex": "the printed columns as a table for a paper (LaTeX, booktabs)",
    "differences": "every pair: difference, interval, p, Holm p, effect sizes, wins, ties, losses (CSV or Parquet)",
    "per-query": "every list metric of each query (CSV or Parquet)",
    "per-class": "the compared metric of each class and system with its interval (CSV or Parquet)",
    "curves": "the 11-point interpolated precision of each system with its interval (CSV or Parquet)",
    "ranking": "the top 100 of each query and system (CSV or Parquet)",
    "protocols": "Easy, Medium and Hard of revisited Oxford or Paris (CSV or Parquet)",
}
"""What `evaluate` writes: its flag → what the file holds. `core.export.tables` makes them."""


def _judging_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--metric", default="map", help="the metric that pairs are compared in (default: map)")
    _unit_flags(parser)
    parser.add_argument("--show", default="", metavar="METRICS", help="columns to print: map,mrr,p@5, ... or all")
    for name, holds in EXPORTS.items():
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"write {holds}")


def say(progress: Progress) -> None:
    """Progress on one line of the terminal; on a pipe, nothing but the end of each stage."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress.sentence()}", end="", file=sys.stderr, flush=True)
    elif progress.total is not None and progress.done >= progress.total:
        print(progress.sentence(), file=sys.stderr)


def _dataset(given: argparse.Namespace) -> Dataset:
    """The dataset that --data names, scanned and kept when it is a path that is not known yet.

    Vectors from files join it, and what --split and --one-of-each say is kept with it.
    """
    from core import data

    vectors = _named_files(getattr(given, "vectors", []))
    _shares(given)  # before anything is read
    if not vectors and (getattr(given, "labels", None) or getattr(given, "pairs", None)):
        raise BadInput("--labels and --pairs describe vectors from files: add --vectors NAME=FILE, or leave them out.")
    if not given.data and vectors and given.name:
        name = data.add_vectors(given.name, vectors, given.labels, given.pairs, given.invalid, _note).name
        return _decided(given, name)
    if not given.data:
        raise BadInput(
            "Which images? Give `--data PATH` (a folder of images) or `--data NAME`; `python -m core list datasets`."
        )
    if given.name and given.name != given.data and given.data in (*data.names(), *data.DATASETS.names):
        raise BadInput(
            f"--name belongs to a path that is read; the dataset {given.data!r} keeps its name. Leave --name out."
        )
    reader, options = _reader(given)
    dataset = data.load(given.data, name=given.name or None, task=Task(say), reader=reader, **options)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for remark in data.remarks(dataset.name):
        _note(f"{dataset.name}: {remark}")
    if vectors:
        data.add_vectors(dataset.name, vectors, given.labels, given.pairs, given.invalid, _note)
    return _decided(given, dataset.name)


def _note(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _reader(given: argparse.Namespace) -> tuple[str | None, dict[str, Any]]:
    """The reader named, if any, and its options."""
    from core.data import readers

    if not given.reader and not given.option:
        return None, {}
    if given.data.startswith("torchvision:") or (not Path(given.data).expanduser().exists() and not given.reader):
        raise BadInput(f"--reader and --option belong to a path that is read; {given.data!r} is none.")
    typed: dict[str, str] = {}
    for pair in given.option:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadInput(f"--option takes NAME=VALUE, e.g. --option depth=2; got {pair!r}.")
        typed[name.strip()] = value
    reader = readers.choose(Path(given.data).expanduser(), given.reader or None)
    return reader.name, readers.options_from(reader, typed)


def _decided(given: argparse.Namespace, name: str) -> Dataset:
    """The saved dataset after --one-of-each and --split, which stay with it."""
    from core import data

    if given.one_of_each is not None:
        dataset = data.keep_one_of_each(name) if given.one_of_each else data.keep_all(name)
        out = len(data.whole(name)) - len(dataset)
        print(f"{name}: {len(dataset):,} images; copies left out: {out:,}.", file=sys.stderr)
    if given.split:
        dataset = data.make_split(name, _shares(given), given.seed or 0)
        n = [len(part) for part in (dataset.split.queries, dataset.split.gallery, dataset.split.train)]
        print(f"{name}: {n[0]:,} queries, {n[1]:,} in the gallery, {n[2]:,} to train on.", file=sys.stderr)
    return data.get(name)


def _shares(given: argparse.Namespace) -> SplitShares | None:
    """The shares that --split names; None for the given split, and where there is no such flag."""
    from core.data.splits import SplitShares

    text = given.split
    if not text and given.seed is not None:
        raise BadInput("--seed belongs to --split, e.g. --split 0.2 --seed 1.")
    if given.seed is not None and given.seed < 0:
        raise BadInput(f"--seed takes a whole number of at least 0, e.g. --seed 1; got {given.seed}.")
    if not text or text.strip().lower() == "given":
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 2:
        raise BadInput(f"--split takes one or two shares, e.g. 0.2 or 0.15,0.5, or the word given; got {text!r}.")
    return SplitShares(*numbers)


def _backbones(given: argparse.Namespace) -> tuple[str, ...]:
    """The backbones named, each resolved and checked; the four defaults when none is."""
    from core import backbones

    if given.weights:
        if len(given.backbone) != 1:
            raise BadInput("--weights needs exactly one --backbone: the timm architecture that the file is for.")
        return (backbones.add_local(given.backbone[0], given.weights).name,)
    attached = _attached(given)
    named = tuple(name if name in attached else backbones.get(name).name for name in given.backbone)
    joined = tuple(dict.fromkeys([*_named_files(getattr(given, "vectors", [])), *named]))
    return joined or DEFAULT_BACKBONES


def _attached(given: argparse.Namespace) -> set[str]:
    """Names of vectors that are attached to the dataset that --data names, or are being attached now."""
    from core import data

    here = set(_named_files(getattr(given, "vectors", [])))
    if given.data in data.names():
        here |= set(data.attached_vectors.names(given.data))
    return here


def embed(given: argparse.Namespace) -> None:
    """`embed`: compute what is missing, say what was found, what was computed and what could not be read."""
    from core.backbones.engines.torch_engine import pick_device
    from core.studies import embedding

    if given.device:
        pick_device(given.device)  # refused also where nothing is missing
    names = _backbones(given)
    report = embedding.embed(_dataset(given), names, device=given.device or None, task=Task(say))
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(report.sentence())
    for path, reason in report.quarantined:
        print(f"  not read: {path}: {reason}")


def evaluate(given: argparse.Namespace) -> None:
    """`evaluate`: every single backbone and the fusions, with intervals and every pair; from a dataset or from files."""
    from core import data
    from core.export import tables
    from core.studies import external_vectors, fusion, leaderboard

    _plugins()
    files = {name: path for name in EXPORTS if (path := getattr(given, name.replace("-", "_"))) is not None}
    tables.check(files)
    how = {"ks": _cutoffs(given.k), "metric": given.metric, "by_class": not given.by_query, "task": Task(say)}
    tables.check_metrics(given.metric, given.show, how["ks"])
    from_files = bool(given.vectors and not given.data)
    if from_files:
        _only_with_data(given)
        result, dataset = external_vectors.evaluate_files(
            vectors=_named_files(given.vectors),
            labels=given.labels,
            pairs=given.pairs,
            fusions=given.fusions,
            more=_fused(given.fuse, tuple(_named_files(given.vectors)), from_files),
            invalid=given.invalid,
            tell=_note,
            **how,
        )
    else:
        dataset, names, fusions = _systems(given)
        result = fusion.evaluate(dataset, names, fusions, **how)
    beyond = leaderboard.beyond_list(data.relevance(dataset), max(how["ks"]))
    if beyond:
        _note(f"warning: {beyond}")
    keys = tables.columns(given.show, result)
    print(tables.printed(result, keys, dataset))
    tables.write(files, result, tables.facts(result.systems, dataset, from_files), dataset, keys)


def _systems(given: argparse.Namespace) -> tuple[Dataset, tuple[str, ...], list[FusionSpec]]:
    """The dataset, embedded with the backbones named, and the fusions named (equal mixes when none is)."""
    from core.fusion import spec, store
    from core.studies import embedding

    names = _backbones(given)
    fusions = list(store.read(given.fusions)) if given.fusions else []
    fusions += _fused(given.fuse, (*names, *_attached(given)))
    dataset = embedding.embed(_dataset(given), names, task=Task(say)).dataset
    if not fusions and not given.fuse:
        fusions = spec.equal_mixes(names)
    return dataset, names, fusions


def _only_with_data(given: argparse.Namespace) -> None:
    """Raises BadInput for flags that say something about a dataset, where only vectors from files are judged."""
    names = ("name", "reader", "option", "split", "seed", "one_of_each", "backbone", "weights")
    used = [f"--{name.replace('_', '-')}" for name in names if getattr(given, name) not in (None, "", [])]
    if used:
        raise BadInput(
            f"{', '.join(used)} cannot be used with --vectors alone: name a dataset with --data, or leave it out "
            "(a column 'split' in --labels says who asks)."
        )


def _fused(texts: Sequence[str], there: Sequence[str], from_files: bool = False) -> list[FusionSpec]:
    """What --fuse names: equal shares of two or more.

    Args:
        there: what is judged here.
        from_files: nothing else can be joined; else any backbone can whose vectors are in the store.
    """
    from core import backbones
    from core.fusion import spec

    found = []
    for text in texts:
        parts = tuple(part.strip() for part in text.split("+"))
        if len(parts) < 2 or not all(parts):
            raise BadInput(f"--fuse joins two names or more with +, e.g. --fuse a+b; got {text!r}.")
        strangers = [part for part in parts if part not in there]
        if not from_files:
            parts = tuple(backbones.get(part).name if part in strangers else part for part in parts)
        elif strangers:
            raise UnknownName(f"--fuse {text} names {strangers[0]!r}; there are {', '.join(dict.fromkeys(there))}.")
        found.append(spec.equal(parts))
    return found


def search(given: argparse.Namespace) -> None:
    """`search`: the pictures that fit some words best, and how the words were understood."""
    from core.studies import embedding
    from core.studies.text import text_encoding, text_query, text_search

    query = text_query.parse(given.words)
    names = tuple(given.backbone) or ("concepts_lite0",)
    text_encoding.require_reader(names)
    dataset = embedding.embed(_dataset(given), names, task=Task(say)).dataset
    rows = {name: embedding.embeddings(dataset, name).vectors[dataset.split.gallery] for name in names}
    templates = {"usual": None, "on": True, "off": False}[given.sentences]
    found = text_search.search(rows, query, templates=templates, expand=max(0, given.second_step))
    print(query.sentence())
    for note in found.notes:
        print(note)
    for rank, place in enumerate(found.order[: max(1, given.k)], start=1):
        position = int(dataset.split.gallery[place])
        print(f"{rank:4d}  {found.scores[place]:7.3f}  {dataset.ids[position]}  {dataset.label_of(position)}".rstrip())


def catalogue(given: argparse.Namespace) -> None:
    """`catalogue`: what each strategy finds for some words, or all strategies judged on labelled queries."""
    from core.data.readers import manifest
    from core.studies import embedding
    from core.studies.catalogue import catalogue_evaluation
    from core.studies.catalogue import catalogue_search as study
    from core.studies.text import text_encoding

    text_encoding.require_reader((given.space,))
    if not given.reader and not given.option and manifest.is_table(Path(given.data or "").expanduser()):
        given.option = ["missing=quarantine"]  # an item without a picture is an item
    dataset = embedding.embed(_dataset(given), [given.space], task=Task(say)).dataset
    shop = study.of_dataset(dataset)
    searcher = study.searcher(shop, given.space, _parts(given.components), join=given.pictures)
    names = searcher.components.names
    print(f"{shop.name}: {len(shop):,} items in the space of {given.space}")
    for name, alike, having in zip(
        names, searcher.components.global_similarity, searcher.components.present.sum(axis=0)
    ):
        print(f"  {name:<14} {having:>7,} items have it, likeness over all items G = {alike:.3f}")
    weighed = _weighed(given.weigh, names)
    if given.find.strip():
        print(study.as_text(searcher, study.ask(given.space, given.find), weighed, max(1, given.k)))
        return
    written = {}
    for title, questions in catalogue_evaluation.questions_of(searcher, given.queries).items():
        found = catalogue_evaluation.compare(
            searcher, questions, given.space, metric=given.metric, base=given.base, shares=weighed
        )
        print(f"\n{title} ({int(found.table.n_valid.max()):,} questions)\n{catalogue_evaluation.as_text(found)}")
        written[title] = catalogue_evaluation.as_json(found)
    if given.json:
        _write(given.json, json.dumps(written, indent=1, allow_nan=False, ensure_ascii=False))


def _parts(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _weighed(text: str, names: Sequence[str]) -> dict[str, float] | None:
    """What --weigh says: component → share; None when it says nothing."""
    if not text.strip():
        return None
    found: dict[str, float] = {}
    for part in _parts(text):
        name, _, share = part.partition("=")
        if name.strip() not in names:
            raise BadInput(f"--weigh names the component {name.strip()!r}; there are {', '.join(names)}.")
        try:
            found[name.strip()] = float(share)
        except ValueError:
            raise BadInput(f"--weigh takes NAME=SHARE, e.g. --weigh title=1,picture=0.5; got {part!r}.") from None
    return found


def _plugins() -> None:
    """The user's own strategies join the table; a file that cannot be used is named, and all others work."""
    from core.fusion import plugins

    for fault in plugins.load_plugins():
        print(f"warning: {fault}", file=sys.stderr)


def report(given: argparse.Namespace) -> None:
    """`report`: every single backbone and the fusions as one HTML file: figures, curves, best and worst, what it rests on."""
    from core.export.report import comparison

    _plugins()
    text = comparison.of_stored(*_systems(given), ks=_cutoffs(given.k), by_class=not given.by_query)
    _write(given.out, text)
    print(f"Wrote {given.out} ({len(text.encode()) / 1e6:.1f} MB). It opens in any browser, without a network.")


def _cutoffs(text: str) -> tuple[int, ...]:
    try:
        ks = tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        ks = ()
    if not ks or ks[0] < 1:
        raise BadInput(
            f"--k takes whole numbers of at least 1, separated by commas, e.g. --k 1,5,10; got {text[:40]!r}."
        )
    if ks[-1] > MOST_K:
        raise BadInput(f"--k takes numbers up to {MOST_K:,}; no list is longer. Got one of {len(str(ks[-1]))} digits.")
    return ks


def _named_files(pairs: Sequence[str]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for pair in pairs:
        name, equals, file = pair.partition("=")
        if not equals or not name or not file:
            raise BadInput(f"--vectors takes NAME=FILE, e.g. --vectors resnet=resnet.npy; got {pair!r}.")
        if name in named:
            raise BadInput(f"--vectors names {name!r} twice; give each set of vectors a name of its own.")
        named[name] = Path(file)
    return named


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"Cannot write {path}: {error.strerror}. Give a path in a folder that exists and is writable."
        ) from None


def list_(given: argparse.Namespace) -> None:
    """`list`: one of the registries as a table."""
    from core.studies import registry_entries

    if given.kind == "fusions" and not given.markdown:
        _plugins()
    table = registry_entries.table(given.kind)
    print(registry_entries.markdown(table) if given.markdown else registry_entries.plain(table))


def fetch(given: argparse.Namespace) -> None:
    """`fetch`: bring weights into the hub's cache, on a machine with a network."""
    from core import backbones

    for name in given.names:
        print(backbones.fetch(name, task=Task(say)))


def check(given: argparse.Namespace) -> None:
    """`check`: where the store is, what it holds and what was imported, whether each part is whole; --mend sets aside."""
    from core import data
    from core.store import open_store

    if given.mend:
        print("\n".join(open_store().repair()) or "Nothing of the store is damaged.")
    print(open_store().check())
    for name in data.names():
        whole, faults = data.attached_vectors.look_over(name)
        for line in [*whole, *(f"NOT WHOLE. {fault}" for fault in faults)]:
            print(f"  vectors of {name}: {line}")


def bench(given: argparse.Namespace) -> None:
    """`bench NAME …`: run one benchmark; `bench NAME --help` says what it takes."""
    benchmarks.run(given.name, given.rest)
