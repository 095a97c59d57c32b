"""A study on other images and with other backbones: what runs here in place of what does not, with the sentences that say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from core import backbones
from core.errors import BadInput, CoreError
from core.fusion.spec import named_by_shares
from core.studies.study import study_data
from core.studies.study.study_record import SPECIAL, Published, PublishedRow, Study, StudyDataset, StudyFusion


def stand_in(study: Study, datasets: Sequence[str] = (), names: Sequence[str] = ()) -> Study:
    """The same questions about other datasets or backbones; published rows keep ours only where it is the same system.

    Args:
        datasets: names or paths instead of the study's; () keeps them.
        names: backbones instead of the study's, in its order, again from the first where they are fewer; those that the
            study has itself stay. () keeps them.
    Raises:
        BadInput: a dataset that can be none; UnknownName: no such backbone.
    """
    made = study
    if datasets:
        made = dataclasses.replace(made, datasets=tuple(_dataset(study, text) for text in dict.fromkeys(datasets)))
    return _with_backbones(made, [backbones.get(name).name for name in names]) if names else made


def _dataset(study: Study, text: str) -> StudyDataset:
    problem = study_data.unknown(text, None)
    if problem:
        raise BadInput(f"{problem[0].upper()}{problem[1:]}")
    name = study_data.short_name(text)
    same = any(entry.name == name for entry in study.datasets)
    return StudyDataset(text, name, why="" if same else "Stands in for the datasets of the study.")


def _with_backbones(study: Study, names: Sequence[str]) -> Study:
    swapped = _swapped(study.used_backbones, names)
    if study.catalogue is not None:
        space = swapped[study.catalogue.space]
        tables = study.published
        if space != study.catalogue.space:
            here = f"Ours is in the space of {space}, not of {study.catalogue.space}."
            tables = tuple(dataclasses.replace(table, why=f"{table.why} {here}".strip()) for table in tables)
        catalogue = dataclasses.replace(study.catalogue, space=space)
        return dataclasses.replace(study, catalogue=catalogue, published=tables)
    singles = tuple(dict.fromkeys(swapped[name] for name in study.backbones))
    fusions: list[StudyFusion] = []
    renamed: dict[str, str] = {}
    for fusion in study.fusions:
        made = _fusion(fusion, swapped, {*singles, *(other.name for other in fusions)})
        renamed[fusion.name] = made.name
        fusions.append(made)
    remaining = {name for name in study.systems if (swapped.get(name) or renamed[name]) == name}
    baseline = study.baseline and (swapped.get(study.baseline) or renamed.get(study.baseline, ""))
    published = tuple(_published(table, remaining) for table in study.published)
    return dataclasses.replace(study, backbones=singles, fusions=tuple(fusions), baseline=baseline, published=published)


def _swapped(used: Sequence[str], names: Sequence[str]) -> Mapping[str, str]:
    """Backbone of the study → the one in its place."""
    others = [name for name in names if name not in used] or list(names)
    swapped, at = {}, 0
    for name in used:
        if name in names:
            swapped[name] = name
        else:
            swapped[name], at = others[at % len(others)], at + 1
    return swapped


def _fusion(fusion: StudyFusion, swapped: Mapping[str, str], taken: set[str]) -> StudyFusion:
    spec = fusion.spec
    joined = tuple(dict.fromkeys(swapped[name] for name in spec.backbones))
    if joined == spec.backbones:
        return fusion
    if spec.learned:
        raise BadInput(f"The fusion {spec.name!r} was trained on its own backbones; take it out, or keep them.")
    other = dataclasses.replace(spec, backbones=joined, weights=None, trained_on=())
    name = f"{spec.name}, swapped" if fusion.tuned else named_by_shares(other).name
    number, unique = 2, name
    while unique in taken:
        unique, number = f"{name} ({number})", number + 1
    return StudyFusion(dataclasses.replace(other, name=unique), fusion.tuned)


def _published(table: Published, remaining: set[str]) -> Published:
    """The table with nothing beside the rows of systems that were swapped."""
    rows = tuple(
        row if row.ours in ("", *SPECIAL) or row.ours in remaining else PublishedRow(row.system, row.values)
        for row in table.rows
    )
    return dataclasses.replace(table, rows=rows)


def usable_here(study: Study) -> tuple[str, ...]:
    """Backbones of this machine that could stand in: those of the study that are here, then every other one that is."""
    here = []
    for name in dict.fromkeys([*study.used_backbones, *backbones.names()]):
        try:
            if backbones.available(backbones.get(name))[0]:
                here.append(name)
        except CoreError:
            continue
    return tuple(here)
