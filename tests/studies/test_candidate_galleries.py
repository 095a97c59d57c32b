"""What proposes candidates of a large gallery, an index of this machine or a server, keeps one contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from core.errors import BadInput, Cancelled, StoreUnusable
from core.fusion import FusionSpec
from core.search import postgres
from core.search.postgres_items import ItemColumn
from core.studies import ann_index, ann_search, ann_server, column_filters
from core.studies.column_filters import GalleryFilter
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.task import NO_TASK, Task
from core.types import Dataset, Split, unit
from tests import postgres_server

N, NAMES = 2000, ("histogram", "network")
Gallery = ann_search.CandidateGallery
SHARES = ({"network": 0.5, "histogram": 0.5}, {"network": 0.1, "histogram": 0.9}, {"network": 1.0}, {"histogram": 1.0})


def _space(n: int = N, first: int = 0) -> VectorSet:
    """Two independent backbones in loose groups; three images are the same."""
    random = np.random.default_rng(3)
    rows = {}
    for name, dim in (("network", 64), ("histogram", 16)):
        groups = random.normal(size=(80, dim))[random.integers(0, 80, N)]
        rows[name] = unit(groups + 0.8 * random.normal(size=(N, dim)))
        rows[name][50:53] = rows[name][50]
    return VectorSet({name: part[first : first + n] for name, part in rows.items()}, Split.self_retrieval(n))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A PostgreSQL server with pgvector."""
    with postgres_server.running() as server:
        yield server.get_uri()


@pytest.fixture(params=["index", "server"])
def bring(request: pytest.FixtureRequest, home, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Gallery]:
    """Brings a gallery to where candidates come from."""
    if request.param == "index":
        return lambda space, task=NO_TASK: ann_index.build(space, NAMES, task)
    monkeypatch.setenv("FUSIONSCOPE_SEARCH_SERVER", request.getfixturevalue("address"))
    return lambda space, task=NO_TASK: ann_server.sync(space, NAMES, request.node.name, task)


def _system(space: VectorSet, shares: dict[str, float]) -> System:
    return System("mix", space, FusionSpec("mix", "concat", NAMES).with_shares({**dict.fromkeys(NAMES, 0.0), **shares}))


def test_any_weighting_finds_the_exact_first_ten(bring) -> None:
    space = _space()
    gallery = bring(space)
    assert gallery.names == NAMES
    for shares in SHARES:
        assert ann_search.agreement(gallery, _system(space, shares), 10) >= 0.98, shares
    queries = {name: space.get(name)[[7, 50]] for name in NAMES}
    items = gallery.candidates(queries, SHARES[0], 30)
    assert items.shape[0] == 2 and items.dtype == np.int64 and items.max() < N
    assert items[0, 0] == 7 and set(items[1, :3]) == {50, 51, 52}, "each of equal images is listed"
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() >= 30 for row in items), "and none twice"
    assert (bring(space).candidates(queries, SHARES[0], 30) == items).all()


def test_it_follows_a_gallery_that_changes(bring) -> None:
    bring(_space(1500))
    later = _space(1400, first=150)
    gallery = bring(later)
    if isinstance(gallery, ann_server.ServedGallery):
        assert gallery.sent == 50, "what is there is not sent again"
        assert bring(later).sent == 0
    for shares in SHARES:
        assert ann_search.agreement(gallery, _system(later, shares), 10) >= 0.98
    everything = gallery.candidates({name: later.get(name)[:1] for name in NAMES}, SHARES[0], 1400)[0]
    assert set(everything[everything >= 0]) <= set(range(1400))


LABELS = ("cat", "dog", "fox")


def _dataset(n: int, several: bool = False) -> Dataset:
    """Images with columns of each kind; three of equal vectors differ in them."""
    random = np.random.default_rng(5)
    items = pd.DataFrame(
        {
            "path": [f"{at}.jpg" for at in range(n)],
            "price": np.where(np.arange(n) % 11 == 0, np.nan, random.uniform(0, 100, n)),
            "shop": random.choice(["Müller", "O'Brien", 'Zoë "2"', "%s"], n),
            "title": [f"Image No. {at} of ÉLAN" for at in range(n)],
        }
    )
    codes = random.integers(-1, 3, n)
    matrix = sparse.csr_matrix(random.random((n, 3)) < 0.4) if several else None
    keys = np.array([f"{at:064x}" for at in range(n)], "S64")
    return Dataset.of("made", np.arange(n).astype(str), keys, items, LABELS, codes, label_matrix=matrix)


