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
from collections.abc import Iterator

import numpy as np
from PIL import Image

from core import data, explain
from core.bench import machine
from core.data import images
from core.fusion import FusionSpec
from core.studies import embedding, fusion, match_explanation, retrieval
from core.studies.match_explanation import GRID, ROUNDING, WHOLE, ExplainerPool, image_of
from core.studies.systems import System
from core.studies.vector_set import VectorSet
from core.types import Dataset

BACKBONE = "tf_efficientnet_lite0"
TOGETHER = ("tf_efficientnet_lite2", "hsv_histogram")
COLOURS = (0.0, 0.05, 0.1, 0.2, 0.3)
"""What the colours may count beside the two networks."""
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
    parser.add_argument("--mosaics", type=int, default=400)
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
    """Where the heat of mosaics falls: by one network plainly and above average, and by several backbones together."""
    names = [name for name in (BACKBONE, *TOGETHER) if name in space.names]
    made = list(drawn(dataset, space, pool, names, n, seed))
    wanted = WANTED.get(dataset.name, ELSEWHERE)
    _tell(f"{n} mosaics, {BACKBONE}, plain", [falls(plain, right) for _, right, plain, _ in made], None)
    _tell(f"{n} mosaics, {BACKBONE}, above average", [falls(above[0], right) for _, right, _, above in made], wanted)
    if len(names) < 3:
        return
    # Each half of the classes chooses how much the colours count, and the other half is what is told.
    halves: list[list[int]] = [[], []]
    for at, (kind, *_) in enumerate(made):
        halves[int(kind) % 2].append(at)

    def together(share: float, numbers: list[int]) -> list[tuple[float, bool]]:
        """Both networks with a share of the colours."""
        shares = np.array([(1 - share) / 2, (1 - share) / 2, share])[:, None, None]
        return [falls((shares * made[at][3]).sum(axis=0), made[at][1]) for at in numbers]

    _tell("  both networks together", together(0.0, [*halves[0], *halves[1]]), wanted)
    results = []
    for chosen_on, told_on in ((0, 1), (1, 0)):
        best = max(COLOURS, key=lambda share: float(np.sum(np.mean(together(share, halves[chosen_on]), axis=0))))
        results += together(best, halves[told_on])
        _tell(f"  with {best:.0%} of {TOGETHER[1]}, chosen on the other classes", together(best, halves[told_on]), None)
    _tell("  both halves of the classes", results, wanted)


Mosaic = tuple[int, int, np.ndarray, np.ndarray]
"""Class of the query, quarter that is right, heat of the first backbone plainly, of all above average (n, GRID, GRID)."""


def drawn(
    dataset: Dataset, space: VectorSet, pool: ExplainerPool, names: list[str], n: int, seed: int
) -> Iterator[Mosaic]:
    """Mosaics of four classes, with the heat towards another image of the first one's."""
    random = np.random.default_rng(seed)
    labels, kinds = dataset.labels, np.unique(dataset.labels[dataset.labels >= 0])
    means = {name: space.gallery(name).mean(axis=0, dtype=np.float64) for name in names}
    for _ in range(n):
        chosen = random.choice(kinds, 4, replace=False)
        query, own = random.choice(np.flatnonzero(labels == chosen[0]), 2, replace=False)
        tiles = [own, *(random.choice(np.flatnonzero(labels == kind)) for kind in chosen[1:])]
        order = random.permutation(4)
        square = mosaic([images.open_rgb(data.read_checked(dataset, int(tiles[at]))) for at in order])
        plain, above = [], []
        for name in names:
            explained, target = pool.explainer(name).explain(square), np.asarray(space.get(name)[query], np.float64)
            both = (explained.heat(target), explain.heat_above(explained, target, means[name]))
            for maps, heat in zip((plain, above), both):
                maps.append(explain.on_image(heat.cells, WHOLE, GRID)[0])
        yield int(chosen[0]), int(np.flatnonzero(order == 0)[0]), plain[0], np.array(above)


def falls(heat: np.ndarray, right: int) -> tuple[float, bool]:
    """How much of the positive heat is in the right quarter, and whether the most is."""
    quarters = explain.on_image(np.maximum(heat, 0), WHOLE, 2)[0].ravel()
    return float(quarters[right] / max(quarters.sum(), 1e-12)), int(quarters.argmax()) == right


def _tell(what: str, results: list[tuple[float, bool]], wanted: tuple[float, float] | None) -> None:
    share, first = np.mean(results, axis=0)
    text = f"  {what}: {share:.3f} of the positive heat in the right quarter, most there in {first:.1%}"
    if wanted is not None:
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
