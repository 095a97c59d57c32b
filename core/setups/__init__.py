"""One frozen record per question of a page. Each field carries its default and its bounds.

A setup is the form of a page and its link: `core.ui.app.state` fills the widgets from it and mirrors them into the
address. What a field may hold stands in it where the list is closed; where the dataset or the installation decides,
the page checks the name. A link is a stranger's text, so `clean` never raises.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.setups.fields import Bounds, bounds_of, choice, clean, flag, of_link, real, several, shares, text, whole
from core.setups.finetune import CompeteSetup, FinetuneSetup
from core.setups.slices import SlicesSetup
from core.setups.story import ShownSetup, StorySetup
from core.setups.studies import StudiesSetup
from core.setups.threshold import ThresholdSetup

__all__ = [
    "BackbonesSetup",
    "Bounds",
    "CatalogueSetup",
    "CompeteSetup",
    "CurvesSetup",
    "DEFAULT_BACKBONES",
    "DatasetsSetup",
    "FinetuneSetup",
    "FrameSetup",
    "FusionSetup",
    "JudgeSetup",
    "LeaderboardSetup",
    "MapSetup",
    "ReportSetup",
    "RetrievalSetup",
    "ShownSetup",
    "SlicesSetup",
    "StorySetup",
    "StudiesSetup",
    "ThresholdSetup",
    "WordsSetup",
    "bounds_of",
    "choice",
    "clean",
    "flag",
    "of_link",
    "real",
    "several",
    "shares",
    "text",
    "whole",
]

DEFAULT_BACKBONES = ("tf_efficientnet_lite0", "tf_efficientnet_lite2", "hsv_histogram", "hog")
"""What is selected until somebody chooses: these work on every machine, with no download."""


@dataclass(frozen=True)
class FrameSetup:
    """What every page shares: the dataset and the backbones to look at."""

    dataset: str = choice(None, default="photo_views", label="Dataset", short="d")
    backbones: tuple[str, ...] = several(
        None,
        default=DEFAULT_BACKBONES,
        label="Backbones",
        short="b",
        help="The backbones to compare and to fuse. Only embedded ones can be chosen on the result pages.",
    )


_INDEPENDENT = "Optimistic: assumes independent queries"
_BY_QUERY = (
    "Intervals and tests take every query by itself. But queries of one class share their relevant images and are not "
    "independent, so whole classes are drawn and flipped unless this is on."
)


@dataclass(frozen=True)
class FusionSetup:
    """The fusion lab: how the backbones are joined, and which query is looked at."""

    strategy: str = choice(None, default="concat", label="Strategy", short="s")
    shares: tuple = shares(
        None, default=(), label="Shares", short="w", help="How much each backbone counts; together 1."
    )
    locked: tuple[str, ...] = several(None, default=(), label="Locked", short="lock")
    query: str = text(default="", label="Query", short="q")
    k: int = whole(5, 100, default=12, label="Results", short="k", help="How many results are shown.")
    baseline: str = text(default="", longest=2000, label="Baseline", short="base")
    metric: str = choice(None, default="map", label="Metric", short="m")
    parameters: str = text(default="", longest=300, label="Parameters", short="p", help="Of the strategy.")
    prepare: str = text(default="", longest=200, label="Before the search", short="pre")
    rerank: str = text(default="", longest=200, label="After the search", short="re")
    by_query: bool = flag(False, label=_INDEPENDENT, short="iq", help=_BY_QUERY)
    look: str = text(default="curve", longest=40, label="Closer look", short="see")


@dataclass(frozen=True)
class RetrievalSetup:
    """The retrieval browser: who asks, which systems answer, how much is shown."""

    system: str = text(default="", longest=2000, label="System", short="a", help="Whose results are shown.")
    other: str = text(
        default="", longest=2000, label="Compared with", short="vs", help="A second system, for the same query."
    )
    query: str = text(default="", label="Query", short="q")
    crop: str = text(default="", longest=60, label="Part of the query", short="part")
    k: int = whole(5, 100, default=24, label="Results", short="k", help="How many results are shown of each system.")
    size: int = whole(60, 260, default=130, step=10, label="Image size", short="z", help="Side in pixels.")
    label: str = text(default="", label="Class", short="c", help="Only queries of this class, in the tables below.")
    more: str = text(default="", longest=2000, label="More like", short="more", help="Images that the query moves to.")
    less: str = text(default="", longest=2000, label="Less like", short="less", help="Images that it moves away from.")
    filters: str = text(default="", longest=2000, label="Filters", short="only", help="Which images are listed.")
    exact: bool = flag(
        False,
        label="Search exactly",
        short="x",
        help="Score every image instead of asking an index: slower, misses nothing, and knows every rank.",
    )
    likely: bool = flag(False, label="How likely", short="pr", help="How likely each result is relevant.")


@dataclass(frozen=True)
class CatalogueSetup:
    """The catalogue: what is asked with words or an image, in which space, and how components are weighed."""

    question: str = text(default="", longest=2000, label="Search", short="q")
    like: str = text(default="", longest=300, label="Like the image of", short="like")
    balance: float = real(0.0, 1.0, default=0.5, step=0.05, label="Text against image", short="mix")
    space: str = choice(None, default="concepts_lite0", label="Space", short="sp", help="Reads texts and images.")
    components: tuple[str, ...] = several(None, default=(), label="Components", short="cc")
    join: str = choice(
        lambda: ("mean", "best", "each"),
        default="mean",
        label="Several images",
        short="pj",
        help="How the images of an item that has several enter.",
    )
    strategies: tuple[str, ...] = several(
        None, default=("average", "hybrid", "bm25"), label="Strategies side by side", short="st"
    )
    shares: tuple = shares(None, default=(), label="Fixed weights", short="w")
    filters: str = text(default="", longest=1000, label="Filters", short="only")
    k: int = whole(3, 40, default=8, label="Results", short="k", help="How many items each strategy shows.")
    look: str = text(default="search", longest=20, label="Section", short="see")
    ask_with: str = text(default="categories", longest=20, label="Questions", short="ask")
    metric: str = text(default="map", longest=20, label="Metric", short="m")
    base: str = choice(None, default="average", label="Compared with", short="vs")


@dataclass(frozen=True)
class DatasetsSetup:
    """The datasets page: which side of a dataset is looked at, and how alike is called a duplicate."""

    look: str = text(default="", longest=20, label="Section", short="see")
    label: str = text(default="", label="Class", short="c", help="Only images of this class.")
    threshold: float = real(
        0.8,
        0.999,
        default=0.97,
        step=0.005,
        label="Nearly the same from",
        short="same",
        help="The cosine from which a backbone calls two images the same. 1 is identical.",
    )
    neighbours: int = whole(
        3, 50, default=10, label="Neighbours asked", short="n", help="How many nearest images vote on each label."
    )


@dataclass(frozen=True)
class BackbonesSetup:
    """The backbones page: which rows are shown, whose card is open, what runs them."""

    search: str = text(default="", longest=100, label="Search", short="find")
    families: tuple[str, ...] = several(None, default=(), label="Family", short="fam")
    licence: str = choice(
        lambda: ("any", "commercial", "research", "unknown"), default="any", label="Licence of the weights", short="lic"
    )
    here: bool = flag(False, label="runs here now", short="here")
    reads_text: bool = flag(False, label="reads text", short="text")
    embedded: bool = flag(False, label="embedded", short="emb")
    card: str = text(default="", longest=200, label="Backbone", short="card")
    device: str = choice(None, default="auto", label="Runs on", short="dev")


@dataclass(frozen=True)
class LeaderboardSetup:
    """The leaderboard: which systems stand side by side, in which columns, and what is looked at below."""

    systems: str = text(
        default="", longest=6000, label="Systems", short="sys", help="The rows. Backbones are chosen in the sidebar."
    )
    columns: tuple[str, ...] = several(
        None,
        default=(
            "map",
            "p@1",
            "p@5",
            "p@10",
            "hit@1",
            "hit@5",
            "recall@k",
            "ndcg@k",
            "mrr",
            "acc",
            "silhouette_cosine",
            "davies_bouldin_l2",
            "hubness",
        ),
        label="Columns",
        short="cols",
        help="“@k” stands for the cut-off beside it.",
    )
    metric: str = choice(
        None,
        default="map",
        label="Compared in",
        short="m",
        help="Order, intervals, letters and tests below are about this metric.",
    )
    k: int = whole(
        1, 1000, default=10, label="Cut-off k", short="k", help="What “@k” means in the columns and in “Compared in”."
    )
    by_query: bool = flag(False, label=_INDEPENDENT, short="iq", help=_BY_QUERY)
    spread: bool = flag(False, label="All intervals", short="ci", help="The 95 % interval beside every column.")
    look: str = choice(
        lambda: ("intervals", "differences", "cost", "hubs", "classes"),
        default="intervals",
        label="A closer look",
        short="see",
    )
    cost: str = choice(lambda: ("ms", "MB"), default="ms", label="Cost", short="cost")
    order: str = text(default="hardest first", longest=40, label="Order of classes", short="by")
    label: str = text(default="", longest=200, label="Class", short="c")
    of: str = text(default="", longest=2000, label="System of the class", short="of")


@dataclass(frozen=True)
class CurvesSetup:
    """The curves: of which systems, over which queries, which curve."""

    systems: str = text(
        default="",
        longest=6000,
        label="Systems",
        short="sys",
        help="One line each. Backbones are chosen in the sidebar.",
    )
    look: str = choice(lambda: ("levels", "over_k", "query", "spread"), default="levels", label="Curve", short="see")
    label: str = text(default="", longest=200, label="Class", short="c", help="Only queries of this class.")
    query: str = text(default="", label="Query", short="q")
    k: int = whole(
        2,
        1000,
        default=100,
        label="Up to k",
        short="k",
        help="How far the curves over k go; longer lists than the gallery do not exist.",
    )
    bands: bool = flag(True, label="Intervals", short="ci", help="95 % bootstrap intervals as bands around the lines.")
    file_format: str = choice(
        lambda: ("svg", "png"),
        default="svg",
        label="Saved as",
        short="pic",
        help="What the camera above a drawing saves.",
    )
    cumulative: bool = flag(
        False,
        label="Cumulative",
        short="cum",
        help="The share of queries that reach an average precision, instead of bars.",
    )


@dataclass(frozen=True)
class JudgeSetup:
    """The judge: which systems are compared, by which question, and whose answers count."""

    systems: str = text(default="", longest=6000, label="Systems", short="sys")
    way: str = choice(lambda: ("pairs", "rows"), default="pairs", label="Question", short="way")
    k: int = whole(1, 50, default=10, label="First k results", short="k")
    same: float = real(0.005, 0.2, default=0.02, step=0.005, label="No difference that matters", short="same")
    judge: str = text(default="me", longest=60, label="Your name", short="by")
    count: str = choice(lambda: ("mine", "everyone"), default="mine", label="Answers that count", short="of")
    queries: str = choice(lambda: ("images", "texts"), default="images", label="Queries", short="ask")
    texts: str = text(default="", longest=4000, label="Text queries", short="t")
    group: int = whole(2, 500, default=20, label="Images that show the same thing", short="n")


@dataclass(frozen=True)
class ReportSetup:
    """The report: at which cut-offs, with which intervals, with which parts."""

    ks: tuple[str, ...] = several(
        lambda: ("1", "3", "5", "10", "20", "50", "100"),
        default=("1", "10"),
        label="Cut-offs k",
        short="ks",
        help="For the metrics “@k”.",
    )
    by_query: bool = flag(False, label=_INDEPENDENT, short="iq", help=_BY_QUERY)
    live: bool = flag(
        False,
        label="Playable",
        short="live",
        help="The file also holds scores and small images: its weights move, and all figures with them.",
    )
    steps: bool = flag(
        False,
        label="What each step adds",
        short="steps",
        help="Also from the best backbone to the fused, prepared and re-ranked list, chosen on other queries than reported.",
    )
    story: str = text(default="", longest=80, label="With the story", short="st", help="Its steps, in their order.")


@dataclass(frozen=True)
class MapSetup:
    """The map: whose space, drawn how, coloured by what. A parameter of 0 means "what suits the number of images"."""

    system: str = text(default="", longest=2000, label="Space of", short="a")
    other: str = text(default="", longest=2000, label="Side by side with", short="b2")
    method: str = choice(lambda: ("pca", "tsne", "umap"), default="tsne", label="Method", short="p")
    dims: int = whole(2, 3, default=2, label="Dimensions", short="dim")
    colour: str = text(default="class", longest=200, label="Colour", short="col")
    perplexity: int = whole(
        0,
        100,
        default=0,
        label="Perplexity (t-SNE)",
        short="px",
        help="About how many neighbours each point keeps; 0 chooses.",
    )
    iterations: int = whole(0, 2000, default=0, step=50, label="Iterations (t-SNE)", short="it", help="0 chooses.")
    n_neighbors: int = whole(
        0,
        200,
        default=0,
        label="Neighbours (UMAP)",
        short="nn",
        help="Few show detail, many show the whole; 0 chooses.",
    )
    min_dist: float = real(
        0.0,
        0.99,
        default=0.0,
        step=0.05,
        label="Least distance (UMAP)",
        short="md",
        help="How tightly points may pack; 0 chooses 0.1.",
    )
    seed: int = whole(0, 9999, default=0, label="Seed", short="seed", help="The same seed draws the same map.")


@dataclass(frozen=True)
class WordsSetup:
    """Words as queries: what is typed, who reads it, how it is read."""

    look: str = choice(lambda: ("search", "labels", "describe"), default="search", label="What for", short="l")
    words: str = text(default="", longest=2000, label="Words", short="t")
    reader: str = text(default="", longest=200, label="Read by", short="r")
    templates: str = choice(
        lambda: ("usual", "on", "off"),
        default="usual",
        label="Photo sentences",
        short="tpl",
        help="On: “cat” is read as the mean of “a photo of cat” and four sentences like it, which suits networks that "
        "learned from captions. Off: the plain words, which suit concepts.",
    )
    expand: int = whole(
        0,
        20,
        default=0,
        label="Second step",
        short="e",
        help="Pseudo-relevance feedback: so many of the best images become the query of all backbones chosen at the "
        "left, those that read no text too. 0 leaves it out.",
    )
    k: int = whole(5, 100, default=24, label="Results", short="k")
    classes: str = text(default="", longest=4000, label="Classes", short="c")
