"""What every page has around it: set-up, navigation and the shared sidebar."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import paths
from core.ui import controls, state, theme
from core.ui.guard import guarded

PageLine = tuple[str, str, str, str, str]
"""file, title, icon, address, section."""


def plugins() -> tuple[str, ...]:
    """The user's own strategies join the table, those of deleted files leave it; a sentence for each unusable file."""
    folder = paths.plugins()
    found = sorted(folder.glob("*.py")) if folder.is_dir() else ()
    return _plugins(tuple((str(path), path.stat().st_mtime_ns) for path in found))


@st.cache_resource(max_entries=1, show_spinner=False)
def _plugins(files: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    from core.studies import systems

    return systems.load_plugins()


def run(pages: Sequence[PageLine]) -> None:
    """Draw the app: the frame, then the page that is open."""
    st.set_page_config(
        page_title="Fusionscope",
        page_icon=str(paths.ASSETS / "icon.svg"),
        layout="wide",
        initial_sidebar_state="expanded",
    )
    st.logo(str(paths.ASSETS / "logo.svg"), size="large", icon_image=str(paths.ASSETS / "icon.svg"))
    sections: dict[str, list] = {}
    for number, (file, title, icon, address, section) in enumerate(pages):
        page = st.Page(paths.REPOSITORY / file, title=title, icon=icon, url_path=address, default=number == 0)
        sections.setdefault(section, []).append(page)
    page = st.navigation(sections)
    state.begin(page.url_path)
    theme.apply()
    for fault in plugins():
        st.warning(theme.plain(fault), icon=":material/extension_off:")
    guarded(controls.frame)()
    guarded(page.run)()
