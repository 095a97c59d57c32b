"""Catalogue: items found by title, description and picture together, by several ways of weighing side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pandas as pd
import streamlit as st

from core import backbones, charts, data, metrics
from core.data import table_files
from core.errors import BadInput, CoreError
from core.fusion.catalogue import CATALOGUE_STRATEGIES
from core.setups import CatalogueSetup, FrameSetup
from core.studies.catalogue import catalogue_evaluation, catalogue_items
from core.studies.catalogue import catalogue_search as study
from core.studies.text import text_encoding, text_query, zero_shot
from core.types import Dataset
from core.ui.app import cache, jobs, state, theme
from core.ui.app.error_boundary import fragment, guarded
from core.ui.components import gallery, result_list
from core.ui.views.catalogue import catalogue_cache
from core.ui.views.retrieval import uploads
from core.ui.views.text import text_cache
from core.ui.widgets import embedding_job, image_cards
from core.wording import plural

DEMO = "demo_catalogue"
GIVEN = "given:"
_PICTURE = "catalogue picture"
_REFUSED = "catalogue refused"
_STARTED = "catalogue embedding has just started"
_UPLOADER = "catalogue query picture"
_TRY = {
    DEMO: (
        "a hot drink",
        "red vehicle",
        "looking at stars",
        "seen through a microscope",
        "medical picture -microscope",
    ),
}
_LOOKS = {"search": "Search", "evaluation": "Which weighing finds more?"}
_ASK = {"categories": "Category names", "pictures": "Pictures", "file": "A file of queries"}
_METRICS = ("map", "p@1", "p@10", "ndcg@10", "mrr")

# On a narrow page strategies stand in as many columns as there is room for.
_STYLE = """
<style>
[class*="st-key-catalogue-row"] [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
[class*="st-key-catalogue-row"] [data-testid="stColumn"] { flex: 1 1 226px; min-width: min(100%, 226px); }
.st-key-catalogue-halves [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
.st-key-catalogue-halves [data-testid="stColumn"] { flex: 3 1 380px; min-width: min(100%, 380px); }
.st-key-catalogue-halves [data-testid="stColumn"]:last-child { flex: 2 1 320px; min-width: min(100%, 320px); }
.st-key-catalogue-picture [data-testid="stHorizontalBlock"] { flex-wrap: nowrap; }
.st-key-catalogue-picture [data-testid="stColumn"]:first-child { flex: 0 0 130px; min-width: 130px; }
.st-key-catalogue-picture [data-testid="stColumn"]:last-child { flex: 1 1 240px; min-width: 200px; max-width: 560px; }
.st-key-catalogue-query input { font-size: 1.1rem; }
</style>
"""


@dataclass(frozen=True)
class View:
    """What the page works with: a catalogue, one space, its components."""

    catalogue: catalogue_items.Catalogue
    setup: CatalogueSetup
    components: tuple[str, ...]
    searcher: study.Searcher

    @property
    def loaded(self) -> Dataset:
        return self.catalogue.dataset

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each component."""
        return theme.colours(self.components)


# -- getting there


def prepare(name: str, space: str) -> None:
    """Open a dataset, make it the one shown, embed its pictures and read its texts in one space, beside the page."""

    def read_texts(loaded: Dataset, job: jobs.BackgroundJob) -> None:
        text_encoding.cached_vectors(space, study.texts_of(catalogue_items.of_dataset(loaded)), job.task)

    try:
        data.get(name)  # the demo's pictures are there within a second
    except CoreError as error:
        state.session_set(_REFUSED, str(error))
        return
    embedding_job.start_embedding(name, (space,), title=f"Preparing {name}", then=read_texts)
    state.session_set(_STARTED, True)
    state.set_field(FrameSetup, "dataset", name)


def prepare_button(name: str, space: str, label: str) -> None:
    """The button that helps."""
    if state.session_get(_STARTED, False):
        state.session_set(_STARTED, False)
        st.rerun()  # the whole page, where the progress stands, not this part alone
    st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        key=f"prepare {name}",
        on_click=prepare,
        args=(name, space),
        **jobs.waits(),
    )


def offer_demo(sentence: str) -> None:
    """The dataset at hand is no catalogue: say so, and open one that is."""
    st.info(theme.plain(sentence), icon=":material/info:")
    with st.container(horizontal=True, vertical_alignment="center"):
        prepare_button(DEMO, "concepts_lite0", "Open the demo catalogue")
        st.caption("Twenty-two photographs with titles and descriptions; ready in seconds, without any download.")


def current() -> catalogue_items.Catalogue | None:
    """The catalogue of the dataset in the sidebar; draws what helps when there is none."""
    name = state.get(FrameSetup, "dataset")
    if name not in cache.ready_datasets():
        offer_demo(f"{name} is not ready yet.")
        return None
    try:
        return catalogue_cache.catalogue(cache.dataset(name))
    except BadInput as error:
        offer_demo(str(error))
        return None


# -- the query


def like_item(item: str) -> None:
    """Ask with the picture of an item."""
    state.set_field(CatalogueSetup, "like", item)


def forget_picture() -> None:
    """Ask with words alone again."""
    state.set_field(CatalogueSetup, "like", "")


def try_line() -> None:
    """An example was chosen."""
    chosen = state.widget("try a query")
    if chosen:
        state.set_field(CatalogueSetup, "question", chosen)
        state.set_widget("try a query", None)


def take_picture() -> None:
    """A picture was given: it asks, in this session."""
    file = state.widget(_UPLOADER)
    if file is None:
        return
    try:
        guest = uploads.take([file])
    except CoreError as error:
        state.session_set(_REFUSED, str(error))
        return
    state.session_set(_REFUSED, "")
    state.session_set(_PICTURE, guest)
    state.set_field(CatalogueSetup, "like", GIVEN)


def examples(catalogue: catalogue_items.Catalogue) -> tuple[str, ...]:
    """Queries to try: written for the demo, else names of categories."""
    if catalogue.name in _TRY:
        return _TRY[catalogue.name]
    names = catalogue.facets.get(catalogue_items.CATEGORY, ())
    return tuple(zero_shot.readable(str(name)) for name in names[:: max(1, len(names) // 5)][:5])


def query_picture(view: View) -> tuple[np.ndarray | None, str, str, list[tuple[str, float]]]:
    """The picture that asks: (its vector, its address, its title, what concepts see in it); None without one."""
    like = view.setup.like
    concepts = backbones.get(view.setup.space).family == "concepts"
    if like.startswith(GIVEN):
        held = state.session_get(_PICTURE)
        if held is None:
            st.warning("A picture that is given stays in the session that gave it; give it again to ask with it.")
            return None, "", "", []
        vector = uploads.encode(view.setup.space, held.pictures(None))[0]
        return vector, held.thumbnails[0], held.title, catalogue_cache.seen(held.contents[0]) if concepts else []
    position = picture_named(view.catalogue, like)
    if position < 0:
        st.warning(f"No item with a picture is named “{theme.plain(like[:80])}” here.")
        return None, "", "", []
    item = int(view.catalogue.owner[position])
    vector = cache.vectors(view.loaded, (view.setup.space,))[view.setup.space][position]
    seen = catalogue_cache.seen_in(view.loaded, position) if concepts else []
    return vector, image_cards.key_of(view.loaded, position), view.catalogue.title(item), seen


def picture_named(catalogue: catalogue_items.Catalogue, name: str) -> int:
    """The position of a picture by its own id, or of the first picture of an item by the item's; −1 for none."""
    own = np.flatnonzero(catalogue.dataset.ids == name)
    if len(own):
        return int(own[0])
    items = np.flatnonzero(catalogue.items["id"].astype(str).to_numpy() == name)
    return int(catalogue.image_of[items[0]]) if len(items) else -1


def ask_box(catalogue: catalogue_items.Catalogue) -> None:
    """Where one types, and examples to begin with."""
    st.text_input(
        "Search",
        key=state.key(CatalogueSetup, "question"),
        icon=":material/search:",
        max_chars=2000,
        placeholder="Words that an item should fit, e.g. warm jacket -hood",
        label_visibility="collapsed",
        help='“-word” avoids, “word:2” counts twice, "several words" are one term.',
    )
    said = examples(catalogue)
    if said and not state.get(CatalogueSetup, "question").strip():
        st.pills(
            "Try", said, format_func=theme.plain, key="try a query", on_change=try_line, label_visibility="collapsed"
        )


def picture_side(view: View, picture: tuple) -> None:
    """The picture that asks, how much it counts beside the words, and what the backbone sees in it."""
    vector, key, title, seen = picture
    if vector is None:
        return
    left, right = st.columns([1, 4], vertical_alignment="center")
    with left:
        card = gallery.Card(id="query", key=key, title=title, frame="query")
        gallery.grid([card], key="catalogue query picture shown", size=112, name="the query", pick="")
    with right:
        st.markdown(f"Like **{theme.plain(title)}**")
        if seen:
            said = ", ".join(f"{theme.plain(name)} {share:.0%}" for name, share in seen[:4])
            st.caption(f"What concepts sees in it: {said}.")
        if view.setup.question.strip():
            st.slider(
                "Text against image",
                0.0,
                1.0,
                step=0.05,
                key=state.key(CatalogueSetup, "balance"),
                help="0 asks with the picture alone, 1 with the words alone.",
            )
        st.button("Without picture", icon=":material/close:", on_click=forget_picture, key="forget picture")


def picture_popover() -> None:
    """Ask with a picture of one's own."""
    with st.popover("Picture", icon=":material/image_search:", help="Ask with a picture"):
        st.file_uploader("A picture that asks", key=_UPLOADER, on_change=take_picture, max_upload_size=32)
        st.caption("Or click a picture in the results: “like this”. Words beside it say what should be different.")


# -- filters


def read_filters(catalogue: catalogue_items.Catalogue, line: str) -> dict[str, list[str] | tuple[float, float]]:
    """What a link says about filters, as far as it fits this catalogue."""
    found: dict[str, list[str] | tuple[float, float]] = {}
    for column, value in parse_qsl(line):
        facet = catalogue.facets.get(column)
        if facet is None:
            continue
        if isinstance(facet[0], float):
            low, _, high = value.partition("..")
            try:
                ends = (max(facet[0], float(low)), min(facet[1], float(high)))
            except ValueError:
                continue
            if ends[0] <= ends[1]:
                found[column] = ends
        elif value in facet:
            found.setdefault(column, []).append(value)
    return found


def spell_filters(chosen: dict[str, Sequence]) -> str:
    """The form of the link."""
    pairs = []
    for column, value in chosen.items():
        if isinstance(value, tuple):
            pairs.append((column, f"{value[0]:g}..{value[1]:g}"))
        else:
            pairs.extend((column, one) for one in value)
    return urlencode(pairs)


def take_filters(catalogue: catalogue_items.Catalogue) -> None:
    """A filter was changed."""
    chosen: dict[str, Sequence] = {}
    for column, facet in catalogue.facets.items():
        value = state.widget(f"facet {catalogue.name} {column}")
        if value and (not isinstance(facet[0], float) or tuple(value) != facet):
            chosen[column] = tuple(value) if isinstance(facet[0], float) else list(value)
    state.set_field(CatalogueSetup, "filters", spell_filters(chosen))


def filters_popover(catalogue: catalogue_items.Catalogue) -> None:
    """One widget per column that can be filtered."""
    if not catalogue.facets:
        return
    now = read_filters(catalogue, state.get(CatalogueSetup, "filters"))
    label = f"Filters ({len(now)})" if now else "Filters"
    with st.popover(label, icon=":material/filter_alt:", help="Only some of the items"):
        for column, facet in catalogue.facets.items():
            key = f"facet {catalogue.name} {column}"
            if isinstance(facet[0], float):
                state.start_widget(key, now.get(column, facet))
                st.slider(theme.plain(column), *facet, key=key, on_change=take_filters, args=(catalogue,))
            else:
                state.start_widget(key, now.get(column, []))
                st.multiselect(
                    theme.plain(column),
                    facet,
                    key=key,
                    on_change=take_filters,
                    args=(catalogue,),
                    placeholder="any",
                    format_func=str,
                )


# -- settings


def settings(catalogue: catalogue_items.Catalogue) -> None:
    """Which strategies answer, and where everything else is set."""
    st.pills(
        "Strategies",
        CATALOGUE_STRATEGIES.names,
        selection_mode="multi",
        key=state.key(CatalogueSetup, "strategies"),
        format_func=lambda name: CATALOGUE_STRATEGIES[name].label,
        label_visibility="collapsed",
        help="\n".join(f"- **{one.label}**: {one.help}" for one in CATALOGUE_STRATEGIES),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        picture_popover()
        filters_popover(catalogue)
        components_popover(catalogue, results=True)


def components_popover(catalogue: catalogue_items.Catalogue, results: bool = False) -> None:
    """What items are made of, in which space, and how much each part weighs where weights are fixed."""
    with st.popover("Components and weights", icon=":material/tune:"):
        spaces = catalogue_cache.spaces(catalogue.name)
        if len(spaces) > 1:
            st.selectbox(
                "Space",
                spaces,
                key=state.key(CatalogueSetup, "space"),
                format_func=lambda name: backbones.get(name).title,
                help="The backbone that reads both the texts and the pictures.",
            )
        st.multiselect(
            "Components",
            (*catalogue.text_columns, catalogue_items.PICTURE),
            key=state.key(CatalogueSetup, "components"),
            placeholder=", ".join(catalogue.default_components),
            help="What an item is made of. Empty means title, description and picture.",
        )
        if catalogue.most_pictures > 1:
            st.radio(
                f"Several pictures (up to {catalogue.most_pictures})",
                list(study.PICTURE_JOINS),
                key=state.key(CatalogueSetup, "pictures"),
                horizontal=True,
                format_func=lambda name: study.PICTURE_JOINS[name][0],
                help="\n".join(f"- **{label}**: {said}" for label, said in study.PICTURE_JOINS.values()),
            )
        weights(catalogue)
        if results:
            st.slider("Results", 3, 40, key=state.key(CatalogueSetup, "k"))


def within_bounds(catalogue: catalogue_items.Catalogue) -> None:
    """A link, or another dataset, may have left names that are not here: bring them back before widgets are drawn."""
    columns = (*catalogue.text_columns, catalogue_items.PICTURE)
    allowed = {
        "components": (columns, ()),
        "strategies": (CATALOGUE_STRATEGIES.names, CatalogueSetup.strategies),
    }
    for field, (names, default) in allowed.items():
        now = state.get(CatalogueSetup, field) or ()
        kept = tuple(name for name in now if name in names)
        if len(kept) != len(now):
            state.set_field(CatalogueSetup, field, kept or default)
    one_of = {
        "look": tuple(_LOOKS),
        "ask_with": tuple(_ASK),
        "metric": _METRICS,
        "base": _weighing(),
        "space": catalogue_cache.spaces(catalogue.name),
        "pictures": tuple(study.PICTURE_JOINS),
    }
    for field, names in one_of.items():
        if state.get(CatalogueSetup, field) not in names:
            state.set_field(CatalogueSetup, field, names[0])


def _weighing() -> tuple[str, ...]:
    """Strategies that words and pictures alike can ask."""
    return tuple(one.name for one in CATALOGUE_STRATEGIES if one.joins != "words")


def used_components(catalogue: catalogue_items.Catalogue) -> tuple[str, ...]:
    """The components chosen, as far as this catalogue has them; else the usual ones."""
    columns = (*catalogue.text_columns, catalogue_items.PICTURE)
    chosen = tuple(c for c in state.get(CatalogueSetup, "components") if c in columns)
    return chosen or catalogue.default_components


def used_parts(catalogue: catalogue_items.Catalogue) -> tuple[str, ...]:
    """The components as they are weighed: each picture on its own, where that was chosen."""
    return catalogue.part_names(used_components(catalogue), state.get(CatalogueSetup, "pictures"))


def take_weights(catalogue: catalogue_items.Catalogue) -> None:
    """A weight was moved."""
    names = used_parts(catalogue)
    pairs = tuple(sorted((name, float(state.widget(f"weight {name}", 1.0))) for name in names))
    state.set_field(CatalogueSetup, "shares", pairs)


def weights(catalogue: catalogue_items.Catalogue) -> None:
    """A slider per component, for the strategy of fixed weights."""
    now = dict(state.get(CatalogueSetup, "shares") or ())
    st.caption("Weights for “Fixed weights”; nothing is embedded again.")
    for name in used_parts(catalogue):
        state.start_widget(f"weight {name}", float(now.get(name, 1.0)))
        st.slider(
            theme.plain(name), 0.0, 1.0, step=0.05, key=f"weight {name}", on_change=take_weights, args=(catalogue,)
        )


def shares_of(view: View) -> dict[str, float] | None:
    """Fixed weights as they are set; None while nobody has moved any."""
    now = dict(view.setup.shares)
    return {name: now.get(name, 1.0) for name in view.components} if now else None


# -- the results


def rows(view: View, answer: study.CatalogueResult) -> list[result_list.ResultItem]:
    """The best items of one strategy, with the weight and the likeness of each component."""
    words = CATALOGUE_STRATEGIES[answer.strategy].joins == "words"  # has no components to speak of
    found = []
    for rank, item in enumerate(answer.listed[: view.setup.k].tolist(), start=1):
        position = int(answer.pictures[item])
        row = view.catalogue.items.iloc[item]
        parts = tuple(
            result_list.ScorePart(
                name,
                view.colours[name],
                round(float(answer.weights[item, at]), 4),
                round(float(answer.similarities[item, at]), 3) if view.searcher.components.present[item, at] else None,
            )
            for at, name in enumerate(() if words else answer.components)
        )
        found.append(
            result_list.ResultItem(
                id=str(view.loaded.ids[position] if position >= 0 else row["id"]),
                key=image_cards.key_of(view.loaded, position) if position >= 0 else "",
                title=view.catalogue.title(item),
                rank=rank,
                score=float(answer.scores[item]),
                why=answer.why(item),
                text=table_files.words(row.get("description", "")),
                note=note(view, item, position),
                parts=parts,
            )
        )
    return found


def note(view: View, item: int, position: int) -> str:
    """The category, and which of its pictures stands for an item that has several."""
    category = table_files.words(view.catalogue.items.iloc[item].get(catalogue_items.CATEGORY, ""))
    number, of = view.catalogue.picture_numbers, int(view.catalogue.picture_counts[item])
    several = f"picture {int(number[position])} of {of}" if of > 1 else ""
    return " · ".join(filter(None, (category, several)))


def strategy_column(view: View, strategy: str, asked: study.CatalogueQuery, keep: np.ndarray) -> None:
    """One strategy's list."""
    entry = CATALOGUE_STRATEGIES[strategy]
    st.markdown(f"**{entry.label}**", help=f"{entry.help} ({entry.reference})")
    if entry.joins == "words" and not asked.terms:
        st.caption("BM25 reads words only; type some beside the picture.")
        return
    try:
        answer = view.searcher.rank(strategy, asked, shares_of(view), keep)
    except CoreError as error:
        st.warning(theme.plain(str(error)), icon=":material/info:")
        return
    if not len(answer.listed):
        where = "any item" if keep.all() else "any of these items"
        st.caption(f"None of these words occurs in {where}." if len(answer.order) else "No item passes the filters.")
        return
    result_list.show(
        rows(view, answer),
        key=f"items {strategy}",
        name=f"results of {entry.label}",
        on_pick=like_item,
        pick="Search with this picture",
    )


def results(view: View) -> None:
    """The query, read, and each strategy's answer to it."""
    refused = state.session_get(_REFUSED, "")
    if refused:
        st.warning(theme.plain(refused), icon=":material/info:")
    picture = query_picture(view) if view.setup.like else (None, "", "", [])
    if picture[0] is not None:
        with st.container(key="catalogue-picture"):
            picture_side(view, picture)
    if not view.setup.question.strip() and picture[0] is None:
        st.caption("Type what to look for, choose an example, or click a picture.")
        browse(view)
        return
    answers(view, picture[0])


def browse(view: View) -> None:
    """The catalogue itself, while nothing is asked: a click asks with that picture."""
    having = np.flatnonzero(view.catalogue.image_of >= 0)
    keep = catalogue_items.keep_items(view.catalogue, read_filters(view.catalogue, view.setup.filters))
    having = having[keep[having]][:60]
    found = []
    for item in having.tolist():
        position, title = int(view.catalogue.image_of[item]), view.catalogue.title(item)
        about = table_files.words(view.catalogue.items.iloc[item].get("description", ""))
        facts = (("about", about[:220] + ("…" if len(about) > 220 else "")),) if about else ()
        found.append(
            gallery.Card(
                id=str(view.catalogue.items["id"].iloc[item]),
                key=image_cards.key_of(view.loaded, position),
                title=title,
                label=title,
                facts=facts,
            )
        )
    gallery.grid(found, key="catalogue items", size=150, on_pick=like_item, name="items of the catalogue")


def answers(view: View, vector: np.ndarray | None) -> None:
    """Every chosen strategy side by side."""
    try:
        text_query.parse(view.setup.question or "picture")
    except BadInput as error:
        st.info(theme.plain(str(error)), icon=":material/info:")
        browse(view)
        return
    with st.spinner("Reading the query …", show_time=True):
        asked = study.make_query(
            view.setup.space, view.setup.question, vector, view.setup.balance, encode=text_cache.words
        )
    keep = catalogue_items.keep_items(view.catalogue, read_filters(view.catalogue, view.setup.filters))
    shown = f" · {int(keep.sum()):,} of {plural(len(keep), 'item')} pass the filters" if not keep.all() else ""
    st.caption(f"Looking for {theme.plain(asked.sentence)}{shown}")
    for note in asked.notes:
        st.caption(f":material/info: {theme.plain(note)}")
    chosen = [name for name in view.setup.strategies if name in CATALOGUE_STRATEGIES] or ["average"]
    for start in range(0, len(chosen), 4):
        with st.container(key=f"catalogue-row-{start}"):
            for column, strategy in zip(st.columns(len(chosen[start : start + 4]), gap="small"), chosen[start:]):
                with column:
                    strategy_column(view, strategy, asked, keep)
    legend(view)


def legend(view: View) -> None:
    """What the bars mean, and what this space cannot know."""
    alike = ", ".join(
        f"{name} {value:.2f}" for name, value in zip(view.components, view.searcher.components.global_similarity)
    )
    st.caption(
        "A bar is the weight of a component in the item's score, the number at the right its cosine with the query. "
        f"How alike each component is over all items (G): {theme.plain(alike)}."
    )
    if backbones.get(view.setup.space).family == "concepts":
        st.caption(
            "Concepts knows a picture as a mixture of 1,000 kinds of things. It knows no colours, numbers or names of "
            "people, and nothing that is written in the picture; a vision-language backbone such as CLIP knows more."
        )


# -- evaluation


def evaluation(view: View) -> None:
    """Strategies judged on questions that the catalogue itself can answer, or on a file of queries."""
    st.segmented_control(
        "Who asks",
        list(_ASK),
        key=state.key(CatalogueSetup, "ask_with"),
        format_func=_ASK.get,
        required=True,
    )
    left, right, _ = st.columns([1, 1.4, 1.6])
    left.selectbox("Metric", _METRICS, key=state.key(CatalogueSetup, "metric"), format_func=metrics.label)
    right.selectbox(
        "Compared with",
        _weighing(),
        key=state.key(CatalogueSetup, "base"),
        format_func=lambda name: CATALOGUE_STRATEGIES[name].label,
    )
    setup = view.setup
    ask_with = setup.ask_with
    file = ""
    if ask_with == "file":
        given = st.file_uploader("Queries (CSV: query,item_id[,gain])", type=["csv"], key="catalogue queries")
        if given is None:
            st.caption("One row per relevant item; `gain` is optional and serves nDCG.")
            return
        file = table_files.decode(given.getvalue(), Path(given.name))
    st.caption(
        {
            "categories": "The name of each category is typed as a query; the items of that category are relevant. "
            "The category itself is no component, or the answer would stand in the question.",
            "pictures": "The first picture of each item asks; its own text and its siblings (same parent) are relevant. "
            "The item that asks takes part without its pictures.",
            "file": "",
        }[ask_with]
    )
    base, metric = setup.base, setup.metric
    shares = tuple(sorted((shares_of(view) or {}).items())) or None
    if base == "fixed" and shares is None:
        shares = tuple((name, 1.0) for name in view.components)
    with st.spinner("Asking every question of every strategy …", show_time=True):
        found = catalogue_cache.comparison(
            view.searcher, setup.space, setup.pictures, ask_with, metric, base, shares, file
        )
    comparison(found)


def comparison(found: catalogue_evaluation.CatalogueComparison) -> None:
    """Bars with intervals, the words, the table."""
    label = metrics.label(found.metric)
    lines = [
        charts.Bar(row.label, row.mean, row.low, row.high, "#d6404e" if row.strategy == found.base else "#4269d0")
        for row in found.table.itertuples()
    ]
    with st.container(key="catalogue-halves"):
        left, right = st.columns([3, 2], gap="large")
    with left:
        st.plotly_chart(
            charts.BarChart(lines, label).figure(),
            key="catalogue bars",
            config={"displayModeBar": False},
            width="stretch",
        )
        st.caption(
            f"{label}, mean of {int(found.table.n_valid.max()):,} questions with 95 % intervals. "
            f"Red is what the others are compared with."
        )
    with right:
        st.markdown("**What is shown**")
        for sentence in found.sentences:
            st.markdown("- " + theme.plain(sentence))
        for name, why in found.skipped.items():
            st.markdown(f"- {theme.plain(name)} was left out: {theme.plain(why)}")
    base = found.table.strategy == found.base
    st.dataframe(
        pd.DataFrame(
            {
                "strategy": found.table.label,
                label: [theme.number(value) for value in found.table["mean"]],
                "95 % interval": [theme.interval(*ends) for ends in zip(found.table.low, found.table.high)],
                "difference": ["–" if own else f"{d:+.3f}" for own, d in zip(base, found.table.difference)],
                "its 95 % interval": [
                    "–" if own else f"[{low:+.3f}, {high:+.3f}]"
                    for own, low, high in zip(base, found.table.difference_low, found.table.difference_high)
                ],
                "p (Holm)": ["–" if own else f"{p:.4f}" for own, p in zip(base, found.table.p_holm)],
                "questions": found.table.n_valid,
            }
        ),
        hide_index=True,
        width="stretch",
    )


# -- the page


def ready(catalogue: catalogue_items.Catalogue) -> View | None:
    """The catalogue in its space; None while its pictures are not embedded there (draws the button that helps)."""
    space, join = state.get(CatalogueSetup, "space"), state.get(CatalogueSetup, "pictures")
    components = used_components(catalogue)
    if catalogue_items.PICTURE in components and cache.counts(catalogue.name).get(space, 0) < len(catalogue.dataset):
        st.info(
            f"The pictures of {theme.plain(catalogue.name)} are not embedded by {backbones.get(space).title} yet.",
            icon=":material/info:",
        )
        prepare_button(catalogue.name, space, f"Embed {plural(len(catalogue.dataset), 'image')}")
        return None
    if not text_cache.ready(space, study.texts_of(catalogue, components), f"the catalogue {catalogue.name}"):
        return None
    with st.spinner("Reading the texts of the catalogue; this is done once …", show_time=True):
        searcher = catalogue_cache.searcher(catalogue, space, components, join)
    return View(catalogue, state.read(CatalogueSetup), searcher.components.names, searcher)


@fragment
def search(catalogue: catalogue_items.Catalogue) -> None:
    """The search box, its settings and the results."""
    with st.container(key="catalogue-query"):
        ask_box(catalogue)
    settings(catalogue)
    text_cache.warm((state.get(CatalogueSetup, "space"),))
    view = ready(catalogue)
    if view is not None:
        results(view)


def page() -> None:
    """Draw the page."""
    st.html(_STYLE)
    theme.title(
        "Catalogue",
        "Items found by title, description and picture together. Which component found an item, and which way of "
        "weighing components really finds more?",
    )
    jobs.job_panel(embedding_job.JOB, text_cache.JOB)
    catalogue = current()
    if catalogue is None:
        return
    state.seed(CatalogueSetup)
    within_bounds(catalogue)
    st.segmented_control(
        "Section",
        list(_LOOKS),
        key=state.key(CatalogueSetup, "look"),
        format_func=_LOOKS.get,
        label_visibility="collapsed",
        required=True,
    )
    if state.get(CatalogueSetup, "look") == "search":
        search(catalogue)
        return
    view = ready(catalogue)
    if view is not None:
        try:
            evaluation(view)
        except BadInput as error:
            st.warning(theme.plain(str(error)), icon=":material/info:")
        components_popover(catalogue)


guarded(page)()
