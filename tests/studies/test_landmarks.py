"""Revisited Oxford and Paris: the whole path from gnd_*.pkl, and from pairs, against the published protocol as a loop."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from core import cli, data, metrics
from core.data.readers import revisited
from core.studies import evaluation, external_vectors, fusion, revisited_protocols
from tests.conftest import TINY_CLASSES, draw_tiny

DATABASE, QUERIES = 40, 7
SETUPS = {
    "easy": (("easy",), ("junk", "hard")),
    "medium": (("easy", "hard"), ("junk",)),
    "hard": (("hard",), ("junk", "easy")),
}


def truth_of(seed: int) -> list[dict[str, list[int]]]:
    """Each database image is easy, hard, junk or nothing to each query; some queries lack easy or hard ones."""
    random = np.random.default_rng(seed)
    found = []
    for query in range(QUERIES):
        parts = random.choice(["easy", "hard", "junk", ""], DATABASE, p=[0.12, 0.12, 0.15, 0.61])
        if query == 2:
            parts[parts == "easy"] = ""
        if query == 3:
            parts[(parts == "easy") | (parts == "hard")] = ""
        found.append({part: np.flatnonzero(parts == part).tolist() for part in ("easy", "hard", "junk")})
    return found


def published(scores: np.ndarray, truth: list[dict], protocol: str) -> dict[str, list[float]]:
    """The protocol as the paper says it, step by step: rank, take junk out, count; one query at a time."""
    good_parts, junk_parts = SETUPS[protocol]
    found: dict[str, list[float]] = {"map_trapz": [], "map": [], "mP@1": [], "mP@5": [], "mP@10": []}
    for row, one in zip(scores, truth):
        good = [i for part in good_parts for i in one[part]]
        junk = [i for part in junk_parts for i in one[part]]
        if not good:
            for values in found.values():
                values.append(float("nan"))
            continue
        ranked = sorted(range(len(row)), key=lambda i: (-row[i], i))
        kept = [i for i in ranked if i not in junk]
        places = [at for at, i in enumerate(kept) if i in good]  # from 0, as the published code counts
        area = plain = 0.0
        for number, place in enumerate(places):
            before = 1.0 if place == 0 else number / place
            after = (number + 1) / (place + 1)
            area += (before + after) / 2 / len(good)
            plain += after / len(good)
        found["map_trapz"].append(area)
        found["map"].append(plain)
        for k in (1, 5, 10):
            cut = min(places[-1] + 1, k)
            found[f"mP@{k}"].append(sum(place + 1 <= cut for place in places) / cut)
    return found


@pytest.fixture
def ground_truth(tmp_path: Path, home: Path) -> tuple[Path, list[dict]]:
    folder = tmp_path / "roxbridge"
    (folder / "jpg").mkdir(parents=True)
    names = [f"d{n:02d}" for n in range(DATABASE)] + [f"q{n}" for n in range(QUERIES)]
    for number, name in enumerate(names):
        draw_tiny(TINY_CLASSES[number % 6], number).save(folder / "jpg" / f"{name}.png", compress_level=1)
    truth = truth_of(4)
    content = {
        "imlist": names[:DATABASE],
        "qimlist": names[DATABASE:],
        "gnd": [{"bbx": [2, 3, 44, 46], **one} for one in truth],
    }
    path = folder / "gnd_roxbridge.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path, truth


def test_the_three_protocols_from_the_ground_truth_file(
    ground_truth: tuple[Path, list], tmp_path: Path, capsys
) -> None:
    path, truth = ground_truth
    out = tmp_path / "protocols.csv"
    asked = [
        "evaluate",
        "--data",
        str(path),
        "--backbone",
        "hog",
        "--backbone",
        "hsv_histogram",
        "--protocols",
        str(out),
    ]
    assert cli.main(asked) == 0
    said = capsys.readouterr().out
    assert "Easy" in said and "Medium" in said and "Hard" in said and "never pooled" in said
    dataset = data.load(path)
    space = fusion.space_of(dataset, ("hog", "hsv_histogram"))
    frame = revisited_protocols.report([evaluation.System(name, space) for name in ("hog", "hsv_histogram")], dataset)
    assert list(frame["protocol"]) == ["Easy", "Medium", "Hard"] * 2 and out.exists()
    for name in ("hog", "hsv_histogram"):
        vectors = space.get(name)
        scores = vectors[dataset.split.queries] @ vectors[dataset.split.gallery].T
        for protocol in SETUPS:
            expected = published(scores, truth, protocol)
            row = frame[(frame["system"] == name) & (frame["protocol"] == protocol.capitalize())].iloc[0]
            for column, key in (
                ("mAP", "map_trapz"),
                ("map", "map"),
                ("mP@1", "mP@1"),
                ("mP@5", "mP@5"),
                ("mP@10", "mP@10"),
            ):
                assert row[column] == pytest.approx(np.nanmean(expected[key]), abs=1e-6), (name, protocol, column)
            assert row["n_valid"] == np.isfinite(expected["map"]).sum() and row["n_queries"] == QUERIES
    assert frame["n_valid"].nunique() > 1, "some queries have nothing easy, or nothing hard"
    under = data.relevance(revisited.under(dataset, "hard"))
    asked_hard = data.relevance(data.load(path, name="hard", protocol="hard"))
    assert np.array_equal(under.items, asked_hard.items) and np.array_equal(under.junk_items, asked_hard.junk_items)


def test_the_leaderboard_shows_three_numbers(ground_truth: tuple[Path, list]) -> None:

    from core.studies import embedding
    from tests.pages.alone import forget_everything, opened, words

    forget_everything()
    dataset = data.load(ground_truth[0])
    embedding.embed(dataset, ("hog", "hsv_histogram"))
    app = opened("leaderboard", d=dataset.name, b="hog,hsv_histogram")
    assert not app.exception and not app.error and "never pooled" in words(app)
    (shown,) = (frame.value for frame in app.dataframe if "protocol" in frame.value)
    space = fusion.space_of(dataset, ("hog",))
    expected = revisited_protocols.report([evaluation.System("hog", space)], dataset)
    mine = shown[shown["system"] == "HOG"]
    np.testing.assert_allclose(mine["mAP"], expected["mAP"], atol=1e-6)
    assert list(mine["protocol"]) == ["Easy", "Medium", "Hard"] and len(shown) == 9, "two backbones and their fusion"


@pytest.mark.parametrize("protocol", list(SETUPS))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_protocol_from_pairs_in_a_file(tmp_path: Path, protocol: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, truth = random.standard_normal((DATABASE + QUERIES, 8)).astype(np.float32), truth_of(seed)
    rows[5] = rows[9]  # equal scores stand in the order of the gallery
    np.save(tmp_path / "v.npy", rows)
    ids = [f"d{n}" for n in range(DATABASE)] + [f"q{n}" for n in range(QUERIES)]
    parts = ["gallery"] * DATABASE + ["query"] * QUERIES
    (tmp_path / "l.csv").write_text("id,label,split\n" + "".join(f"{i},,{p}\n" for i, p in zip(ids, parts)))
    good, junk = SETUPS[protocol]
    lines = [
        f"q{q},d{i},{'relevant' if part in good else 'junk'}\n"
        for q, one in enumerate(truth)
        for part in (*good, *junk)
        for i in one[part]
    ]
    (tmp_path / "p.csv").write_text("query_id,item_id,kind\n" + "".join(lines))
    result, _ = external_vectors.evaluate_files({"v": tmp_path / "v.npy"}, tmp_path / "l.csv", tmp_path / "p.csv")
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    scores = (units[DATABASE:] @ units[:DATABASE].T).astype(np.float32)
    scores[:, 9] = scores[:, 5]
    expected = published(scores, truth, protocol)
    for key in ("map", "map_trapz"):
        np.testing.assert_allclose(result["v"].per_query[key], expected[key], atol=1e-6, err_msg=key)
    assert result["v"].mean("map") > result["v"].mean("map_trapz")
    assert metrics.label("map_trapz") != metrics.label("map")
