"""Every figure has its contract, and every citation leads to something that a reader can open."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from core.backbones import BACKBONES
from core.fusion import FUSIONS, PREPARATIONS, RERANKINGS, early, normalize, rank
from core.fusion.catalogue import CATALOGUE_STRATEGIES, RRF_K
from core.metrics import METRICS, clustering, definitions, resampling, significance
from core.projection import METHODS
from core.studies import (
    comparison,
    evaluation_warnings,
    fusion_costs,
    query_sampling,
    tie_range,
    weight_search,
)
from core.types import ZERO_NORM

ROOT = Path(__file__).resolve().parent.parent
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.split("\n")
SOURCES = [ROOT / name for name in TRACKED if re.match(r"(core|pages|tests)/.*\.py$|app\.py$|README\.md$", name)]
SOURCES = [path for path in SOURCES if path.exists() and path != Path(__file__)]

SECTION = re.compile(r"DEFINITIONS\.md, sections? ((?:\d+)(?:(?:, | and )\d+)*)")
IDENTIFIER = re.compile(
    r"arXiv:\d{4}\.\d{4,5}|doi:10\.\d{4,}/\S+|https://\S+|\b(CVPR|ECCV|ICCV|NeurIPS|SIGIR|JMLR|TREC)\b"
)
PACKAGES = ("trec_eval", "ir_measures", "ranx", "pytrec_eval", "scikit-learn", "revisitop", "torchmetrics")
REGISTERED = [*METRICS, *FUSIONS, *PREPARATIONS, *RERANKINGS, *CATALOGUE_STRATEGIES, *BACKBONES, *METHODS]


def can_be_opened(reference: str) -> bool:
    """Whether a citation names a paper by identifier or venue, a program, or a section of the contract."""
    return bool(SECTION.search(reference) or IDENTIFIER.search(reference) or any(p in reference for p in PACKAGES))


def section_numbers(text: str) -> set[int]:
    return {int(number) for listed in SECTION.findall(text) for number in re.findall(r"\d+", listed)}


@pytest.mark.parametrize(
    "reference", ["", "Rousseeuw 1987", "model card", "metrics.md, section 8", "the sliders of this page"]
)
def test_a_bare_name_and_year_is_no_reference(reference: str) -> None:
    assert not can_be_opened(reference)


@pytest.mark.parametrize("entry", REGISTERED, ids=lambda entry: f"{type(entry).__name__}-{entry.name}")
def test_every_registered_reference_can_be_opened(entry: object) -> None:
    assert can_be_opened(entry.reference), f"{entry.name}: {entry.reference!r} names nothing that a reader can open"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_cites_a_file_or_a_section_that_is_not_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    names = {Path(name).name for name in TRACKED}
    if not path.is_relative_to(ROOT / "tests"):  # tests write Markdown files of their own
        missing = {name for name in re.findall(r"\b[\w-]+\.md\b", text) if name not in names}
        assert not missing, f"cites {missing}"
    assert section_numbers(text) <= set(definitions.sections())
    bare = re.findall(r"\bDEFINITIONS\.md, [^s\s]\S*", text)
    assert not bare, f"cites {bare} without a section"


def cited_by(path: Path) -> list[str]:
    """What follows "Reference:" in the docstrings of a file, up to the next blank line or paragraph."""
    citations = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            citations += re.findall(
                r"^ *Reference:(.*?)(?:\n\n|\n *>>>|\Z)", ast.get_docstring(node) or "", re.S | re.M
            )
    return citations


@pytest.mark.slow
def test_docstrings_cite_what_can_be_opened() -> None:
    cited = [(path, text) for path in SOURCES if path.suffix == ".py" for text in cited_by(path)]
    assert len(cited) > 20
    for path, text in cited:
        assert can_be_opened(text), f"{path.relative_to(ROOT)}: {text.strip()!r}"


def test_every_metric_has_exactly_one_row() -> None:
    rows = [key for number in (3, 4, 5, 6, 13, 15) for key in definitions.sections()[number].rows]
    assert sorted(rows) == sorted(METRICS.names)
    for name in METRICS.names:
        assert all(definitions.definition(name).values()), name


def test_every_fusion_has_exactly_one_row() -> None:
    rows = [key for number in (8, 9) for key in definitions.sections()[number].rows]
    assert sorted(rows) == sorted(strategy.name for strategy in FUSIONS if not strategy.is_plugin)
    assert set(definitions.sections()[10].rows) == set(CATALOGUE_STRATEGIES.names)


def test_every_step_before_and_after_the_search_has_exactly_one_row() -> None:
    rows = list(definitions.sections()[14].rows)
    assert sorted(rows) == sorted(m.name for table in (PREPARATIONS, RERANKINGS) for m in table if not m.is_plugin)


def test_fusions_stand_in_the_section_of_what_they_join() -> None:
    for number, joins in ((8, {"vectors"}), (9, {"scores", "ranks"})):
        assert {FUSIONS[key].joins for key in definitions.sections()[number].rows} == joins


def constants() -> list[tuple[int, str]]:
    """(section, text that must stand there) for every constant of the code that the contract names."""
    return [
        (1, f"norm of at most {ZERO_NORM:.0e}"),
        (1, f"at most {tie_range.MOST_QUERIES} such queries"),
        (3, f"more than {evaluation_warnings.UNEVEN:.0f} times the queries"),
        (6, f"not computed above {clustering.MOST_ITEMS:,} items"),
        (7, f"{resampling.DRAWS:,} draws of units with replacement"),
        (7, f"Up to {significance.MOST_ENUMERATED} units all 2^n"),
        (7, f"fewer than {resampling.RARE} queries are the rarer kind"),
        (7, f"or {significance.FLIPS:,} where fewer than {significance.ENOUGH_EXCEEDED} of the first"),
        (7, f"fewer than {significance.FEW_CLASSES} classes"),
        (7, "ten parts, twenty seeded" if (comparison.FOLDS, comparison.REPEATS) == (10, 20) else "other parts"),
        (7, f"|d_q| < {significance.SAME:.0e} is 0"),
        (7, f"more than {query_sampling.MOST_QUERIES:,} queries"),
        (7, f"seeded sample of {query_sampling.SIZE:,} valid"),
        (8, f"below {early.FLAT:.0e} of the first one"),
        (9, f"range is below {normalize.SMALLEST_RANGE:.0e}".replace("e-0", "e-")),
        (9, f"rounded to {rank.DECIMALS} decimals"),
        (9, f"k = {FUSIONS['rrf'].parameter('k').default} by default"),
        (9, "backbones (for more" if weight_search.MOST_FOR_SIMPLEX == 5 else "another number of backbones"),
        (10, f"1 / ({RRF_K} + rank"),
        (12, "up to eight backbones" if fusion_costs.MOST_FOR_SUBSETS == 8 else "up to another number"),
    ]


@pytest.mark.parametrize(("number", "phrase"), constants(), ids=lambda value: str(value))
def test_the_contract_names_the_constants_of_the_code(number: int, phrase: str) -> None:
    assert phrase in " ".join(definitions.sections()[number].text.split())


def test_the_sections_are_numbered_without_a_gap() -> None:
    assert list(definitions.sections()) == list(range(1, len(definitions.sections()) + 1))
