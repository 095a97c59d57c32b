"""DATASETS: the collections that are there without any download, because installed packages carry their images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.registry import Registry
from core.task import NO_TASK, Task


@dataclass(frozen=True)
class BuiltIn:
    """A dataset that is made on first use.

    Attributes:
        make: (task) → the folder with one folder per class, or the manifest, made if it was not whole.
        is_made: () → True when that folder is there, whole, and of the present version.
        n_images: how many it will have.
    """

    name: str
    label: str
    make: Callable[[Task], Path]
    is_made: Callable[[], bool]
    n_images: int
    licence: str
    reference: str
    description: str = ""


DATASETS: Registry[BuiltIn] = Registry("dataset", BuiltIn)


def _made(name: str) -> Callable[[], bool]:
    def is_made() -> bool:
        from core.data import demo

        return demo.is_made(name)

    return is_made


def _make(name: str) -> Callable[[Task], Path]:
    def make(task: Task = NO_TASK) -> Path:
        from core.data import demo

        return demo.make(name, task)

    return make


OPENING = "colour_variants"
"""What an empty installation builds and opens on: a set where mixing backbones is shown to help."""

DATASETS.add(
    BuiltIn(
        OPENING,
        label="Colour variants",
        make=_make(OPENING),
        is_made=_made(OPENING),
        n_images=240,
        licence="free: see the README.txt beside the images in scikit-image and scikit-learn",
        reference="fifteen photographs that scikit-image and scikit-learn carry, in 4 hues, 4 seeded views of each",
        description="Same photograph in the same colour, as a shop's colour variants: 240 images, 60 classes.",
    )
)
DATASETS.add(
    BuiltIn(
        "photo_views",
        label="Photo views",
        make=_make("photo_views"),
        is_made=_made("photo_views"),
        n_images=480,
        licence="free: see the README.txt beside the images in scikit-image and scikit-learn",
        reference="the photographs that scikit-image and scikit-learn carry, 24 seeded views of each",
        description="Copy retrieval: a view of a photograph must find the other views of it.",
    )
)
DATASETS.add(
    BuiltIn(
        "digits",
        label="Handwritten digits",
        make=_make("digits"),
        is_made=_made("digits"),
        n_images=1797,
        licence="CC BY 4.0",
        reference="Alpaydin and Kaynak 1998, UCI Handwritten Digits, doi:10.24432/C50P49, by scikit-learn",
        description="1,797 handwritten digits of 8 by 8 pixels.",
    )
)


def _catalogue_is_made() -> bool:
    from core.data import demo_catalogue

    return demo_catalogue.is_made()


def _make_catalogue(task: Task = NO_TASK) -> Path:
    from core.data import demo_catalogue

    return demo_catalogue.make(task)


DATASETS.add(
    BuiltIn(
        "demo_catalogue",
        label="Demo catalogue",
        make=_make_catalogue,
        is_made=_catalogue_is_made,
        n_images=22,
        licence="free: see the README.txt beside the images in scikit-image and scikit-learn; texts CC0",
        reference="the photographs that scikit-image and scikit-learn carry, with titles and descriptions",
        description="Twenty-two photographs with title and description, for the Catalogue page.",
    )
)
