"""Stored vectors stay valid: the record of a backbone is part of their fingerprint, and no wording of it may change.

A changed record (a label, `trained_on`, a reference) makes every store embed anew. Words for people that need another
form are changed where they are shown. A backbone that is new, or whose numbers really change, gets a new digest here.
"""

from __future__ import annotations

from core.backbones import BACKBONES
from core.backbones.fingerprints import as_plain, digest

RECORDS = {
    "tf_efficientnet_lite0": "b5330b302c1aff61",
    "tf_efficientnet_lite2": "577dbee1566785c0",
    "hsv_histogram": "870e7d99f25bafca",
    "hog": "7405f267ccdd1220",
    "lbp": "c3f381519c15082a",
    "gist": "012f30d32dde8973",
    "resnet18": "996c4b8871220135",
    "resnet34": "0fe2cfd175593fc5",
    "resnet50": "25004b48f25c194e",
    "resnet152": "14ac9a39bcdad4b6",
    "vgg19": "88e5a451ac2cafa6",
    "densenet121": "93c81fe1132f4182",
    "inception_v3": "15440ba2869c4a71",
    "inception_v4": "094e98f48c7fbdc1",
    "inception_resnet_v2": "1dfb829c99fece33",
    "nasnetalarge": "1039a48eb6645bbd",
    "pnasnet5large": "64ba520258f44d24",
    "efficientnet_b0": "67f8ed034a270755",
    "convnextv2_nano": "fc7fc3bd1bf2e69d",
    "convnextv2_tiny": "4ccc4cc7285dcc2e",
    "efficientnet_lite0_hub": "12290ea0139081bf",
    "mobilenetv3_small": "fb3cc556aee72819",
    "mobilenetv3_large": "85c0d263dbed9bdf",
    "vit_b16_in1k": "bb64ef253dea6a73",
    "vit_b16_in21k": "d2c139b5a6c2857f",
    "dinov2_vits14": "f28f9a08c07e670f",
    "dinov2_vits14_518": "ca5b774897f3be3d",
    "dinov2_vitb14": "c68a24e5466bd89a",
    "dinov2_vitb14_518": "2d11a6629b283789",
    "dinov3_vits16": "c43f566fa93ab5be",
    "dinov3_vitb16": "3c9db3216771c2d1",
    "eva02_small": "8f771312826c68bd",
    "eva02_base": "a0b3eaa4f51492c7",
    "clip_vitb32": "29b7af9b804fb5ca",
    "clip_vitb32_laion2b": "5ae946a0ec82904a",
    "siglip2_vitb16": "083bf5faec2444d1",
    "mobileclip2_s0": "0b319cc5c67a58b1",
    "mobileclip2_s2": "77f51884baa6b88e",
    "pe_core_b16": "7762534c236ad9d1",
    "concepts_lite0": "f23f9c9134f2b2e9",
}


def test_no_record_of_a_backbone_has_changed() -> None:
    assert {one.name: digest(as_plain(one)) for one in BACKBONES if one.name in RECORDS} == RECORDS


def test_every_backbone_has_its_digest() -> None:
    assert set(BACKBONES.names) == set(RECORDS)
