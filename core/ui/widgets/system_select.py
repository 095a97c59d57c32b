"""What the pages that compare share: the systems side by side, their names, colours and evaluations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from core import charts, wording
from core.errors import Cancelled, CoreError
from core.setups.fields import join_texts, split_texts
from core.studies import evaluation, query_sampling, system_spec_text, training_split
from core.studies.system_spec_text import SystemRef
from core.studies.systems import System
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.cached import digest
from core.ui.widgets import background_full_eval, sidebar, system_options

shared = wording.page("shared")

MOST_SYSTEMS = 32
"""Systems that a link may name: every pair of them is tested."""
NO_SYSTEM = shared("sentence.no_system")


@dataclass(frozen=True)
class ComparedSystem:
    """One system of a comparison.

    Attributes:
        system: its name is the text of its link, so it is unique.
        title: what people read, unique on the page.
        colour, dash: of its bar and line, the same on every page.
    """

    system: System
    title: str
    colour: str
    dash: str

    @property
    def name(self) -> str:
        """The system's own name."""
        return self.system.name


def choose(setup: type, selection: sidebar.Selection) -> list[ComparedSystem]:
    """The multiselect of systems, and what it says: every backbone of the sidebar, the lab's fusion, the saved ones.

    Systems that cannot be judged here (no vectors, or trained on these very queries) are named with the reason.

    Args:
        setup: has a field `systems`: texts joined by "|", "" for all that are offered.
    """
    named = split_texts(state.get(setup, "systems"))
    wanted = list(dict.fromkeys(named))[:MOST_SYSTEMS]
    if len(named) > MOST_SYSTEMS:
        st.warning(
            shared("sentence.many_systems", count=f"{len(named):,}", most=MOST_SYSTEMS),
            icon=":material/info:",
        )
    offered = system_options.system_options(selection.backbones, selection.embedded, wanted)
    standard = [text for text in offered.titles if text in selection.backbones or text not in selection.embedded]
    picked = [text for text in wanted if text in offered.titles] or standard
    for text in wanted:
        if text not in offered.titles:
            _say_why(text, offered)
    titles = _titles(offered, selection)
    widget = f"systems of {setup.__name__}"
    state.set_widget(widget, picked)

    def chosen() -> None:
        now = state.widget(widget)
        state.set_field(setup, "systems", join_texts(now) if now and set(now) != set(standard) else "")

    st.multiselect(
        shared("label.systems"),
        list(offered.titles),
        key=widget,
        on_change=chosen,
        format_func=lambda text: titles[text],
        help=shared("help.systems"),
        placeholder=shared("placeholder.systems"),
        max_selections=MOST_SYSTEMS,
    )
    return _competitors(picked, titles, offered, selection)


def _say_why(text: str, offered: system_options.SystemOptions) -> None:
    try:
        offered.read(text)
    except CoreError as error:
        st.warning(theme.plain(str(error)), icon=":material/info:")


def _titles(offered: system_options.SystemOptions, selection: sidebar.Selection) -> dict[str, str]:
    """Short titles, each once."""
    unique_titles: dict[str, str] = {}
    lab = system_options.lab_text(selection.backbones)
    for text, title in offered.titles.items():
        short = (
            shared("option.fusion_lab")
            if text == lab
            else text[len(system_spec_text.SAVED) :]
            if text.startswith(system_spec_text.SAVED)
            else title
        )
        number = 2
        unique = short
        while unique in unique_titles.values():
            unique, number = f"{short} ({number})", number + 1
        unique_titles[text] = unique
    return unique_titles


def _competitors(
    picked: Sequence[str], titles: dict[str, str], offered: system_options.SystemOptions, selection: sidebar.Selection
) -> list[ComparedSystem]:
    loaded = selection.dataset
    named: list[SystemRef] = []
    for text in picked:
        try:
            ref = system_spec_text.read(text, selection.embedded, offered.saved)
            if ref.spec is not None:
                training_split.refuse_trained(ref.spec, training_split.query_keys(loaded))
        except CoreError as error:
            st.warning(
                shared("sentence.left_out", system=theme.plain(titles[text]), reason=theme.plain(str(error))),
                icon=":material/info:",
            )
            continue
        named.append(ref)
    used = tuple(sorted({name for ref in named for name in ref.backbones}))
    if not used:
        return []
    space = cache.vector_set(loaded, used)
    shades = selection.colours
    competitors, n_fusions = [], 0
    for ref in named:
        colour, dash = shades.get(ref.text, ""), "solid"
        if ref.spec is not None:
            colour, dash = charts.fusion_style(n_fusions)
            n_fusions += 1
        competitors.append(ComparedSystem(System(ref.text, space, ref.spec), titles[ref.text], colour, dash))
    return competitors


