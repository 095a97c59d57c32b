"""What every page has around it: set-up, navigation and the shared sidebar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from core import access, cache_bound, paths, wording
from core.errors import CoreError
from core.setups import FrameSetup, ShownSetup
from core.store import open_store
from core.ui.app import cache, history, jobs, session_memory, state, telemetry, theme, turns, visitors
from core.ui.app.cached import cached
from core.ui.app.error_boundary import guarded
from core.ui.widgets import frame_keys, sidebar, story_add

shared = wording.page("shared")

PageLine = tuple[str, str, str, str, str]
"""file, title, icon, address, section."""
SIDEBAR_WIDTH = 256
"""Pixels; on a narrow window `app.css` makes it narrower."""


def plugins() -> tuple[str, ...]:
    """The user's own strategies join the table, those of deleted files leave it; a sentence for each unusable file."""
    folder = paths.plugins()
    plugin_files = sorted(folder.glob("*.py")) if folder.is_dir() else ()
    return _plugins(tuple((str(path), path.stat().st_mtime_ns) for path in plugin_files))


@cached("resource", max_entries=1)
def _plugins(files: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    from core.fusion.plugins import load_plugins

    return load_plugins()


def damage() -> None:
    """What is damaged of the store and of the dataset in the sidebar, with the way back; nothing where all is whole."""
    for line in state.session_get("mended", []):
        st.success(theme.plain(line), icon=":material/healing:")
    state.session_set("mended", [])
    name = state.get(FrameSetup, "dataset")
    sentences = cache.damage_report(name) if name in cache.ready_datasets() else open_store().damage_report()
    for sentence in sentences:
        st.warning(theme.plain(sentence), icon=":material/heart_broken:")
    if open_store().damage_report() and visitors.offered("store.repair"):
        st.button(
            shared("button.set_aside"),
            icon=":material/healing:",
            on_click=_repair,
            key="mend the store",
            **jobs.waits(shared("help.set_aside")),
        )


def _repair() -> None:
    state.session_set("mended", open_store().repair(known=True))


def run(pages: Sequence[PageLine], moved: Mapping[str, str]) -> None:
    """Draw the app as soon as it is this page's turn: the frame, then the page that is open.

    Args:
        moved: old address → the address where its page is now.
    """
    session_memory.note_active()
    with turns.turn():
        _draw(pages, moved)


def _draw(pages: Sequence[PageLine], moved: Mapping[str, str]) -> None:
    st.set_page_config(
        page_title="Fusionscope",
        page_icon=str(paths.ASSETS / "icon.svg"),
        layout="wide",
        initial_sidebar_state="collapsed" if frame_keys.is_projector() else SIDEBAR_WIDTH,
    )
    st.logo(str(paths.ASSETS / "logo.svg"), size="large", icon_image=str(paths.ASSETS / "icon.svg"))
    try:
        paths.home()
        cache_bound.trim_now_and_then()
    except CoreError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
        st.stop()
    sections: dict[str, list[StreamlitPage]] = {}
    by_address: dict[str, StreamlitPage] = {}
    for number, (file, title, icon, address, section) in enumerate(pages):
        page = st.Page(
            paths.REPOSITORY / file, title=title, icon=icon, url_path=address if number else "home", default=number == 0
        )
        sections.setdefault(section, []).append(page)
        by_address[address] = page
    # Streamlit serves the first page at / alone; who types its address, as every other page has one, is led there.
    first = pages[0][3]
    redirects = [_redirect(old, by_address[new]) for old, new in {first: first, **moved}.items()]
    sections[pages[0][4]] += redirects
    page = st.navigation(sections, expanded=True, position="sidebar" if access.may("look") else "hidden")
    if not visitors.admitted():
        return
    if page in redirects:
        page.run()
    state.begin(page.url_path, deferred=True)
    state.seed(ShownSetup)
    shown = state.read(ShownSetup)
    theme.apply(frame_keys.is_projector(), shown)
    if not shown.is_presented:
        story_add.note_page(next(address for address, other in by_address.items() if other is page), page.title)
        frame_keys.draw([by_address[address] for _, _, _, address, _ in pages], page)
        story_add.button()
    for sentence in plugins():
        if access.current().is_owner:  # it names files of the server
            st.warning(theme.plain(sentence), icon=":material/extension_off:")
    guarded(sidebar.frame)()
    if access.current().is_owner:
        guarded(damage)()
    with telemetry.timed_page(page.url_path):
        guarded(page.run)()
    state.write_link()
    history.note(page.url_path)


def _redirect(address: str, page: StreamlitPage) -> StreamlitPage:
    """A hidden page at an address that leads to another one, with everything the link says."""
    return st.Page(
        lambda: st.switch_page(page, query_params=state.link_values()),
        title=page.title,
        url_path=address,
        visibility="hidden",
    )
