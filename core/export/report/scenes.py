"""What each page looks like on paper: a function per page, from the link of a view to parts of a document.

A page that is not in the table, or a view that rests on something that its link cannot hold, can only be shown live.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np

from core import charts, data, setups, wording
from core.errors import BadInput, NotComputed
from core.export.report.document import DocumentImage, ImageRow, ImageStrip, Part
from core.export.report.view_report import result_image
from core.fusion import FUSIONS, FusionSpec, store
from core.registry import Registry
from core.setups import FrameSetup, FusionSetup
from core.setups.fields import split_texts
from core.stories import StoryStep
from core.studies import embedding, evaluation, fusion, query_sampling, retrieval, system_spec_text, systems
from core.studies.fusion_evaluator import FusionEvaluator
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Dataset, Relevance

text = wording.page("story")
Setup = TypeVar("Setup")
MOST_IMAGES = 18
"""Images of one list; more would not stay on one page of paper."""


@dataclass(frozen=True)
class Scene:
    """How the views of a page are written.

    Attributes:
        name: the address of the page.
        function: the parts of a view; raises CoreError where it cannot be written.
    """

    name: str
    function: Callable[[SceneView], list[Part]]


SCENES: Registry[Scene] = Registry("page", Scene)


@dataclass(frozen=True)
class SceneView:
    """A step over its dataset.

    Attributes:
        strip: embeds the images, as many as fit.
    """

    step: StoryStep
    strip: ImageStrip = field(default_factory=ImageStrip)

    def setup(self, setup: type[Setup]) -> Setup:
        """What the link of the step says."""
        return setups.of_link(setup, self.step.values)

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset that the link names.

        Raises:
            UnknownName: there is none of that name here.
        """
        return data.get(self.setup(FrameSetup).dataset)

    @cached_property
    def truth(self) -> Relevance:
        """What is relevant in it."""
        return data.relevance(self.dataset)

    @cached_property
    def embedded(self) -> tuple[str, ...]:
        """The backbones that have every image."""
        rows = embedding.status(self.dataset)
        return tuple(row.backbone for row in rows if row.n_images >= len(self.dataset))

    @cached_property
    def backbones(self) -> tuple[str, ...]:
        """Those that the link names, as on the page: all that are embedded where none of them is.

        Raises:
            NotComputed: nothing is embedded.
        """
        names = tuple(name for name in self.setup(FrameSetup).backbones if name in self.embedded) or self.embedded
        if not names:
            name = self.dataset.name
            raise NotComputed(f"Nothing is embedded for {name!r} yet. Run `python -m core embed --data {name}`.")
        return names

    @cached_property
    def judged(self) -> Dataset:
        """The dataset with all its queries; of a large one with the seeded sample that the pages show first.

        Raises:
            NotComputed: it has no labels.
        """
        if not self.dataset.has_labels:
            raise NotComputed(f"{self.dataset.name!r} has no labels, so there are no figures.")
        large = query_sampling.needed(self.truth, len(self.backbones))
        return query_sampling.of(self.dataset, self.truth) if large else self.dataset

    def title(self, name: str) -> str:
        """What people call a backbone."""
        return embedding.find(self.dataset, name).title

    def titles(self, names: Sequence[str]) -> dict[str, str]:
        """Backbone → what people call it."""
        return {name: self.title(name) for name in names}

    def colours(self, names: Sequence[str]) -> dict[str, str]:
        """Backbone → its colour, as on the pages."""
        return {name: charts.backbone_colour(number) for number, name in enumerate(names)}

    def space(self, names: Sequence[str], dataset: Dataset | None = None) -> VectorSet:
        """The vectors of these backbones over all queries, or over those of another split of the same images."""
        return fusion.space_of(dataset or self.dataset, names)

    def evaluator(self, names: Sequence[str]) -> FusionEvaluator:
        """Over the queries that are judged."""
        return FusionEvaluator(self.space(names, self.judged), data.relevance(self.judged))

    def system(self, named: str) -> SystemRef:
        """The system that a text of the link names, with a title for people.

        Raises:
            UnknownName, BadInput: one sentence.
        """
        ref = system_spec_text.read(named, self.embedded, store.saved()[0])
        if ref.spec is None:
            return SystemRef(ref.text, self.title(ref.text))
        if ref.text.startswith(system_spec_text.SAVED):
            return ref
        return SystemRef(ref.text, system_spec_text.title(ref.spec, self.title), ref.spec)

    def systems(self, line: str) -> list[SystemRef]:
        """The systems of a link's list; every backbone for an empty one."""
        return [self.system(named) for named in split_texts(line)] or [self.system(name) for name in self.backbones]

    def built(self, refs: Sequence[SystemRef], dataset: Dataset | None = None) -> list[System]:
        """These systems over the queries that are judged, or over another split; each named by its text."""
        used = tuple(dict.fromkeys(name for ref in refs for name in ref.backbones))
        space = self.space(used, dataset or self.judged)
        singles = [ref.text for ref in refs if ref.spec is None]
        specs = [dataclasses.replace(ref.spec, name=ref.title) for ref in refs if ref.spec is not None]
        return systems.build(space, singles, specs)

    def position(self, id_: str, usual: int) -> int:
        """Where the image of an id stands; the page's usual one for an empty id.

        Raises:
            BadInput: there is no such image.
        """
        if not id_:
            return usual
        positions = np.flatnonzero(np.asarray(self.dataset.ids).astype(str) == id_)
        if not len(positions):
            raise BadInput(text("sentence.static"))
        return int(positions[0])


