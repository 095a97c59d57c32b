"""`bench text`: what text search finds on a labelled folder, and which catalogue strategies differ."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np


def run(args: list[str]) -> None:
    """Print mAP, P@10 and zero-shot accuracy with class names as queries, then the comparison of strategies."""
    parser = argparse.ArgumentParser(prog="python -m core bench text", description=__doc__)
    parser.add_argument("--data", default="", help="a labelled dataset: its name, a folder or a manifest")
    parser.add_argument("--catalogue", default="demo_catalogue", help="a dataset with text columns, or its manifest")
    parser.add_argument("--queries", default="", help="labelled queries: query,item_id[,gain]")
    parser.add_argument("--backbone", default="concepts_lite0", help="what reads both texts and pictures")
    parser.add_argument("--components", default="", help="names of text columns and 'picture', joined by commas")
    given = parser.parse_args(args)
    if given.data:
        print_text_search(given.data, given.backbone)
    print_strategies(given.catalogue, given.backbone, given.queries, tuple(filter(None, given.components.split(","))))


def print_text_search(name: str, backbone: str) -> None:
    """Class names as queries: plain words, and with prompt templates."""
    from core import data
    from core.studies import embedding, text

    dataset = data.load(name)
    embedding.embed(dataset, [backbone])
    vectors = embedding.embeddings(dataset, backbone).vectors
    print(f"\nText search on {dataset.name}: {len(dataset):,} pictures, {len(dataset.label_names)} class names ask")
    print(f"{'query':<24} {'mAP':>7} {'P@10':>7} {'nDCG@10':>8} {'zero-shot accuracy':>19}")
    for label, templates in (("the plain name", False), ("mean over templates", True)):
        found = text.measure(dataset, backbone, vectors, templates, keys=("map", "p@10", "ndcg@10"))
        means = [found.mean(key) for key in ("map", "p@10", "ndcg@10")]
        print(f"{label:<24} {means[0]:7.3f} {means[1]:7.3f} {means[2]:8.3f} {found.accuracy:19.3f}")
    plain = text.measure(dataset, backbone, vectors, False)
    order = np.argsort(np.nan_to_num(plain.per_query["map"], nan=2.0))[:5]
    worst = ", ".join(f"{plain.names[i]} {plain.per_query['map'][i]:.2f}" for i in order)
    print(f"Hardest names (AP): {worst}")


def print_strategies(name: str, backbone: str, queries: str, components: tuple[str, ...]) -> None:
    """Every strategy on questions made from the catalogue itself, and on a file of queries."""
    from core import data
    from core.data import readers
    from core.studies import catalogue as study
    from core.studies import embedding

    if name in data.names():
        dataset = data.load(name)
    else:
        readers.choose(Path(name).expanduser())  # a path that is not there is said before anything is added
        dataset = data.load(name, reader="manifest", missing="quarantine")
    embedding.embed(dataset, [backbone])
    catalogue = study.of_dataset(dataset)
    parts = study.components(catalogue, backbone, components)
    searcher = study.Searcher(catalogue, parts)
    print(f"\nCatalogue {catalogue.name}: {len(catalogue):,} items in the space of {backbone}")
    for component, alike, having in zip(parts.names, parts.global_similarity, parts.present.sum(axis=0)):
        print(f"  {component:<14} {having:>6,} items have it, global similarity G = {alike:.3f}")
    asked = {}
    if study.CATEGORY in catalogue.items and study.CATEGORY not in parts.names:
        asked["category names ask, items of the category are relevant"] = study.category_questions(
            catalogue, parts.names
        )
    if study.PICTURE in parts.names:
        asked["pictures ask, their own text and siblings are relevant"] = study.picture_questions(catalogue)
    if queries:
        asked[f"queries of {Path(queries).name}"] = study.from_file(catalogue, queries)
    for title, questions in asked.items():
        _print_comparison(title, study.compare(searcher, questions, backbone))


def _print_comparison(title: str, found) -> None:  # noqa: ANN001
    print(f"\n{title} ({found.table.n_valid.iloc[0]:,} valid)")
    print(f"{'strategy':<30} {'mAP':>6}  {'95 % interval':<16} {'difference':>10}  {'95 % interval':<18} {'Holm p':>7}")
    for row in found.table.itertuples():
        ends = f"[{row.low:.3f}, {row.high:.3f}]"
        versus = "" if row.strategy == found.base else f"{row.difference:+10.3f}  "
        span = "" if row.strategy == found.base else f"[{row.difference_low:+.3f}, {row.difference_high:+.3f}]"
        p = "      –" if row.strategy == found.base else f"{row.p_holm:7.4f}"
        print(f"{row.label:<30} {row.mean:6.3f}  {ends:<16} {versus:<12}{span:<18} {p}")
    for label, why in found.skipped.items():
        print(f"{label:<30}      –  {why}")
    for sentence in found.sentences:
        print(sentence)