@pytest.mark.parametrize("several", [False, True], ids=["one label", "labels"])
def test_a_server_lists_the_nearest_of_what_passes_a_filter(
    several: bool, address: str, home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSIONSCOPE_SEARCH_SERVER", address)
    space, dataset = _space(), _dataset(N, several)
    gallery = ann_server.sync(space, NAMES, f"filters {several}", columns=ann_server.item_columns(dataset))
    choices = [
        {"price": (20.0, 60.0)},
        {"shop": ["O'Brien", "%s"], "price": (0.0, 90.0)},
        {"title": "élan", "label": ["cat", "fox"]},
        {"title": "No. 5"},
        {"price": (7.0, 7.01)},
    ]
    for most in (0, postgres.MOST_SCORED):
        monkeypatch.setattr(postgres, "MOST_SCORED", most)
        for chosen in choices:
            only = column_filters.gallery_filter(dataset, chosen)
            assert ann_search.agreement(gallery, _system(space, SHARES[1]), 10, only=only) >= 0.98, chosen
            items = gallery.candidates({name: space.get(name)[[7]] for name in NAMES}, SHARES[0], 30, only)[0]
            items = items[items >= 0]
            assert only.keep[items].all() and len(items) >= min(30, only.keep.sum()), chosen
    with pytest.raises(BadInput, match="does not know the column"):
        gallery.candidates(
            {"network": space.get("network")[[7]]}, {"network": 1.0}, 3, GalleryFilter({"x": "y"}, only.keep)
        )


def test_columns_are_sent_once_and_follow_the_images(address: str) -> None:
    import psycopg

    hashes = np.array([5, 5, 6, 7], np.uint64)
    rows = {"one": np.eye(4, dtype=np.float32)}

    def lines(*shops: str, kind: str = "choices") -> list[tuple]:
        values = [(shop,) for shop in shops] if kind == "choices" else list(shops)
        gallery = postgres.PostgresGallery(address, "columns", {"one": 4})
        gallery.sync(hashes, lambda at: {"one": rows["one"][at]}, columns=[ItemColumn("shop", kind, values)])
        with psycopg.connect(address) as connection:
            found = connection.execute(f"SELECT row, c0, xmin FROM {gallery.items.table} ORDER BY row, c0").fetchall()
        return [(row, tuple(value) if kind == "choices" else value, str(written)) for row, value, written in found]

    first = lines("a", "b", "a", "a")
    assert [line[:2] for line in first] == [(5, ("a",)), (5, ("b",)), (6, ("a",)), (7, ("a",))]
    assert lines("b", "a", "a", "a") == first, "nothing is written again"
    later = lines("a", "a", "a", "c")
    assert [line[:2] for line in later] == [(5, ("a",)), (6, ("a",)), (7, ("c",))] and later[:2] == [first[0], first[2]]
    assert [line[:2] for line in lines("a", "b", "a", "a", kind="text")][0] == (5, "a"), "another kind is made anew"


def test_a_stop_is_heeded_and_the_next_start_ends_it(bring) -> None:
    stopped = Task()
    stopped.cancel()
    space = _space()
    with pytest.raises(Cancelled):
        bring(space, stopped)
    assert ann_search.agreement(bring(space), _system(space, SHARES[1]), 10) >= 0.98


def test_a_kill_half_way_costs_the_rows_on_their_way(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_ROWS_AT_ONCE", 300)
    vectors, calls = unit(np.random.default_rng(0).normal(size=(1000, 8))), []
    hashes = np.arange(1, 1001, dtype=np.uint64)
    gallery = postgres.PostgresGallery(address, "killed", {"one": 8})

    def rows(positions: np.ndarray) -> dict[str, np.ndarray]:
        calls.append(len(positions))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return {"one": vectors[positions]}

    with pytest.raises(KeyboardInterrupt):
        gallery.sync(hashes, rows)
    assert gallery.sync(hashes, rows) == 400 and gallery.sync(hashes, rows) == 0
    assert gallery.candidates({"one": vectors[[999]]}, {"one": 1.0}, 3)[0, 0] == 1000


def test_galleries_do_not_mix_and_leave_whole(address: str) -> None:
    rows = {"one": np.eye(4, dtype=np.float32)}
    first, second = (postgres.PostgresGallery(address, scope, {"one": 4}) for scope in ("first", "second"))
    hashes = np.array([1, 2**63 + 5, 3, 4], np.uint64)
    first.sync(hashes, lambda at: {"one": rows["one"][at]})
    second.sync(hashes[:1], lambda at: {"one": rows["one"][at]})
    assert first.candidates({"one": rows["one"][[1]]}, {"one": 1.0}, 2)[0, 0] == 2**63 + 5
    assert second.candidates({"one": rows["one"][[1]]}, {"one": 1.0}, 2).tolist() == [[1, 0]]
    first.drop()
    with pytest.raises(StoreUnusable, match="does not exist"):
        first.candidates({"one": rows["one"][[1]]}, {"one": 1.0}, 2)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed (requirements-distributed.txt)")
    nobody = postgres.PostgresGallery("postgresql://me:secret@127.0.0.1:9/images", "any", {"one": 4})
    with pytest.raises(StoreUnusable, match=r"postgresql://127\.0\.0\.1:9/images did not answer") as refused:
        nobody.candidates({"one": np.eye(4, dtype=np.float32)}, {"one": 1.0}, 2)
    assert "secret" not in str(refused.value) and "search exactly" in str(refused.value)
    for address in ("mysql://me:secret@host/db", "host"):
        with pytest.raises(BadInput, match="postgresql://host/database") as refused:
            postgres.PostgresGallery(address, "any", {"one": 4})
        assert "secret" not in str(refused.value)
