"""What several pages and sessions share: loaded datasets, aligned embeddings, live engines, results of studies.

Keys hold everything that changes a value: a dataset's fingerprint, the backbones, the number of rows in the store.
Large read-only arrays go through `st.cache_resource` (one copy for all sessions), tables through `st.cache_data`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from core import backbones, data, paths, projection
from core.errors import BadInput, CoreError, NotComputed
from core.fusion import FusionSpec
from core.metrics import curves, significance
from core.metrics import ranking as metrics
from core.search import LiveEngine
from core.studies import costs as measurements
from core.studies import (
    embedding,
    evaluation,
    fusion,
    fusion_attribution,
    maps,
    query_sampling,
    retrieval,
    revisited_protocols,
    weight_search,
)
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System, VectorSet
from core.task import NO_TASK, Task
from core.types import Dataset, Evaluation, Relevance, RelevantRanks


def _stamp(name: str) -> int:
    """When the dataset's record was written, or vectors joined it, last; 0 while it is not built."""
    record = paths.datasets() / name / "record.json"
    if not record.exists():
        return 0
    given = record.with_name("vectors")
    return max(record.stat().st_mtime_ns, given.stat().st_mtime_ns if given.is_dir() else 0)


def ready_datasets() -> tuple[str, ...]:
    """The datasets that open at once: scanned, or built already."""
    return tuple(name for name in data.names() if _stamp(name))


def dataset(name: str) -> Dataset:
    """A dataset that is ready, loaded once for all sessions."""
    stamp, place = _stamp(name), (name, str(paths.home()))
    before = _stamps().get(place, stamp)
    _stamps()[place] = stamp
    if before != stamp:  # the command line may have attached other vectors under a name that is known
        _forget_vectors()
    return _dataset(name, stamp, place[1])


@st.cache_resource(show_spinner=False)
def _stamps() -> dict[tuple[str, str], int]:
    """(dataset, home) → the stamp under which it was seen last, by any session."""
    return {}


@st.cache_resource(max_entries=8, show_spinner=False)
def _dataset(name: str, stamp: int, home: str) -> Dataset:
    return data.get(name)


def status(name: str) -> list[embedding.Stored]:
    """What the store has of a dataset, a row for each backbone that has at least one image."""
    return _status(name, _stamp(name), _store_stamp(), str(paths.home()))


@st.cache_data(max_entries=32, show_spinner=False)
def _status(name: str, stamp: int, store_stamp: str, home: str) -> list[embedding.Stored]:
    return embedding.status(dataset(name))


def _store_stamp() -> str:
    """Changes whenever a backbone gets a folder, or rows, in the store."""
    folder = paths.store() / "embeddings"
    inner = [entry for one in folder.glob("*") for entry in one.glob("*/_versions")] + [*folder.glob("*")]
    return ",".join(str(one.stat().st_mtime_ns) for one in sorted(inner))


def counts(name: str) -> dict[str, int]:
    """How many images of a dataset each backbone has in the store, for backbones that have any."""
    return {row.backbone: row.n_images for row in status(name)}


def embedded(name: str) -> tuple[str, ...]:
    """The backbones that have every image of a dataset, in the order of the catalog."""
    total = len(dataset(name))
    return tuple(row.backbone for row in status(name) if row.n_images >= total)


def backbone_title(name: str) -> str:
    """The name that people read; vectors that were attached to a dataset go by the name they were given."""
    try:
        return backbones.get(name).title
    except CoreError:
        return name


def titled(sentence: str, names: Sequence[str]) -> str:
    """A sentence with the titles of backbones in place of their names."""
    if not names:
        return sentence
    every = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![\w:])(?:{every})(?!\w)", lambda found: backbone_title(found[0]), sentence)


