"""Text search: images ranked by a text query.

Only backbones with a text tower take part in a text score. A second step may follow: the best images of the text become
the query of every selected backbone (pseudo-relevance feedback), so that those without a text tower help too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.errors import ShapeMismatch
from core.studies.retrieval import mean_vector, ranked_positions
from core.studies.text.text_encoding import EncodeWords, cautions, query_vectors, readers
from core.studies.text.text_query import TextQuery, parse
from core.wording import plural


@dataclass(frozen=True)
class TextResult:
    """The images ranked by a text query.

    Attributes:
        order: (n,) int64 positions in the gallery, best first; equal scores by position.
        scores: (n,) float64 in gallery order.
        cosines: backbone → (n,) float64 cosine with the text, for those that read it.
        seeds: positions of the images that became the query of the second step; empty without one.
        notes: sentences to show.
    """

    order: np.ndarray
    scores: np.ndarray
    cosines: dict[str, np.ndarray]
    seeds: np.ndarray
    notes: tuple[str, ...]


def search(
    gallery: Mapping[str, np.ndarray],
    query: TextQuery | str,
    *,
    templates: bool | None = None,
    expand: int = 0,
    shares: Mapping[str, float] | None = None,
    encode: EncodeWords | None = None,
) -> TextResult:
    """Rank images by a text.

    With one reading backbone the score is its cosine. Several are standardised over the gallery before they are
    summed, because cosines of text and image lie in another range in every backbone.

    Args:
        gallery: backbone → (n, dim) unit vectors of the gallery, all selected backbones.
        query: what `parse` gave, or the typed line.
        expand: 0, or how many of the best images become the query of a second step in which every backbone of
            `gallery` takes part: half of the score is the text's, half is the likeness to these images.
        shares: backbone → how much it counts (equal by default); 0 leaves it out.
    Raises:
        BadInput: an empty query, or no backbone that reads text.
    """
    query = parse(query) if isinstance(query, str) else query
    counts = {name: float((shares or {}).get(name, 1.0 if not shares else 0.0)) for name in gallery}
    counts = {name: share for name, share in counts.items() if share > 0}
    vectors = query_vectors(tuple(counts), query, templates, encode)
    cosines = {name: cosine(gallery[name], vector) for name, vector in vectors.items()}
    scores = _joined(cosines, counts)
    split = readers(tuple(counts))
    notes = [*query.notes, split.sentence(), *cautions(split.reading, query)]
    unread = [name for name, vector in vectors.items() if not vector.any()]
    if unread:
        notes.append(f"The terms cancel out for {', '.join(unread)}: every image scores 0 there.")
    seeds = np.empty(0, np.int64)
    if expand > 0:
        seeds = ranked_positions(scores)[:expand]
        visual = {name: cosine(gallery[name], mean_vector(gallery[name][seeds])[0]) for name in counts}
        scores = 0.5 * standardised(scores) + 0.5 * standardised(_joined(visual, counts))
        notes.append(
            f"Two steps: the text chose {plural(len(seeds), 'image')}, all backbones looked for more like them."
        )
    return TextResult(ranked_positions(scores), scores, cosines, seeds, tuple(notes))


def cosine(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(n,) float64 cosines of unit rows with one unit vector; equal rows get equal scores to the last bit."""
    if vectors.shape[1] != len(query):
        raise ShapeMismatch(f"A query of {len(query)} numbers does not fit vectors of {vectors.shape[1]}.")
    return (vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1)


def standardised(scores: np.ndarray) -> np.ndarray:
    """(score − mean) / standard deviation over the gallery; all 0 where they are equal (DEFINITIONS.md, section 9)."""
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 1e-9 else np.zeros_like(scores)


def _joined(cosines: Mapping[str, np.ndarray], shares: Mapping[str, float]) -> np.ndarray:
    if len(cosines) == 1:
        return next(iter(cosines.values())).copy()
    total = sum(shares[name] for name in cosines)
    joined = np.zeros_like(next(iter(cosines.values())))
    for name, values in cosines.items():
        joined = joined + shares[name] / total * standardised(values)
    return joined
