"""A study as a TOML file: read with every name checked, written as it is read again."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core import backbones, metrics
from core.data.splits import SplitShares
from core.errors import BadInput, CoreError
from core.fusion import FusionSpec, store
from core.fusion.catalogue import CATALOGUE_STRATEGIES
from core.studies.study import schema, study_data, toml_lines
from core.studies.study.schema import Source
from core.studies.study.study_record import (
    COSTS,
    FIRST_SCORE,
    METRICS,
    RELATIVE,
    ROPE,
    SPECIAL,
    TUNED,
    Published,
    PublishedColumn,
    PublishedRow,
    Study,
    StudyCatalogue,
    StudyDataset,
    StudyFusion,
    plain,
)

LONGEST = 1_000_000
"""Characters of a study file; a longer one is none."""


def read(path: Path | str) -> Study:
    """A study from its file.

    Raises:
        BadInput: one sentence with the line.
    """
    path = Path(path).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}. Give a study file (.toml).") from None
    return parse(toml_lines.decoded(content, path.name), path.name, path.parent)


def parse(text: str, name: str = "The study", folder: Path | None = None) -> Study:
    """A study from its text.

    Args:
        name: of the file, for sentences; folder: what relative paths start from.
    Raises:
        BadInput: no TOML, a field that is not known, a wrong type, a name that nothing has: with its line.
    """
    if len(text) > LONGEST:
        raise BadInput(f"{name} has {len(text):,} characters; a study has at most {LONGEST:,}.")
    try:
        content = tomllib.loads(text, parse_float=toml_lines.PrintedFloat)
    except ValueError as error:  # of TOML, and of numbers with more digits than Python reads
        raise BadInput(toml_lines.problem(error, text, name)) from None
    except RecursionError:
        raise BadInput(f"{name} is not valid TOML: tables stand in one another without end.") from None
    return _study(Source(name, text), content, folder)


def _study(source: Source, content: Mapping[str, Any], folder: Path | None) -> Study:
    schema.check(source, content, schema.STUDY)
    datasets = [_dataset(source, table, at, folder) for at, table in enumerate(content.get("dataset", []))]
    if not datasets:
        source.refuse((), "there is no [[dataset]]; name at least one, with `data = …` below it.")
    _no_name_twice(source, [entry.name for entry in datasets], "dataset")
    keys = tuple(dict.fromkeys(content.get("metrics", METRICS))) or METRICS
    _check_metrics(source, keys)
    catalogue = _catalogue(source, content["catalogue"]) if "catalogue" in content else None
    names: tuple[str, ...] = ()
    fusions: tuple[StudyFusion, ...] = ()
    if catalogue is None:
        names, fusions = _systems(source, content, datasets)
    elif "backbones" in content or "fusion" in content:
        source.refuse(("catalogue",), "a study of catalogues compares strategies; take backbones and [[fusion]] out.")
    study = Study(
        title=content.get("title", "").strip() or source.name.removesuffix(".toml"),
        datasets=tuple(datasets),
        backbones=names,
        fusions=fusions,
        metrics=keys,
        text=content.get("text", "").strip(),
        seed=content.get("seed", 0),
        by_query=content.get("by_query", False),
        rope=float(content.get("rope", ROPE)),
        baseline=content.get("baseline", ""),
        catalogue=catalogue,
        folder=folder,
    )
    if study.baseline:
        source.names(("baseline",), study.baseline, "system", study.systems)
    made = [_published(source, table, at, study) for at, table in enumerate(content.get("published", []))]
    return dataclasses.replace(study, published=tuple(made))


def _no_name_twice(source: Source, names: Sequence[str], kind: str) -> None:
    for at, name in enumerate(names):
        if name in names[:at]:
            source.refuse((kind, at), f"a second {kind} is named {name!r}; give it another name.")


def _dataset(source: Source, table: Mapping[str, Any], at: int, folder: Path | None) -> StudyDataset:
    path = ("dataset", at)
    schema.check(source, table, schema.DATASET, path)
    schema.require(source, table, ["data"], path)
    problem = study_data.unknown(table["data"], folder)
    if problem:
        source.refuse((*path, "data"), problem)
    split = tuple(float(part) for part in table.get("split", ()))
    if "split" in table:
        try:
            if not 1 <= len(split) <= 2:
                raise BadInput("split takes one or two shares, [query] or [query, train].")
            SplitShares(*split)
        except BadInput as error:
            source.refuse((*path, "split"), str(error))
    options = plain({name: _option(part) for name, part in table.get("options", {}).items()})
    name = table.get("name", "").strip() or study_data.short_name(table["data"])
    return StudyDataset(table["data"], name, split, table.get("reader", ""), options, table.get("why", "").strip())


def _option(content: Any) -> str:
    return ("yes" if content else "no") if isinstance(content, bool) else str(content)


def _check_metrics(source: Source, keys: Sequence[str]) -> None:
    for key in keys:
        try:
            metric, cut = metrics.parse(key)
        except CoreError as error:
            source.refuse(("metrics",), str(error)[0].lower() + str(error)[1:])
        if metric.kind == "pairs":
            source.refuse(("metrics",), f"{key!r} is a metric of pairs, which the page Threshold shows; take it out.")
        if metric.needs_k and cut is None:
            source.refuse(("metrics",), f"{key!r} needs a number, such as {metric.at(5)!r}.")
        if cut is not None and not 1 <= cut <= 1000:
            source.refuse(("metrics",), f"{key!r} has a cut-off beyond 1 to 1,000.")
    if metrics.parse(keys[0])[0].kind != "list":
        source.refuse(
            ("metrics",), f"the first metric is compared query by query, which {keys[0]!r} is not; begin with 'map'."
        )


def _systems(
    source: Source, content: Mapping[str, Any], datasets: Sequence[StudyDataset]
) -> tuple[tuple[str, ...], tuple[StudyFusion, ...]]:
    known = [*backbones.names(), *study_data.attached_names(datasets)]
    names = tuple(dict.fromkeys(content.get("backbones", ())))
    for name in names:
        _check_backbone(source, ("backbones",), name, known)
    fusions = [_fusion(source, table, at, known) for at, table in enumerate(content.get("fusion", []))]
    if not names and not fusions:
        source.refuse((), 'there is no system to compare; write `backbones = ["hog"]`, or a [[fusion]].')
    _no_name_twice(source, [*names, *(fusion.name for fusion in fusions)][len(names) :], "fusion")
    for at, fusion in enumerate(fusions):
        if fusion.name in names:
            source.refuse(("fusion", at), f"a backbone is named {fusion.name!r} already; give the fusion another name.")
    return names, tuple(fusions)


def _check_backbone(source: Source, path: tuple[str | int, ...], name: str, known: Iterable[str]) -> None:
    if ":" not in name:  # timm:NAME and the like are resolved when the study runs
        source.names(path, name, "backbone", known)


def _fusion(source: Source, table: Mapping[str, Any], at: int, known: Iterable[str]) -> StudyFusion:
    path = ("fusion", at)
    schema.check(source, table, schema.FUSION, path)
    tuned = table.get("tuned", "")
    if tuned:
        source.names((*path, "tuned"), tuned, "way of tuning", TUNED)
    if "saved" in table:
        others = [name for name in table if name not in ("saved", "tuned")]
        if others:
            source.refuse((*path, others[0]), "a saved fusion is named by `saved` alone; take the other fields out.")
        saved, _ = store.saved()
        source.names((*path, "saved"), table["saved"], "saved fusion", saved or ["none yet"])
        return StudyFusion(saved[table["saved"]], tuned)
    schema.require(source, table, ["kind", "backbones"], path)
    for name in table["backbones"]:
        _check_backbone(source, (*path, "backbones"), name, known)
    try:
        spec = FusionSpec.from_json({name: part for name, part in table.items() if name != "tuned"}, "the fusion")
    except CoreError as error:
        source.refuse((*path, "kind"), str(error))
    if tuned and not spec.strategy.weight:
        source.refuse((*path, "tuned"), f"{spec.strategy.label} has no weights to tune; choose concat or weighted_sum.")
    return StudyFusion(spec, tuned)


def _catalogue(source: Source, table: Mapping[str, Any]) -> StudyCatalogue:
    path = ("catalogue",)
    schema.check(source, table, schema.CATALOGUE, path)
    schema.require(source, table, ["space"], path)
    _check_backbone(source, (*path, "space"), table["space"], backbones.names())
    strategies = tuple(dict.fromkeys(table.get("strategies", ()))) or ("average", "hybrid", "bm25")
    for name in strategies:
        source.names((*path, "strategies"), name, "catalogue strategy", CATALOGUE_STRATEGIES.names)
    return StudyCatalogue(
        table["space"],
        strategies,
        tuple(table.get("components", ())),
        table.get("queries", ""),
        plain(table.get("weights")),
    )


# ---------------------------------------------------------------- published tables


def _published(source: Source, table: Mapping[str, Any], at: int, study: Study) -> Published:
    path = ("published", at)
    schema.check(source, table, schema.PUBLISHED, path)
    schema.require(source, table, ["title", "source", "columns", "rows"], path)
    beside = [*study.metrics, *COSTS, RELATIVE, *([FIRST_SCORE] if study.catalogue else [])]
    columns = []
    for number, column in enumerate(table["columns"]):
        where = (*path, "columns", number)
        schema.check(source, column, schema.COLUMN, where)
        schema.require(source, column, ["label"], where)
        ours = column.get("ours", "")
        if ours:
            source.names((*where, "ours"), ours, "figure of this study", beside)
        columns.append(PublishedColumn(column["label"], ours, column.get("same", False), column.get("why", "").strip()))
    rows = []
    for number, row in enumerate(table["rows"]):
        where = (*path, "rows", number)
        schema.check(source, row, schema.ROW, where)
        schema.require(source, row, ["system", "values"], where)
        if len(row["values"]) != len(columns):
            source.refuse((*where, "values"), f"{len(row['values'])} values stand in {len(columns)} columns.")
        ours = row.get("ours", "")
        if ours:
            source.names((*where, "ours"), ours, "system of this study", [*study.systems, *SPECIAL])
        rows.append(PublishedRow(row["system"], tuple(row["values"]), ours))
    return Published(table["title"], table["source"], tuple(columns), tuple(rows), table.get("why", "").strip())


# ---------------------------------------------------------------- writing


def dump(study: Study) -> str:
    """The TOML text of a study, as `parse` reads it.

    Raises:
        BadInput: a trained fusion, whose arrays have no text: save it under its name first.
    """
    lines = [f"title = {toml_lines.value(study.title)}"]
    lines += [f"text = {toml_lines.value(study.text)}"] if study.text else []
    lines += [f"metrics = {toml_lines.value(study.metrics)}", f"seed = {study.seed}"]
    lines += ["by_query = true"] if study.by_query else []
    lines += [f"rope = {study.rope!r}"] if study.rope != ROPE else []
    lines += [f"baseline = {toml_lines.value(study.baseline)}"] if study.baseline else []
    lines += [f"backbones = {toml_lines.value(study.backbones)}"] if study.backbones else []
    for entry in study.datasets:
        fields = {"data": entry.data, "name": entry.name, "split": entry.split, "reader": entry.reader}
        lines += _table("[[dataset]]", {**fields, "options": dict(entry.options), "why": entry.why})
    for fusion in study.fusions:
        lines += _table("[[fusion]]", {**_spec(fusion.spec), "tuned": fusion.tuned})
    if study.catalogue is not None:
        lines += _table(
            "[catalogue]", {**dataclasses.asdict(study.catalogue), "weights": dict(study.catalogue.weights)}
        )
    for table in study.published:
        lines += _table("[[published]]", {"title": table.title, "source": table.source, "why": table.why})
        lines.append(toml_lines.long_list("columns", (_set(dataclasses.asdict(column)) for column in table.columns)))
        lines.append(toml_lines.long_list("rows", (_set(dataclasses.asdict(row)) for row in table.rows)))
    return "\n".join(lines) + "\n"


def _spec(spec: FusionSpec) -> dict[str, Any]:
    if spec.learned or spec.trained_on:
        saved, _ = store.saved()
        if saved.get(spec.name) != spec:
            raise BadInput(f"The fusion {spec.name!r} was trained; save it in the Fusion lab first, then the study.")
        return {"saved": spec.name}
    return spec.to_json()


def _set(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say anything."""
    return {name: part for name, part in fields.items() if part not in ("", (), [], {}, None, False)}


def _table(header: str, fields: Mapping[str, Any]) -> list[str]:
    return ["", header, *(f"{toml_lines.key(name)} = {toml_lines.value(part)}" for name, part in _set(fields).items())]
