"""What every page has around it: set-up, navigation, the shared sidebar, and one place where errors become sentences."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import streamlit as st

from core import paths
from core.errors import CoreError
from core.ui import controls, state, theme

_log = logging.getLogger("fusionscope")

PageLine = tuple[str, str, str, str, str]
"""file, title, icon, address, section."""


def run(pages: Sequence[PageLine]) -> None:
    """Draw the app: the frame, then the page that is open."""
    st.set_page_config(
        page_title="Fusionscope", page_icon=str(paths.ASSETS / "icon.svg"), layout="wide", initial_sidebar_state="expanded"
    )
    st.logo(str(paths.ASSETS / "logo.svg"), size="large", icon_image=str(paths.ASSETS / "icon.svg"))
    sections: dict[str, list] = {}
    for number, (file, title, icon, address, section) in enumerate(pages):
        page = st.Page(paths.REPOSITORY / file, title=title, icon=icon, url_path=address, default=number == 0)
        sections.setdefault(section, []).append(page)
    page = st.navigation(sections)
    state.begin(page.url_path)
    theme.apply()
    guarded(controls.frame)
    guarded(page.run)


def guarded(draw) -> None:  # noqa: ANN001
    """Run a part of a page; what goes wrong becomes one sentence, never a traceback."""
    try:
        draw()
    except CoreError as error:
        st.error(str(error), icon=":material/error:")
    except Exception as error:
        _log.exception("a page failed")
        st.error(
            f"This part of the page could not be drawn ({type(error).__name__}). Nothing that was computed is lost. "
            "Reload the page; if it comes back, the log of the server has the details.",
            icon=":material/error:",
        )
