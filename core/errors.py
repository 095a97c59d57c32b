"""The exceptions that a user can cause. Each carries one clear sentence that says what to do next.

CoreError             pages and the command line catch this one and show its sentence, nothing else of it
├── UnknownName       not in a registry
├── NotComputed       not in the store yet; the sentence says what to run
├── StoreMismatch     a file of the store and its key.json disagree
├── StoreUnusable     the store's folder cannot be written or read
├── ShapeMismatch     arrays that do not belong together
├── BadInput          a path, file, row or value cannot be used
├── WeightsMissing    weights are not on this machine and cannot be fetched now
├── NotAllowed        this visitor may not do that; the sentence says who may
└── Cancelled         the user stopped the work; what was finished is kept
"""

from __future__ import annotations


class CoreError(Exception):
    """Anything that a person can mend. `str(error)` is the sentence to show."""


class UnknownName(CoreError):
    """A name that is in no registry."""


class NotComputed(CoreError):
    """Something is not in the store yet; the sentence says what to run."""


class StoreMismatch(CoreError):
    """A file of the store and its key.json disagree."""


class StoreUnusable(CoreError):
    """The store's folder cannot be written or read: read-only, full, or not a folder."""


class ShapeMismatch(CoreError):
    """Arrays that do not belong together."""


class BadInput(CoreError):
    """A path, file, row or value that was given cannot be used."""


class WeightsMissing(CoreError):
    """The weights of a backbone are not on this machine and cannot be fetched now."""


class NotAllowed(CoreError):
    """This visitor of a server may not do that; the sentence says who may."""


class Cancelled(CoreError):
    """The user stopped the work. What was finished is kept."""
