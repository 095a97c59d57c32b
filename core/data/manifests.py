"""Manifests: CSV, Parquet and JSONL tables with one row per image."""
