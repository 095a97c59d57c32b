"""Fusionscope's frame: the list of pages and what they share. Start it with `streamlit run app.py`."""

from __future__ import annotations

PAGES = [
    # file, title, icon, address, section
    ("pages/overview.py", "Overview", ":material/home:", "overview", "Start"),
    ("pages/datasets.py", "Datasets", ":material/photo_library:", "datasets", "Start"),
    ("pages/backbones.py", "Backbones", ":material/neurology:", "backbones", "Start"),
    ("pages/finetune.py", "Fine-tune", ":material/model_training:", "finetune", "Start"),
    ("pages/fusion_lab.py", "Fusion lab", ":material/tune:", "fusion_lab", "Explore"),
    ("pages/retrieval.py", "Retrieval", ":material/image_search:", "retrieval", "Explore"),
    ("pages/text_search.py", "Text search", ":material/text_fields:", "text_search", "Explore"),
    ("pages/map.py", "Map", ":material/scatter_plot:", "map", "Explore"),
    ("pages/catalogue.py", "Catalogue", ":material/storefront:", "catalogue", "Explore"),
    ("pages/leaderboard.py", "Leaderboard", ":material/leaderboard:", "leaderboard", "Compare"),
    ("pages/curves.py", "Curves", ":material/show_chart:", "curves", "Compare"),
    ("pages/slices.py", "Slices", ":material/pie_chart:", "slices", "Compare"),
    ("pages/threshold.py", "Threshold", ":material/content_cut:", "threshold", "Compare"),
    ("pages/studies.py", "Studies", ":material/stacks:", "studies", "Compare"),
    ("pages/judge.py", "Judge", ":material/gavel:", "judge", "Compare"),
    ("pages/report.py", "Report", ":material/description:", "report", "Keep"),
    ("pages/story.py", "Story", ":material/present_to_all:", "story", "Keep"),
]
# Addresses of earlier versions: links to them lead to the page of today, with everything they say. (A comment, since
# Streamlit draws a string that stands alone in this file.)
MOVED = {"words": "text_search", "projection": "map"}


if __name__ == "__main__":
    from core.ui import frame

    frame.run(PAGES, MOVED)
else:
    # `streamlit run` finds this and serves it: Streamlit itself, and beside it thumbnails, layouts and figures on their way.
    from starlette.middleware import Middleware
    from streamlit.starlette import App

    from core.ui.app import (
        gatekeeper,
        host_check,
        invitation_route,
        lifespan,
        operations_route,
        start_check,
        thumbnail_route,
    )
    from core.ui.components import presenter
    from core.ui.components.gallery import pick_route
    from core.ui.components.judging import judging_route
    from core.ui.components.live_lab import fuse_route
    from core.ui.components.map import layout_stream

    start_check.may_listen()
    thumbnail_route.pages_are_ours()
    host_check.ask_nobody_for_the_address()
    app = App(
        __file__,
        routes=[
            *thumbnail_route.routes(),
            *layout_stream.routes(),
            *judging_route.routes(),
            *fuse_route.routes(),
            *pick_route.routes(),
            *presenter.routes(),
            *invitation_route.routes(),
            *operations_route.routes(),
        ],
        middleware=[Middleware(host_check.HostCheck), Middleware(gatekeeper.Gatekeeper)],
        lifespan=lifespan.lifespan,
    )
