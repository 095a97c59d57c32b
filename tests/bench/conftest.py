"""The same quiet home as for the backbones."""

from tests.backbones.conftest import quiet

__all__ = ["quiet"]