def in_link(competitors: Sequence[ComparedSystem], setup: type) -> dict[str, str]:
    """What the link says about the systems: all of them by name once a fusion is among them, so that it reopens."""
    named = state.get(setup, "systems")
    if named or any(competitor.system.spec is not None for competitor in competitors):
        return {"systems": join_texts(competitor.name for competitor in competitors)}
    return {}


def evaluate(
    loaded: Dataset, competitors: Sequence[ComparedSystem], ks: tuple[int, ...], metric: str, by_class: bool
) -> tuple[Dataset, list[ComparedSystem], evaluation.Result]:
    """Every system with all its figures; the first time takes seconds, and says at which system it is.

    Of a large set a seeded sample of queries is evaluated first, in a sentence that says so, and all queries follow. A system
    that cannot be evaluated is left out with its sentence, and all others stand.

    Returns:
        the dataset as it was asked, by all its queries or by the panel; the systems over it; their figures.
    Raises:
        CoreError: none of them can be evaluated.
    """
    small, same = query_sample(loaded, competitors)
    if small is None:
        return loaded, *_evaluated(loaded, competitors, ks, metric, by_class)
    systems = tuple(competitor.system for competitor in competitors)
    name = f"all queries {digest(loaded, ks, metric, by_class, systems)}"

    def work(job: jobs.BackgroundJob) -> bool:
        for competitor in competitors:
            cache.evaluation_of(loaded, competitor.system, ks, by_class, job.task)
        cache.comparison_of(loaded, systems, ks, metric, by_class)
        return True

    if background_full_eval.ready(name):
        return loaded, *_evaluated(loaded, competitors, ks, metric, by_class)
    same, result = _evaluated(small, same, ks, metric, by_class, clusters=False)
    able = {competitor.name for competitor in same}
    competitors = [competitor for competitor in competitors if competitor.name in able]
    best = result.best.figures[metric]
    background_full_eval.follow(
        name, work, query_sampling.sentence(len(small.split.queries), len(loaded.split.queries), best.low, best.high)
    )
    return small, same, result


def query_sample(loaded: Dataset, competitors: Sequence[ComparedSystem]) -> tuple[Dataset | None, list[ComparedSystem]]:
    """Of a large set the dataset with a sample of its queries, and the same systems over it; else None and the systems."""
    used = tuple(sorted({name for competitor in competitors for name in competitor.system.backbones}))
    small = cache.query_sample(loaded, used)
    if small is None:
        return None, list(competitors)
    space = cache.vector_set(small, used)
    return small, [replace(competitor, system=replace(competitor.system, space=space)) for competitor in competitors]


def _evaluated(
    loaded: Dataset,
    competitors: Sequence[ComparedSystem],
    ks: tuple[int, ...],
    metric: str,
    by_class: bool,
    clusters: bool = True,
) -> tuple[list[ComparedSystem], evaluation.Result]:
    placeholder = st.empty()

    def evaluate_competitor(competitor: ComparedSystem) -> None:
        """Evaluate one system; the next caller finds it cached."""
        with (
            placeholder,
            st.spinner(
                shared(
                    "sentence.evaluating",
                    system=theme.plain(competitor.title),
                    number=competitors.index(competitor) + 1,
                    count=len(competitors),
                ),
                show_time=True,
            ),
        ):
            cache.evaluation_of(loaded, competitor.system, ks, by_class, clusters=clusters)

    competitors = able_of(competitors, evaluate_competitor)
    with placeholder, st.spinner(shared("sentence.comparing")):
        systems = tuple(competitor.system for competitor in competitors)
        result = cache.comparison_of(loaded, systems, ks, metric, by_class, clusters=clusters)
    placeholder.empty()
    return competitors, result


def able_of(competitors: Sequence[ComparedSystem], ask: Callable[[ComparedSystem], object]) -> list[ComparedSystem]:
    """The systems that can be asked; each of the others is left out with its sentence.

    Args:
        ask: works a system out, and raises where that is not possible.
    Raises:
        CoreError: of the last one, where nothing is left.
    """
    able: list[ComparedSystem] = []
    refused: list[tuple[ComparedSystem, CoreError]] = []
    for competitor in competitors:
        try:
            ask(competitor)
        except Cancelled:
            raise
        except CoreError as error:
            refused.append((competitor, error))
        else:
            able.append(competitor)
    if refused and not able:
        raise refused[-1][1]
    for competitor, reason in refused:
        st.warning(
            shared("sentence.left_out", system=theme.plain(competitor.title), reason=theme.plain(str(reason))),
            icon=":material/info:",
        )
    return able


def shades() -> charts.Shades:
    """Colours of heat maps for the theme that the reader has."""
    return charts.DARK if st.context.theme.type == "dark" else charts.LIGHT