def mix_of(view: SceneView, setup: FusionSetup, name: str) -> FusionSpec:
    """The fusion of the Fusion lab as a link says it; equal shares where it says none."""
    return mix(
        view.backbones, setup.strategy, setup.parameters, dict(setup.shares), (setup.prepare, setup.rerank), name
    )


def mix(
    names: Sequence[str], kind: str, parameters: str, shares: Mapping[str, float], steps: Sequence[str], name: str
) -> FusionSpec:
    """A fusion from the texts of a link.

    Args:
        parameters: "norm:zscore,depth:50"; steps: texts of a preparation and of a re-ranking, "" for none.
        name: of the fusion.
    Raises:
        UnknownName, BadInput: one sentence.
    """
    kind = kind if kind in FUSIONS else FusionSetup.strategy
    known = {name: max(0.0, shares.get(name, 0.0)) for name in names}
    total = sum(known.values())
    fitted = {name: value / total if total else 1 / len(names) for name, value in known.items()}
    inside = ",".join(f"{name}:{share:.6g}" for name, share in fitted.items())
    settings = parameters.replace(":", "=")
    spelled = f"{kind}({inside}{';' + settings if settings else ''})"
    line = system_spec_text.STEP.join([spelled, *filter(None, steps)])
    ref = system_spec_text.read(line, names, {})
    assert ref.spec is not None, "a fusion was spelled"
    return dataclasses.replace(ref.spec, name=name)


def query_row(view: SceneView, position: int) -> ImageRow:
    """The query image alone."""
    dataset = view.dataset
    image = DocumentImage(retrieval.text_key(dataset.keys[position]), dataset.label_of(position), "query")
    return view.strip.row([image])


def results_row(view: SceneView, ref: SystemRef, position: int, k: int) -> tuple[ImageRow, retrieval.QueryResult]:
    """The first results of a system for an image of the dataset, framed by whether they are right."""
    dataset = view.dataset
    query = retrieval.gallery_image_query(dataset, view.space(ref.backbones), position)
    result = retrieval.retrieve(query, query.system(ref.title, ref.spec) if ref.spec else query.system(ref.text))
    images = [result_image(dataset, result, item) for item in result.order[: min(k, MOST_IMAGES)]]
    return view.strip.row(images), result


def evaluated(
    view: SceneView, refs: Sequence[SystemRef], ks: Sequence[int], metric: str, by_class: bool
) -> tuple[evaluation.Result, dict[str, str], dict[str, tuple[str, str]]]:
    """Every system with its figures, and each one's title and look by its name."""
    made = view.built(refs)
    result = evaluation.evaluate(
        made, data.relevance(view.judged), ks, dataset=view.judged, metric=metric, by_class=by_class
    )
    return result, *looks(view, refs)


def looks(view: SceneView, refs: Sequence[SystemRef]) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """System → its title, and its colour and dash as on the pages."""
    colours = view.colours(view.backbones)
    titles: dict[str, str] = {}
    styles: dict[str, tuple[str, str]] = {}
    n_fusions = 0
    for ref in refs:
        name = ref.text if ref.spec is None else ref.title
        titles[name] = ref.title
        if ref.spec is None:
            styles[name] = (colours.get(name, charts.backbone_colour(len(styles))), "solid")
        else:
            styles[name] = charts.fusion_style(n_fusions)
            n_fusions += 1
    return titles, styles
