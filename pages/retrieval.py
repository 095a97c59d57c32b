"""Retrieval: ask with a picture, look at what comes back and at what does not, beside another system."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from urllib.parse import quote

import numpy as np
import streamlit as st

from core import charts, setups
from core.errors import CoreError
from core.setups import RetrievalSetup
from core.studies import ann_search, retrieval
from core.studies.system_spec_text import SystemRef
from core.studies.text import text_encoding, text_query
from core.types import Dataset
from core.ui.app import cache, state, theme, thumbnail_route
from core.ui.app.error_boundary import fragment, guarded
from core.ui.components import clipboard, cropper, gallery
from core.ui.views.retrieval import downloads, failure_analysis, query_inputs, query_picker, search_mode, uploads
from core.ui.views.retrieval.query_inputs import QueryInput
from core.ui.views.retrieval.retrieval_view import RetrievalView
from core.ui.widgets import image_cards, sidebar, system_options

_TRAIL = "trail of queries"
_REFUSED = "refused pictures"
_CROPPING = "cropping"
_MOST_MISSED = 24
# What stands for words in the trail.
_LETTERS = "data:image/svg+xml," + quote(
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 40'><rect width='40' height='40' fill='#2b7de9'/>"
    "<text x='20' y='26' font-family='sans-serif' font-size='17' font-weight='600' fill='white' text-anchor='middle'>Aa</text></svg>"
)
_UPLOADER = "uploaders used"


# On a narrow page the query stands above its results instead of beside them.
_STYLE = """
<style>
[data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .st-key-query-side) { flex-wrap: wrap; }
[data-testid="stColumn"]:has(.st-key-query-side) { flex: 1.5 1 230px; min-width: 230px; }
[data-testid="stColumn"]:has(.st-key-result-side) { flex: 4.2 1 440px; min-width: min(100%, 440px); }
[data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] [class*="st-key-words-"]) { flex-wrap: wrap; row-gap: 0.4rem; }
[data-testid="stColumn"]:has([class*="st-key-words-"]) { flex: 2 1 200px; min-width: 200px; }
[data-testid="stColumn"]:has(.st-key-query-side) { container-type: inline-size; }
@container (min-width: 480px) {
  .st-key-query-side { flex-direction: row; }
  .st-key-query-picture { flex: 0 0 220px; min-width: 0; }
  .st-key-query-ways { flex: 1 1 0; min-width: 0; }
}
[data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"] .st-key-confusion-map-side) { flex-wrap: wrap; }
[data-testid="stColumn"]:has(.st-key-confusion-map-side) { flex: 5.4 1 440px; min-width: min(100%, 440px); }
[data-testid="stColumn"]:has(.st-key-confusion-table-side) { flex: 4.6 1 380px; min-width: min(100%, 380px); }
.st-key-the-words { border: 3px solid #2b7de9; border-radius: 10px; }
[data-testid="stColumn"]:has([class*="st-key-case-"]) { flex: 7 1 420px; min-width: min(100%, 420px); }
</style>
"""


# -- the query


def put_query(asked: str, crop: str = "", remember: bool = True) -> None:
    """Ask with another query; it joins the trail."""
    state.set_field(RetrievalSetup, "query", asked)
    state.set_field(RetrievalSetup, "crop", crop)
    state.session_set(_CROPPING, False)
    state.session_set(_REFUSED, ())
    if remember:
        join_trail(asked, crop)


def join_trail(asked: str, crop: str) -> None:
    """The last queries, oldest first; one that is there already stays where it is."""
    trail = state.session_get(_TRAIL, [])
    if asked and (asked, crop) not in trail:
        trail.append((asked, crop))
        del trail[:-24]


def current(loaded: Dataset, setup: RetrievalSetup) -> tuple[QueryInput, str]:
    """The query that the setup names, or the one a visit starts with, and a sentence when a link named another."""
    start = cache.sample_positions(loaded.name, 1)[0]
    box = cropper.read(setup.crop)
    if setup.query.startswith(query_inputs.WORDS) and query_inputs.position_of(loaded, setup.query) is None:
        line, able = setup.query[len(query_inputs.WORDS) :], query_inputs.readers((), cache.embedded(loaded.name))
        try:
            if able:
                return QueryInput(setup.query, text_query.parse(line).sentence(), words=line), ""
            said = f"No backbone that is embedded for {loaded.name!r} reads text; the page Words has the button that adds one."
        except CoreError as error:
            said = str(error)
        return QueryInput(str(loaded.ids[start]), str(loaded.ids[start]), start), said
    if setup.query.startswith(uploads.GUEST):
        guest = uploads.uploaded_queries().get(setup.query)
        if guest is not None:
            return QueryInput(setup.query, guest.title, guest=guest, box=box), ""
        said = "Pictures that are given stay in the session that gave them, so this link cannot show them; "
        return QueryInput(
            str(loaded.ids[start]), str(loaded.ids[start]), start
        ), said + "give them again to ask with them."
    position = query_inputs.position_of(loaded, setup.query) if setup.query else start
    if position is None:
        said = f"No picture of {loaded.name!r} is named {setup.query[:80]!r} (any more); another one is shown instead."
        return QueryInput(str(loaded.ids[start]), str(loaded.ids[start]), start), said
    return QueryInput(str(loaded.ids[position]), str(loaded.ids[position]), position, box=box), ""


def random_query(loaded: Dataset) -> None:
    """Ask with any picture."""
    put_query(str(loaded.ids[int(np.random.default_rng().integers(len(loaded)))]))


def hard_query(view: RetrievalView) -> None:
    """Ask with one of the queries that the system answers worst."""
    try:
        positions = retrieval.hardest_queries(failure_analysis.judged(view.loaded, view.system), view.loaded)
    except CoreError as error:
        state.session_set(_REFUSED, (str(error),))
        return
    if len(positions):
        put_query(str(view.loaded.ids[int(np.random.default_rng().choice(positions))]))


def uploader_key() -> str:
    """The widget key of the file uploader, another one after each use."""
    return f"query pictures {state.session_get(_UPLOADER, 0)}"


def take_upload() -> None:
    """Pictures were dropped, pasted or chosen: ask with them."""
    files = state.widget(uploader_key()) or []
    if not files:
        return
    # A new uploader each time: pictures that asked before must not ask again with the next ones.
    state.session_set(_UPLOADER, state.session_get(_UPLOADER, 0) + 1)
    try:
        guest = uploads.take(files)
    except CoreError as error:
        state.session_set(_REFUSED, (str(error),))
        return
    uploads.add_uploaded_query(guest)
    put_query(guest.token)
    state.session_set(_REFUSED, guest.refused)


_ASKED_WORDS = "words to ask with"


def take_words() -> None:
    """A line was typed: ask with it, or say why it cannot ask."""
    line = state.widget(_ASKED_WORDS, "").strip()
    if not line:
        return
    try:
        text_query.parse(line)
    except CoreError as error:
        state.session_set(_REFUSED, (str(error),))
        return
    put_query(query_inputs.WORDS + line)


def words_box(view: RetrievalView, query: QueryInput) -> None:
    """Ask with words, where an embedded backbone reads them; more of that kind is on the page Words."""
    able = query_inputs.readers(view.chosen, view.embedded)
    if able:
        shown = (query.text, state.session_get(_ASKED_WORDS, ""))
        if shown[0] != shown[1]:  # another query than the last time the box was drawn: the box says what asks now
            state.session_set(_ASKED_WORDS, query.text)
            state.set_widget(_ASKED_WORDS, query.words)
        st.text_input(
            "Words",
            key=_ASKED_WORDS,
            on_change=take_words,
            placeholder="piano, or beach -people",
            help="Words that ask. -word is to be avoided, word:2 counts twice, quotes keep words together. Only backbones "
            "with a text tower read them.",
        )
    st.page_link("pages/words.py", label="More with words" if able else "Ask with words", icon=":material/text_fields:")


def query_card(view: RetrievalView, query: QueryInput) -> None:
    """The query, always in sight."""
    if query.words:
        with st.container(key="the words", border=True, gap="xsmall"):
            st.markdown(f"**{theme.plain(query.title)}**")
            st.caption("Words ask. Nobody knows what is relevant to them, so frames are grey.")
        return
    if state.session_get(_CROPPING, False):
        source = (
            query.guest.thumbnails[0]
            if query.guest
            else thumbnail_route.url(image_cards.key_of(view.loaded, query.position), "large")
        )
        cropper.draw(source, query.box, key="cropper", on_box=lambda box: put_query(query.text, box))
        return
    whole = {"frame": "query", "note": "a part of this picture" if query.box else ""}
    if query.guest is None:
        shown = image_cards.cards(view.loaded, [query.position], **whole)
    else:
        shown = [
            gallery.Card(id=f"{query.text} {at}", key=url, title=name, **whole)
            for at, (name, url) in enumerate(zip(query.guest.names, query.guest.thumbnails))
        ]
    if query.box:
        shown[0] = downloads.part_card(shown[0], query, view.loaded)
    gallery.grid(
        shown,
        key="the query",
        size=200 if len(shown) == 1 else 90,
        name="the query",
        pick="",
        seek=state.session_get(failure_analysis.SEEK, 0),
    )
    if query.guest is not None:
        many = len(query.guest.names)
        asks = "A picture of yours asks." if many == 1 else f"The mean of the embeddings of {many} pictures asks."
        st.caption(f"{asks} Nobody knows what is relevant to it, so frames are grey.")


def query_buttons(view: RetrievalView, query: QueryInput) -> None:
    """Other ways to ask."""
    left, right = st.columns(2, gap="small")
    if left.button(
        "Choose …",
        icon=":material/grid_view:",
        key="choose",
        width="stretch",
        help="Browse the pictures of this dataset: by class, by name.",
    ):
        query_picker.choose(view.loaded, put_query)
    right.button(
        "Random",
        icon=":material/casino:",
        key="random",
        width="stretch",
        on_click=random_query,
        args=(view.loaded,),
        help="Any picture of this dataset.",
    )
    left, right = st.columns(2, gap="small")  # a row of its own, so that the Tab key walks as the eye does
    left.button(
        "Hard",
        icon=":material/psychology_alt:",
        key="hard",
        width="stretch",
        on_click=hard_query,
        args=(view,),
        disabled=not view.loaded.has_labels,
        help="One of the 60 queries with the lowest average precision.",
    )
    one = not query.words and (query.guest is None or len(query.guest.names) == 1)
    right.button(
        "Part",
        icon=":material/crop:",
        key="part",
        width="stretch",
        disabled=not one,
        on_click=lambda: state.session_set(_CROPPING, not state.session_get(_CROPPING, False)),
        help="Draw a box on the query and search with what is in it.",
    )
    st.file_uploader(
        "Your own pictures",
        accept_multiple_files=True,
        key=uploader_key(),
        on_change=take_upload,
        max_upload_size=uploads.MOST_MEGABYTES,
        help=f"Drop, paste (Ctrl+V) or choose up to {uploads.MOST_PICTURES} pictures; several ask together, by the mean of "
        "their embeddings. They stay in this session.",
    )
    words_box(view, query)
    clipboard.paste_into_uploader(key="paste", uploader=uploader_key().replace(" ", "-"))


def trail(view: RetrievalView, query: QueryInput) -> None:
    """The way back: every query of this session."""
    steps = [step for step in state.session_get(_TRAIL, []) if known(view.loaded, step[0])]
    if len(steps) < 2:
        return
    st.caption("Trail: click a picture to go back to it.")
    shown = []
    for number, (asked, crop) in enumerate(steps):
        here = asked == query.text and crop == cropper.as_text(query.box)
        frame = "query" if here else "none"
        guest, position = uploads.uploaded_queries().get(asked), query_inputs.position_of(view.loaded, asked)
        if guest is not None:
            shown.append(gallery.Card(id=str(number), key=guest.thumbnails[0], title=guest.title, frame=frame))
        elif position is not None:
            shown.append(
                gallery.Card(id=str(number), key=image_cards.key_of(view.loaded, position), title=asked, frame=frame)
            )
        else:
            line = asked[len(query_inputs.WORDS) :]
            shown.append(gallery.Card(id=str(number), key=_LETTERS, title=f"“{line}”", frame=frame))
    gallery.grid(
        shown,
        key="trail",
        size=40,
        name="trail of queries",
        pick="Click to go back to this query",
        on_pick=lambda number: put_query(*steps[int(number)], remember=False),
    )


def known(loaded: Dataset, asked: str) -> bool:
    """A query that can still be shown."""
    if asked in uploads.uploaded_queries() or query_inputs.position_of(loaded, asked) is not None:
        return True
    return asked.startswith(query_inputs.WORDS) and bool(query_inputs.readers((), cache.embedded(loaded.name)))


# -- the results


def result_cards(
    view: RetrievalView, answer: retrieval.QueryResult, places: np.ndarray, moves: tuple = ()
) -> list[gallery.Card]:
    """Results as cards: rank, score, frame, and what each backbone says."""
    parts, positions = answer.parts(places), answer.system.space.split.gallery[places]
    titles = [cache.backbone_title(name) for name in parts.backbones]
    image_cards.ensure_thumbnails(view.loaded, positions)
    colours = [view.colours[name] for name in parts.backbones]
    made = []
    for at, (place, position) in enumerate(zip(places, positions)):
        rank = int(answer.ranks[place])
        told = len(titles) > 1 and not np.isnan(parts.shares[at]).any()
        made.append(
            image_cards.card(
                view.loaded,
                int(position),
                rank=rank or None,
                score=float(answer.scores[place]) if rank else None,
                frame=frame_of(view.loaded, answer, place, int(position)),
                move=moves[at] if moves else None,
                shares=tuple(zip(titles, parts.shares[at].round(3).tolist(), colours)) if told else (),
                rows=tuple(
                    (title, int(own) if own > 0 else None, float(score) if np.isfinite(score) else None)
                    for title, own, score in zip(titles, parts.ranks[at], parts.scores[at])
                ),
                note="" if rank else "not retrieved",
            )
        )
    return made


def frame_of(loaded: Dataset, answer: retrieval.QueryResult, place: int, position: int) -> str:
    """Green, red or grey."""
    if not answer.has_relevance or (loaded.relevant_by == "label" and not loaded.label_of(position)):
        return "unknown"
    return "relevant" if answer.relevant[place] else "not"


def result_line(answer: retrieval.QueryResult, k: int) -> None:
    """What one answer amounts to, in one line of figures, each with what it means."""
    if not answer.has_relevance:
        of = "" if answer.approximate else f" of {len(answer.order):,}"
        st.caption(f"The first {min(k, len(answer.order)):,}{of}. Nothing is known to be relevant to this query.")
        return
    if answer.approximate:
        found = int(answer.hits[:k].sum())
        st.caption(f"**{found} of the first {min(k, len(answer.order))} are relevant** · {answer.n_relevant:,} exist")
        return
    told, found = retrieval.query_metrics(answer, k), int(answer.hits[:k].sum())
    first = f"first at rank {told['first']:.0f}" if np.isfinite(told["first"]) else "none was retrieved"
    st.caption(
        f"**{found} of the first {min(k, len(answer.order))} are relevant** · {answer.n_relevant:,} exist · {first} · "
        f"average precision **{told['map']:.3f}**",
        help="Average precision of this one query, over the whole list: 1 when all relevant pictures come first. One query "
        "says little about a system: the tables below are about all of them.",
    )


def one_system(view: RetrievalView, answer: retrieval.QueryResult, number: int, moves: tuple = ()) -> None:
    """The grid of one system, and the relevant pictures that did not make it."""
    k = view.setup.k
    size = view.setup.size if view.other is None else max(60, int(view.setup.size * 0.62))
    gallery.grid(
        result_cards(view, answer, answer.order[:k], moves),
        key=f"results {number}",
        size=size,
        on_pick=put_query,
        name=f"results of {view.systems[number].title}",
        group="results",
    )
    missed = answer.missed(k)
    if not len(missed):
        return
    more = f"; the nearest {_MOST_MISSED} are shown" if len(missed) > _MOST_MISSED else ""
    among = f" among the {len(answer.order)} that the index found" if answer.approximate else ""
    st.caption(
        f"**{len(missed):,} relevant pictures{among} did not make it** into the first {k}{more}. The number is their rank."
    )
    gallery.grid(
        result_cards(view, answer, missed[:_MOST_MISSED]),
        key=f"missed {number}",
        size=max(60, int(size * 0.62)),
        on_pick=put_query,
        name="relevant pictures that did not make it",
        group="results",
    )


def results(view: RetrievalView, answers: list[retrieval.QueryResult]) -> None:
    """One list, or two side by side."""
    if len(answers) == 1:
        one_system(view, answers[0], 0)
        return
    moves = retrieval.rank_changes(*answers, view.setup.k)
    for number, (side, named) in enumerate(zip(st.columns(2, gap="medium"), view.systems)):
        with side.container(gap="xsmall"):
            st.markdown(f"**{theme.plain(named.title)}**")
            result_line(answers[number], view.setup.k)
    for number, side in enumerate(st.columns(2, gap="medium")):
        only = (moves.only_left, moves.only_right)[number]
        with side:
            one_system(view, answers[number], number, (moves.left, moves.right)[number])
            good = (
                f", {int(answers[number].relevant[only].sum())} of them relevant"
                if answers[number].has_relevance
                else ""
            )
            st.caption(f"{len(only)} of these are not in the other list{good}; {moves.shared} are in both.")
    overlap_of_lists(view, answers)


def overlap_of_lists(view: RetrievalView, answers: list[retrieval.QueryResult]) -> None:
    """What two lists have in common: a sentence, and lines between them."""
    k = view.setup.k
    overlap = retrieval.list_overlap(answers[0].order[None, :k], answers[1].order[None, :k], k)
    st.caption(overlap.sentence("A, the left list", "B, the right one"))
    with st.expander("Where each result stands in the other list", icon=":material/compare_arrows:"):
        gallery_positions = view.loaded.split.gallery
        lists = [
            [
                charts.ListedImage(
                    int(item),
                    str(view.loaded.ids[gallery_positions[item]]),
                    bool(answer.relevant[item]) if answer.has_relevance else None,
                )
                for item in answer.order[:k]
            ]
            for answer in answers
        ]
        titles = (f"A: {view.systems[0].title}", f"B: {view.systems[1].title}")
        st.plotly_chart(
            charts.rank_lines(*lists, titles),
            key="two lists",
            config=charts.download_config("two-lists"),
            width="stretch",
        )
        st.caption(
            "A line joins an image of both lists; open circles are in one list alone. Dotted red is not relevant."
        )


@fragment
def explorer(view_of: Callable[[], RetrievalView]) -> None:
    """The query and its results: a click on a picture runs this part alone."""
    view = view_of()
    query, said = current(view.loaded, view.setup)
    join_trail(query.text, cropper.as_text(query.box))
    notes = ()
    if query.words:
        view, notes = for_words(view, query)
    left, right = st.columns([1.5, 4], gap="large")
    with left.container(key="query side"):
        with st.container(key="query picture"):
            query_card(view, query)
        with st.container(key="query ways"):
            query_buttons(view, query)
            trail(view, query)
    with right.container(key="result side"):
        for sentence in (*((said,) if said else ()), *state.session_get(_REFUSED, ())):
            st.warning(theme.plain(sentence), icon=":material/info:")
        try:
            answers = answers_of(view, query)
        except CoreError as error:
            st.error(theme.plain(str(error)), icon=":material/error:")
            return
        head, files, link = st.columns([4.4, 2.5, 2.2], gap="small", vertical_alignment="center")
        with head:
            if len(answers) == 1:
                result_line(answers[0], view.setup.k)
            else:
                st.caption(
                    "An arrow says how many places higher or lower a picture stands than in the other list; “new” is not there."
                )
        with files:
            downloads.downloads(view, query, answers)
        with link:
            downloads.copy_link(query)
        for note in notes:
            st.caption(theme.plain(note))
        tell_agreement = search_mode.switch(view) if view.ways else None
        results(view, answers)
        downloads.closer_look(view, answers)
        if tell_agreement:  # last: to measure it takes longer than the results
            tell_agreement()


def for_words(view: RetrievalView, query: QueryInput) -> tuple[RetrievalView, tuple[str, ...]]:
    """The view with what is left of its systems when words ask, and what is to be said about it.

    Words are compared with every picture: an index is tuned for pictures that ask.
    """
    standing_in = query_inputs.readers(view.chosen, view.embedded)[0]
    heard = [query_inputs.reading(named, standing_in) for named in view.systems]
    notes = [query_inputs.reading_sentence(view.systems, standing_in)]
    notes += text_encoding.cautions(heard[0].backbones, text_query.parse(query.words))
    other = heard[1] if len(heard) > 1 and heard[1].text != heard[0].text else None
    if len(heard) > 1 and other is None:
        notes.append("Both systems read words by the same backbones, so one list stands for both.")
    return dataclasses.replace(view, system=heard[0], other=other, ways=()), tuple(notes)


def answers_of(view: RetrievalView, query: QueryInput) -> list[retrieval.QueryResult]:
    """What each system returns: of a large gallery by an index, once that is built."""
    names = tuple(dict.fromkeys(name for named in view.systems for name in named.backbones))
    if not query.words and query.guest is None and query.box is None:
        question = query.question(view.loaded, names)
    else:
        with st.spinner("Reading the words …" if query.words else "Looking at the picture …", show_time=True):
            question = query.question(view.loaded, names)
    answers = []
    for at, named in enumerate(view.systems):
        system = question.system(system_options.system_name(named), named.spec)
        indexed = view.ways[at].indexed if view.ways else None
        answers.append(
            ann_search.search_index(question, system, indexed)
            if indexed is not None
            else retrieval.retrieve(question, system)
        )
    return answers


# -- the page


def systems_row(selection: sidebar.Selection) -> tuple[SystemRef, SystemRef | None]:
    """Which systems answer, and how much of their answers is shown."""
    system_options.follow_lab(RetrievalSetup, selection)
    *places, options = st.columns([4.4, 4.4, 2.6], gap="medium", vertical_alignment="bottom")
    chosen = system_options.system_boxes(
        RetrievalSetup,
        selection,
        places,
        ("Results of", "Side by side with"),
        (
            "A backbone, the fusion as it stands in the Fusion lab, or a saved fusion.",
            "The same query, answered by another system.",
        ),
    )
    with options.popover("View", icon=":material/tune:", width="stretch"):
        for name in ("k", "size"):
            bounds = setups.bounds_of(RetrievalSetup, name)
            st.slider(
                bounds.label,
                int(bounds.low),
                int(bounds.high),
                step=int(bounds.step),
                help=bounds.help,
                key=state.key(RetrievalSetup, name),
            )
    return chosen


def forget_other_dataset(name: str) -> None:
    """A query belongs to a dataset: after the sidebar changes it, the visit starts anew."""
    before = state.session_get("dataset asked", "")
    if before and before != name:
        put_query("", remember=False)
        state.set_field(RetrievalSetup, "label", "")
    state.session_set("dataset asked", name)


def page() -> None:
    """Draw the page."""
    selection = sidebar.selection()
    state.seed(RetrievalSetup)
    forget_other_dataset(selection.dataset.name)
    theme.title(
        "Retrieval",
        "Ask with a picture and look at what comes back: green frames are relevant, red ones are not. "
        "Click any picture to search with it; hover over it to see what each backbone says.",
    )
    system, other = systems_row(selection)

    def view() -> RetrievalView:
        setup = state.read(RetrievalSetup)
        shown = RetrievalView(selection.dataset, selection.backbones, selection.embedded, system, other, setup)
        if not search_mode.is_large(selection.dataset):
            return shown
        ways = tuple(search_mode.search_mode(selection.dataset, named, setup.exact) for named in shown.systems)
        return dataclasses.replace(shown, ways=ways)

    st.html(_STYLE)
    if search_mode.is_large(selection.dataset):
        with st.spinner("Opening the vectors …"):
            ways = view().ways
        search_mode.agreement_panel(ways)
    explorer(view)
    failure_analysis.draw(view(), put_query)


guarded(page)()
