"""`bench text`: class names as queries on a labelled dataset: what text search finds, beside what is demanded of it."""

from __future__ import annotations

import argparse

import numpy as np

DEMANDED = {"map": 0.71, "p@10": 0.80, "accuracy": 0.68}
"""What a pilot of the concept backbone reached on 1,169 photographs of 28 classes with the plain name as the query.

How the names of concepts are read was chosen on the same photographs, so that they flatter it.
"""
CHOSEN_HERE = (
    "How concepts read their names was chosen on the 1,169 photographs of the pilot: there these figures flatter them, and "
    "on other images another reading may be as good or better (several labels per image: .418 against .437)."
)


def run(args: list[str]) -> None:
    """Print mAP, P@10 and zero-shot accuracy with class names as queries."""
    parser = argparse.ArgumentParser(prog="python -m core bench text", description=__doc__)
    parser.add_argument("--data", required=True, help="a labelled dataset: its name, a folder or a manifest")
    parser.add_argument("--backbone", default="concepts_lite0", help="what reads texts and images")
    arguments = parser.parse_args(args)
    print_text_search(arguments.data, arguments.backbone)


def print_text_search(name: str, backbone: str) -> None:
    """Class names as queries: plain words, and with prompt templates."""
    from core import backbones, data
    from core.studies import embedding
    from core.studies.text import zero_shot

    dataset = embedding.embed(data.get(name), [backbone]).dataset
    vectors = embedding.embeddings(dataset, backbone).vectors
    keys = ("map", "p@10", "ndcg@10")
    print(
        f"Text search by {backbone} on {dataset.name}: {len(dataset.split.gallery):,} images are searched, "
        f"{len(dataset.label_names)} class names ask"
    )
    print(f"{'query':<26} {'mAP':>6} {'P@10':>6} {'nDCG@10':>8} {'zero-shot accuracy':>19}")
    by_query = {
        label: zero_shot.evaluate_class_names(dataset, backbone, vectors, templates, keys=keys)
        for label, templates in (("the plain name", False), ("mean over photo sentences", True))
    }
    for label, result in by_query.items():
        means = [result.mean(key) for key in keys]
        print(f"{label:<26} {means[0]:6.3f} {means[1]:6.3f} {means[2]:8.3f} {result.accuracy:19.3f}")
    demanded = (DEMANDED["map"], DEMANDED["p@10"], DEMANDED["accuracy"])
    print(f"{'demanded (pilot)':<26} {demanded[0]:6.2f} {demanded[1]:6.2f} {'':>8} {demanded[2]:19.2f}")
    plain = by_query["the plain name"]
    order = np.argsort(np.nan_to_num(plain.per_query["map"], nan=2.0))[:5]
    print("Hardest names (AP): " + ", ".join(f"{plain.names[i]} {plain.per_query['map'][i]:.2f}" for i in order))
    if backbones.get(backbone).family == "concepts":
        print(CHOSEN_HERE)
