"""Why two images match: what each place of an image adds to a score.

`ImageExplainer(backbone).explain(image).heat(vector)` is all of it; `EXPLAINERS` says which backbones are taken apart how.
"""

from core.explain.canvas import on_image
from core.explain.explainers import EXPLAINERS, Explainer, ImageExplainer
from core.explain.occlusion import faithfulness
from core.explain.parts import Explained, Heat, PreparedParts, heat_above

__all__ = [
    "EXPLAINERS",
    "Explained",
    "Explainer",
    "Heat",
    "ImageExplainer",
    "PreparedParts",
    "faithfulness",
    "heat_above",
    "on_image",
]
