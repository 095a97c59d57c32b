"""Systems as texts."""

from __future__ import annotations

import pytest

from core.errors import CoreError
from core.fusion import FusionSpec, spec
from core.studies import system_spec_text
from tests.studies.retrieval.worlds import MIX, SYSTEMS


@pytest.mark.parametrize(
    "fusion", [MIX, spec.equal(("sharp", "blunt"), "rrf"), SYSTEMS[3], SYSTEMS[4]], ids=lambda s: s.kind
)
def test_a_fusion_survives_its_text(fusion: FusionSpec) -> None:
    named = system_spec_text.read(system_spec_text.spell(fusion), ("sharp", "blunt"), {})
    assert named.spec.kind == fusion.kind and named.spec.parameters == fusion.parameters
    assert named.spec.shares == pytest.approx(fusion.shares, abs=1e-4)
    assert system_spec_text.spell(named.spec) == system_spec_text.spell(fusion)


def test_backbones_and_saved_fusions_have_texts_too() -> None:
    assert system_spec_text.read("sharp", ("sharp",), {}).spec is None
    assert system_spec_text.read("saved:my, (mix)", ("sharp", "blunt"), {"my, (mix)": MIX}).spec is MIX
    named = system_spec_text.read("concat(timm:resnet50.a1_in1k:0.5,blunt:0.5)", ("timm:resnet50.a1_in1k", "blunt"), {})
    assert named.spec.backbones == ("timm:resnet50.a1_in1k", "blunt")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no such",
        "saved:gone",
        "concat()",
        "concat(sharp)",
        "concat(sharp:x)",
        "concat(sharp:1,sharp:1)",
        "concat(sharp:nan)",
        "concat(sharp:inf,blunt:1)",
        "concat(sharp:0,blunt:0)",
        "nothing(sharp:1)",
        "concat(sharp:0.5,other:0.5)",
        "rrf(sharp:1;k=x)",
        "rrf(sharp:1;zzz=3)",
        "rrf(sharp:1;k)",
        "concat(" * 50,
        "x" * 5000,
        "concat(sharp:-1,blunt:1",
        "<script>alert(1)</script>",
        "concat(sharp:1e999)",
        "__import__('os')(sharp:1)",
        "\x00\x01",
        "concat(sharp:1;norm=;;)",
    ],
)
def test_nonsense_is_one_sentence(text: str) -> None:
    with pytest.raises(CoreError) as caught:
        system_spec_text.read(text, ("sharp", "blunt"), {})
    assert len(str(caught.value)) < 400 and str(caught.value).endswith(".")
