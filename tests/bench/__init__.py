"""This code against naive loops and the best library, in the same run, with the demands that it must hold.

`python -m core bench NAME` runs them, from the repository; `core/bench` says what lies where.
"""
