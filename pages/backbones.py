"""Backbones: what there is, what each costs here, what is embedded, and which see something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import backbones, charts, data
from core.backbones import custom
from core.errors import CoreError, NotComputed
from core.setups import BackbonesSetup, FrameSetup
from core.studies import backbone_info, costs, embedding
from core.studies.backbone_info import BackboneInfo
from core.ui.app import cache, jobs, state, theme
from core.ui.app.error_boundary import guarded
from core.ui.views.backbones import devices
from core.ui.widgets import embedding_job

MEASURE = "measure"
_SAID, _REFUSED = "backbones page said", "backbones page refused"

_STYLE = """
<style>
.fs-facts { display: grid; grid-template-columns: 5.6rem 1fr; gap: 0.34rem 1rem; margin: 0 !important; padding: 0 !important; font-size: 0.93rem; }
.fs-facts dt { opacity: 0.62; font-weight: 400; }
.fs-facts dt, .fs-facts dd { margin: 0 !important; padding: 0 !important; overflow-wrap: anywhere; }
.fs-facts a { color: inherit; text-underline-offset: 0.15em; }
.fs-figures { display: flex; flex-wrap: wrap; gap: 0.6rem 1.8rem; margin-top: 0.2rem; }
.fs-figures small { display: block; opacity: 0.66; font-size: 0.85rem; }
.fs-figures b { font-weight: 500; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
[class*="st-key-backbones-wrap"] > div > [data-testid="stHorizontalBlock"], [class*="st-key-backbones-wrap"] > [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
.st-key-backbones-wrap-filters [data-testid="stColumn"] { flex-basis: 130px; min-width: 130px; }
.st-key-backbones-wrap-filters [data-testid="stColumn"]:nth-child(-n + 2) { flex-basis: 230px; }
.st-key-backbones-wrap-card [data-testid="stColumn"]:first-child { flex: 3 1 340px; min-width: min(100%, 340px); }
.st-key-backbones-wrap-card [data-testid="stColumn"]:last-child { flex: 2 1 300px; min-width: min(100%, 300px); }
.st-key-backbones-wrap-maps [data-testid="stColumn"] { flex: 1 1 400px; min-width: min(100%, 400px); }
.fs-near { display: grid; grid-template-columns: minmax(8rem, auto) 1fr 2.6rem; gap: 0.3rem 0.7rem; align-items: center; font-size: 0.93rem; }
.fs-near i { display: block; height: 0.55rem; border-radius: 0.3rem; background: #4269d0; }
.fs-near b { font-weight: 400; font-variant-numeric: tabular-nums; text-align: right; }
.fs-near span.track { background: rgba(128, 136, 150, 0.22); border-radius: 0.3rem; }
</style>
"""


def current_dataset() -> str:
    """The dataset of the sidebar, "" while it is not ready."""
    name = state.get(FrameSetup, "dataset")
    return name if name in cache.ready_datasets() else ""


# ---------------------------------------------------------------------------------------------------- what is done


def asked_device() -> str | None:
    """The device that was chosen; None lets it be picked."""
    wanted = state.get(BackbonesSetup, "device")
    return None if wanted == "auto" else wanted


def start_embedding(name: str, chosen: Sequence[str]) -> None:
    """Embed a dataset on the device that was chosen."""
    embedding_job.start_embedding(name, chosen, device=asked_device())


def start_measuring(name: str, chosen: Sequence[str]) -> None:
    """Measure what backbones cost here, one after the other, with images of the dataset at hand."""
    device = asked_device()

    def work(job: jobs.BackgroundJob) -> None:
        loaded = data.get(name, task=job.task) if name else None
        refused = []
        for one in chosen:
            try:
                costs.measure(one, loaded, device=device, task=job.task)
            except CoreError as error:
                if job.task.cancelled:
                    raise
                refused.append(str(error))
            job.changed()
        if refused:
            raise NotComputed(" ".join(refused))

    jobs.start(MEASURE, "Measuring", work)


def choose(chosen: Sequence[str]) -> None:
    """These are the backbones that every page compares."""
    state.set_field(FrameSetup, "backbones", tuple(chosen))
    titles = ", ".join(backbones.get(name).title for name in chosen)
    state.session_set(_SAID, f"Every page compares and fuses {titles}, as far as they are embedded.")


def remove(chosen: Sequence[str], dataset: str) -> None:
    """Take the embeddings out of the store, as far as the question was answered."""
    of = cache.dataset(dataset) if st.session_state.get("removal scope") == "here" else None
    try:
        count = sum(embedding.remove(name, of) for name in chosen)
    except CoreError as error:
        state.session_set(_REFUSED, str(error))
        return
    state.session_set(_SAID, f"{count:,} vectors were removed.")


def removal(chosen: Sequence[str], dataset: str, disabled: bool) -> None:
    """What would go, and the button that does it."""
    with st.popover("Remove embeddings", icon=":material/delete:", disabled=disabled):
        titles = ", ".join(f"**{theme.plain(backbones.get(name).title)}**" for name in chosen)
        scopes = {"here": f"of the images of {dataset}", "all": "of every image in the store"}
        st.markdown(f"Remove the embeddings by {titles}?")
        st.radio("Which", list(scopes), format_func=scopes.get, key="removal scope", label_visibility="collapsed")
        st.caption(
            "Computing them again takes as long as before. Pictures that another dataset shares lose theirs there too. "
            "Images, weights and thumbnails stay."
        )
        st.button(
            "Yes, remove them",
            type="primary",
            icon=":material/delete:",
            key="removal",
            on_click=remove,
            args=(tuple(chosen), dataset),
            disabled=disabled,
        )


def add_backbone(make: Callable[[], str]) -> None:
    """Resolve, check and keep a backbone; open its card."""
    try:
        with st.spinner("Looking it up and building it once …"):
            name = make()
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        return
    state.session_set("card to open", name)
    state.session_set(_SAID, f"{backbones.get(name).title} is on the list now; its card is below the table.")
    st.rerun()


def forget(name: str) -> None:
    """Take an added backbone off the list."""
    backbones.remove(name)
    state.set_field(BackbonesSetup, "card", "")


# --------------------------------------------------------------------------------------------------------- the table


def adding() -> None:
    """The forms for anything that is not in the catalog."""
    with st.popover("Add", icon=":material/add:", width="stretch"):
        with st.form("add by name", border=False):
            name = st.text_input(
                "From timm, open_clip or the hub",
                placeholder="timm:resnet26d.bt_in1k",
                key="add by name",
                help="`timm:NAME.TAG`, `open_clip:ARCH/TAG` or `hf-hub:ORG/NAME`; `fast:NAME` is the fast mode of any.",
            )
            st.caption(
                "Or `open_clip:ViT-B-16/openai`, `hf-hub:timm/resnet18.a1_in1k`. It is built once, without weights."
            )
            if st.form_submit_button("Add", type="primary"):
                add_backbone(lambda: backbones.get(name.strip()).name)
        with st.form("add a file", border=False):
            architecture = st.text_input("Architecture of timm", placeholder="resnet18", key="add architecture")
            file = st.text_input(
                "Checkpoint on the server's machine",
                placeholder="/home/me/best.safetensors",
                key="add file",
                help="safetensors, or a plain state dict; anything that would run code is refused.",
            )
            if st.form_submit_button("Add this checkpoint"):
                add_backbone(lambda: backbones.add_local(architecture.strip(), file.strip()).name)


def filters(every: Sequence[BackboneInfo]) -> BackbonesSetup:
    """What is shown of the table."""
    with st.container(key="backbones-wrap-filters"):
        search, family, licence, add = st.columns([4, 4, 3, 2], vertical_alignment="bottom")
    with search:
        st.text_input(
            "Search",
            placeholder="name, training data …",
            key=state.key(BackbonesSetup, "search"),
            icon=":material/search:",
        )
    with family:
        there = list(dict.fromkeys(one.backbone.family for one in every))
        state.set_field(
            BackbonesSetup, "families", tuple(f for f in state.get(BackbonesSetup, "families") if f in there)
        )
        st.multiselect("Family", there, key=state.key(BackbonesSetup, "families"), placeholder="all families")
    with licence:
        st.selectbox(
            "Licence of the weights",
            list(backbone_info.LICENCES),
            format_func=backbone_info.LICENCES.get,
            key=state.key(BackbonesSetup, "licence"),
        )
    with add:
        adding()
    with st.container(horizontal=True, gap="medium"):
        st.toggle("runs here now", key=state.key(BackbonesSetup, "here"), help="Its weights are on this machine.")
        st.toggle(
            "reads text", key=state.key(BackbonesSetup, "reads_text"), help="Pictures can be searched with words."
        )
        st.toggle("embedded", key=state.key(BackbonesSetup, "embedded"), help="At least one image of this dataset.")
    return state.read(BackbonesSetup)


def _picked(key: str, names: Sequence[str]) -> None:
    """A click on a cell opens the card of its row."""
    cells = st.session_state[key]["selection"]["cells"]
    if cells and cells[0][0] < len(names):
        state.set_field(BackbonesSetup, "card", names[cells[0][0]])


def table(shown: Sequence[BackboneInfo], dataset: str) -> list[str]:
    """The table; returns the names of the rows that are ticked."""
    found = backbone_info.table(shown)
    names = [one.name for one in shown]
    key = f"backbones table {hash(tuple(names))}"
    number = st.column_config.NumberColumn
    looks = {
        "backbone": st.column_config.TextColumn("backbone", width=156, pinned=True),
        "family": st.column_config.TextColumn("family", width=106),
        "licence of the weights": st.column_config.TextColumn(
            "licence", width=90, help="Of the weights; the card says what it means."
        ),
        "reads text": st.column_config.CheckboxColumn("text", width=46, help="Pictures can be searched with words."),
        "here": st.column_config.CheckboxColumn("runs here", width=70, help="Its weights are on this machine."),
        "embedded": st.column_config.ProgressColumn(
            "embedded",
            min_value=0,
            max_value=1,
            format="percent",
            width=90,
            help=f"Share of {dataset or 'the dataset'}.",
        ),
        "ms": number(
            "ms here",
            format="%.1f",
            width=64,
            help="Milliseconds of one picture, file to vector, measured on this machine. Empty: not measured.",
        ),
        "measured": st.column_config.TextColumn("measured", width=92),
        "dim": number("dim", format="localized", width=54, help="Numbers in a vector."),
        "input": number("input", format="%d px", width=64, help="Side of the square that it sees."),
        "million parameters": number(
            "M par.", format="%.1f", width=58, help="Million parameters of what runs for a picture."
        ),
        "MB": number("MB", format="%.0f", width=52, help="Weights on disk; about, where they are not here."),
    }
    order = [name for name in looks if name != "embedded" or dataset]
    seen = st.dataframe(
        found,
        hide_index=True,
        width="stretch",
        height=min(470, 38 + 35 * max(len(names), 1)),
        column_order=order,
        column_config=looks,
        key=key,
        on_select=partial(_picked, key, names),
        selection_mode=["multi-row", "single-cell"],
        placeholder="",
        alt="The backbones with their size, cost and licence",
    )
    ticked = [names[row] for row in seen["selection"]["rows"] if row < len(names)]
    return ticked


def actions(chosen: Sequence[str], ticked: bool, dataset: str) -> DeltaGenerator:
    """What can be done with the ticked rows, or with the one whose card is open; returns where the device goes."""
    titles = [theme.plain(backbones.get(name).title) for name in chosen]
    if ticked:
        text = f"**{len(chosen)} ticked:** {', '.join(titles)}"
    else:
        text = f"**{titles[0]}** is open below. Tick rows to work with several at once." if chosen else ""
    st.markdown(text)
    held = cache.counts(dataset) if dataset else {}
    total = len(cache.dataset(dataset)) if dataset else 0
    missing = [name for name in chosen if held.get(name, 0) < total]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            f"Embed for {theme.plain(dataset)}" if dataset else "Embed",
            key="embed chosen",
            type="primary",
            icon=":material/play_arrow:",
            on_click=start_embedding,
            args=(dataset, missing),
            **(
                jobs.waits()
                if missing
                else {
                    "disabled": True,
                    "help": "Everything chosen is embedded already." if dataset else "No dataset is ready yet.",
                }
            ),
        )
        st.button(
            "Measure here",
            key="measure chosen",
            icon=":material/timer:",
            on_click=start_measuring,
            args=(dataset, chosen),
            **jobs.waits("Latency, throughput and memory on this machine, with images of this dataset; seconds each."),
        )
        st.button(
            "Choose",
            key="choose chosen",
            icon=":material/check:",
            on_click=choose,
            args=(chosen,),
            disabled=not chosen,
            help="Make these the backbones that every page compares and fuses.",
        )
        removal(chosen, dataset, not any(held.get(name) for name in chosen) or bool(jobs.running()))
        return st.container(width=230)


# --------------------------------------------------------------------------------------------------------- the card


def card(one: BackboneInfo, dataset: str) -> None:
    """Everything about one backbone."""
    backbone = one.backbone
    with st.container(border=True, key="backbones-wrap-card"):
        left, right = st.columns([3, 2], gap="large")
        with left:
            st.subheader(theme.plain(backbone.title), anchor=False)
            colour = {"commercial": "green", "research": "orange", "unknown": "gray"}[one.licence]
            marks = [
                f":gray-badge[{theme.plain(backbone.family)}]",
                f":{colour}-badge[{backbones.licence_in_words(backbone)}]",
            ]
            marks += [":blue-badge[reads text]"] if one.reads_text else []
            marks += [":green-badge[runs here now]" if one.here else ":orange-badge[weights are not here]"]
            st.markdown(" ".join(marks))
            st.markdown(theme.plain(backbone_info.what_it_is(backbone)))
            st.html(_facts(one))
        with right:
            _cost(one, dataset)
            _relatives(one, dataset)
            if (
                not backbones.source_of(backbone).engine
                and backbone.mode == "exact"
                and st.button(
                    "Its fast mode",
                    key="fast mode",
                    icon=":material/bolt:",
                    help="The same network with cheaper pixels and arithmetic, as a backbone of its own: embed it beside the "
                    "exact one, and the Leaderboard says what it loses.",
                )
            ):
                add_backbone(lambda: backbones.get(f"fast:{one.name}").name)
            if one.name in custom.added():
                st.button(
                    "Take it off the list",
                    key="forget backbone",
                    icon=":material/playlist_remove:",
                    on_click=forget,
                    args=(one.name,),
                    help="It was added here. Its embeddings stay in the store.",
                )
        if not one.here:
            st.info(theme.plain(one.why.replace("`", "")), icon=":material/cloud_download:")
            if backbones.source_of(backbone).on_hub:
                st.code(f"python -m core fetch {backbone.name}", language="bash")


def _facts(one: BackboneInfo) -> str:
    backbone = one.backbone
    papers = "<br>".join(
        f"<a href='{escape(address)}' target='_blank' rel='noopener'>{escape(words)}</a>" if address else escape(words)
        for words, address in backbone_info.papers(backbone)
    )
    size = f"{backbone.parameters:,.1f} million parameters, {'' if one.here else 'about '}{one.megabytes:,.0f} MB"
    rows = [
        ("Licence", escape(f"{backbones.licence_in_words(backbone)} ({backbone.licence})")),
        ("Paper", papers),
        ("Built by", escape(backbone_info.built_by(backbone))),
        ("Sees", escape(backbone_info.preprocessing_text(backbone))),
        ("Read from", escape(backbone_info.pooling(backbone))),
        ("Size", escape(size if backbone.parameters else "no weights")),
        ("Weights", escape(one.why if one.here else "not on this machine")),
        ("Engine", escape(backbone_info.engine(backbone))),
        ("Type it as", f"<code>{escape(backbone.name)}</code>"),
    ]
    return "<dl class='fs-facts'>" + "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows) + "</dl>"


def _cost(one: BackboneInfo, dataset: str) -> None:
    cost = one.cost
    figures = [
        ("ms per picture", f"{cost.latency_ms:.1f}" if cost else "–"),
        ("pictures per second", f"{cost.images_per_second:.0f}" if cost else "–"),
    ]
    if dataset:
        figures.append(("embedded", f"{one.embedded or 0:.0%}"))
    cells = "".join(f"<div><small>{name}</small><b>{value}</b></div>" for name, value in figures)
    st.html(f"<div class='fs-figures'>{cells}</div>")
    if cost is None:
        st.caption("Not measured on this machine yet.")
        return
    made = ", ".join(f"{name} {cost.versions[name]}" for name in ("torch", "openvino") if name in cost.versions)
    st.caption(
        f"{cost.sentence()[0].upper()}{cost.sentence()[1:]}; {cost.peak_megabytes:,.0f} MB of memory at the most. "
        f"{theme.plain(cost.processor.split(';')[0])}, {made}."
    )


def _relatives(one: BackboneInfo, dataset: str) -> None:
    st.markdown(
        "**Nearest relatives**",
        help="Which embedded backbones place these images most alike: linear CKA, 1 is the same up to a turn.",
    )
    names = cache.embedded(dataset) if dataset else ()
    if one.name not in names or len(names) < 2:
        why = "Embed it" if one.name not in names else "Embed a second backbone"
        st.caption(f"{why} to see which backbones behave alike{f' on {theme.plain(dataset)}' if dataset else ''}.")
        return
    found = devices.similarity(cache.dataset(dataset), names)
    rows = [
        f"<div>{escape(devices.title(dataset, name))}</div><span class='track'><i style='width:{100 * value:.0f}%'></i></span><b>{value:.2f}</b>"
        for name, value in found.nearest(one.name, 4)
    ]
    st.html(f"<div class='fs-near'>{''.join(rows)}</div>")


# ---------------------------------------------------------------------------------------------------------- pictures


def alike(dataset: str) -> None:
    """Which backbones see the same, and which see something else."""
    st.subheader("Which see the same, and which see something else?", anchor=False)
    names = cache.embedded(dataset) if dataset else ()
    if len(names) < 2:
        st.caption("Embed two backbones, and this shows how alike they see the images of the dataset.")
        return
    found = devices.similarity(cache.dataset(dataset), names).ordered()
    titles = [devices.title(dataset, name) for name in found.names]
    a, b, share = found.most_different()
    st.markdown(
        f"Pale squares are pairs that see different things, and those are worth fusing; dark ones say the same twice. "
        f"On {theme.plain(dataset)} the most different pair is **{theme.plain(devices.title(dataset, a))}** and "
        f"**{theme.plain(devices.title(dataset, b))}**: of the {found.k} nearest neighbours of an image they share {share:.0%}. "
        "Being different is not yet being good: the Fusion lab says what a pair gains."
    )
    pictures = (
        ("Linear CKA", "1 is the same up to a turn and a scale", found.cka, "linear CKA"),
        (f"Neighbour overlap@{found.k}", "the share of nearest images that both find", found.overlap, "shared"),
    )
    with st.container(key="backbones-wrap-maps"):
        columns = st.columns(2, gap="medium")
    for column, (name, meaning, matrix, label) in zip(columns, pictures):
        with column:
            st.markdown(f"**{name}**: {meaning}")
            st.plotly_chart(
                charts.similarity_map(matrix, titles, label), key=f"{name} {dataset}", config={"displayModeBar": False}
            )
    st.caption(f"{found.n_images:,} images of {theme.plain(dataset)}.")


def cost_picture(every: Sequence[BackboneInfo]) -> None:
    """What is dear and what is cheap, as measured here."""
    rows = [
        (one.backbone.title, one.backbone.parameters, one.cost.latency_ms, one.backbone.family, one.cost.sentence())
        for one in every
        if one.cost
    ]
    st.subheader("What a picture costs on this machine", anchor=False)
    if len(rows) < 2:
        st.caption("Measure two backbones, and they stand here side by side. Published figures are never shown.")
        return
    st.plotly_chart(charts.cost_scatter(rows), key="cost picture", config={"displayModeBar": False})


def news() -> None:
    """What runs, and what the last click led to."""
    jobs.job_panel(embedding_job.JOB, MEASURE)
    said = state.session_get(_SAID)
    if said:
        st.success(theme.plain(said), icon=":material/check_circle:")
        state.session_set(_SAID, None)
    refused = state.session_get(_REFUSED)
    if refused:
        st.error(theme.plain(refused), icon=":material/error:")
        state.session_set(_REFUSED, None)


def page() -> None:
    """Draw the page."""
    st.html(_STYLE)
    theme.title(
        "Backbones",
        "What turns pictures into vectors: what each is, what it costs on this machine, what is embedded, "
        "and which of them see something else.",
    )
    with st.container():  # one place, whatever stands in it, so that what follows is not drawn twice meanwhile
        news()
    state.seed(BackbonesSetup)
    opened = state.session_get("card to open")
    if opened:
        state.set_field(BackbonesSetup, "card", opened)
        state.session_set("card to open", None)
    dataset = current_dataset()
    every = backbone_info.backbone_infos(
        cache.counts(dataset) if dataset else None, len(cache.dataset(dataset)) if dataset else 0
    )
    setup = filters(every)
    shown = backbone_info.fitting(
        every,
        families=setup.families,
        licence=setup.licence,
        here=setup.here,
        text=setup.reads_text,
        embedded=setup.embedded,
        search=setup.search,
    )
    here = sum(one.here for one in shown)
    st.caption(f"{len(shown)} of {len(every)} backbones, {here} of them run here now. Click a row for its card.")
    if not shown:
        st.info("No backbone fits these filters; loosen one.", icon=":material/filter_alt_off:")
        return
    ticked = table(shown, dataset)
    # Below the table: above it the table's own toolbar would lie over the button.
    st.download_button(
        "Download CSV",
        backbone_info.table(shown).to_csv(index=False),
        file_name="backbones.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="content",
        key="backbones csv",
        help="What is shown, with every column.",
    )
    by_name = {one.name: one for one in every}
    if setup.card and setup.card not in by_name:
        st.warning(f"No backbone is named “{theme.plain(setup.card[:80])}” here.", icon=":material/help:")
    open_card = by_name.get(setup.card) or shown[0]
    place = actions(ticked or [open_card.name], bool(ticked), dataset)
    card(open_card, dataset)
    alike(dataset)
    cost_picture(every)
    with place:
        devices.device_choice()  # last, because torch must be imported to know, and the page need not wait for it
    st.caption(f"{backbones.engine_sentence()} Everything that was computed lies in `{cache.store_place()}`.")


guarded(page)()
