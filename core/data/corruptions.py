"""What is done to images to see how figures hold: blur, noise, a crop, in five steps each; the table is CORRUPTIONS.

The kinds, the five steps and the loss relative to the clean image are those of the reference; amounts are in parts of the
image, so that small and large ones lose alike. A kind's random choices depend on the image alone, not on the step: the box that hides
10 % of an image lies where the one lies that hides 50 %.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageStat

from core.errors import BadInput
from core.registry import Registry

HENDRYCKS = "Hendrycks and Dietterich 2019, arXiv:1903.12261"
N_STEPS = 5
Function = Callable[[Image.Image, float, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Corruption:
    """One way to spoil an image.

    Attributes:
        name: in flags and links.
        function: an RGB image, the amount of a step, a seeded generator → an RGB image of any size.
        label: for people.
        steps: the amounts of steps 1 to 5.
        amount: what they are.
        sentence: what it does.
        reference: the paper.
        is_plugin: True when it came from a user's file.
    """

    name: str
    function: Function
    label: str
    steps: tuple[float, ...]
    amount: str
    sentence: str = ""
    reference: str = HENDRYCKS
    is_plugin: bool = False

    def __post_init__(self) -> None:
        if len(self.steps) != N_STEPS:
            raise ValueError(f"the corruption {self.name!r} has {len(self.steps)} steps, not {N_STEPS}")

    @property
    def identity(self) -> str:
        """What changes its pixels beside the step's amount: its name, and of a user's own also its code."""
        code = self.function.__code__ if self.is_plugin and hasattr(self.function, "__code__") else None
        return self.name if code is None else f"{self.name} {hashlib.sha256(code.co_code).hexdigest()[:16]}"

    def apply(self, image: Image.Image, step: int, key: str, seed: int = 0) -> Image.Image:
        """An image after one step.

        Args:
            image: RGB, as decoded, at its own size.
            step: 1 to 5.
            key: of the image's content; with the seed it decides what is random.
        Raises:
            BadInput: a user's own function failed, or gave no image.
        """
        digest = hashlib.sha256(f"{key} {self.name} {seed}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        try:
            made = self.function(image, self.steps[step - 1], random)
            return made.convert("RGB")
        except Exception as error:
            if not self.is_plugin:
                raise
            raise BadInput(
                f"Your corruption {self.name!r} could not be used: {type(error).__name__}: {error}. Mend or remove it."
            ) from error


CORRUPTIONS: Registry[Corruption] = Registry("corruption", Corruption)


@CORRUPTIONS.register(
    "blur",
    label="Blur",
    steps=(1.0, 2.0, 3.0, 4.5, 6.0),
    amount="radius in 256ths of the shorter side",
    sentence="Out of focus: a Gaussian blur.",
)
def blurred(image: Image.Image, amount: float, random: np.random.Generator) -> Image.Image:
    """A Gaussian of that standard deviation."""
    return image.filter(ImageFilter.GaussianBlur(amount * min(image.size) / 256))


@CORRUPTIONS.register(
    "jpeg",
    label="JPEG",
    steps=(30, 18, 12, 8, 5),
    amount="quality",
    sentence="Compressed until blocks show.",
)
def compressed(image: Image.Image, amount: float, random: np.random.Generator) -> Image.Image:
    """Written and read again as a JPEG of that quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(amount))
    return Image.open(buffer).convert("RGB")


@CORRUPTIONS.register(
    "noise",
    label="Noise",
    steps=(15, 25, 40, 60, 85),
    amount="standard deviation of 255",
    sentence="Grain of a dark scene: Gaussian noise on every number.",
)
def noisy(image: Image.Image, amount: float, random: np.random.Generator) -> Image.Image:
    """Each number of each pixel moves by itself."""
    pixels = np.asarray(image, np.float32)
    moved = pixels + amount * random.standard_normal(pixels.shape, np.float32)
    return Image.fromarray(np.clip(np.rint(moved), 0, 255).astype(np.uint8))


@CORRUPTIONS.register(
    "crop",
    label="Crop",
    steps=(0.9, 0.75, 0.6, 0.5, 0.4),
    amount="share of each side that is left",
    sentence="A part of the image, anywhere in it.",
    reference="Touvron et al. 2019, arXiv:1906.06423 (objects larger than they were learned)",
)
def cropped(image: Image.Image, amount: float, random: np.random.Generator) -> Image.Image:
    """A box of that share of each side."""
    width, height = (max(1, round(amount * side)) for side in image.size)
    left, top = (
        int(offset * (side - part)) for offset, side, part in zip(random.random(2), image.size, (width, height))
    )
    return image.crop((left, top, left + width, top + height))


@CORRUPTIONS.register(
    "rotation",
    label="Rotation",
    steps=(10, 20, 45, 90, 180),
    amount="degrees, to either side",
    sentence="Turned about its centre; corners are filled with the mean colour.",
    reference="Engstrom et al. 2019, arXiv:1712.02779",
)
def turned(image: Image.Image, amount: float, random: np.random.Generator) -> Image.Image:
    """Turned to one side or the other, at the same size."""
    angle = amount if random.random() < 0.5 else -amount
    return image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=_mean_colour(image))


@CORRUPTIONS.register(
    "grey",
    label="Grey",
    steps=(0.75, 0.5, 0.25, 0.1, 0.0),
    amount="saturation that is left",
    sentence="Colours fade until none is left.",
)
def faded(image: Image.Image, amount: float, random: np.random.Generator) -> Image.Image:
    """Mixed with its own grey."""
    return ImageEnhance.Color(image).enhance(amount)


@CORRUPTIONS.register(
    "dark",
    label="Dark",
    steps=(1.5, 2.0, 2.7, 3.5, 4.5),
    amount="exponent of the brightness",
    sentence="Too little light: every brightness, from 0 to 1, to a power.",
)
def darkened(image: Image.Image, amount: float, random: np.random.Generator) -> Image.Image:
    """Gamma."""
    return image.point([round(255 * (value / 255) ** amount) for value in range(256)] * 3)


@CORRUPTIONS.register(
    "occlusion",
    label="Occlusion",
    steps=(0.1, 0.2, 0.3, 0.4, 0.5),
    amount="share of the area that is hidden",
    sentence="A grey box hides a part.",
    reference="DeVries and Taylor 2017, arXiv:1708.04552",
)
def hidden(image: Image.Image, amount: float, random: np.random.Generator) -> Image.Image:
    """A box of the image's own shape, anywhere in it."""
    width, height = (max(1, round(amount**0.5 * side)) for side in image.size)
    left, top = (
        int(offset * (side - part)) for offset, side, part in zip(random.random(2), image.size, (width, height))
    )
    made = image.copy()
    made.paste((128, 128, 128), (left, top, left + width, top + height))
    return made


def _mean_colour(image: Image.Image) -> tuple[int, ...]:
    return tuple(round(value) for value in ImageStat.Stat(image).mean)
