"""Fusionscope: what each image backbone sees, and what several see together."""

__version__ = "0.1.0"
