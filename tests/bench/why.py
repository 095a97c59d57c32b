"""`bench why`: whether heat adds up to the score, falls where the reason is, and comes at once.

Reason: mosaics of 2 x 2 images of four classes, one of which is the query's; how much of the positive heat falls into its
quarter, and how often that quarter has the most. Chance is 0.25. Demands of objects that lie in the middle hold for
"photos", those of things on a shelf for any other dataset.

Reference:
    Grid pointing game: Rao, Böhle and Schiele 2022, arXiv:2205.10435.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from PIL import Image

from core import data, explain
from core.bench import machine
from core.data import images
from core.fusion import FusionSpec
from core.studies import embedding, fusion, match_explanation, retrieval
from core.studies.match_explanation import ROUNDING, ExplainerPool, image_of
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Dataset

BACKBONE = "tf_efficientnet_lite0"
MOST_MS = 150.0
"""A click, of both images by the backbone, once its network is loaded."""
WANTED = {"photos": (0.65, 0.85)}
ELSEWHERE = (0.50, 0.70)
"""Share of positive heat in the right quarter, and how often it has the most."""
TILE = 128


def run(args: list[str]) -> None:
    """`python -m core bench why [--data photos instances] [--mosaics 200] [--pairs 60]`: sums, mosaics, time."""
    parser = argparse.ArgumentParser(prog="python -m core bench why", description=__doc__)
    parser.add_argument("--data", nargs="*", default=["photos", "instances"], help="embedded datasets")
    parser.add_argument("--mosaics", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(args)
    print(machine.machine()["sentence"])
    pool = ExplainerPool()
    for name in arguments.data:
        dataset = data.get(name)
        names = [kept.backbone for kept in embedding.status(dataset) if kept.n_images == len(dataset)]
        space = fusion.space_of(dataset, names)
        print(f"\n{name}: {len(dataset):,} images, {', '.join(names)}")
        sums_and_time(dataset, space, pool, arguments.pairs, arguments.seed)
        mosaics(dataset, space, pool, arguments.mosaics, arguments.seed)


def sums_and_time(dataset: Dataset, space: VectorSet, pool: ExplainerPool, n: int, seed: int) -> None:
    """The largest difference between the parts and the score shown, of each backbone and all together."""
    random = np.random.default_rng(seed)
    names = tuple(space.names)
    systems = [System(name, space) for name in names]
    if len(names) > 1:
        systems.append(
            System("together", space, FusionSpec("together", "concat", names, (1 / len(names),) * len(names)))
        )
    for system in systems:
        missing, clicks = [], []
        for _ in range(n):
            position = int(random.integers(len(dataset)))
            answer = retrieval.retrieve(retrieval.gallery_image_query(dataset, space, position), system)
            item = int(answer.order[random.integers(min(20, len(answer.order)))])
            began = time.process_time()
            why = match_explanation.explain_match(dataset, answer, item, image_of(dataset, position), pool)
            clicks.append((time.process_time() - began) * 1000)
            shown = [(why.query, why.result)] if why.result else [(m.query, m.result) for m in why.parts if m.exact]
            totals = [pair.plain.total for pairs in shown for pair in pairs if pair is not None]
            missing += [abs(total - float(answer.scores[item])) for total in totals]
        if not missing:
            continue
        fine = max(missing) <= ROUNDING
        text = f"  {system.name:24} sum − score shown at most {max(missing):.1e} ({_verdict(fine)} {ROUNDING:.0e})"
        click = statistics.median(clicks[1:])
        if system.name == BACKBONE:
            text += f"; a click {click:.0f} ms of processor ({_verdict(click <= MOST_MS)} {MOST_MS:.0f})"
        else:
            text += f"; a click {click:.0f} ms of processor"
        print(text)


def mosaics(dataset: Dataset, space: VectorSet, pool: ExplainerPool, n: int, seed: int) -> None:
    """Where the heat of mosaics falls, plainly and above the gallery's mean."""
    explainer, rows = pool.explainer(BACKBONE), space.get(BACKBONE)
    mean = space.gallery(BACKBONE).mean(axis=0, dtype=np.float64)
    random = np.random.default_rng(seed)
    labels, kinds = dataset.labels, np.unique(dataset.labels[dataset.labels >= 0])
    shares: dict[str, list[float]] = {"plain": [], "above": []}
    most: dict[str, list[bool]] = {"plain": [], "above": []}
    for _ in range(n):
        chosen = random.choice(kinds, 4, replace=False)
        query, own = random.choice(np.flatnonzero(labels == chosen[0]), 2, replace=False)
        tiles = [own, *(random.choice(np.flatnonzero(labels == kind)) for kind in chosen[1:])]
        order = random.permutation(4)
        square = mosaic([images.open_rgb(data.read_checked(dataset, int(tiles[at]))) for at in order])
        right = int(np.flatnonzero(order == 0)[0])
        explained = explainer.explain(square)
        plain = explained.heat(np.asarray(rows[query], np.float64))
        for name, heat in (("plain", plain), ("above", plain.less(explained.heat(mean)))):
            quarters = explain.on_image(np.maximum(heat.cells, 0), (0.0, 0.0, 1.0, 1.0), 2)[0].ravel()
            shares[name].append(float(quarters[right] / max(quarters.sum(), 1e-12)))
            most[name].append(int(quarters.argmax()) == right)
    wanted = WANTED.get(dataset.name, ELSEWHERE)
    for name in ("plain", "above"):
        share, first = float(np.mean(shares[name])), float(np.mean(most[name]))
        text = (
            f"  {n} mosaics, {name:5}: {share:.3f} of the positive heat in the right quarter, most there in {first:.1%}"
        )
        if name == "above":
            text += f" ({_verdict(share >= wanted[0])} {wanted[0]:.2f}, {_verdict(first >= wanted[1])} {wanted[1]:.0%})"
        print(text)


def mosaic(parts: list[Image.Image]) -> Image.Image:
    """Four images, each cut to its middle square, beside and below one another."""
    whole = Image.new("RGB", (2 * TILE, 2 * TILE))
    for number, part in enumerate(parts):
        side = min(part.size)
        left, top = (part.width - side) // 2, (part.height - side) // 2
        square = part.crop((left, top, left + side, top + side)).resize((TILE, TILE), Image.Resampling.BICUBIC)
        whole.paste(square, (number % 2 * TILE, number // 2 * TILE))
    return whole


def _verdict(fine: bool) -> str:
    return "holds" if fine else "MISSED:"
