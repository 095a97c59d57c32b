"""Benchmarks: one module each, `run(args)` prints a table. `python -m core bench NAME` opens them.

Each measures the naive way and ours in the same run, interleaved, and prints medians, ratios and the agreement.
"""
