"""A match explanation as layers with words: what pages, files and reports draw, one layer per backbone and one for all."""

from __future__ import annotations

from dataclasses import dataclass

from core import backbones, wording
from core.errors import CoreError
from core.explain import Heat
from core.studies.match_explanation import ROUNDING, BackboneMatch, HeatPair, MatchExplanation

text = wording.page("why")


@dataclass(frozen=True)
class Layer:
    """What one backbone, or all together, say.

    Attributes:
        backbone: its name, "" for all together; title: for people.
        badge: how far its parts are the score; sentence: what they are.
        query, result: heat of both images, at most 64 rows and columns; None where there is none.
        exact: whether the badge says that the parts add up.
    """

    backbone: str
    title: str
    badge: str
    sentence: str
    exact: bool
    query: HeatPair | None
    result: HeatPair | None


def layers(explanation: MatchExplanation) -> list[Layer]:
    """All together first, where there are several backbones; those without a map only in its sentence."""
    made = [_layer(match, len(explanation.parts) > 1) for match in explanation.parts if match.way is not None]
    if explanation.result is not None and len(explanation.parts) > 1:
        exact = all(match.exact for match in explanation.parts)
        near = max((abs(match.missing) for match in explanation.parts if match.way), default=0.0)
        sentence = text("sentence.together", score=wording.number(explanation.score))
        badge = _badge(exact, near) if exact else text("phrase.partly")
        made.insert(
            0, Layer("", text("option.together"), badge, sentence, exact, explanation.query, explanation.result)
        )
    return made


def notes(explanation: MatchExplanation) -> list[str]:
    """What else has to be sentences: backbones without a map, steps before and after the search."""
    sentences = []
    without = [match for match in explanation.parts if match.way is None]
    if without:
        sentences.append(text("sentence.unexplained", names=", ".join(title_of(match.backbone) for match in without)))
        sentences += [match.obstacle for match in without]
    if explanation.of > 1 and explanation.parts[0].query is not None:
        sentences.append(text("sentence.one_of", n=explanation.of, number=explanation.number + 1))
    if explanation.unprepared:
        sentences.append(text("sentence.unprepared", label=explanation.unprepared))
    if explanation.reranked:
        sentences.append(text("sentence.reranked"))
    return sentences


def side_sentence(heat: Heat, above: bool) -> str:
    """What stands under one image: what its parts add up to."""
    total = wording.number(heat.total)
    if not heat.cells.size:
        return text("sentence.named_above" if above else "sentence.named_plain", total=total)
    rest = text("phrase.rest", rest=wording.signed(heat.rest)) if abs(heat.rest) >= 0.0005 else ""
    flat = text("phrase.flat") if heat.is_flat else ""
    return text("sentence.above" if above else "sentence.plain", total=total, rest=rest, flat=flat)


def title_of(name: str) -> str:
    """A backbone for people."""
    try:
        return backbones.get(name).title
    except CoreError:
        return name


def _layer(match: BackboneMatch, several: bool) -> Layer:
    assert match.way is not None, "only what is explained is a layer"
    score = wording.number(match.score)
    if several and match.part == match.part:
        sentence = text("sentence.share", way=match.way.sentence, score=score, part=wording.number(match.part))
    else:
        sentence = text("sentence.score", way=match.way.sentence, score=score)
    badge = _badge(match.exact, abs(match.missing))
    sides = [pair and pair.coarse() for pair in (match.query, match.result)]
    return Layer(match.backbone, title_of(match.backbone), badge, sentence, match.exact, *sides)


def _badge(exact: bool, missing: float) -> str:
    if not exact:
        return text("phrase.approximate")
    return text("phrase.adds_up") if missing <= ROUNDING else text("phrase.nearly", missing=f"{missing:.1g}")
