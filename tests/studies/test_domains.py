"""From domain to domain: each cell is the evaluation of that split; the query never finds itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from core import data
from core.errors import BadInput
from core.fusion import FusionSpec, Step
from core.metrics import resampling
from core.studies import domain_tables, domains, evaluation
from core.studies.comparison import ResamplingUnit
from core.studies.systems import System
from core.studies.vector_set import VectorSet, groups_of
from core.types import Dataset, Split, unit
from tests.studies.test_evaluation import dataset_of

PLACES = ("photo", "sketch", "")


@pytest.fixture(scope="module")
def world() -> tuple[Dataset, VectorSet]:
    """Five classes in two domains, and images of none; one domain lies aside of the other."""
    random = np.random.default_rng(0)
    labels = np.arange(90) % 5
    places = np.array([PLACES[number] for number in random.choice(3, 90, p=[0.5, 0.4, 0.1])])
    made = dataset_of(labels)
    made = dataclasses.replace(made, items=pd.DataFrame({"path": [""] * 90, "domain": places}))
    rows = random.standard_normal((5, 12))[labels] + random.standard_normal((90, 12))
    rows[places == "sketch"] += 2.5 * random.standard_normal(12)
    return made, VectorSet({"a": unit(rows)}, made.split, groups=groups_of(made))


def test_each_cell_is_the_evaluation_of_its_split(world: tuple[Dataset, VectorSet]) -> None:
    dataset, space = world
    column = domains.domain_column(dataset, "domain")
    made = domains.matrices([System("a", space)], data.relevance(dataset), dataset, column)[0]
    assert made.values == ("photo", "sketch")
    for row in range(2):
        for at in range(2):
            split = Split(np.flatnonzero(column.codes == row), np.flatnonzero(column.codes == at))
            part = dataclasses.replace(dataset, split=split)
            truth = data.relevance(part)
            alone = evaluation.evaluate([System("a", VectorSet(space.vectors, split))], truth, dataset=part)
            figure = alone["a"].figures["map"]
            assert (made.n[row, at], made.mean[row, at]) == (figure.n_valid, pytest.approx(figure.mean))
            values = alone["a"].per_query["map"]
            groups = ResamplingUnit.of(data.relevance(dataset)).groups_of(split.queries)
            assert made.low[row, at] == pytest.approx(resampling.interval(values, classes=groups)[0])


def test_within_and_across_and_the_share_of_own_results(world: tuple[Dataset, VectorSet]) -> None:
    dataset, space = world
    column = domains.domain_column(dataset, "domain")
    made = domains.matrices([System("a", space)], data.relevance(dataset), dataset, column)[0]
    assert made.within.mean > made.across.mean + 0.1 and made.own_share > made.chance + 0.2
    assert made.within.n_valid == int((column.codes >= 0).sum())
    assert made.hardest in {(0, 1), (1, 0)}
    assert "within a domain" in domain_tables.lead("A", made) and "hardest from" in domain_tables.lead("A", made)
    record = domain_tables.as_json([made])
    assert record["systems"][0]["mean"][0][0] == pytest.approx(made.mean[0, 0]) and record["domains"] == [
        "photo",
        "sketch",
    ]
    assert all(f"n {count}" in domain_tables.printed([made]) for count in made.n.ravel())


def test_centring_by_domain_brings_the_domains_together(world: tuple[Dataset, VectorSet]) -> None:
    """What is fitted on the gallery is fitted on the whole of it, so a group's own mean is known to its queries."""
    dataset, space = world
    column, truth = domains.domain_column(dataset, "domain"), data.relevance(dataset)
    step = Step.read("preparation", "centred_by_group:column=domain")
    spec = FusionSpec("centred", "concat", ("a",), prepare=step)
    plain, centred = domains.matrices([System("a", space), System("centred", space, spec)], truth, dataset, column)
    assert centred.across.mean > plain.across.mean + 0.05 and centred.own_share < plain.own_share


def test_what_is_no_domain_is_refused(world: tuple[Dataset, VectorSet]) -> None:
    dataset, space = world
    assert domains.candidates(dataset) == ["domain"]
    items = dataset.items.assign(
        many=[str(at % 30) for at in range(90)], nested=[f"n{label}" for label in dataset.labels]
    )
    wide = dataclasses.replace(dataset, items=items)
    assert domains.candidates(wide) == ["domain"], "a column that follows the class has no other domain to answer from"
    with pytest.raises(BadInput, match="has 30 values; domains are 2 to 12 groups"):
        domains.domain_column(wide, "many")
    nested = domains.domain_column(wide, "nested")
    made = domains.matrices([System("a", space)], data.relevance(wide), wide, nested)[0]
    assert np.isnan(made.across.mean) and "no query has a relevant image in another domain" in domain_tables.lead(
        "A", made
    )


def test_a_split_by_domain_is_kept_and_taken_back(tmp_path, home) -> None:
    """Queries of one group, gallery of another; a scan keeps it, and the matrix's cell is that split's figure."""
    from tests.conftest import draw_tiny

    for number in range(24):
        folder = tmp_path / "set" / ("shop" if number % 2 else "street") / ("circle" if number % 4 < 2 else "grid")
        folder.mkdir(parents=True, exist_ok=True)
        draw_tiny(folder.name, number).save(folder / f"{number:02d}.png")
    whole = data.add("set", tmp_path / "set", options={"depth": 2})
    wanted = data.splits.DomainSplit("folder above class", "shop", "street")
    part = data.split_by_domain("set", wanted)
    assert len(part.split.queries) == 12 == len(part.split.gallery) and not set(part.split.queries) & set(
        part.split.gallery
    )
    assert (
        data.rescan("set").split.queries.tolist() == part.split.queries.tolist()
        and data.decided("set").domains == wanted
    )
    with pytest.raises(BadInput, match="No image of 'set' has folder above class 'attic'"):
        data.split_by_domain("set", data.splits.DomainSplit("folder above class", "attic", "street"))
    with pytest.raises(BadInput, match="no column 'plaec'"):
        data.split_by_domain("set", data.splits.DomainSplit("plaec", "shop", "street"))
    assert data.get("set").split.queries.tolist() == part.split.queries.tolist(), "what failed changed nothing"
    data.make_split("set", data.splits.SplitShares(0.25))
    assert data.decided("set").domains is None
    data.split_by_domain("set", wanted)
    assert data.make_split("set", None).split.queries.tolist() == whole.split.queries.tolist()