def vectors(loaded: Dataset, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """name → (n_images, dim) float32 unit vectors in dataset order."""
    return {name: _vectors(loaded.name, loaded.fingerprint, name, loaded) for name in names}


@st.cache_resource(max_entries=64, show_spinner=False)
def _vectors(name: str, fingerprint: str, backbone: str, _loaded: Dataset) -> np.ndarray:
    return embedding.embeddings(_loaded, backbone).vectors


def _forget_vectors() -> None:
    """Drop all that was computed from vectors: some of the same name may have been attached anew."""
    for one in (
        _status,
        _vectors,
        _space,
        _map_space,
        _engine,
        _judge,
        _standing,
        _intervals,
        _list_metrics,
        _levels,
        _question,
        _average_precision,
        _landscape,
        _attribution,
        _simplex,
        _evaluated,
        _compared,
        _system_ranks,
        _panel,
        _protocols,
    ):
        one.clear()


def store_place() -> str:
    """Where embeddings and thumbnails lie."""
    return str(paths.store())


def sample_positions(name: str, count: int) -> list[int]:
    """Positions that show a dataset well: one of each class in turn, the same every time."""
    loaded = dataset(name)
    order = np.random.default_rng(0).permutation(len(loaded))
    _, first = np.unique(loaded.labels[order], return_index=True)
    mixed = [*order[np.sort(first)], *order]
    return [int(position) for position in dict.fromkeys(mixed)][:count]


def known(name: str, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the chosen backbones that this dataset can have: no others' vectors, no networks where nothing can be seen."""
    loaded, found = dataset(name), []
    for one in chosen:
        try:
            backbone = embedding.find(loaded, one)
        except CoreError:  # a link's own word, another dataset's vectors, or damaged ones, which `faults` names
            continue
        if not backbones.source_of(backbone).embeds or loaded.has_pictures:
            found.append(one)
    return tuple(found)


def damage_report(name: str) -> tuple[str, ...]:
    """A sentence for each damaged part of the store that was met, and for damaged vectors attached to a dataset."""
    status(name)
    return embedding.damage_report(dataset(name))


def status_table(name: str, chosen: tuple[str, ...]) -> pd.DataFrame:
    """A row per backbone chosen or embedded: what it is, and the share of the dataset that it has embedded."""
    total, done = len(dataset(name)), counts(name)
    rows = []
    for one in dict.fromkeys([*known(name, chosen), *done]):
        backbone = embedding.find(dataset(name), one)
        rows.append(
            {
                "backbone": backbone.title,
                "family": backbone.family,
                "dim": backbone.dim,
                "embedded": done.get(one, 0) / total,
            }
        )
    return pd.DataFrame(rows)


def space(loaded: Dataset, names: tuple[str, ...]) -> VectorSet:
    """The vectors of these backbones over the dataset's split, shared by all sessions."""
    return _space(loaded.name, loaded.fingerprint, names, loaded)


@st.cache_resource(max_entries=8, show_spinner=False)
def _space(name: str, fingerprint: str, names: tuple[str, ...], _loaded: Dataset) -> VectorSet:
    found = VectorSet(vectors(_loaded, names), _loaded.split)
    found.keep()
    return found


def map_space(loaded: Dataset, named: SystemRef) -> projection.JointSpace:
    """The space of a system for its map, principal components included: a moved weight does not work them out again.

    Raises:
        BadInput: the system joins scores or ranks and has no vectors.
    """
    return _map_space(loaded.name, loaded.fingerprint, named.text, named.spec and named.spec.fingerprint, loaded, named)


@st.cache_resource(max_entries=24, show_spinner="Looking for the strongest directions …")
def _map_space(
    name: str, fingerprint: str, text: str, key: str | None, _loaded: Dataset, _named: SystemRef
) -> projection.JointSpace:
    if _named.spec is None:
        return maps.space_of(vectors(_loaded, (_named.text,)), {_named.text: 1.0})
    if _named.spec.kind == "concat":
        single = [map_space(_loaded, SystemRef(one, one)) for one in _named.spec.active]
        return projection.JointSpace.joined(single, [_named.spec.shares[one] for one in _named.spec.active])
    system = System(_named.title, space(_loaded, tuple(_named.spec.backbones)), _named.spec)
    if not system.has_vectors:
        raise BadInput(
            f"{_named.title} joins scores or ranks, so it has no vectors to draw. Choose a backbone, or a fusion of vectors."
        )
    return maps.space_of({_named.title: system.vectors}, {_named.title: 1.0})


def truth(loaded: Dataset) -> Relevance | None:
    """What is relevant in the dataset's split; None when nobody said so."""
    return _truth(loaded.name, loaded.fingerprint, loaded) if loaded.has_labels else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _truth(name: str, fingerprint: str, _loaded: Dataset) -> Relevance:
    return data.relevance(_loaded)


def engine(loaded: Dataset, names: tuple[str, ...]) -> LiveEngine:
    """The live engine of a dataset: one for all sessions, backbones join it when they are first asked for.

    Raises:
        NotComputed: the dataset has no labels, so nothing can be scored.
    """
    if not loaded.has_labels:
        raise NotComputed(
            f"{loaded.name!r} has no labels, so nobody can say which results are right: look at Retrieval and the Map, "
            "or add the images again with one folder per class."
        )
    live = _engine(loaded.name, loaded.fingerprint, loaded)
    for name in names:
        if name not in live.names:
            live.add(name, vectors(loaded, (name,))[name])
    return live


@st.cache_resource(max_entries=3, show_spinner=False)
def _engine(name: str, fingerprint: str, _loaded: Dataset) -> LiveEngine:
    return LiveEngine({}, _loaded.split, truth(_loaded))


def n_valid(loaded: Dataset) -> int:
    """How many queries count: those with at least one relevant image."""
    return int((truth(loaded).n_relevant > 0).sum())


def objective(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> weight_search.ObjectiveOf:
    """AP per query as a function of the shares, on the shared live engine."""
    return weight_search.ObjectiveOf(space(loaded, names), spec, truth(loaded), engine(loaded, names))


def judge(loaded: Dataset, names: tuple[str, ...]) -> fusion.FusionEvaluator:
    """Ranks of backbones and fusions over a dataset, each backbone worked out once for all sessions."""
    return _judge(loaded.name, loaded.fingerprint, names, loaded)


@st.cache_resource(max_entries=8, show_spinner=False)
def _judge(name: str, fingerprint: str, names: tuple[str, ...], _loaded: Dataset) -> fusion.FusionEvaluator:
    large = panel(_loaded, names) is not None
    return fusion.FusionEvaluator(space(_loaded, names), truth(_loaded), engine(_loaded, names), by_slices=large)


def panel(loaded: Dataset, names: tuple[str, ...]) -> Dataset | None:
    """Of a large set, the same dataset asked by a seeded panel of its queries, which answers at once; else None.

    It is decided once: free memory comes and goes, and the figures must not change their meaning with it.
    """
    return _panel(loaded.name, loaded.fingerprint, len(names), loaded)


@st.cache_resource(max_entries=16, show_spinner=False)
def _panel(name: str, fingerprint: str, n_backbones: int, _loaded: Dataset) -> Dataset | None:
    judged = truth(_loaded)
    return (
        query_sampling.of(_loaded, judged)
        if judged is not None and query_sampling.needed(judged, n_backbones)
        else None
    )


def standing(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, metric: str, by_class: bool = False
) -> fusion.BaselineComparison:
    """A fusion beside its backbones, equal weights and the oracle, with paired differences to the best single one."""
    return _standing(loaded.fingerprint, names, spec.fingerprint, metric, by_class, repr(costs(names)), loaded, spec)


@st.cache_data(max_entries=128, show_spinner=False)
def _standing(
    fingerprint: str,
    names: tuple[str, ...],
    key: str,
    metric: str,
    by_class: bool,
    priced: str,
    _loaded: Dataset,
    _spec: FusionSpec,
) -> fusion.BaselineComparison:
    return fusion.compare_to_baseline(
        judge(_loaded, names),
        _spec,
        metric=metric,
        keys=fusion.query_keys(_loaded),
        costs=costs(names),
        by_class=by_class,
    )


def intervals(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, keys: tuple[str, ...], by_class: bool = False
) -> dict[str, tuple[float, float]]:
    """The 95 % bootstrap interval of each metric's mean."""
    return _intervals(loaded.fingerprint, names, spec.fingerprint, keys, by_class, loaded, spec)


@st.cache_data(max_entries=128, show_spinner=False)
def _intervals(
    fingerprint: str,
    names: tuple[str, ...],
    key: str,
    keys: tuple[str, ...],
    by_class: bool,
    _loaded: Dataset,
    _spec: FusionSpec,
) -> dict[str, tuple[float, float]]:
    values = list_metrics(_loaded, names, _spec, keys)
    classes = truth(_loaded).query_classes if by_class else None
    low, high = significance.intervals(np.stack([values[key] for key in keys], axis=1), classes=classes)
    return {key: (float(low[at]), float(high[at])) for at, key in enumerate(keys)}


def list_metrics(
    loaded: Dataset, names: tuple[str, ...], spec: FusionSpec, keys: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Per-query values of several list metrics of a fusion: key → (n_queries,) float64."""
    return _list_metrics(loaded.fingerprint, names, spec.fingerprint, keys, loaded, spec)


@st.cache_data(max_entries=128, show_spinner=False)
def _list_metrics(
    fingerprint: str, names: tuple[str, ...], key: str, keys: tuple[str, ...], _loaded: Dataset, _spec: FusionSpec
) -> dict[str, np.ndarray]:
    return judge(_loaded, names).values(_spec, keys)


def levels(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> np.ndarray:
    """The 11-point interpolated curve of a fusion: (11,)."""
    return _levels(loaded.fingerprint, names, spec.fingerprint, loaded, spec)


@st.cache_data(max_entries=256, show_spinner=False)
def _levels(fingerprint: str, names: tuple[str, ...], key: str, _loaded: Dataset, _spec: FusionSpec) -> np.ndarray:
    return curves.average_curve(curves.levels(judge(_loaded, names).fusion(_spec)))


def question(loaded: Dataset, names: tuple[str, ...], position: int) -> retrieval.Query:
    """An image of the dataset as a query; what each backbone says about it is worked out once."""
    return _question(loaded.fingerprint, names, position, loaded)


@st.cache_resource(max_entries=64, show_spinner=False)
def _question(fingerprint: str, names: tuple[str, ...], position: int, _loaded: Dataset) -> retrieval.Query:
    found = retrieval.gallery_image_query(_loaded, space(_loaded, names), position, truth(_loaded))
    found.space.keep(2 * 4 * len(names) * len(_loaded.split.gallery))
    return found


def average_precision(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> np.ndarray:
    """(n_queries,) AP of a fusion, kept for the last few."""
    return _average_precision(loaded.fingerprint, names, spec.fingerprint, loaded, spec)


@st.cache_data(max_entries=64, show_spinner=False)
def _average_precision(
    fingerprint: str, names: tuple[str, ...], key: str, _loaded: Dataset, _spec: FusionSpec
) -> np.ndarray:
    return judge(_loaded, names).values(_spec, ("map",))["map"]


def landscape(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> fusion_attribution.Landscape:
    """mAP over the weights; for up to three backbones it is the same wherever the sliders stand."""
    key = spec.fingerprint if len(names) > 3 else f"{spec.kind} {spec.parameters}"
    return _landscape(loaded.fingerprint, names, key, loaded, spec)


@st.cache_data(max_entries=32, show_spinner="Looking at all weightings …")
def _landscape(
    fingerprint: str, names: tuple[str, ...], key: str, _loaded: Dataset, _spec: FusionSpec
) -> fusion_attribution.Landscape:
    return fusion_attribution.landscape(objective(_loaded, names, _spec), names, _spec.shares)


def attribution(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> fusion_attribution.Attribution:
    """What each backbone adds to a fusion: exact Shapley values."""
    return _attribution(loaded.fingerprint, names, spec.fingerprint, loaded, spec)


@st.cache_data(max_entries=64, show_spinner="Trying all subsets …")
def _attribution(
    fingerprint: str, names: tuple[str, ...], key: str, _loaded: Dataset, _spec: FusionSpec
) -> fusion_attribution.Attribution:
    judged, run = truth(_loaded), judge(_loaded, names)
    nothing = fusion_attribution.random_average_precision(judged.n_relevant, judged.list_length)
    return fusion_attribution.attribution(
        lambda chosen: metrics.average_precision(run.fusion(fusion_attribution.subset_spec(_spec, chosen))),
        _spec.active,
        nothing,
    )


def costs(names: tuple[str, ...]) -> dict[str, fusion_attribution.FusionCost]:
    """What each backbone costs on this machine, as far as it was measured."""
    found = {}
    for name in names:
        try:
            measured, backbone = measurements.measured(name), backbones.get(name)
        except CoreError:  # vectors that were computed elsewhere: nobody measured that
            found[name] = fusion_attribution.FusionCost()
            continue
        found[name] = fusion_attribution.FusionCost(
            measured.latency_ms if measured else None,
            backbones.source_of(backbone).megabytes(backbone),
            backbone.commercial,
        )
    return found


def offers(loaded: Dataset, names: tuple[str, ...], spec: FusionSpec) -> list[fusion_attribution.SubsetCost]:
    """Every subset with its best weights, and what it costs."""
    points, values = _simplex(loaded.fingerprint, names, f"{spec.kind} {spec.parameters}", loaded, spec)
    priced = costs(names)
    return [
        fusion_attribution.SubsetCost(
            chosen,
            tuple(points[at][names.index(n)] for n in chosen),
            float(values[at]),
            fusion_attribution.total_cost(chosen, priced),
        )
        for chosen, at in fusion_attribution.best_by_subset(points, values, names).items()
    ]


@st.cache_data(max_entries=16, show_spinner="Trying every subset and weighting …")
def _simplex(
    fingerprint: str, names: tuple[str, ...], key: str, _loaded: Dataset, _spec: FusionSpec
) -> tuple[np.ndarray, np.ndarray]:
    parts = 10 if len(names) <= 4 else 5 if len(names) <= 6 else 2
    points, run = weight_search.simplex(len(names), parts), objective(_loaded, names, _spec)
    return points, np.array([np.nanmean(run(point)) for point in points])


def leaderboard(name: str, names: tuple[str, ...]) -> fusion.BaselineComparison:
    """The backbones of a dataset that are done, beside their equal mix; on a large set judged by its panel of queries."""
    loaded = dataset(name)
    return standing(panel(loaded, names) or loaded, names, FusionSpec("equal mix", "concat", names), "map")


def two_strongest(loaded: Dataset, names: tuple[str, ...]) -> dict[str, float]:
    """Equal shares of the two backbones that find most alone, none of the others: a mix that is named before it is judged.

    On a large set the panel of queries decides.
    """
    best = leaderboard(loaded.name, names).strongest(2)
    return {name: 1 / len(best) if name in best else 0.0 for name in names}


def evaluated(
    loaded: Dataset,
    system: System,
    ks: tuple[int, ...],
    by_class: bool,
    task: Task = NO_TASK,
    clusters: bool = True,
) -> Evaluation:
    """One system with every metric and its intervals, kept for all sessions."""
    return _evaluated(loaded.name, loaded.fingerprint, _said(system), ks, by_class, clusters, loaded, system, task)


def _said(system: System) -> str:
    return f"{system.name} {'' if system.spec is None else system.spec.fingerprint}"


@st.cache_resource(max_entries=96, show_spinner=False)
def _evaluated(
    name: str,
    fingerprint: str,
    key: str,
    ks: tuple[int, ...],
    by_class: bool,
    clusters: bool,
    _loaded: Dataset,
    _system: System,
    _task: Task,
) -> Evaluation:
    live, how = engine(_loaded, _system.backbones), {"by_class": by_class, "clusters": clusters, "task": _task}
    return evaluation.evaluate_one(_system, truth(_loaded), ks, dataset=_loaded, engine=live, **how)


def compared(
    loaded: Dataset,
    systems: tuple[System, ...],
    ks: tuple[int, ...],
    metric: str,
    by_class: bool,
    clusters: bool = True,
) -> evaluation.Result:
    """Systems beside each other, every pair tested; kept for all sessions."""
    found = tuple(evaluated(loaded, system, ks, by_class, clusters=clusters) for system in systems)
    keys = tuple(map(_said, systems))
    return _compared(loaded.name, loaded.fingerprint, keys, ks, metric, by_class, clusters, loaded, found)


@st.cache_resource(max_entries=32, show_spinner=False)
def _compared(
    name: str,
    fingerprint: str,
    keys: tuple[str, ...],
    ks: tuple[int, ...],
    metric: str,
    by_class: bool,
    clusters: bool,
    _loaded: Dataset,
    _found: tuple[Evaluation, ...],
) -> evaluation.Result:
    return evaluation.beside(_found, truth(_loaded), dataset=_loaded, metric=metric, by_class=by_class)


def protocols(loaded: Dataset, systems: tuple[System, ...]) -> pd.DataFrame:
    """Easy, Medium and Hard of a revisited Oxford or Paris set."""
    return _protocols(loaded.name, loaded.fingerprint, tuple(map(_said, systems)), loaded, systems)


@st.cache_data(max_entries=16, show_spinner=False)
def _protocols(
    name: str, fingerprint: str, keys: tuple[str, ...], _loaded: Dataset, _systems: tuple[System, ...]
) -> pd.DataFrame:
    return revisited_protocols.report(_systems, _loaded)


def system_ranks(loaded: Dataset, system: System) -> RelevantRanks:
    """Where the relevant images stand in every query's list: what all curves are made of."""
    return _system_ranks(loaded.name, loaded.fingerprint, _said(system), loaded, system)


@st.cache_resource(max_entries=48, show_spinner=False)
def _system_ranks(name: str, fingerprint: str, key: str, _loaded: Dataset, _system: System) -> RelevantRanks:
    return evaluation.rank(_system, truth(_loaded), engine(_loaded, _system.backbones), k=1).ranks
